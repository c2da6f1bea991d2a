//! What somebody, or the clock, wants to happen to an order.

use super::actor::Actor;
use super::ids::Unit;
use super::matter::{Channel, Plan, Reading};
use super::named::named;
use super::order_no::OrderNo;
use super::policy::Policy;
use super::time::Timestamp;

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
    /// Say what was done; the words and evidence are a paper.
    Report,
    /// Say whether a report is enough.
    DecideReport {
        /// Whether it is.
        verdict: Verdict,
    },
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
    /// Its chain.
    pub plan: Plan,
    /// The catalogue's rule that routed it; 0 when a person named the units.
    pub rule: u16,
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
            Action::Report => ActionName::Report,
            Action::DecideReport { .. } => ActionName::DecideReport,
            Action::ViewContact => ActionName::ViewContact,
            Action::Tick { .. } => ActionName::Tick,
        }
    }
}
