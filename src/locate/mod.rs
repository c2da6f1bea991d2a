//! An address as a citizen gives it → the deepest division it names. Pure.
//!
//! One pass finds every name; [`forms`] says how each stands there (`新塍镇`, `新塍`, or only
//! in `新塍路`, which names a road); [`weigh`] chooses the place that most of them agree on.
//! [`Atlas`] does that for any table of places; [`Locator`] for one city within the country.

mod atlas;
mod forms;
mod names;
#[cfg(test)]
mod tests;
mod weigh;

pub use atlas::Atlas;
pub use weigh::{Sight, Spot};

use crate::catalogue::{Catalogue, Gazetteer, Place};
use crate::domain::{Confidence, Division};

/// The most names one location shows as evidence.
pub const MAX_EVIDENCE: usize = 8;
/// The most divisions an ambiguous location lists.
pub const MAX_AMBIGUOUS: usize = 8;
/// The city alone is never surer: it says nothing of who acts.
const MAX_CITY: u8 = 30;

/// Where an address leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Location {
    /// The deepest division that the address names without contradiction; the city when it
    /// names none.
    pub division: Division,
    /// How sure that is. The city alone is never more than 30: it says nothing of who acts.
    pub confidence: Confidence,
    /// The name that decided, as it stands in the address; empty when none did.
    pub span: String,
    /// The surest division of the city that contradicts it, how sure, and the name for it.
    pub runner_up: Option<(Division, Confidence, String)>,
    /// The names that decided, in the order of the address, at most [`MAX_EVIDENCE`].
    pub evidence: Vec<Named>,
    /// Where several places have the name: each of them, at most [`MAX_AMBIGUOUS`]; the
    /// division is then the smallest that contains them all, or one that a hint chose.
    pub ambiguous: Vec<Division>,
    /// The place outside the city that the address names.
    pub outside: Option<Place>,
}

/// A name that was found in an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// As it stands there.
    pub text: String,
    /// What it names: the division of the location, or one that contains it.
    pub division: Division,
}

/// Where a matter is likely to be near, whatever its address says: chooses among places that
/// have one name, and proves nothing.
#[derive(Clone, Copy, Default, Debug)]
pub struct Hints {
    /// The area of the number that the citizen called from.
    pub caller: Option<Division>,
    /// Where the agent sits who took it down.
    pub seat: Option<Division>,
}

/// Knows every name of a catalogue's divisions, and what lies around the city. Built once per
/// catalogue and shared.
pub struct Locator {
    atlas: Atlas,
    gazetteer: Gazetteer,
    city: Division,
}

impl Locator {
    /// Compiles the names.
    pub fn new(catalogue: &Catalogue) -> Locator {
        let gazetteer = Gazetteer::of(catalogue);
        let city = catalogue.cell().division();
        Locator { atlas: Atlas::new(&gazetteer), gazetteer, city }
    }

    /// Reads an address in one pass. An empty one is allowed and names nothing.
    pub fn locate(&self, address: &str, hints: Hints) -> Location {
        self.read(address, hints, true)
    }

    /// The same without evidence and other places, for who does not look at them.
    pub fn decide(&self, address: &str, hints: Hints) -> Location {
        self.read(address, hints, false)
    }

    fn read(&self, address: &str, hints: Hints, with_evidence: bool) -> Location {
        let mut near = [Place::from(self.city); 2];
        let mut count = 0;
        for division in [hints.caller, hints.seat].into_iter().flatten() {
            near[count] = division.into();
            count += 1;
        }
        self.within(self.atlas.sight(address, &near[..count], with_evidence))
    }

    /// From the province down, as people say it.
    pub fn full_name(&self, place: Place) -> String {
        self.gazetteer.full_name(place)
    }

    /// What was seen of the country, as far as it is the city's.
    fn within(&self, sight: Sight) -> Location {
        let Sight { best, runner_up, evidence, ambiguous } = sight;
        let own = |place: Place| {
            Division::new(place.code()).ok().filter(|division| self.city.contains(*division))
        };
        let above = |place: &Place| place.contains(self.city.into());
        let named = best.as_ref().map(|best| best.place);
        let outside = named.filter(|place| !above(place) && own(*place).is_none());
        let (division, most) = match named.and_then(own) {
            Some(division) if division != self.city => (division, 100),
            Some(city) => (city, MAX_CITY),
            None => (self.city, 0),
        };
        let confidence = best.as_ref().map_or(0, |best| best.confidence.percent()).min(most);
        let evidence = evidence
            .into_iter()
            .filter_map(|(text, place)| Some(Named { text, division: own(place)? }));
        Location {
            division,
            confidence: Confidence::new(confidence),
            span: best.map(|best| best.span).unwrap_or_default(),
            runner_up: runner_up.and_then(|s| Some((own(s.place)?, s.confidence, s.span))),
            evidence: evidence.collect(),
            ambiguous: ambiguous.into_iter().filter_map(own).collect(),
            outside,
        }
    }
}
