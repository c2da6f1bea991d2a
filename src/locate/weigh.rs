//! Which place most of the names agree on, and how sure that is. The formula is here.
//!
//! - Every place that is named is a candidate. Its score is the sum, over the ranks, of the
//!   surest name of itself or of a place that contains it ([`weight`]). A county's name
//!   outweighs a town's, a town's a village's: people know their county.
//! - The highest score wins. Several with the highest, none within another: the one that a
//!   hint lies near to, else the smallest place that contains them all; they are listed.
//! - Confidence starts with how the winner itself is named ([`sureness`]), and is lowered in
//!   proportion to the names that contradict it: × score / (score + contradiction).

use super::atlas::Reading;
use super::forms::Form;
use super::{MAX_AMBIGUOUS, MAX_EVIDENCE};
use crate::catalogue::{Place, Rank};
use crate::domain::Confidence;

/// The surest that a place can be which only a hint told from others of its name.
const MAX_HINTED: u32 = 40;

/// What an address says of where it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sight {
    /// The deepest place that it names without contradiction; `None` when it names none.
    pub best: Option<Spot>,
    /// The surest of the places that contradict the best one.
    pub runner_up: Option<Spot>,
    /// The names that decided, in the order of the address, at most [`MAX_EVIDENCE`]: what
    /// each names is the best place or one that contains it.
    pub evidence: Vec<(String, Place)>,
    /// Where several places have the name: each of them, at most [`MAX_AMBIGUOUS`].
    pub ambiguous: Vec<Place>,
}

/// A place and how sure it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spot {
    /// Which.
    pub place: Place,
    /// How sure.
    pub confidence: Confidence,
    /// The name that decided, as it stands in the address.
    pub span: String,
}

fn weight(rank: Rank, form: Form) -> u32 {
    match (rank, form) {
        (Rank::Province, Form::Exact | Form::Full | Form::Placed) => 4,
        (Rank::City, Form::Exact | Form::Full) => 5,
        (Rank::City, Form::Placed) => 4,
        (Rank::County, Form::Exact) => 7,
        (Rank::County, Form::Full) => 4,
        (Rank::County, Form::Placed) => 5,
        (Rank::Town, Form::Exact) => 6,
        (Rank::Town, Form::Full) => 5,
        (Rank::Town, Form::Placed) => 4,
        (Rank::Village, Form::Exact | Form::Full | Form::Placed) => 4,
    }
}

/// How sure a place is from its own name alone, and with a county or town that contains it.
fn sureness(rank: Rank, form: Form, backed: bool) -> u32 {
    match (rank, form, backed) {
        (Rank::Province | Rank::City | Rank::County, Form::Exact | Form::Full, _) => 96,
        (Rank::Province | Rank::City | Rank::County, Form::Placed, _) => 92,
        (Rank::Town | Rank::Village, Form::Exact | Form::Full, true) => 96,
        (Rank::Town, Form::Exact | Form::Full, false) => 90,
        (Rank::Village, Form::Exact | Form::Full, false) => 75,
        (Rank::Town | Rank::Village, Form::Placed, true) => 88,
        (Rank::Town | Rank::Village, Form::Placed, false) => 70,
    }
}

/// What the names say about one candidate.
#[derive(Clone, Copy)]
struct Verdict {
    place: Place,
    score: u32,
    /// The heaviest name that lies neither above nor within it.
    against: u32,
    /// The surest name of itself, and where it was found.
    form: Form,
    by: usize,
    /// A county or a town that contains it is named too.
    backed: bool,
}

impl Verdict {
    fn confidence(&self) -> u32 {
        let share = 100 * self.score / (self.score + self.against);
        sureness(self.place.rank(), self.form, self.backed) * share / 100
    }
}

