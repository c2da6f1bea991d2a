//! Every name of every place, without the suffixes people leave out.

use super::forms;
use crate::catalogue::finder::Finder;
use crate::catalogue::gazetteer::is_filler;
use crate::catalogue::{Gazetteer, Place, Rank};
use std::collections::BTreeMap;

/// Something a name can mean.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Meaning {
    pub(super) place: Place,
    /// What follows it in the official name.
    pub(super) tail: &'static str,
    /// Complete as it is: an alias like `嘉兴港区`, or `乌镇` for `乌镇镇`.
    pub(super) whole: bool,
    /// A 社区 rather than a 村; where a town has both of one name, the suffix tells.
    pub(super) urban: bool,
    /// 经济开发区, 城区: so many are called this that it means one only right after the place
    /// it lies in.
    pub(super) common: bool,
}

/// Districts that are called after their side of a town, as much else there is.
const COMMON: [&str; 13] = [
    "城东", "城西", "城南", "城北", "城中", "城关", "市中", "桥东", "桥西", "路南", "路北", "新城",
    "新市",
];
/// Zones that the statisticians count as counties.
const ZONES: [&str; 6] = ["开发区", "园区", "示范区", "管理区", "合作区", "旅游区"];

/// One name and all it can mean.
pub(super) struct Name {
    /// By place.
    pub(super) meanings: Vec<Meaning>,
    /// Which ranks there are among them, and which of them in `whole` meanings, as bits.
    pub(super) ranks: u8,
    pub(super) whole: u8,
}

pub(super) fn bit(rank: Rank) -> u8 {
    1 << rank as u8
}

pub(super) struct Names {
    pub(super) finder: Finder,
    pub(super) names: Vec<Name>,
}

