//! `catalogue.toml`: which city, which version, which clocks.

use super::problem::Problems;
use crate::domain::{Cell, Policy, Span, Unit};
use serde::Deserialize;
use toml::Spanned;

pub(crate) const FILE: &str = "catalogue.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    name: String,
    cell: Spanned<String>,
    fallback: Spanned<String>,
    policy: Spanned<WrittenPolicy>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPolicy {
    arrival: Spanned<String>,
    closure: Spanned<String>,
    follow_up: Spanned<String>,
    shares: WrittenShares,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenShares {
    city: Spanned<String>,
    county: Spanned<String>,
    town: Spanned<String>,
    village: Spanned<String>,
}

/// What `catalogue.toml` says.
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) cell: Cell,
    pub(crate) fallback: Unit,
    pub(crate) fallback_line: u64,
    pub(crate) policy: Policy,
}

fn line_of(text: &str, offset: usize) -> u64 {
    let before = text.as_bytes().iter().take(offset);
    before.filter(|b| **b == b'\n').count() as u64 + 1
}

/// `None` when the file is so broken that nothing else can be checked against it.
pub(crate) fn read(text: &str, problems: &mut Problems) -> Option<Settings> {
    let written: Written = match toml::from_str(text) {
        Ok(written) => written,
        Err(error) => {
            let line = error.span().map_or(0, |span| line_of(text, span.start));
            problems.add(FILE, line, error.message());
            return None;
        }
    };
    let line = |at: std::ops::Range<usize>| line_of(text, at.start);
    let cell = match written.cell.as_ref().parse::<Cell>() {
        Ok(cell) => Some(cell),
        Err(error) => {
            problems.add(FILE, line(written.cell.span()), format!("cell is {error}"));
            None
        }
    };
    let fallback = match written.fallback.as_ref().parse::<Unit>() {
        Ok(unit) => Some(unit),
        Err(error) => {
            problems.add(FILE, line(written.fallback.span()), format!("fallback is {error}"));
            None
        }
    };
    let policy_line = line(written.policy.span());
    let policy = written.policy.into_inner();
    let shares = policy.shares;
    let mut sound = true;
    let mut span =
        |name: &str, written: &Spanned<String>| match humantime::parse_duration(written.as_ref()) {
            Ok(duration) => Span::from(duration),
            Err(error) => {
                sound = false;
                problems.add(
                    FILE,
                    line(written.span()),
                    format!(
                        "{name} = {:?} is no duration ({error}): write 90s, 5m, 1h or 1h 30m",
                        written.as_ref()
                    ),
                );
                Span::ZERO
            }
        };
    let policy = Policy {
        version: written.version,
        arrival: span("arrival", &policy.arrival),
        closure: span("closure", &policy.closure),
        shares: [
            span("city", &shares.city),
            span("county", &shares.county),
            span("town", &shares.town),
            span("village", &shares.village),
        ],
        follow_up: Some(span("follow_up", &policy.follow_up)),
        ..Policy::FOUNDING
    };
    if sound && let Err(what) = policy.check() {
        problems.add(FILE, policy_line, what);
    }
    if written.version == 0 {
        problems.add(FILE, 0, "version = 0: versions are counted from 1");
    }
    Some(Settings {
        name: written.name,
        cell: cell?,
        fallback: fallback?,
        fallback_line: line(written.fallback.span()),
        policy,
    })
}
