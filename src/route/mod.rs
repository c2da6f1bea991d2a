//! Category × division → the chain of units an order goes down. Pure.

use crate::catalogue::Catalogue;
#[cfg(doc)]
use crate::catalogue::MAX_HELPERS;
use crate::domain::{Category, Division, Level, Plan, Unit};
use std::fmt;

/// A chain and why it is so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// The units from the hotline centre down to the front line.
    pub plan: Plan,
    /// The line of `duties.csv` that decided.
    pub rule: u16,
    /// Whether the address was too shallow for the duty, so that the chain ends early.
    pub short: bool,
    /// Who is asked to help the front line, as the duty says, at most [`MAX_HELPERS`]: a
    /// proposal, on which a person acts.
    pub helpers: Vec<Unit>,
}

impl Route {
    /// Who acts.
    pub fn lead(&self) -> Unit {
        self.plan.front_line()
    }
}

/// Why there is no chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoRoute {
    /// The catalogue has no such category; [`Category::NONE`] is none.
    Category(Category),
    /// The catalogue has no such division.
    Division(Division),
    /// The chain that the duty of this line asks for cannot be a plan.
    Plan(u16, &'static str),
}

impl fmt::Display for NoRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoRoute::Category(Category::NONE) => f.write_str("the matter has no category yet"),
            NoRoute::Category(category) => {
                write!(f, "category {category} is not in the catalogue")
            }
            NoRoute::Division(division) => {
                write!(f, "division {division} is not in the catalogue")
            }
            NoRoute::Plan(rule, why) => write!(f, "duties.csv:{rule} gives no chain: {why}"),
        }
    }
}

impl std::error::Error for NoRoute {}

/// The chain for a category at a place: the halls from the city down to the duty's level, or
/// as far as the place is known, then the department that acts.
pub fn route(
    catalogue: &Catalogue,
    category: Category,
    division: Division,
) -> Result<Route, NoRoute> {
    let duty = catalogue.duty(category).ok_or(NoRoute::Category(category))?;
    if catalogue.division(division).is_none() {
        return Err(NoRoute::Division(division));
    }
    let mut halls = [Unit::hall(division); 4];
    let mut length = 0;
    let mut next = Some(division);
    while let Some(place) = next {
        if place.level() <= duty.level && length < halls.len() {
            halls[length] = Unit::hall(place);
            length += 1;
        }
        next = place.parent();
    }
    let halls = &mut halls[..length];
    halls.reverse();
    let short = division.level() < duty.level;

    // The nearest division from below that has such a department.
    let nearest = |office: u16| {
        halls.iter().enumerate().rev().find_map(|(i, hall)| {
            let unit = Unit::office(hall.division(), office).ok()?;
            catalogue.unit(unit).map(|row| (i, row.unit))
        })
    };
    let mut chain = Vec::with_capacity(halls.len() + 1);
    chain.extend_from_slice(halls);
    if let Some((i, unit)) = duty.office.and_then(nearest) {
        chain.truncate(i + 1);
        chain.push(unit);
    }
    let helpers = duty.helpers.iter().filter_map(|office| nearest(*office)).map(|(_, unit)| unit);
    let helpers = helpers.filter(|unit| !chain.contains(unit)).collect();
    let plan = Plan::new(chain).map_err(|why| NoRoute::Plan(duty.rule, why))?;
    Ok(Route { plan, rule: duty.rule, short, helpers })
}

