//! What somebody, or the clock, wants to happen to an order.

use super::actor::Actor;
use super::ids::Unit;
use super::matter::{Channel, Plan, Reading, Way};
use super::named::named;
use super::order_no::OrderNo;
use super::policy::Policy;
use super::stage::Card;
use super::time::{Span, Timestamp};

/// One wish: who and what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    /// Who wants it.
    pub actor: Actor,
    /// What they want.
    pub action: Action,
}

/// What can be wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Write a new order down.
    Register(Box<Register>),
    /// Take an order out of triage and say where it belongs.
    Accept(Box<Accept>),
    /// It was handed to somebody of the unit for the first time.
    Deliver,
    /// The unit has taken it.
    Sign,
    /// Send it down: to the next of its chain, or to the unit named.
    Relay {
        /// `None` is the next of the chain.
        to: Option<Unit>,
    },
    /// Give it back to the level above.
    Return {
        /// Why; the words are a paper.
        reason: ReturnReason,
    },
    /// Decide who takes what was given back.
    DecideReturn {
        /// Who.
        decision: ReturnDecision,
    },
    /// Say what was done; the words and evidence are a paper. A co-handler says it for its
    /// own part.
    Report {
        /// Whether the paper names evidence.
        evidence: bool,
        /// The lead says in the paper why it does not wait for its co-handlers.
        without_co_handlers: bool,
    },
    /// Say whether a report is enough.
    DecideReport {
        /// Whether it is.
        verdict: Verdict,
    },
    /// Ask the citizen for what is missing; the question is a paper.
    AskInformation,
    /// Write down what else the citizen said; it is a paper.
    Supply,
    /// Answer an inquiry at once; the answer is a paper.
    Answer,
    /// Refuse what is not the hotline's; where to go instead is a paper.
    Decline {
        /// Why.
        reason: DeclineReason,
    },
    /// Hand a matter of life and safety over.
    HandOver {
        /// To whom.
        to: Emergency,
    },
    /// Let another order be worked in this one's place.
    Merge {
        /// Which.
        into: OrderNo,
    },
    /// Be worked in the place of another order, too.
    Adopt {
        /// Which.
        child: OrderNo,
    },
    /// The order this one was merged into has a result.
    HearResult,
    /// Every merged order has heard the result.
    ChildrenTold,
    /// Say where an accepted order goes.
    Assign {
        /// Its chain.
        way: Way,
        /// Straight to the front line, with copies to the levels between.
        direct: bool,
    },
    /// Let a unit help the lead.
    AddCoHandler {
        /// Which.
        unit: Unit,
    },
    /// Let the unit above act; why is a paper.
    Escalate,
    /// Ask for more time; why is a paper.
    RequestExtension {
        /// How much.
        by: Span,
    },
    /// Decide about more time.
    DecideExtension {
        /// Whether it is given.
        verdict: Verdict,
    },
    /// Ask for a pause; why is a paper.
    RequestSuspension {
        /// Until when.
        until: Timestamp,
    },
    /// Decide about a pause.
    DecideSuspension {
        /// Whether it is given.
        verdict: Verdict,
    },
    /// Go on before the pause is over.
    Resume,
    /// The citizen asks where it stays.
    Urge,
    /// Watch it more sharply.
    Supervise {
        /// How sharply.
        card: Card,
    },
    /// Watch it no more.
    LiftSupervision,
    /// End it without a result; why is a paper.
    Terminate,
    /// The citizen takes it back.
    Withdraw,
    /// Write down what the citizen says of the result.
    FollowUp {
        /// What.
        outcome: Outcome,
        /// The limits of the clock that begins if it is done again, counted from now.
        policy: Box<Policy>,
    },
    /// Another order has taken it up again.
    Reopened {
        /// Which.
        by: OrderNo,
    },
    /// Keep it from a unit it complains about.
    Recuse {
        /// Which.
        unit: Unit,
    },
    /// Correct what was read; the limits and the rest of the way go with that.
    Correct(Box<Correct>),
    /// Stamp it with other limits.
    Restamp {
        /// Which.
        policy: Box<Policy>,
    },
    /// Close it with one disposition for many; the words are a paper.
    Dispose,
    /// Look at whom to call back.
    ViewContact,
    /// Do whatever is due.
    Tick {
        /// The unit that takes an order nobody accepted in time.
        fallback: Unit,
    },
}

