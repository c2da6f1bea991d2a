//! One pass over an address: which names stand there, how, and what each of them can mean.

use super::forms::{self, Form, adjoin};
use super::names::{self, Hit, Meaning, Name, Names};
use super::weigh::{self, Sight};
use crate::catalogue::{Gazetteer, Place, Rank, fold::fold};
use std::cell::LazyCell;
use std::ops::Deref;

/// The most names of an address that are weighed; further ones are left out.
const MAX_FOUND: usize = 24;
/// The most meanings of one name that are weighed. 城关镇 is 241 towns: which one is only
/// told by a place around it, and where none is, it tells nothing.
const MAX_MEANINGS: usize = 16;

/// Knows every name of a table of places. Built once and shared.
pub struct Atlas {
    names: Names,
}

/// A name that stands in an address.
pub(super) struct Found {
    pub(super) start: usize,
    /// After the suffix, where it has one.
    pub(super) end: usize,
    /// Its meanings: from where to where in [`Reading::meanings`].
    pub(super) from: usize,
    pub(super) to: usize,
}

/// All that was found in an address.
pub(super) struct Reading {
    pub(super) found: Vec<Found>,
    pub(super) meanings: Vec<(Place, Form)>,
}

impl Reading {
    pub(super) fn of(&self, found: &Found) -> &[(Place, Form)] {
        &self.meanings[found.from..found.to]
    }
}

impl Atlas {
    /// Compiles the names.
    pub fn new(gazetteer: &Gazetteer) -> Atlas {
        Atlas { names: Names::new(gazetteer) }
    }

    /// Reads an address or a text in one pass. The hints are places that the matter is likely
    /// near to, the strongest first: they choose among places that have the same name, and
    /// prove nothing.
    pub fn look(&self, address: &str, hints: &[Place]) -> Sight {
        self.sight(address, hints, true)
    }

    /// The same, or no more than the best place.
    pub(super) fn sight(&self, address: &str, hints: &[Place], with_evidence: bool) -> Sight {
        let address = fold(address);
        let address = self.last_of_two(&address);
        weigh::weigh(address, &self.read(address), hints, with_evidence)
    }

    /// Forms that fill in an area by themselves leave it before what the citizen wrote, and
    /// that begins anew with the country: 四川省宣汉县中国浙江省嘉兴市.
    fn last_of_two<'a>(&self, address: &'a str) -> &'a str {
        let Some((_, rest)) = address.split_once("中国") else { return address };
        let opens = self.names.finder.find(rest).take_while(|hit| hit.start == 0);
        let mut full = opens.map(|hit| {
            let name = &self.names.names[hit.value as usize];
            name.ranks & names::bit(Rank::Province) != 0 && forms::read(rest, hit, name).full
        });
        if full.any(|full| full) { rest } else { address }
    }

    fn read(&self, address: &str) -> Reading {
        let hits = self.names.hits(address, MAX_FOUND);
        // Few names have so many meanings that this is asked.
        let uppers = LazyCell::new(|| self.uppers(&hits));
        let mut read =
            Reading { found: Vec::with_capacity(hits.len()), meanings: Vec::with_capacity(32) };
        for hit in &hits {
            let name = &self.names.names[hit.name as usize];
            let from = read.meanings.len();
            if hit.full {
                let full = forms::full(address, hit, name);
                collect(&mut read, address, hit, &uppers, full);
            } else {
                let bare = name.meanings.iter().map(|m| (m, None));
                collect(&mut read, address, hit, &uppers, bare);
            }
            let to = read.meanings.len();
            if to > from {
                read.found.push(Found { start: hit.start, end: hit.end, from, to });
            }
        }
        read
    }

    /// Every place above the towns that a name may mean, by where the name stands.
    fn uppers(&self, hits: &[Hit]) -> Vec<(usize, Place)> {
        let mut uppers = Vec::with_capacity(16);
        for hit in hits {
            let Name { meanings, .. } = &self.names.names[hit.name as usize];
            let above = meanings.iter().map(|m| m.place).filter(|p| p.rank() <= Rank::County);
            uppers.extend(above.take(MAX_MEANINGS).map(|place| (hit.start, place)));
        }
        uppers
    }
}

/// Takes down those meanings of a name that its surroundings allow.
fn collect<'a>(
    read: &mut Reading,
    address: &str,
    hit: &Hit,
    uppers: &impl Deref<Target = Vec<(usize, Place)>>,
    meanings: impl Iterator<Item = (&'a Meaning, Option<Form>)> + Clone,
) {
    let from = read.meanings.len();
    let opens = forms::opens(address, hit.start);
    // 吉林 that opens an address is the province, not the city in it.
    let top = meanings.clone().map(|(m, _)| m.place.rank()).min().unwrap_or(Rank::Village);
    let zone = forms::is_zone(&address[hit.end..]);
    let many = meanings.clone().nth(MAX_MEANINGS).is_some();
    for (meaning, form) in meanings {
        let Meaning { place, common, .. } = *meaning;
        let rank = place.rank();
        let within = |(at, above): &(usize, Place)| {
            *at != hit.start && *above != place && above.contains(place)
        };
        if many && !uppers.iter().any(within) {
            continue;
        }
        let expected = opens && !common && (rank == top || top >= Rank::County);
        let follows = || {
            read.found.iter().rev().filter(|b| adjoin(address, b.end, hit.start)).any(|above| {
                read.of(above).iter().any(|(above, _)| *above != place && above.contains(place))
            })
        };
        let form = match (rank, form) {
            (Rank::Town, _) | (Rank::County, None) if zone => continue,
            (_, Some(_)) if common && !follows() => continue,
            (_, Some(form)) => form,
            (Rank::Village, None) => continue,
            (_, None) if expected || follows() => Form::Placed,
            (_, None) => continue,
        };
        read.meanings.push((place, form));
    }
    if read.meanings.len() - from > MAX_MEANINGS {
        read.meanings.truncate(from);
    }
}
