//! What happens next, and who must do what; or why nothing does.

use crate::catalogue::Catalogue;
use crate::domain::{ClockKind, Order, OrderNo, Span, Stage, Timer, Timestamp, Unit, next_timer};

/// What comes next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Next {
    /// Who must do what now; `None` when nobody must.
    pub task: Option<(Unit, Task)>,
    /// What the clock does by itself, when, and how long from now (negative: overdue, it is
    /// about to be done).
    pub timer: Option<(Timestamp, Timer, Span)>,
    /// The unit to which the clock moves the order then, where it does.
    pub moves_to: Option<Unit>,
    /// The promise at stake and when it falls due; `None` once both are kept, broken or paused.
    pub at_stake: Option<(ClockKind, Timestamp)>,
    /// Who helps and has still to report.
    pub helpers: Vec<Unit>,
    /// Why nothing, or nothing by itself, happens any more.
    pub calm: Option<Calm>,
}

/// What somebody must do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task {
    /// Say what it is about and where it goes.
    Accept,
    /// Say to whom it goes.
    Dispatch,
    /// Hear from the citizen what is missing.
    AskCitizen,
    /// Sign it or send it on.
    PassOn,
    /// Sign it: it is before the front line.
    Sign,
    /// Act and report.
    Handle,
    /// Act on what was beyond the front line's power.
    HandleAbove,
    /// Decide who takes what was given back.
    DecideReturn,
    /// Decide about more time.
    DecideExtension,
    /// Decide about a pause.
    DecideSuspension,
    /// Go on as soon as what it waits for is there.
    Resume,
    /// Decide whether the report is enough.
    DecideReport,
    /// Call the citizen.
    FollowUp,
    /// Look at what was handed out again and again and never signed.
    Release,
}

impl Task {
    /// The name for programs.
    pub fn name(self) -> &'static str {
        match self {
            Task::Accept => "accept",
            Task::Dispatch => "dispatch",
            Task::AskCitizen => "ask_citizen",
            Task::PassOn => "pass_on",
            Task::Sign => "sign",
            Task::Handle => "handle",
            Task::HandleAbove => "handle_above",
            Task::DecideReturn => "decide_return",
            Task::DecideExtension => "decide_extension",
            Task::DecideSuspension => "decide_suspension",
            Task::Resume => "resume",
            Task::DecideReport => "decide_report",
            Task::FollowUp => "follow_up",
            Task::Release => "release",
        }
    }
}

/// Why nothing happens by itself any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Calm {
    /// It is over; the stage says how.
    Over(Stage),
    /// Another order, if it may be named, is worked in its place.
    WorkedElsewhere(Option<OrderNo>),
    /// Every deadline has passed or is kept; only people move it now.
    NothingDue,
}

impl Calm {
    /// The name for programs.
    pub fn name(self) -> &'static str {
        match self {
            Calm::Over(_) => "over",
            Calm::WorkedElsewhere(_) => "worked_elsewhere",
            Calm::NothingDue => "nothing_due",
        }
    }
}

/// The timer's name for programs.
pub fn timer_name(timer: Timer) -> &'static str {
    match timer {
        Timer::Warn(..) => "warn",
        Timer::Breach(_) => "breach",
        Timer::TriageOver => "triage_over",
        Timer::ShareOver(_) => "share_over",
        Timer::ReviewOver(_) => "review_over",
        Timer::PauseOver => "pause_over",
        Timer::TellChildren => "tell_children",
        Timer::FollowUpOver => "follow_up_over",
    }
}

/// Whether a timer is the end of a level's share.
pub(super) fn is_share(timer: Timer) -> bool {
    match timer {
        Timer::TriageOver | Timer::ShareOver(_) | Timer::ReviewOver(_) => true,
        Timer::Warn(..)
        | Timer::Breach(_)
        | Timer::PauseOver
        | Timer::TellChildren
        | Timer::FollowUpOver => false,
    }
}

pub(super) fn of(order: &Order, catalogue: &Catalogue, now: Timestamp) -> Next {
    let timer = next_timer(order);
    let moves_to = timer.and_then(|(_, timer)| match timer {
        Timer::TriageOver => Some(fallback(order, catalogue.fallback())),
        Timer::ShareOver(to) | Timer::ReviewOver(to) => Some(to),
        Timer::Warn(..)
        | Timer::Breach(_)
        | Timer::PauseOver
        | Timer::TellChildren
        | Timer::FollowUpOver => None,
    });
    let runs = |kind: &ClockKind| {
        let clock = order.clock(*kind);
        clock.stopped_at.is_none() && clock.breached_at.is_none() && order.paused().is_none()
    };
    let at_stake = ClockKind::ALL.iter().copied().find(runs).map(|kind| (kind, order.due(kind)));
    Next {
        task: task(order),
        timer: timer.map(|(at, timer)| (at, timer, at.since(now))),
        moves_to,
        at_stake,
        helpers: match order.is_open() {
            true => order.pending_co_handlers().map(|co| co.unit).collect(),
            false => Vec::new(),
        },
        calm: calm(order, timer.is_some()),
    }
}

/// As the clock does it: the fallback unit, or the centre where that one is complained about.
fn fallback(order: &Order, to: Unit) -> Unit {
    if order.recused.contains(&to) { order.no.cell().centre() } else { to }
}

fn task(order: &Order) -> Option<(Unit, Task)> {
    let holder = order.leg().unit;
    let centre = order.no.cell().centre();
    if order.is_parked() {
        return Some((holder, Task::Release));
    }
    let task = match order.stage {
        Stage::Triage => Task::Accept,
        Stage::Dispatching => Task::Dispatch,
        Stage::Supplement => Task::AskCitizen,
        Stage::Assigned if order.next_down().is_some() => Task::PassOn,
        Stage::Assigned => Task::Sign,
        Stage::Handling => Task::Handle,
        Stage::Escalated => Task::HandleAbove,
        Stage::ReturnReview => Task::DecideReturn,
        Stage::ExtensionReview => Task::DecideExtension,
        Stage::SuspensionReview => Task::DecideSuspension,
        Stage::Suspended => Task::Resume,
        Stage::Review => Task::DecideReport,
        Stage::FollowUp => return Some((centre, Task::FollowUp)),
        Stage::Archived
        | Stage::Declined
        | Stage::HandedOver
        | Stage::Merged
        | Stage::Terminated
        | Stage::Withdrawn => {
            // A promise that was broken is owed a call, closed or not.
            let owed = order.closure.breached_at.is_some() && !order.overdue_told;
            return owed.then_some((centre, Task::FollowUp));
        }
    };
    Some((holder, task))
}

fn calm(order: &Order, something_due: bool) -> Option<Calm> {
    if something_due {
        return None;
    }
    Some(if order.stage == Stage::Merged {
        Calm::WorkedElsewhere(order.links.merged_into)
    } else if order.is_over() {
        Calm::Over(order.stage)
    } else {
        Calm::NothingDue
    })
}
