//! Why the order went where it went.

use crate::catalogue::{Catalogue, Speaks};
use crate::domain::{
    Division, Duty, Ending, Event, Leg, Mode, ModelVersion, Order, OrderNo, Reading, Role,
    Timestamp, Unit, What,
};

/// A word that spoke.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clue {
    /// As it stands in the catalogue.
    pub word: String,
    /// For what.
    pub speaks: Speaks,
}

/// What gave an order its chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// This line of the duties, in this version of the catalogue.
    Rule(u16, u32),
    /// A person named the units.
    Person,
    /// Nobody decided in the city's share: the catalogue's fallback unit.
    Fallback,
}

/// One reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// What it is read as, last by whom it concerns.
    Read {
        /// What, and how surely.
        reading: Reading,
        /// The model that had a say in the first reading.
        model: Option<ModelVersion>,
        /// Words of the catalogue in the text that speak for it.
        clues: Vec<Clue>,
        /// The clues were read by the catalogue that routed the order, and no person has
        /// corrected the reading since, as far as is known.
        as_then: bool,
    },
    /// Where it is.
    Placed(Division, u8),
    /// Its chain, and what gave it.
    Routed {
        /// The units, from the top down.
        chain: Vec<Unit>,
        /// Why these.
        source: Source,
        /// It went straight to the last of them.
        direct: bool,
    },
    /// Nobody could tell where it goes.
    Unrouted,
    /// Units it complains about: it passes them by.
    Recused(Vec<Unit>),
    /// Units that gave it back: the clock sends it there no more.
    Refused(Vec<Unit>),
    /// A unit that was told to keep it.
    Designated(Unit),
    /// It takes up an archived order.
    Reopens(OrderNo),
    /// Another takes it up.
    ReopenedAs(OrderNo),
    /// It is worked in another's place.
    MergedInto(OrderNo),
    /// These are worked in its place, too.
    Holds(Vec<OrderNo>),
    /// A person corrected the reading.
    Corrected {
        /// When.
        at: Timestamp,
        /// For which unit.
        by: Unit,
        /// In what capacity.
        role: Role,
    },
    /// The city's mode was switched while the order was under way.
    Switched {
        /// When.
        at: Timestamp,
        /// To what.
        mode: Mode,
    },
    /// It was given other limits.
    Restamped {
        /// When.
        at: Timestamp,
        /// When arrival fell due from then on.
        arrival_due: Timestamp,
        /// When closure fell due from then on.
        closure_due: Timestamp,
    },
}

impl Reason {
    /// The name for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Reason::Read { .. } => "read",
            Reason::Placed(..) => "placed",
            Reason::Routed { .. } => "routed",
            Reason::Unrouted => "unrouted",
            Reason::Recused(_) => "recused",
            Reason::Refused(_) => "refused",
            Reason::Designated(_) => "designated",
            Reason::Reopens(_) => "reopens",
            Reason::ReopenedAs(_) => "reopened_as",
            Reason::MergedInto(_) => "merged_into",
            Reason::Holds(_) => "holds",
            Reason::Corrected { .. } => "corrected",
            Reason::Switched { .. } => "switched",
            Reason::Restamped { .. } => "restamped",
        }
    }

    /// When, where it is known.
    pub fn at(&self) -> Option<Timestamp> {
        match self {
            Reason::Corrected { at, .. }
            | Reason::Switched { at, .. }
            | Reason::Restamped { at, .. } => Some(*at),
            Reason::Read { .. }
            | Reason::Placed(..)
            | Reason::Routed { .. }
            | Reason::Unrouted
            | Reason::Recused(_)
            | Reason::Refused(_)
            | Reason::Designated(_)
            | Reason::Reopens(_)
            | Reason::ReopenedAs(_)
            | Reason::MergedInto(_)
            | Reason::Holds(_) => None,
        }
    }
}

/// First how it stands now, then what changed on the way.
pub(super) fn of(
    order: &Order,
    events: &[Event],
    clues: &[Clue],
    catalogue: &Catalogue,
) -> Vec<Reason> {
    let reading = &order.reading;
    let corrected = events.iter().any(|event| event.what == What::Corrected);
    let mut all = vec![
        Reason::Read {
            reading: reading.clone(),
            model: order.model,
            clues: told_once(clues, reading, catalogue),
            as_then: order.catalogue == catalogue.version() && !corrected,
        },
        Reason::Placed(reading.division, reading.division_confidence.percent()),
        routed(order),
    ];
    let links = &order.links;
    all.extend((!order.recused.is_empty()).then(|| Reason::Recused(order.recused.clone())));
    all.extend((!order.refused_by.is_empty()).then(|| Reason::Refused(order.refused_by.clone())));
    all.extend(order.designated.map(Reason::Designated));
    all.extend(links.reopens.map(Reason::Reopens));
    all.extend(links.reopened_as.map(Reason::ReopenedAs));
    all.extend(links.merged_into.map(Reason::MergedInto));
    all.extend((!links.children.is_empty()).then(|| Reason::Holds(links.children.clone())));
    all.extend(events.iter().filter_map(changed));
    all
}

/// The clues that may be told; a word that speaks for several things is told once.
fn told_once(clues: &[Clue], reading: &Reading, catalogue: &Catalogue) -> Vec<Clue> {
    let mut once: Vec<Clue> = Vec::with_capacity(clues.len());
    for clue in clues.iter().filter(|clue| speaks_for(clue, reading, catalogue)) {
        if once.iter().all(|other| other.word != clue.word) {
            once.push(clue.clone());
        }
    }
    once
}

/// Words the model went by are the citizen's own and may be anything; only what stands in the
/// catalogue is told.
fn speaks_for(clue: &Clue, reading: &Reading, catalogue: &Catalogue) -> bool {
    let supports = match clue.speaks {
        Speaks::Category(category) => category == reading.category,
        Speaks::Field(field) => field == reading.category.field(),
        Speaks::Kind(kind) => kind == reading.kind,
        Speaks::Urgency(urgency) => urgency == reading.urgency,
    };
    supports && catalogue.keywords().any(|known| known.text == clue.word)
}

fn routed(order: &Order) -> Reason {
    let Some(plan) = &order.plan else { return Reason::Unrouted };
    let passed_by = |leg: &Leg| {
        leg.duty == Duty::Triage && leg.ended.is_some_and(|(_, how)| how == Ending::PassedBy)
    };
    let source = if plan.units().len() == 1 && order.legs.iter().any(passed_by) {
        Source::Fallback
    } else if order.rule == 0 {
        Source::Person
    } else {
        Source::Rule(order.rule, order.catalogue)
    };
    Reason::Routed { chain: plan.units().to_vec(), source, direct: order.direct }
}

fn changed(event: &Event) -> Option<Reason> {
    let at = event.at;
    if event.what == What::Corrected {
        Some(Reason::Corrected { at, by: event.actor.unit, role: event.actor.role })
    } else if let What::ModeSwitched { mode, .. } = event.what {
        Some(Reason::Switched { at, mode })
    } else if let What::Restamped { arrival_due, closure_due } = event.what {
        Some(Reason::Restamped { at, arrival_due, closure_due })
    } else {
        None
    }
}
