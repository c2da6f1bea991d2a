//! Where an order stands in the eyes of each unit that has to do with it.

use super::ids::Unit;
use super::order::{CoHandler, Order};
use super::stage::{Ending, Stage};

/// Where an order stands in the eyes of one unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum View {
    /// There.
    Stage(Stage),
    /// 已转办: the unit has passed it on, and others below have it.
    PassedOn,
}

impl Order {
    /// Where the order stands in a unit's eyes: units work in parallel, and what the city has
    /// passed on (已转办) may be a co-handler's 待签收 and the lead's 办理中.
    pub fn stage_for(&self, unit: Unit) -> View {
        let co = self.pending_co_handlers().find(|co| co.unit == unit && self.is_open());
        match co {
            Some(CoHandler { signed_at: None, .. }) => View::Stage(Stage::Assigned),
            Some(CoHandler { signed_at: Some(_), .. }) => View::Stage(Stage::Handling),
            None if self.is_open() && self.has_passed_on(unit) => View::PassedOn,
            None => View::Stage(self.stage),
        }
    }

    /// Whether the order last went down from the unit, and is held below it now.
    fn has_passed_on(&self, unit: Unit) -> bool {
        let Some(last) = self.legs.iter().rposition(|leg| leg.unit == unit) else { return false };
        let Some((_, ending)) = self.legs[last].ended else { return false };
        let down = match ending {
            Ending::Passed
            | Ending::PassedBy
            | Ending::Rejected
            | Ending::Transferred
            | Ending::Designated
            | Ending::Decided => true,
            Ending::Returned
            | Ending::Reported
            | Ending::Closed
            | Ending::Escalated
            | Ending::Requested
            | Ending::Ended => false,
        };
        // What nobody decided in time is passed by upwards.
        down && self.legs.get(last + 1).is_some_and(|next| !next.unit.covers(unit))
    }
}
