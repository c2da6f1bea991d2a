//! Category × division → the chain of units an order goes down. Pure.

use crate::catalogue::Catalogue;
use crate::domain::{Category, Division, Plan, Unit};
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

    let mut chain = halls.to_vec();
    if let Some(office) = duty.office {
        let acts = |hall: &Unit| {
            let unit = Unit::office(hall.division(), office).ok()?;
            catalogue.unit(unit).map(|row| row.unit)
        };
        let found = halls.iter().enumerate().rev().find_map(|(i, hall)| Some((i, acts(hall)?)));
        if let Some((i, unit)) = found {
            chain.truncate(i + 1);
            chain.push(unit);
        }
    }
    let plan = Plan::new(chain).map_err(|why| NoRoute::Plan(duty.rule, why))?;
    Ok(Route { plan, rule: duty.rule, short })
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
