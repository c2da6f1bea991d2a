//! Where what is filed will be pulled: the server is asked which way its orders go.

use super::pullers::Tray;
use crate::catalogue::Catalogue;
use crate::cli::client::Connection;
use crate::cli::dev::matters::villages;
use crate::cli::failure::Failure;
use crate::domain::{Division, Level, Unit};
use crate::pb::PreviewOrderRequest;
use crate::pb::intake_service_client::IntakeServiceClient;
use std::collections::BTreeSet;

/// A village's duty in the built-in catalogue: the order goes all the way down.
pub(super) const CATEGORY: &str = "0101";

/// So many villages of the built-in catalogue, with their addresses, spread over the city.
pub(super) fn some_villages(catalogue: &Catalogue, many: u16) -> Vec<(Division, String)> {
    let all = villages(catalogue);
    let many = usize::from(many).min(all.len());
    (0..many).map(|n| all[n * all.len() / many].clone()).collect()
}

/// The trays on the way of orders of these villages, of so many levels from the city down; and
/// with `reviews` those where reports are decided.
pub(super) async fn trays(
    server: &Connection,
    villages: &[(Division, String)],
    levels: u8,
    reviews: bool,
) -> Result<BTreeSet<Tray>, Failure> {
    let mut client = IntakeServiceClient::new(server.channel.clone());
    let mut trays = BTreeSet::new();
    for (village, address) in villages {
        let request = PreviewOrderRequest {
            address: address.clone(),
            category: CATEGORY.into(),
            ..PreviewOrderRequest::default()
        };
        let answer = client.preview_order(server.stamp(request)).await;
        let chain = server.answer(answer)?.chain;
        let units: Result<Vec<Unit>, _> = chain.iter().map(|unit| unit.parse()).collect();
        let units = units.ok().filter(|units| goes_down_to(units, *village));
        let units = units.ok_or_else(|| Failure::said(format!(
            "the server passes category {CATEGORY} of {village} along {chain:?}, not down the four \
             levels: the bench speaks of the built-in catalogue, deploy/jiaxing"
        )))?;
        let pulled = units.iter().take(usize::from(levels));
        trays.extend(pulled.map(|unit| Tray { unit: *unit, review: false }));
        let above = units.last().and_then(|unit| unit.superior()).filter(|_| reviews);
        trays.extend(above.map(|unit| Tray { unit, review: true }));
    }
    Ok(trays)
}

fn goes_down_to(units: &[Unit], village: Division) -> bool {
    let levels: Vec<_> = units.iter().map(|unit| unit.level()).collect();
    levels == Level::ALL && units.last().is_some_and(|unit| unit.division() == village)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn villages_are_spread_and_none_comes_twice() {
        let catalogue = Catalogue::builtin().unwrap();
        let all = villages(&catalogue).len();
        for (many, expected) in [(1, 1), (16, 16), (1_202, all.min(1_202)), (10_000, all)] {
            let some = some_villages(&catalogue, many);
            let different: BTreeSet<_> = some.iter().map(|(village, _)| *village).collect();
            assert_eq!((some.len(), different.len()), (expected, expected));
        }
        let counties: BTreeSet<_> = some_villages(&catalogue, 16)
            .iter()
            .map(|(village, _)| village.code() / 1_000_000)
            .collect();
        assert!(counties.len() >= 5, "{counties:?}");
    }
}
