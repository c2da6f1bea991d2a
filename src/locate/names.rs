//! Every name of every division, without the suffixes people leave out.

use super::forms::{self, Form};
use crate::catalogue::{Catalogue, finder::Finder};
use crate::domain::{Division, Level};
use std::collections::BTreeMap;

/// The most names of an address that are weighed; further ones are left out.
const MAX_FOUND: usize = 24;

/// Something a name can mean.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Meaning {
    /// `None` is a place outside the city.
    pub(super) division: Option<Division>,
    /// Complete as it is: an alias like `嘉兴港区`, or `乌镇` for `乌镇镇`.
    pub(super) whole: bool,
    /// A 社区 rather than a 村; where a town has both of one name, the suffix tells.
    pub(super) urban: bool,
}

/// A name that stands in an address, and how.
pub(super) struct Found {
    pub(super) start: usize,
    /// After the suffix, where it has one.
    pub(super) end: usize,
    pub(super) meanings: Vec<(Option<Division>, Form)>,
}

pub(super) struct Names {
    finder: Finder,
    meanings: Vec<Vec<Meaning>>,
}

/// What an official name is called by, without its suffix; at least two characters.
fn base(name: &str, level: Level) -> &str {
    let suffixes: &[&str] = match level {
        Level::City => &["市", "地区"],
        Level::County => &["区", "县", "市"],
        Level::Town => &["街道", "镇", "乡"],
        Level::Village => &[
            "社区居民委员会",
            "社区居委会",
            "居民委员会",
            "居委会",
            "社区",
            "村村民委员会",
            "村村委会",
            "村民委员会",
            "村委会",
            "村",
        ],
    };
    for suffix in suffixes {
        let Some(base) = name.strip_suffix(suffix) else { continue };
        if base.chars().count() > 1 {
            return base;
        }
        // 晚村村委会 is the committee of 晚村, not of 晚.
        let village = suffix.starts_with('村').then_some('村'.len_utf8());
        return village.map_or(name, |length| &name[..base.len() + length]);
    }
    name
}

impl Names {
    pub(super) fn new(catalogue: &Catalogue) -> Names {
        let mut names: BTreeMap<String, Vec<Meaning>> = BTreeMap::new();
        for row in catalogue.divisions() {
            let base = base(&row.name, row.level());
            let whole = match row.level() {
                Level::Town => base.ends_with('镇'),
                Level::Village => base.ends_with('村'),
                Level::City | Level::County => false,
            };
            let urban = row.level() == Level::Village && !row.name.contains('村');
            let meaning = Meaning { division: Some(row.division), whole, urban };
            names.entry(base.to_owned()).or_default().push(meaning);
        }
        for alias in catalogue.aliases() {
            let whole = alias.text.chars().count() > 3
                || ["镇", "乡", "区", "市", "县", "省"].iter().any(|s| alias.text.ends_with(s));
            let meaning = Meaning { division: alias.division, whole, urban: false };
            let meanings = names.entry(alias.text.clone()).or_default();
            if !meanings.iter().any(|m| m.division == alias.division) {
                meanings.push(meaning);
            }
        }
        for meanings in names.values_mut() {
            // 许村 alone is the town; its village of the same name is called 许村村.
            let town = |m: &Meaning| m.division.is_some_and(|d| d.level() == Level::Town);
            if meanings.iter().any(town) {
                for meaning in meanings.iter_mut().filter(|m| !town(m)) {
                    meaning.whole = false;
                }
            }
        }
        let finder = Finder::new(names.keys().zip(0..).map(|(name, i)| (name.as_str(), i)));
        Names { finder, meanings: names.into_values().collect() }
    }

    /// Every name that stands in the address and is not part of a longer one or of a road's,
    /// in the order of the address.
    pub(super) fn find(&self, address: &str) -> Vec<Found> {
        let mut found: Vec<Found> = Vec::with_capacity(8);
        for hit in self.finder.find(address).take(4 * MAX_FOUND) {
            let meanings = &self.meanings[hit.value as usize];
            if let Some(hit) = forms::read(address, hit.start, hit.end, meanings) {
                found.push(hit);
            }
        }
        found.sort_by_key(|hit| (hit.start, std::cmp::Reverse(hit.end)));
        let mut reach = (0, 0);
        found.retain(|hit| {
            let inside = hit.end <= reach.1 && (hit.start, hit.end) != reach;
            if !inside && hit.end > reach.1 {
                reach = (hit.start, hit.end);
            }
            !inside
        });
        found.truncate(MAX_FOUND);
        forms::place(address, &mut found);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_are_what_people_say() {
        for (name, level, expected) in [
            ("嘉兴市", Level::City, "嘉兴"),
            ("海宁市", Level::County, "海宁"),
            ("乌镇镇", Level::Town, "乌镇"),
            ("新嘉街道", Level::Town, "新嘉"),
            ("百富村村委会", Level::Village, "百富"),
            ("中华村委会", Level::Village, "中华"),
            ("晚村村委会", Level::Village, "晚村"),
            ("秀水社区", Level::Village, "秀水"),
            ("新庙社区居民委员会", Level::Village, "新庙"),
            ("孔家堰村村民委员会", Level::Village, "孔家堰"),
        ] {
            assert_eq!(base(name, level), expected);
        }
    }
}