/// A new order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Register {
    /// The number reserved for it.
    pub no: OrderNo,
    /// How it came in.
    pub channel: Channel,
    /// When the citizen was heard: the zero of both clocks.
    pub heard_at: Timestamp,
    /// What was read out of the words and the address.
    pub reading: Reading,
    /// Its chain; `None` sends it to triage.
    pub plan: Option<Plan>,
    /// A matter of life and safety, handed over at once: it waits nowhere.
    pub hand_over: Option<Emergency>,
    /// Units it complains about.
    pub recused: Vec<Unit>,
    /// The archived order it takes up again.
    pub reopens: Option<OrderNo>,
    /// The limits it is stamped with.
    pub policy: Policy,
    /// The catalogue's version.
    pub catalogue: u32,
    /// The catalogue's rule that routed it.
    pub rule: u16,
}

/// A person's, or the fallback rule's, decision about an order in triage.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accept {
    /// What it is about, as decided.
    pub reading: Reading,
    /// The limits that go with it.
    pub policy: Policy,
    /// Its chain; `None` leaves open where it goes.
    pub way: Option<Way>,
    /// Straight to the front line, with copies to the levels between.
    pub direct: bool,
}

/// What was read, corrected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Correct {
    /// What it is about.
    pub reading: Reading,
    /// The limits that go with it.
    pub policy: Policy,
    /// The chain that goes with it; `None` when no rule leads anywhere.
    pub way: Option<Way>,
}

/// Who takes what was given back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReturnDecision {
    /// Another unit.
    Transfer {
        /// Which.
        to: Unit,
    },
    /// The unit that gave it back; it may not do so again.
    Designate,
}

named! {
    /// Why a matter is not accepted.
    DeclineReason {
        /// 属110、119、120等紧急求助
        Emergency = 1 "emergency" "属紧急求助",
        /// 属诉讼、仲裁、行政复议等法定渠道
        LegalChannel = 2 "legal_channel" "属法定渠道",
        /// 属信访事项
        Petition = 3 "petition" "属信访事项",
        /// 涉及国家秘密、商业秘密、个人隐私
        Secret = 4 "secret" "涉密或隐私",
        /// 已办结且无新事实
        NothingNew = 5 "nothing_new" "无新事实",
        /// 违背公序良俗或恶意
        Abuse = 6 "abuse" "恶意诉求",
        /// 不在本市
        ElsewhereCity = 7 "elsewhere" "不属本市",
    }
}

named! {
    /// Who is called when life or safety is at stake.
    Emergency {
        /// 公安
        Police = 1 "110" "110",
        /// 消防
        Fire = 2 "119" "119",
        /// 急救
        Ambulance = 3 "120" "120",
        /// 交通事故
        Traffic = 4 "122" "122",
    }
}

named! {
    /// What the citizen says of the result.
    Outcome {
        /// 满意
        Satisfied = 1 "satisfied" "满意",
        /// 不满意
        Dissatisfied = 2 "dissatisfied" "不满意",
        /// 未接通
        Unreached = 3 "unreached" "未接通",
    }
}

named! {
    /// Why a unit gives an order back.
    ReturnReason {
        /// 非本单位职责
        NotOurDuty = 1 "not_our_duty" "非本单位职责",
        /// 地点有误
        WrongPlace = 2 "wrong_place" "地点有误",
        /// 信息不足
        TooLittleKnown = 3 "too_little_known" "信息不足",
        /// 需上级协调
        BeyondOurPower = 4 "beyond_our_power" "需上级协调",
    }
}

named! {
    /// What a reviewer says of a report.
    Verdict {
        /// 通过: the order is closed
        Accept = 1 "accept" "通过",
        /// 驳回: the unit goes on
        Reject = 2 "reject" "驳回",
    }
}

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
    }
}

impl Action {
    /// The action's name.
    pub fn name(&self) -> ActionName {
        match self {
            Action::Register(_) => ActionName::Register,
            Action::Accept(_) => ActionName::Accept,
            Action::Deliver => ActionName::Deliver,
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
            Action::Dispose => ActionName::Dispose,
            Action::DecideReport { .. } => ActionName::DecideReport,
            Action::ViewContact => ActionName::ViewContact,
            Action::Tick { .. } => ActionName::Tick,
        }
    }
}
