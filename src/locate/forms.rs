//! How a name stands in an address: with its suffix, bare, or only inside a road's name.

use super::names::{Found, Meaning};
use crate::domain::{Division, Level};

/// From the surest to the least.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Form {
    /// With a suffix of its level: `新塍镇`, `海宁市`.
    Full,
    /// Without, but where a division is expected: first, or right after one that contains it.
    Placed,
    /// Without, anywhere else.
    Bare,
}

/// What may follow the name of a road's, `海宁` in `海宁中路`, before the word for road.
const BEARINGS: &str = "东南西北中上下前后一二三四五六七八九十环外内支横纵塘";
/// Words for road; `街` is checked by itself, for 街道 is a division.
const ROADS: [&str; 7] = ["路", "大道", "大街", "弄", "巷", "桥", "公路"];
/// What houses and firms are called that took a division's name.
const HOUSES: [&str; 22] = [
    "花园",
    "花苑",
    "公寓",
    "新村",
    "小区",
    "苑",
    "里",
    "广场",
    "大厦",
    "大酒店",
    "宾馆",
    "酒店",
    "公园",
    "名都",
    "名苑",
    "家园",
    "佳苑",
    "华庭",
    "商城",
    "别墅",
    "名城",
    "府",
];

/// Whether what follows a name makes it a road's.
fn is_road(rest: &str) -> bool {
    let mut rest = rest;
    for _ in 0..3 {
        let street =
            rest.starts_with('街') && !rest.starts_with("街道") && !rest.starts_with("街办");
        if street || ROADS.iter().any(|road| rest.starts_with(road)) {
            return true;
        }
        match rest.chars().next() {
            Some(c) if BEARINGS.contains(c) => rest = &rest[c.len_utf8()..],
            _ => return false,
        }
    }
    false
}

fn is_house(rest: &str) -> bool {
    HOUSES.iter().any(|house| rest.starts_with(house))
}

/// The length of the suffix that makes a name full at this level, if one follows.
fn suffix(level: Level, rest: &str) -> Option<usize> {
    let suffixes: &[&str] = match level {
        Level::City => &["市", "地区"],
        Level::County => &["区", "县", "市"],
        Level::Town => &["街道办事处", "街道", "街办", "镇", "乡"],
        Level::Village => &[
            "社区居民委员会",
            "社区居委会",
            "社区",
            "居委会",
            "居委",
            "行政村",
            "村村民委员会",
            "村村委会",
            "村民委员会",
            "村委会",
            "村委",
            "村",
        ],
    };
    let found = suffixes.iter().find(|suffix| rest.starts_with(**suffix))?;
    let after = &rest[found.len()..];
    // 海宁市场, 南湖区间: the suffix belongs to the next word.
    let market = matches!(level, Level::City | Level::County)
        && ["场", "间", "政府路"].iter().any(|next| after.starts_with(next));
    let road = matches!(level, Level::Village) && is_road(after);
    (!market && !road).then_some(found.len())
}

/// A name as it stands; `None` when it names no division there.
pub(super) fn read(address: &str, start: usize, end: usize, meanings: &[Meaning]) -> Option<Found> {
    let rest = &address[end..];
    let mut longest = 0;
    let mut full = Vec::new();
    for meaning in meanings {
        let suffix = meaning.division.and_then(|d| suffix(d.level(), rest));
        let road = is_road(rest);
        if let Some(length) = suffix.or((meaning.whole && !road).then_some(0)) {
            longest = longest.max(length);
            full.push((meaning, length));
        }
    }
    if !full.is_empty() {
        // The longest suffix decides which level is meant, and whether 村 or 社区.
        full.retain(|(_, length)| *length == longest);
        let urban = !rest[..longest].contains('村');
        if full.iter().any(|(meaning, _)| meaning.urban == urban) {
            full.retain(|(meaning, _)| meaning.urban == urban);
        }
        let meanings = full.into_iter().map(|(m, _)| (m.division, Form::Full)).collect();
        return Some(Found { start, end: end + longest, meanings });
    }
    if is_road(rest) || is_house(rest) {
        return None;
    }
    let bare: Vec<(Option<Division>, Form)> =
        meanings.iter().map(|meaning| (meaning.division, Form::Bare)).collect();
    Some(Found { start, end, meanings: bare })
}

/// Whether only separators lie between two names.
fn adjoin(address: &str, from: usize, to: usize) -> bool {
    from <= to && address[from..to].chars().all(|c| !c.is_alphanumeric())
}

/// Tells the bare names that stand where a division is expected from those that do not, and
/// drops bare towns and villages of two characters elsewhere: 建设, 新星 and 红旗 are words.
pub(super) fn place(address: &str, found: &mut Vec<Found>) {
    for i in 0..found.len() {
        let (before, rest) = found.split_at_mut(i);
        let Some(hit) = rest.first_mut() else { continue };
        let long = address[hit.start..hit.end].chars().count() > 2;
        let opening =
            ["浙江省", "浙江", "中国"].iter().any(|head| address[..hit.start].ends_with(head));
        let first = adjoin(address, 0, hit.start) || opening;
        let start = hit.start;
        hit.meanings.retain_mut(|(division, form)| {
            let Some(division) = *division else { return *form == Form::Full };
            if *form != Form::Bare {
                return true;
            }
            let mut above = before.iter().filter(|b| adjoin(address, b.end, start));
            let follows = above.any(|above| {
                let contains = |d: &Division| *d != division && d.contains(division);
                above.meanings.iter().any(|(d, _)| d.as_ref().is_some_and(contains))
            });
            if follows || (first && division.level() != Level::Village) {
                *form = Form::Placed;
            }
            *form == Form::Placed || long || division.level() <= Level::County
        });
    }
    found.retain(|hit| !hit.meanings.is_empty());
}