fn judge(candidate: Place, read: &Reading) -> Verdict {
    let mut ranks = [0_u32; 5];
    let mut verdict = Verdict {
        place: candidate,
        score: 0,
        against: 0,
        form: Form::Placed,
        by: usize::MAX,
        backed: false,
    };
    for (at, hit) in read.found.iter().enumerate() {
        let mut speaks: Option<(Rank, u32)> = None;
        let mut against = u32::MAX;
        for (place, form) in read.of(hit) {
            let (place, form) = (*place, *form);
            if place.contains(candidate) {
                against = 0;
                let weight = weight(place.rank(), form);
                // 吉林 is a province and a city in it, but one name says only one of them.
                if speaks.is_none_or(|(_, most)| weight > most) || place == candidate {
                    speaks = Some((place.rank(), weight));
                }
                if place == candidate && (verdict.by == usize::MAX || form < verdict.form) {
                    (verdict.form, verdict.by) = (form, at);
                }
            } else if candidate.contains(place) {
                against = 0;
            } else if against > 0 {
                against = against.min(weight(place.rank(), form));
            }
        }
        if against != u32::MAX {
            verdict.against = verdict.against.max(against);
        }
        if let Some((rank, weight)) = speaks {
            ranks[rank as usize] = ranks[rank as usize].max(weight);
        }
    }
    verdict.score = ranks.iter().sum();
    let between = Rank::County as usize..(candidate.rank() as usize).max(Rank::County as usize);
    verdict.backed = ranks[between].iter().any(|weight| *weight > 0);
    verdict
}

/// The smallest place that contains both; `None` in different provinces.
fn common(a: Place, b: Place) -> Option<Place> {
    let above = Rank::ALL.into_iter().rev().map(|rank| a.up_to(rank));
    above.filter(|place| place.contains(a)).find(|place| place.contains(b))
}

/// Without evidence it says no more than which place is the best, and how sure that is.
pub(super) fn weigh(address: &str, read: &Reading, hints: &[Place], with_evidence: bool) -> Sight {
    let mut verdicts: Vec<Verdict> = Vec::with_capacity(read.meanings.len());
    for (place, _) in &read.meanings {
        if !verdicts.iter().any(|known| known.place == *place) {
            verdicts.push(judge(*place, read));
        }
    }
    let Some(most) = verdicts.iter().map(|v| v.score).max() else { return Sight::default() };
    let best = || verdicts.iter().filter(|v| v.score == most);
    // 南湖 is a county and a town within it: the county is what is certain.
    let outer = |v: &&Verdict| !best().any(|o| o.place != v.place && o.place.contains(v.place));
    let mut leaders = best().filter(outer);
    let Some(first) = leaders.next() else { return Sight::default() };
    let tied = leaders.next().is_some();
    let spot = |v: &Verdict, confidence: u32| {
        let by = read.found.get(v.by).filter(|_| with_evidence);
        Spot {
            place: v.place,
            confidence: Confidence::new(confidence as u8),
            span: by.map_or("", |f| &address[f.start..f.end]).to_owned(),
        }
    };
    let mut sight = Sight::default();
    if tied {
        let all = || best().filter(outer);
        let near = |hint: &Place| {
            let mut near = all().filter(|v| hint.contains(v.place) || v.place.contains(*hint));
            near.next().filter(|_| near.next().is_none())
        };
        sight.best = match hints.iter().find_map(near) {
            Some(hinted) => Some(spot(hinted, hinted.confidence().min(MAX_HINTED))),
            None => {
                let shared = all().try_fold(first.place, |shared, v| common(shared, v.place));
                shared.map(|place| {
                    let sure = if place.rank() >= Rank::County { 60 } else { 20 };
                    Spot { place, ..spot(first, sure) }
                })
            }
        };
        if with_evidence {
            sight.ambiguous = all().map(|v| v.place).take(MAX_AMBIGUOUS).collect();
            sight.ambiguous.sort_unstable();
        }
    } else {
        sight.best = Some(spot(first, first.confidence()));
    }
    if !with_evidence {
        return sight;
    }
    let chosen = sight.best.as_ref().map_or(first.place, |best| best.place);
    let apart = |v: &&Verdict| !v.place.contains(chosen) && !chosen.contains(v.place);
    let rival = verdicts.iter().filter(apart).max_by_key(|v| (v.score, std::cmp::Reverse(v.place)));
    sight.runner_up = rival.map(|v| {
        let share = 100 * v.score / (v.score + most.max(1));
        spot(v, v.confidence() * share / 100)
    });
    sight.evidence = evidence(address, read, chosen);
    sight
}

fn evidence(address: &str, read: &Reading, chosen: Place) -> Vec<(String, Place)> {
    let mut evidence: Vec<(String, Place)> = Vec::new();
    for hit in &read.found {
        let fitting = read.of(hit).iter().map(|(place, _)| *place);
        let deepest = fitting.filter(|place| place.contains(chosen)).max_by_key(|p| p.rank());
        let known = |place| evidence.iter().any(|(_, named)| *named == place);
        if let Some(place) = deepest.filter(|p| evidence.len() < MAX_EVIDENCE && !known(*p)) {
            evidence.push((address[hit.start..hit.end].to_owned(), place));
        }
    }
    evidence
}
