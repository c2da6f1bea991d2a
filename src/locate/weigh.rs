//! Which division most of the names agree on, and how sure that is. The formula is here.
//!
//! - Every division that is named is a candidate. Its score is the sum, over the levels, of
//!   the surest name of itself or of a division that contains it ([`weight`]). A county's
//!   name outweighs a town's, a town's a village's: people know their county.
//! - The highest score wins. Several with the highest, none within another: the smallest
//!   division that contains them all, and they are listed.
//! - Confidence starts with how the winner itself is named ([`sureness`]), and is lowered in
//!   proportion to the names that contradict it: × score / (score + contradiction).

use super::forms::Form;
use super::names::Found;
use super::{Location, MAX_AMBIGUOUS, MAX_EVIDENCE, Named};
use crate::domain::{Confidence, Division, Level};

fn weight(level: Level, form: Form) -> u32 {
    match (level, form) {
        (Level::City, Form::Full | Form::Placed | Form::Bare) => 1,
        (Level::County, Form::Full) => 6,
        (Level::County, Form::Placed) => 5,
        (Level::County, Form::Bare) => 2,
        (Level::Town, Form::Full) => 5,
        (Level::Town, Form::Placed) => 4,
        (Level::Town, Form::Bare) => 1,
        (Level::Village, Form::Full) => 4,
        (Level::Village, Form::Placed) => 2,
        (Level::Village, Form::Bare) => 1,
    }
}

/// How sure a division is from its own name alone, and with one that contains it.
fn sureness(level: Level, form: Form, backed: bool) -> u32 {
    match (level, form, backed) {
        (Level::City, Form::Full | Form::Placed | Form::Bare, _) => 30,
        (Level::County, Form::Full, _) => 96,
        (Level::County, Form::Placed, _) => 92,
        (Level::County, Form::Bare, _) => 60,
        (Level::Town | Level::Village, Form::Full, true) => 96,
        (Level::Town, Form::Full, false) => 90,
        (Level::Village, Form::Full, false) => 75,
        (Level::Town, Form::Placed, true) => 88,
        (Level::Village, Form::Placed, true) => 65,
        (Level::Town, Form::Placed, false) => 70,
        (Level::Village, Form::Placed, false) => 50,
        (Level::Town, Form::Bare, true) => 65,
        (Level::Village, Form::Bare, true) => 55,
        (Level::Town | Level::Village, Form::Bare, false) => 40,
    }
}

/// What the names say about one candidate.
struct Verdict {
    score: u32,
    /// The heaviest name that lies neither above nor within it.
    against: u32,
    /// The surest name of itself.
    form: Form,
    /// A division between it and the city is named too.
    backed: bool,
}

fn judge(candidate: Division, found: &[Found]) -> Verdict {
    let mut levels = [0_u32; 4];
    let mut verdict = Verdict { score: 0, against: 0, form: Form::Bare, backed: false };
    for hit in found {
        let mut speaks: Option<(Level, u32)> = None;
        let mut against = u32::MAX;
        for (division, form) in &hit.meanings {
            let Some(division) = *division else { continue };
            let weight = weight(division.level(), *form);
            if division.contains(candidate) {
                against = 0;
                if speaks.is_none_or(|(_, most)| weight > most) {
                    speaks = Some((division.level(), weight));
                }
                if division == candidate {
                    verdict.form = verdict.form.min(*form);
                }
            } else if candidate.contains(division) {
                against = 0;
            } else {
                against = against.min(weight);
            }
        }
        if against != u32::MAX {
            verdict.against = verdict.against.max(against);
        }
        if let Some((level, weight)) = speaks {
            levels[level.index()] = levels[level.index()].max(weight);
        }
    }
    verdict.score = levels.iter().sum();
    let between = Level::County.index()..candidate.level().index().max(1);
    verdict.backed = levels[between].iter().any(|weight| *weight > 0);
    verdict
}

/// The smallest division that contains both.
fn common(mut a: Division, b: Division) -> Division {
    while !a.contains(b) {
        match a.parent() {
            Some(parent) => a = parent,
            None => break,
        }
    }
    a
}

pub(super) fn weigh(address: &str, found: &[Found], city: Division) -> Location {
    let nowhere = |confidence| Location {
        division: city,
        confidence: Confidence::new(confidence),
        evidence: Vec::new(),
        ambiguous: Vec::new(),
    };
    let meanings = || found.iter().flat_map(|hit| &hit.meanings);
    let outside = meanings().any(|(division, _)| division.is_none());
    let ours = meanings().any(|(division, form)| {
        *form != Form::Bare && division.is_some_and(|d| d.level() <= Level::County)
    });
    if outside && !ours {
        return nowhere(0);
    }

    let mut best: Vec<(Division, Verdict)> = Vec::with_capacity(4);
    for (division, _) in meanings() {
        let Some(division) = *division else { continue };
        if best.iter().any(|(known, _)| *known == division) {
            continue;
        }
        let verdict = judge(division, found);
        let most = best.first().map_or(0, |(_, v)| v.score);
        if verdict.score > most {
            best.clear();
        }
        if verdict.score >= most {
            best.push((division, verdict));
        }
    }
    // 南湖 is a county and a town within it: the county is what is certain.
    let inner: Vec<bool> = best
        .iter()
        .map(|(d, _)| best.iter().any(|(outer, _)| outer != d && outer.contains(*d)))
        .collect();
    let mut inner = inner.into_iter();
    best.retain(|_| !inner.next().unwrap_or(false));

    let Some((first, verdict)) = best.first() else { return nowhere(0) };
    let mut location = nowhere(0);
    if best.len() == 1 {
        let sure = sureness(first.level(), verdict.form, verdict.backed);
        let share = 100 * verdict.score / (verdict.score + verdict.against);
        location.division = *first;
        location.confidence = Confidence::new((sure * share / 100) as u8);
    } else {
        location.division = best.iter().fold(*first, |all, (d, _)| common(all, *d));
        location.confidence = Confidence::new(match location.division.level() {
            Level::City => 20,
            Level::County | Level::Town | Level::Village => 60,
        });
        location.ambiguous = best.iter().map(|(d, _)| *d).take(MAX_AMBIGUOUS).collect();
        location.ambiguous.sort_unstable();
    }
    location.evidence = evidence(address, found, location.division);
    location
}

fn evidence(address: &str, found: &[Found], chosen: Division) -> Vec<Named> {
    let mut evidence: Vec<Named> = Vec::new();
    for hit in found {
        let fitting = hit.meanings.iter().filter_map(|(division, _)| *division);
        let deepest = fitting.filter(|division| division.contains(chosen)).max();
        let known = |division| evidence.iter().any(|named| named.division == division);
        if let Some(division) = deepest.filter(|d| evidence.len() < MAX_EVIDENCE && !known(*d)) {
            evidence.push(Named { text: address[hit.start..hit.end].to_owned(), division });
        }
    }
    evidence
}
