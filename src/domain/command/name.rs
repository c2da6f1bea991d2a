//! What an action is called.

use super::Action;
use crate::domain::named::named;

named! {
    /// The name of an action without what belongs to it.
    ActionName {
        /// [`Action::Register`]
        Register = 1 "register" "登记",
        /// [`Action::Accept`]
        Accept = 2 "accept" "受理",
        /// [`Action::Deliver`]
        Deliver = 3 "deliver" "送达",
        /// [`Action::Sign`]
        Sign = 4 "sign" "签收",
        /// [`Action::Relay`]
        Relay = 5 "relay" "下派",
        /// [`Action::Return`]
        Return = 6 "return" "退单",
        /// [`Action::Report`]
        Report = 7 "report" "反馈",
        /// [`Action::DecideReport`]
        DecideReport = 8 "decide_report" "审核",
        /// [`Action::ViewContact`]
        ViewContact = 9 "view_contact" "查看联系方式",
        /// [`Action::Tick`]
        Tick = 10 "tick" "到时",
        /// [`Action::DecideReturn`]
        DecideReturn = 11 "decide_return" "退单审核",
        /// [`Action::AskInformation`]
        AskInformation = 12 "ask_information" "要求补充",
        /// [`Action::Supply`]
        Supply = 13 "supplement" "补充",
        /// [`Action::Answer`]
        Answer = 14 "answer" "直接答复",
        /// [`Action::Decline`]
        Decline = 15 "decline" "不予受理",
        /// [`Action::HandOver`]
        HandOver = 16 "hand_over" "转接",
        /// [`Action::Merge`]
        Merge = 17 "merge" "并单",
        /// [`Action::Adopt`]
        Adopt = 18 "adopt" "并入",
        /// [`Action::HearResult`]
        HearResult = 19 "hear_result" "告知结果",
        /// [`Action::ChildrenTold`]
        ChildrenTold = 20 "children_told" "并单已告知",
        /// [`Action::Assign`]
        Assign = 21 "assign" "派遣",
        /// [`Action::AddCoHandler`]
        AddCoHandler = 22 "add_co_handler" "增加协办",
        /// [`Action::Escalate`]
        Escalate = 23 "escalate" "上报",
        /// [`Action::RequestExtension`]
        RequestExtension = 24 "request_extension" "申请延期",
        /// [`Action::DecideExtension`]
        DecideExtension = 25 "decide_extension" "延期审核",
        /// [`Action::RequestSuspension`]
        RequestSuspension = 26 "request_suspension" "申请挂账",
        /// [`Action::DecideSuspension`]
        DecideSuspension = 27 "decide_suspension" "挂账审核",
        /// [`Action::Resume`]
        Resume = 28 "resume" "销账",
        /// [`Action::Urge`]
        Urge = 29 "urge" "催办",
        /// [`Action::Supervise`]
        Supervise = 30 "supervise" "督办",
        /// [`Action::LiftSupervision`]
        LiftSupervision = 31 "lift_supervision" "解除督办",
        /// [`Action::Terminate`]
        Terminate = 32 "terminate" "终止",
        /// [`Action::Withdraw`]
        Withdraw = 33 "withdraw" "撤回",
        /// [`Action::FollowUp`]
        FollowUp = 34 "follow_up" "回访",
        /// [`Action::Reopened`]
        Reopened = 35 "reopen" "重启",
        /// [`Action::Recuse`]
        Recuse = 36 "recuse" "回避",
        /// [`Action::Correct`]
        Correct = 37 "correct" "更正",
        /// [`Action::Restamp`]
        Restamp = 38 "restamp" "重定时限",
        /// [`Action::Dispose`]
        Dispose = 39 "dispose" "批量办结",
        /// [`Action::Redeliver`]
        Redeliver = 40 "redeliver" "再次送达",
        /// [`Action::Release`]
        Release = 41 "release" "放行",
        /// [`Action::Disown`]
        Disown = 42 "disown" "移出并单",
        /// [`Action::CoSign`]
        CoSign = 43 "co_sign" "协办签收",
        /// [`Action::CoReport`]
        CoReport = 44 "co_report" "协办反馈",
    }
}

impl Action {
    /// The action's name.
    pub fn name(&self) -> ActionName {
        match self {
            Action::Register(_) => ActionName::Register,
            Action::Accept(_) => ActionName::Accept,
            Action::Deliver => ActionName::Deliver,
            Action::Redeliver { .. } => ActionName::Redeliver,
            Action::Release => ActionName::Release,
            Action::Sign => ActionName::Sign,
            Action::Relay { .. } => ActionName::Relay,
            Action::Return { .. } => ActionName::Return,
            Action::DecideReturn { .. } => ActionName::DecideReturn,
            Action::Report { .. } => ActionName::Report,
            Action::AskInformation => ActionName::AskInformation,
            Action::Supply => ActionName::Supply,
            Action::Answer => ActionName::Answer,
            Action::Decline { .. } => ActionName::Decline,
            Action::HandOver { .. } => ActionName::HandOver,
            Action::Merge { .. } => ActionName::Merge,
            Action::Adopt { .. } => ActionName::Adopt,
            Action::HearResult => ActionName::HearResult,
            Action::ChildrenTold => ActionName::ChildrenTold,
            Action::Assign { .. } => ActionName::Assign,
            Action::AddCoHandler { .. } => ActionName::AddCoHandler,
            Action::Escalate => ActionName::Escalate,
            Action::RequestExtension { .. } => ActionName::RequestExtension,
            Action::DecideExtension { .. } => ActionName::DecideExtension,
            Action::RequestSuspension { .. } => ActionName::RequestSuspension,
            Action::DecideSuspension { .. } => ActionName::DecideSuspension,
            Action::Resume => ActionName::Resume,
            Action::Urge => ActionName::Urge,
            Action::Supervise { .. } => ActionName::Supervise,
            Action::LiftSupervision => ActionName::LiftSupervision,
            Action::Terminate => ActionName::Terminate,
            Action::Withdraw => ActionName::Withdraw,
            Action::FollowUp { .. } => ActionName::FollowUp,
            Action::Reopened { .. } => ActionName::Reopened,
            Action::Recuse { .. } => ActionName::Recuse,
            Action::Correct(_) => ActionName::Correct,
            Action::Restamp { .. } => ActionName::Restamp,
            Action::Dispose { .. } => ActionName::Dispose,
            Action::Disown { .. } => ActionName::Disown,
            Action::CoSign { .. } => ActionName::CoSign,
            Action::CoReport { .. } => ActionName::CoReport,
            Action::DecideReport { .. } => ActionName::DecideReport,
            Action::ViewContact => ActionName::ViewContact,
            Action::Tick { .. } => ActionName::Tick,
        }
    }
}
