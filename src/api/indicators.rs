//! What the hotline is judged by, onto the wire.

use super::status::Fault;
use super::{Api, from_proto as read};
use crate::domain::{Counts, Date, Dimension, Level, Marginal, Measure};
use crate::pb;
use std::collections::HashSet;

/// The most days one answer sums up.
const MAX_DAYS: i64 = 366;

impl Api {
    pub(super) async fn indicators(
        &self,
        request: pb::GetIndicatorsRequest,
    ) -> Result<pb::GetIndicatorsResponse, Fault> {
        let (from, to) = (date("from", &request.from)?, date("to", &request.to)?);
        if !(0..MAX_DAYS).contains(&(to.to_days() - from.to_days())) {
            let allowed = format!("{from} or later, within {MAX_DAYS} days");
            return Err(Fault::field("OUT_OF_BOUNDS", "to", allowed));
        }
        let of = read::said("dimension", request.dimension)?;
        let mut counted = self.dispatch.indicators(from, to, of).await?;
        if of == Dimension::Unit {
            // A county of which nothing was counted is told at zero, not left out.
            let catalogue = self.dispatch.catalogue();
            let halls = catalogue
                .units()
                .map(|row| row.unit)
                .filter(|unit| unit.level() == Level::County && unit.office_number() == 0);
            let told: HashSet<_> = counted.iter().map(|(marginal, _)| *marginal).collect();
            let silent = halls.map(Marginal::Unit).filter(|hall| !told.contains(hall));
            counted.extend(silent.map(|hall| (hall, Counts::default())));
            counted.sort_by_key(|(marginal, _)| *marginal);
        }
        let rows = counted.iter().map(|(marginal, counts)| self.row(*marginal, counts));
        Ok(pb::GetIndicatorsResponse { rows: rows.collect() })
    }

    fn row(&self, marginal: Marginal, counts: &Counts) -> pb::Indicators {
        let catalogue = self.dispatch.catalogue();
        let (key, name, place) = match marginal {
            Marginal::Unit(unit) => {
                let name = catalogue.unit(unit).map(|row| row.name.clone());
                let place = catalogue.division(unit.division()).map(|row| row.name.clone());
                (unit.to_string(), name.unwrap_or_default(), place.unwrap_or_default())
            }
            Marginal::Level(level) => {
                (level.name().to_owned(), level_zh(level).to_owned(), String::new())
            }
            Marginal::Category(category) => {
                (category.to_string(), self.category_name(category), String::new())
            }
        };
        pb::Indicators {
            key,
            name,
            place,
            received: counts.of(Measure::Received),
            arrived: counts.of(Measure::Arrived),
            arrived_on_time: counts.of(Measure::ArrivedOnTime),
            arrival_due: counts.of(Measure::ArrivalDue),
            returned: counts.of(Measure::Returned),
            closed: counts.of(Measure::Closed),
            closed_on_time: counts.of(Measure::ClosedOnTime),
            closure_due: counts.of(Measure::ClosureDue),
            reworked: counts.of(Measure::Reworked),
            repeated: counts.of(Measure::Repeated),
            followed_up: counts.of(Measure::FollowedUp),
            followed_up_first: counts.of(Measure::FollowedUpFirst),
            satisfied: counts.of(Measure::Satisfied),
            satisfied_first: counts.of(Measure::SatisfiedFirst),
            followed_up_final: counts.of(Measure::FollowedUpFinal),
        }
    }
}

fn date(field: &str, text: &str) -> Result<Date, Fault> {
    text.parse().map_err(|e: crate::domain::BadName| Fault::field("BAD_DATE", field, e.allowed))
}

fn level_zh(level: Level) -> &'static str {
    match level {
        Level::City => "市",
        Level::County => "县",
        Level::Town => "镇",
        Level::Village => "村",
    }
}