/// The suffixes of official names, the longer before what they end in.
fn tails(rank: Rank) -> &'static [&'static str] {
    match rank {
        Rank::Province => &["特别行政区", "自治区", "省", "市"],
        Rank::City => &["自治州", "地区", "市", "州", "盟"],
        Rank::County => &["自治县", "自治旗", "新区", "林区", "特区", "县", "区", "市", "旗"],
        Rank::Town => &["街道办事处", "街道", "民族乡", "苏木", "地区", "镇", "乡"],
        Rank::Village => &[
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
    }
}

/// Peoples whose names have neither one character and 族 nor two.
const PEOPLES: [&str; 13] = [
    "各族",
    "蒙古",
    "哈萨克",
    "柯尔克孜",
    "塔吉克",
    "锡伯",
    "维吾尔",
    "土家族",
    "哈萨克族",
    "达斡尔族",
    "鄂温克族",
    "鄂伦春族",
    "塔吉克族",
];
/// Those with one: 畲族. The others have two: 仡佬族.
const SHORT_PEOPLES: &str = "苗彝藏回满壮侗瑶白傣黎畲羌水土佤怒京";

/// Without the peoples whose autonomous region it is, which are left out in speech: 景宁 for
/// 景宁畲族. At least two characters are left.
fn without_peoples(name: &str) -> &str {
    let mut name = name;
    loop {
        let listed = PEOPLES.iter().find_map(|people| name.strip_suffix(people));
        let counted = || {
            let rest = name.strip_suffix('族')?;
            let short = rest.chars().next_back().is_some_and(|c| SHORT_PEOPLES.contains(c));
            let (at, _) = rest.char_indices().rev().nth(usize::from(!short))?;
            Some(&rest[..at])
        };
        match listed.or_else(counted).filter(|rest| rest.chars().count() > 1) {
            Some(rest) => name = rest,
            None => return name,
        }
    }
}

/// What an official name is called by, and the suffix that is left out; at least two
/// characters, and all of it where less would be left.
fn base(name: &str, rank: Rank) -> (&str, &'static str) {
    for tail in tails(rank) {
        let Some(base) = name.strip_suffix(tail) else { continue };
        if base.chars().count() > 1 {
            return (base, tail);
        }
        // 晚村村委会 is the committee of 晚村, not of 晚.
        let village = '村'.len_utf8();
        return match tail.starts_with('村') {
            true => (&name[..base.len() + village], &tail[village..]),
            false => (name, ""),
        };
    }
    (name, "")
}

impl Names {
    pub(super) fn new(gazetteer: &Gazetteer) -> Names {
        let mut names: BTreeMap<String, Vec<Meaning>> = BTreeMap::new();
        let official: BTreeMap<Place, &str> = gazetteer.places().collect();
        for (place, name) in gazetteer.places().filter(|(_, name)| !is_filler(name)) {
            let rank = place.rank();
            // 济源市沁园街道 is 沁园街道 of 济源市.
            let above = [Rank::County, Rank::City].into_iter().filter(|above| *above < rank);
            let above = above.filter_map(|above| official.get(&place.up_to(above)));
            let name = above.filter_map(|above| name.strip_prefix(above)).next();
            let name = name.filter(|rest| rest.chars().count() > 1).unwrap_or(official[&place]);
            let (base, tail) = base(name, rank);
            let bare = tail.is_empty();
            let whole = match rank {
                Rank::Province | Rank::City | Rank::County => bare,
                Rank::Town => bare || base.ends_with('镇'),
                Rank::Village => base.ends_with('村'),
            };
            let common = match rank {
                Rank::Province | Rank::City | Rank::Village => false,
                Rank::County => {
                    (bare && name.ends_with('区'))
                        || COMMON.contains(&base)
                        || ZONES.iter().any(|zone| name.ends_with(zone))
                }
                Rank::Town => bare,
            };
            let urban = rank == Rank::Village && !name.contains('村');
            let meaning = Meaning { place, tail, whole, urban, common };
            let mut add = |base: &str, meaning| {
                let meanings: &mut Vec<Meaning> = names.entry(base.to_owned()).or_default();
                meanings.push(meaning);
            };
            let short = match tail {
                "自治区" | "自治州" | "自治县" | "自治旗" | "民族乡" => {
                    without_peoples(base)
                }
                "乡" if base.ends_with('族') => without_peoples(base),
                _ => base,
            };
            if short != base {
                add(name, Meaning { tail: "", whole: true, ..meaning });
            }
            add(short, meaning);
        }
        for (alias, place) in gazetteer.aliases() {
            let whole = alias.chars().count() > 3
                || ["镇", "乡", "区", "市", "县", "省"].iter().any(|s| alias.ends_with(s));
            let meaning = Meaning { place, tail: "", whole, urban: false, common: false };
            let meanings = names.entry(alias.to_owned()).or_default();
            if !meanings.iter().any(|m| m.place == place) {
                meanings.push(meaning);
            }
        }
        for meanings in names.values_mut() {
            meanings.sort_unstable();
            // 许村 alone is the town; its village of the same name is called 许村村.
            let town = |m: &Meaning| m.place.rank() == Rank::Town;
            if meanings.iter().any(town) {
                for meaning in meanings.iter_mut().filter(|m| !town(m)) {
                    meaning.whole &= meaning.place.rank() < Rank::Town;
                }
            }
        }
        let finder = Finder::new(names.keys().zip(0..).map(|(name, i)| (name.as_str(), i)));
        let names = names.into_values().map(|meanings| {
            let bits = |all: u8, m: &Meaning| all | bit(m.place.rank());
            let whole = meanings.iter().filter(|m| m.whole).fold(0, bits);
            Name { ranks: meanings.iter().fold(0, bits), whole, meanings }
        });
        Names { finder, names: names.collect() }
    }
}

/// A name as it stands in an address, before what it means there is decided.
#[derive(Clone, Copy)]
pub(super) struct Hit {
    pub(super) start: usize,
    /// After the suffix, where it has one.
    pub(super) end: usize,
    /// After the name alone.
    pub(super) bare_end: usize,
    /// Its place among the names.
    pub(super) name: u32,
    /// Whether with a suffix, or complete without.
    pub(super) full: bool,
}

/// So many names that end before a bare one are looked at, to see whether it follows one.
const MAX_ALIKE: usize = 6;

impl Names {
    /// The names that stand in an address and are no part of a longer one or of a road's, in
    /// the order of the address; at most `most`.
    pub(super) fn hits(&self, address: &str, most: usize) -> Vec<Hit> {
        let mut hits: Vec<Hit> = Vec::with_capacity(16);
        for hit in self.finder.find(address) {
            let hit = forms::read(address, hit, &self.names[hit.value as usize]);
            // Without its suffix a name counts where a place is expected, or right after one.
            let follows = |before: &Hit| forms::adjoin(address, before.end, hit.start);
            let expected = || {
                forms::opens(address, hit.start) || hits.iter().rev().take(MAX_ALIKE).any(follows)
            };
            let counts = hit.full || (expected() && !forms::is_taken(&address[hit.end..]));
            if counts {
                hits.push(hit);
            }
            if hits.len() == 4 * most {
                break;
            }
        }
        hits.sort_unstable_by_key(|hit| (hit.start, std::cmp::Reverse(hit.end), hit.name));
        let mut reach = (0, 0);
        hits.retain(|hit| {
            let inside = hit.end <= reach.1 && (hit.start, hit.end) != reach;
            if !inside && hit.end > reach.1 {
                reach = (hit.start, hit.end);
            }
            !inside
        });
        hits.truncate(most);
        hits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_are_what_people_say() {
        for (name, rank, expected) in [
            ("嘉兴市", Rank::City, "嘉兴"),
            ("海宁市", Rank::County, "海宁"),
            ("浦东新区", Rank::County, "浦东"),
            ("神农架林区", Rank::County, "神农架"),
            ("赵县", Rank::County, "赵县"),
            ("乌镇镇", Rank::Town, "乌镇"),
            ("新嘉街道", Rank::Town, "新嘉"),
            ("百富村村委会", Rank::Village, "百富"),
            ("中华村委会", Rank::Village, "中华"),
            ("晚村村委会", Rank::Village, "晚村"),
            ("秀水社区", Rank::Village, "秀水"),
            ("新庙社区居民委员会", Rank::Village, "新庙"),
            ("孔家堰村村民委员会", Rank::Village, "孔家堰"),
        ] {
            assert_eq!(base(name, rank).0, expected);
        }
        for (name, expected) in [
            ("广西壮族", "广西"),
            ("内蒙古", "内蒙古"),
            ("恩施土家族苗族", "恩施"),
            ("景宁畲族", "景宁"),
            ("道真仡佬族苗族", "道真"),
            ("巴音郭楞蒙古", "巴音郭楞"),
            ("龙胜各族", "龙胜"),
            ("东乡族", "东乡族"),
        ] {
            assert_eq!(without_peoples(name), expected);
        }
    }
}
