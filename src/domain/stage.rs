//! The names of where an order stands, what its holders are to do, and how they end.

use super::named::named;

named! {
    /// Where an order stands. The diagram is in [`crate::domain`].
    Stage {
        /// 待受理: nobody could tell where it belongs; a person at the centre decides.
        Triage = 1 "triage" "待受理",
        /// 待签收: before a unit of the chain that must sign it or send it on.
        Assigned = 2 "assigned" "待签收",
        /// 办理中: the front line has signed and acts.
        Handling = 3 "handling" "办理中",
        /// 待审核: reported; the unit above decides whether that is enough.
        Review = 4 "review" "待审核",
        /// 待回访: closed; the citizen is asked.
        FollowUp = 5 "follow_up" "待回访",
        /// 归档: over.
        Archived = 6 "archived" "归档",
        /// 待补充: the citizen is asked for what is missing; the clocks pause.
        Supplement = 7 "supplement" "待补充",
        /// 待派遣: accepted as the hotline's, to whom it goes is open.
        Dispatching = 8 "dispatching" "待派遣",
        /// 退单审核: given back; the unit above decides who takes it.
        ReturnReview = 9 "return_review" "退单审核",
        /// 上级办理: beyond the front line's power; the unit above acts.
        Escalated = 10 "escalated" "上级办理",
        /// 延期审核: more time was asked for; the unit above decides.
        ExtensionReview = 11 "extension_review" "延期审核",
        /// 挂账审核: a pause was asked for; the unit above decides.
        SuspensionReview = 12 "suspension_review" "挂账审核",
        /// 挂账: nothing can be done for now; the closure clock pauses.
        Suspended = 13 "suspended" "挂账",
        /// 不予受理: not the hotline's; over.
        Declined = 14 "declined" "不予受理",
        /// 已转接: handed over to 110, 119, 120 or 122; over.
        HandedOver = 15 "handed_over" "已转接",
        /// 已并单: the order it was merged into is worked; its caller will hear the result.
        Merged = 16 "merged" "已并单",
        /// 终止: ended without a result; over.
        Terminated = 17 "terminated" "终止",
        /// 已撤回: the citizen took it back; over.
        Withdrawn = 18 "withdrawn" "已撤回",
    }
}

named! {
    /// Which of the two promises.
    ClockKind {
        /// At the front line in time.
        Arrival = 1 "arrival" "到达",
        /// Closed with a report in time.
        Closure = 2 "closure" "办结",
    }
}

named! {
    /// What a holder of the order was to do with it.
    Duty {
        /// To decide where it belongs.
        Triage = 1 "triage" "受理",
        /// To act, or to pass it to those who can.
        Lead = 2 "lead" "主办",
        /// To decide about a report.
        Review = 3 "review" "审核",
        /// To decide who takes what was given back.
        Returned = 4 "returned" "退单审核",
        /// To decide about more time or a pause.
        Approve = 5 "approve" "审批",
    }
}

named! {
    /// How a holding ended.
    Ending {
        /// Passed on by a person.
        Passed = 1 "passed" "下派",
        /// Passed by: its share was used up and the clock moved the order on.
        PassedBy = 2 "passed_by" "超时下派",
        /// Given back.
        Returned = 3 "returned" "退单",
        /// Reported upwards.
        Reported = 4 "reported" "反馈",
        /// The report was not enough.
        Rejected = 5 "rejected" "驳回",
        /// Closed.
        Closed = 6 "closed" "办结",
        /// Given to another unit after a return.
        Transferred = 7 "transferred" "转办",
        /// Given back to the unit that had returned it, for good.
        Designated = 8 "designated" "指定",
        /// Taken up by the unit above.
        Escalated = 9 "escalated" "上报",
        /// Handed up to have more time or a pause decided.
        Requested = 10 "requested" "报批",
        /// Handed back with the decision.
        Decided = 11 "decided" "批复",
        /// Ended otherwise: answered, declined, merged, withdrawn, terminated.
        Ended = 12 "ended" "了结",
    }
}

named! {
    /// 督办: how sharply a matter is watched.
    Card {
        /// 普通
        Normal = 1 "normal" "普通",
        /// 黄牌
        Yellow = 2 "yellow" "黄牌",
        /// 红牌
        Red = 3 "red" "红牌",
    }
}
