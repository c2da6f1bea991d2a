//! `policies.toml`: the limits, and which matters are stamped with which.

use super::problem::Problems;
use crate::domain::{Calendar, Kind, Mode, Policy, Span, Timestamp, Urgency};
use serde::Deserialize;
use std::ops::Range;
use toml::Spanned;

pub(crate) const FILE: &str = "policies.toml";

/// With a closure counted in days, arrival must be over by the earliest end of it.
const MOST_ARRIVAL: Span = Span::hours(24);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    policy: Vec<Spanned<WrittenPolicy>>,
    #[serde(default)]
    rule: Vec<Spanned<WrittenRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPolicy {
    id: u16,
    name: String,
    arrival: Spanned<String>,
    closure: Spanned<String>,
    shares: Spanned<WrittenShares>,
    warn_at: Spanned<[u8; 3]>,
    follow_up: Spanned<String>,
    extensions: u8,
    extension: Spanned<String>,
    returns: u8,
    reworks: u8,
    pause: Spanned<String>,
    evidence: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenShares {
    city: Spanned<String>,
    county: Spanned<String>,
    town: Spanned<String>,
    village: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    mode: Spanned<String>,
    #[serde(default = "all")]
    kind: Spanned<String>,
    #[serde(default = "all")]
    urgency: Spanned<String>,
    policy: Spanned<String>,
}

fn all() -> Spanned<String> {
    Spanned::new(0..0, "*".to_owned())
}

/// How a closure limit is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// Whatever the weekday.
    Fixed(Span),
    /// To the end of the n-th working day after.
    WorkingDays(u16),
    /// To the end of the n-th day after, or of the working day that follows.
    Days(u16),
}

/// A policy as it is laid down; a closure counted in days waits for its order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyRow {
    /// Its name.
    pub name: String,
    /// How closure is counted.
    pub closure: Limit,
    /// The other terms; its closure is at least so long.
    pub terms: Policy,
}

/// Every policy, and which one each matter has.
pub(crate) struct Policies {
    pub(crate) rows: Vec<PolicyRow>,
    /// By mode, kind and urgency: a place in `rows`.
    cells: Vec<usize>,
}

fn cell(mode: Mode, kind: Kind, urgency: Urgency) -> usize {
    let place = |byte: u8| usize::from(byte) - 1;
    (place(mode.byte()) * Kind::ALL.len() + place(kind.byte())) * Urgency::ALL.len()
        + place(urgency.byte())
}

impl Policies {
    /// The limits of a matter heard then.
    pub(crate) fn stamp(
        &self,
        calendar: &Calendar,
        (kind, urgency, mode): (Kind, Urgency, Mode),
        heard_at: Timestamp,
    ) -> Policy {
        let row = &self.rows[self.cells[cell(mode, kind, urgency)]];
        let end = match row.closure {
            Limit::Fixed(_) => return row.terms.clone(),
            Limit::WorkingDays(n) => calendar.working_days(heard_at, n),
            Limit::Days(n) => calendar.days(heard_at, n),
        };
        let closure = end.at.since(heard_at);
        Policy { closure, plain_weekends: end.plain_weekends, ..row.terms.clone() }
    }
}

struct Reader<'a> {
    text: &'a str,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn problem(&mut self, at: Range<usize>, what: String) {
        let before = self.text.as_bytes().iter().take(at.start);
        let line = before.filter(|b| **b == b'\n').count() as u64 + 1;
        self.problems.add(FILE, line, what);
    }

    fn span(&mut self, name: &str, written: &Spanned<String>) -> Option<Span> {
        match humantime::parse_duration(written.as_ref()) {
            Ok(duration) => Some(Span::from(duration)),
            Err(error) => {
                let text = written.as_ref();
                let what = format!(
                    "{name} = {text:?} is no duration ({error}): write 90s, 5m, 1h or 1h 30m"
                );
                self.problem(written.span(), what);
                None
            }
        }
    }

    fn limit(&mut self, written: &Spanned<String>) -> Option<Limit> {
        let text = written.as_ref();
        let days = |unit: &str| {
            let n: u16 = text.strip_suffix(unit)?.trim().parse().ok()?;
            (1..=366).contains(&n).then_some(n)
        };
        if let Some(n) = days("working days") {
            return Some(Limit::WorkingDays(n));
        }
        if let Some(n) = days(" days") {
            return Some(Limit::Days(n));
        }
        if text.ends_with(" days") {
            let what = format!("closure = {text:?}: 1 to 366 days or working days are allowed");
            self.problem(written.span(), what);
            return None;
        }
        self.span("closure", written).map(Limit::Fixed)
    }

    fn policy(&mut self, version: u32, written: Spanned<WrittenPolicy>) -> Option<PolicyRow> {
        let at = written.span();
        let written = written.into_inner();
        let of = written.shares.as_ref();
        let shares = [
            self.span("city", &of.city),
            self.span("county", &of.county),
            self.span("town", &of.town),
            self.span("village", &of.village),
        ];
        let [city, county, town, village] = shares;
        let closure = self.limit(&written.closure);
        let arrival = self.span("arrival", &written.arrival)?;
        let follow_up = match written.follow_up.as_ref().as_str() {
            "none" => None,
            _ => Some(self.span("follow_up", &written.follow_up)?),
        };
        let closure = closure?;
        let terms = Policy {
            version,
            id: written.id,
            arrival,
            closure: match closure {
                Limit::Fixed(span) => span,
                // The least it can be, and more than it can be off by.
                Limit::WorkingDays(n) | Limit::Days(n) => Span::hours(24 * i64::from(n)),
            },
            shares: [city?, county?, town?, village?],
            warn_at: *written.warn_at.as_ref(),
            follow_up,
            extensions: written.extensions,
            extension: self.span("extension", &written.extension)?,
            returns: written.returns,
            reworks: written.reworks,
            pause: self.span("pause", &written.pause)?,
            evidence: written.evidence,
            plain_weekends: false,
        };
        if let Err((term, what)) = terms.check() {
            let place = match term {
                "arrival" => written.arrival.span(),
                "closure" => written.closure.span(),
                "shares" => written.shares.span(),
                "warn_at" => written.warn_at.span(),
                "follow_up" => written.follow_up.span(),
                "extension" => written.extension.span(),
                "pause" => written.pause.span(),
                _ => at.clone(),
            };
            self.problem(place, what);
        }
        if matches!(closure, Limit::WorkingDays(_)) && arrival > MOST_ARRIVAL {
            let what = format!(
                "arrival = {arrival} may be longer than closure: with working days at most \
                 {MOST_ARRIVAL} is allowed"
            );
            self.problem(written.arrival.span(), what);
        }
        if written.id == 0 {
            self.problem(at, "id = 0: ids are counted from 1".to_owned());
        }
        Some(PolicyRow { name: written.name, closure, terms })
    }

    /// The values a word of a rule stands for.
    fn words<T: Copy>(
        &mut self,
        name: &str,
        written: &Spanned<String>,
        all: &[T],
        of: fn(&str) -> Option<T>,
        say: fn(T) -> &'static str,
    ) -> Vec<T> {
        let text = written.as_ref().as_str();
        if text == "*" {
            return all.to_vec();
        }
        let known = of(text);
        if known.is_none() {
            let allowed: Vec<_> = all.iter().map(|value| say(*value)).collect();
            let what = format!("unknown {name} {text:?}: {} and * are allowed", allowed.join(", "));
            self.problem(written.span(), what);
        }
        known.into_iter().collect()
    }
}

