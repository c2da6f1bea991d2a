//! How a name stands in an address: with its suffix, bare, or only inside a road's name.

use super::names::{Hit, Meaning, Name, bit};
use crate::catalogue::{Rank, finder};

/// From the surest to the least. A name without its suffix that stands anywhere else names
/// nothing: 建设, 新星 and 红旗 are words before they are towns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Form {
    /// The official name: `新塍镇`, `海宁市`.
    Exact,
    /// With another suffix of its level, as when a town has become streets: `惠民镇`.
    Full,
    /// Without, but where a place is expected: first, after a word like 在, or right after a
    /// place that contains it.
    Placed,
}

/// What may follow the name of a road's, `海宁` in `海宁中路`, before the word for road.
const BEARINGS: &str = "东南西北中上下前后一二三四五六七八九十环外内支横纵塘";
/// Words for road; `街` is checked by itself, for 街道 is a division.
const ROADS: [&str; 7] = ["路", "大道", "大街", "弄", "巷", "桥", "公路"];
/// What houses and firms are called that took a division's name.
const HOUSES: [&str; 30] = [
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
    "银行",
    "饭店",
    "医院",
    "大学",
    "学院",
    "中学",
    "小学",
    "有限公司",
];

/// What a zone is called: 经济开发区, 工业园区. It may reach beyond the place it is named after.
const ZONES: [&str; 11] = [
    "开发区",
    "工业区",
    "园区",
    "工业园",
    "产业园",
    "科技园",
    "创业园",
    "工业小区",
    "工业城",
    "集聚区",
    "示范区",
];
/// What may stand before that.
const TRADES: [&str; 11] =
    ["经济", "工业", "经编", "高新", "科技", "产业", "技术", "创业", "商贸", "农业", "综合"];
/// Words after which a place is named without its suffix: 家住海宁.
const LOCATIVES: [&str; 6] = ["在", "住", "于", "到", "址", "中国"];

/// Whether what follows a name makes it a road's. More than one bearing belongs to a road of
/// its own: 萧山南环路 is 南环路 in 萧山.
fn is_road(rest: &str) -> bool {
    let next = rest.chars().next().filter(|c| BEARINGS.contains(*c));
    let after = next.map_or(rest, |c| &rest[c.len_utf8()..]);
    [rest, after].into_iter().any(|rest| {
        let street =
            rest.starts_with('街') && !rest.starts_with("街道") && !rest.starts_with("街办");
        street || ROADS.iter().any(|road| rest.starts_with(road))
    })
}

/// Whether what follows a name makes it a zone's.
pub(super) fn is_zone(rest: &str) -> bool {
    let mut rest = rest;
    for _ in 0..=3 {
        if ZONES.iter().any(|zone| rest.starts_with(zone)) {
            return true;
        }
        match TRADES.iter().find_map(|trade| rest.strip_prefix(trade)) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    false
}

/// The suffixes that people write at a rank, the longer before what it begins with.
fn suffixes(rank: Rank) -> &'static [&'static str] {
    match rank {
        Rank::Province => &["省", "市", "自治区", "特别行政区"],
        Rank::City => &["市", "地区", "州", "自治州", "盟"],
        Rank::County => &["区", "县", "市", "新区", "自治县", "旗", "自治旗", "林区", "特区"],
        Rank::Town => {
            &["街道办事处", "街道", "街办", "镇", "乡", "民族乡", "苏木", "回族乡", "畲族乡"]
        }
        Rank::Village => &[
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
    }
}

/// What any of them begins with.
const SUFFIXES_BEGIN: &str = "省市自特地州盟区县新旗林街镇乡民苏回畲社居行村";

/// The length of the suffix that makes a name full at this rank, if one follows.
fn suffix(rank: Rank, rest: &str) -> Option<usize> {
    let found = suffixes(rank).iter().find(|suffix| rest.starts_with(**suffix))?;
    let after = &rest[found.len()..];
    // 海宁市场, 南湖区间: the suffix belongs to the next word.
    let market =
        rank <= Rank::County && ["场", "间", "政府路"].iter().any(|next| after.starts_with(next));
    let road = rank == Rank::Village && is_road(after);
    (!market && !road).then_some(found.len())
}

/// A name as it stands.
pub(super) fn read(address: &str, hit: finder::Hit, name: &Name) -> Hit {
    let finder::Hit { start, end, value } = hit;
    let rest = &address[end..];
    // The longest suffix decides which rank is meant, and whether 村 or 社区.
    let longest = match rest.chars().next() {
        Some(next) if SUFFIXES_BEGIN.contains(next) => {
            let ranks = Rank::ALL.into_iter().filter(|rank| name.ranks & bit(*rank) != 0);
            ranks.filter_map(|rank| suffix(rank, rest)).max()
        }
        Some(_) | None => None,
    };
    let full = longest.or_else(|| (name.whole != 0 && !is_road(rest)).then_some(0));
    let length = full.unwrap_or(0);
    Hit { start, end: end + length, bare_end: end, name: value, full: full.is_some() }
}

/// Whether a name without its suffix is that of something else that took it.
pub(super) fn is_taken(rest: &str) -> bool {
    is_road(rest) || HOUSES.iter().any(|house| rest.starts_with(house))
}

/// Each meaning of a name that stands full in the address, and in which form.
pub(super) fn full<'a>(
    address: &'a str,
    hit: &Hit,
    name: &'a Name,
) -> impl Iterator<Item = (&'a Meaning, Option<Form>)> + Clone + 'a {
    let written = &address[hit.bare_end..hit.end];
    let urban = !written.contains('村');
    let takes = |rank: &Rank| suffixes(*rank).contains(&written);
    let ranks = Rank::ALL.into_iter().filter(takes).fold(0, |all, rank| all | bit(rank));
    let fits = move |m: &&Meaning| match written {
        "" => m.whole,
        _ => ranks & bit(m.place.rank()) != 0,
    };
    let meant = name.meanings.iter().filter(fits);
    let one_urban = meant.clone().any(|m| m.urban == urban);
    meant
        .filter(move |m| !one_urban || m.urban == urban)
        .map(move |m| (m, Some(if m.tail == written { Form::Exact } else { Form::Full })))
}

/// Whether only separators lie between two names.
pub(super) fn adjoin(address: &str, from: usize, to: usize) -> bool {
    from <= to && address[from..to].chars().all(|c| !c.is_alphanumeric())
}

/// Whether a place is expected here, whatever its name.
pub(super) fn opens(address: &str, at: usize) -> bool {
    adjoin(address, 0, at) || LOCATIVES.iter().any(|word| address[..at].ends_with(word))
}
