//! An address as a citizen gives it → the deepest division it names. Pure.
//!
//! One pass finds every name; [`forms`] says how each stands there (`新塍镇`, `新塍`, or only
//! in `新塍路`, which names a road); [`weigh`] chooses the division that most of them agree on.

mod forms;
mod names;
#[cfg(test)]
mod tests;
mod weigh;

use crate::catalogue::{Catalogue, fold::fold};
use crate::domain::{Confidence, Division};
use names::Names;

/// The most names one location shows as evidence.
pub const MAX_EVIDENCE: usize = 8;
/// The most divisions an ambiguous location lists.
pub const MAX_AMBIGUOUS: usize = 8;

/// Where an address leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Location {
    /// The deepest division that the address names without contradiction; the city when it
    /// names none.
    pub division: Division,
    /// How sure that is. The city alone is never more than 30: it says nothing of who acts.
    pub confidence: Confidence,
    /// The names that decided, in the order of the address, at most [`MAX_EVIDENCE`].
    pub evidence: Vec<Named>,
    /// Where several places have the name: each of them, at most [`MAX_AMBIGUOUS`]; the
    /// division is then the smallest that contains them all.
    pub ambiguous: Vec<Division>,
}

/// A name that was found in an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// As it stands there.
    pub text: String,
    /// What it names: the division of the location, or one that contains it.
    pub division: Division,
}

/// Knows every name of a catalogue's divisions. Built once per catalogue and shared.
pub struct Locator {
    names: Names,
    city: Division,
}

impl Locator {
    /// Compiles the names.
    pub fn new(catalogue: &Catalogue) -> Locator {
        Locator { names: Names::new(catalogue), city: catalogue.cell().division() }
    }

    /// Reads an address in one pass. An empty one is allowed and names nothing.
    pub fn locate(&self, address: &str) -> Location {
        let address = fold(address);
        let found = self.names.find(&address);
        weigh::weigh(&address, &found, self.city)
    }
}