/// `None` when the file is so broken that there is nothing to check further.
pub(crate) fn read(text: &str, version: u32, problems: &mut Problems) -> Option<Policies> {
    let mut reader = Reader { text, problems };
    let written: Written = match toml::from_str(text) {
        Ok(written) => written,
        Err(error) => {
            let at = error.span().unwrap_or_default();
            reader.problem(at, error.message().to_owned());
            return None;
        }
    };
    let mut rows: Vec<PolicyRow> = Vec::with_capacity(written.policy.len());
    let mut sound = true;
    for policy in written.policy {
        let at = policy.span();
        let Some(row) = reader.policy(version, policy) else {
            sound = false;
            continue;
        };
        let same = |known: &PolicyRow| known.name == row.name || known.terms.id == row.terms.id;
        if rows.iter().any(same) {
            let what = format!("policy {:?}, id {}, is there twice", row.name, row.terms.id);
            reader.problem(at, what);
        }
        rows.push(row);
    }
    let mut cells: Vec<Option<usize>> =
        vec![None; Mode::ALL.len() * Kind::ALL.len() * Urgency::ALL.len()];
    // A rule that is missing would stand after it.
    let last = written.rule.last().map_or(text.len()..text.len(), Spanned::span);
    for rule in written.rule {
        let at = rule.span();
        let rule = rule.into_inner();
        let modes = reader.words("mode", &rule.mode, Mode::ALL, Mode::from_name, Mode::name);
        let kinds = reader.words("kind", &rule.kind, Kind::ALL, Kind::from_name, Kind::name);
        let urgencies =
            reader.words("urgency", &rule.urgency, Urgency::ALL, Urgency::from_name, Urgency::name);
        let wanted = rule.policy.as_ref();
        let Some(policy) = rows.iter().position(|row| row.name == *wanted) else {
            sound = false;
            let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
            let what = format!("unknown policy {wanted:?}: {} are allowed", names.join(", "));
            reader.problem(rule.policy.span(), what);
            continue;
        };
        let mut fits = modes.is_empty() || kinds.is_empty() || urgencies.is_empty();
        for (mode, kind, urgency) in each(&modes, &kinds, &urgencies) {
            let of = &mut cells[cell(mode, kind, urgency)];
            fits |= of.is_none();
            of.get_or_insert(policy);
        }
        if !fits {
            let what = "the rules before it fit all that this one does: it never decides";
            reader.problem(at, what.to_owned());
        }
    }
    let mut missing = each(Mode::ALL, Kind::ALL, Urgency::ALL)
        .filter(|(mode, kind, urgency)| cells[cell(*mode, *kind, *urgency)].is_none());
    if let Some((mode, kind, urgency)) = missing.next().filter(|_| sound) {
        let more = match missing.count() {
            0 => String::new(),
            n => format!(", nor {n} others"),
        };
        let what = format!(
            "no rule fits mode = {mode}, kind = {kind}, urgency = {urgency}{more}: \
             every matter needs a limit"
        );
        reader.problem(last, what);
    }
    let cells: Option<Vec<usize>> = cells.into_iter().collect();
    Some(Policies { rows, cells: cells? })
}

fn each(
    modes: &[Mode],
    kinds: &[Kind],
    urgencies: &[Urgency],
) -> impl Iterator<Item = (Mode, Kind, Urgency)> {
    modes.iter().flat_map(move |mode| {
        kinds
            .iter()
            .flat_map(move |kind| urgencies.iter().map(move |urgency| (*mode, *kind, *urgency)))
    })
}
