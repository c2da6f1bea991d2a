//! What somebody, or the clock, wants to happen to an order.

mod name;

use super::actor::Actor;
use super::ids::Unit;
use super::likeness::SimHash;
use super::matter::{Channel, ModelVersion, Plan, Reading, Way};
use super::named::named;
use super::order_no::OrderNo;
use super::policy::Policy;
use super::stage::Card;
use super::time::{Span, Timestamp};

pub use name::ActionName;

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
    /// It is handed out again, and was never signed.
    Redeliver {
        /// How often that may be before it is parked.
        at_most: u8,
    },
    /// Let what is parked be handed out again.
    Release,
    /// The unit has taken it.
    Sign,
    /// A co-handler has taken its part.
    CoSign {
        /// Which.
        unit: Unit,
    },
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
    /// A co-handler has done its part; the words and evidence are a paper.
    CoReport {
        /// Which.
        unit: Unit,
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
        /// Units that one complains about: from now on this one is kept from them, too.
        recused: Vec<Unit>,
    },
    /// No longer be worked in the place of another order.
    Disown {
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
    /// Close it with one disposition for many; the words and evidence are a paper.
    Dispose {
        /// Whether the paper names evidence.
        evidence: bool,
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
    /// The trained model that had a say in the reading.
    pub model: Option<ModelVersion>,
    /// What its words are like; `None` where there are too few.
    pub hash: Option<SimHash>,
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