/// Why it goes there, in one line that an agent reads.
pub fn explain(
    catalogue: &Catalogue,
    category: Category,
    division: Division,
    route: &Result<Route, NoRoute>,
) -> String {
    let route = match route {
        Ok(route) => route,
        Err(NoRoute::Category(Category::NONE)) => return "尚未识别出类别，由人工派单".to_owned(),
        Err(NoRoute::Category(category)) => return format!("目录中没有类别 {category}"),
        Err(NoRoute::Division(division)) => return format!("目录中没有区划 {division}"),
        Err(NoRoute::Plan(rule, _)) => return format!("职责第 {rule} 行不成派单链，由人工派单"),
    };
    let unit =
        |unit: &Unit| catalogue.unit(*unit).map_or_else(|| unit.to_string(), |r| r.name.clone());
    let matter = catalogue.category(category).map_or("", |row| row.name.as_str());
    let place = catalogue.division(division).map_or("", |row| row.name.as_str());
    let (rule, version) = (route.rule, catalogue.version());
    let depth = match catalogue.duty(category).map(|duty| duty.level) {
        Some(Level::City) | None => "市级",
        Some(Level::County) => "县级",
        Some(Level::Town) => "镇级",
        Some(Level::Village) => "村级",
    };
    let mut line = format!("{matter}由{depth}承办（职责第 {rule} 行，目录第 {version} 版），");
    line += &format!("{place}：主办{}", unit(&route.lead()));
    if !route.helpers.is_empty() {
        let names: Vec<_> = route.helpers.iter().map(unit).collect();
        line += &format!("，建议协办{}", names.join("、"));
    }
    if route.short {
        line += "；地址不够具体，派到此级为止";
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(category: u16, division: &str) -> (Vec<String>, bool) {
        let catalogue = Catalogue::builtin().unwrap();
        let route = route(&catalogue, Category(category), division.parse().unwrap()).unwrap();
        (route.plan.units().iter().map(Unit::to_string).collect(), route.short)
    }

    #[test]
    fn chains_go_as_deep_as_duty_and_address_allow() {
        let village = "330411104201";
        for (category, division, units, short) in [
            // An everyday matter goes all four levels, or as far as the address is known.
            (1901, village, "3304 330411 330411104 330411104201", false),
            (1901, "330411104", "3304 330411 330411104", true),
            (1901, "330411", "3304 330411", true),
            (1901, "3304", "3304", true),
            // Supplies in a lockdown are brought by the village.
            (102, village, "3304 330411 330411104 330411104201", false),
            // Buses are the city's own.
            (701, village, "3304 3304-008", false),
            (701, "3304", "3304 3304-008", false),
            // Schools are the county bureau's, the city bureau's where the county is not known.
            (901, village, "3304 330411 330411-003", false),
            (901, "3304", "3304 3304-003", true),
            // Wages are the town's labour office's.
            (1201, village, "3304 330411 330411104 330411104-009", false),
            // The police station of the town, the bureau where the town is not known.
            (801, village, "3304 330411 330411104 330411104-005", false),
            (801, "330411", "3304 330411 330411-005", true),
        ] {
            let expected: Vec<String> = units.split(' ').map(str::to_owned).collect();
            assert_eq!(chain(category, division), (expected, short), "{category} {division}");
        }
    }

    #[test]
    fn every_category_has_a_chain_at_every_place() {
        let catalogue = Catalogue::builtin().unwrap();
        for category in catalogue.categories() {
            for division in catalogue.divisions().step_by(7) {
                let route = route(&catalogue, category.category, division.division).unwrap();
                let units = route.plan.units();
                assert_eq!(units[0], catalogue.cell().centre());
                assert!(units.iter().all(|unit| catalogue.unit(*unit).is_some()));
                for pair in units.windows(2) {
                    assert!(catalogue.children(pair[0]).any(|unit| unit == pair[1]));
                }
            }
        }
    }

    #[test]
    fn helpers_are_the_nearest_of_their_trade() {
        let catalogue = Catalogue::builtin().unwrap();
        for (category, division, helpers) in [
            // A food stall's smoke: the town's market office, the county's for the environment.
            (605, "330411104201", "330411104-021 330411-011"),
            (605, "330411", "330411-021 330411-011"),
            // Cables out of windows are the village's, and the county's fire brigade helps.
            (1905, "330411104201", "330411-031"),
            (1901, "330411104201", ""),
        ] {
            let division = division.parse().unwrap();
            let route = route(&catalogue, Category(category), division).unwrap();
            let found: Vec<_> = route.helpers.iter().map(Unit::to_string).collect();
            assert_eq!(found.join(" "), helpers, "{category} {division}");
            assert!(!route.helpers.contains(&route.lead()));
        }
    }

    #[test]
    fn every_way_is_explained_in_one_line() {
        let catalogue = Catalogue::builtin().unwrap();
        for (category, division, line) in [
            (
                605,
                "330411104",
                "餐饮油烟由镇级承办（职责第 47 行，目录第 1 版），新塍镇：主办新塍镇综合行政执法队，\
                 建议协办新塍镇市场监督管理所、嘉兴市生态环境局秀洲区分局",
            ),
            (
                1901,
                "330411",
                "邻里纠纷由村级承办（职责第 100 行，目录第 1 版），秀洲区：主办秀洲区社会治理中心\
                 12345指挥室；地址不够具体，派到此级为止",
            ),
            (0, "330411", "尚未识别出类别，由人工派单"),
            (9901, "330411", "目录中没有类别 9901"),
            (1901, "330499", "目录中没有区划 330499000000"),
        ] {
            let (category, division) = (Category(category), division.parse().unwrap());
            let route = route(&catalogue, category, division);
            assert_eq!(explain(&catalogue, category, division, &route), line);
        }
    }

    #[test]
    fn strangers_have_no_route() {
        let catalogue = Catalogue::builtin().unwrap();
        let city = catalogue.cell().division();
        for category in [Category::NONE, Category(100), Category(9901)] {
            assert_eq!(route(&catalogue, category, city), Err(NoRoute::Category(category)));
        }
        let stranger = "330499".parse().unwrap();
        assert_eq!(route(&catalogue, Category(101), stranger), Err(NoRoute::Division(stranger)));
    }
}
