//! Whatever can be written reads back the same.

use crate::domain::*;
use crate::store::codec::*;
use crate::store::{Evidence, Paper, Receipt, Remembered, SealedContact};
use proptest::prelude::*;
use std::sync::Arc;

// Arbitrary records.

fn any_unit() -> impl Strategy<Value = Unit> {
    // Mostly of the city, sometimes of anywhere.
    let place = prop_oneof![3 => 330_400_000_000_u64..330_500_000_000, 1 => 110_100_000_000..1_000_000_000_000_u64];
    (place, 0..1_000_u64).prop_filter_map("a division", |(d, o)| Unit::new(d * 1_000 + o).ok())
}

fn any_moment() -> impl Strategy<Value = Timestamp> {
    prop_oneof![3 => 1_600_000_000_000_i64..1_900_000_000_000, 1 => any::<i64>()]
        .prop_map(Timestamp)
}

fn any_span() -> impl Strategy<Value = Span> {
    prop_oneof![3 => 0..100_000_000_i64, 1 => any::<i64>()].prop_map(Span)
}

fn of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(all)
}

fn any_no() -> impl Strategy<Value = OrderNo> {
    (0..36_000_i64, any::<u32>()).prop_map(|(day, seq)| {
        OrderNo::new("3304".parse().unwrap(), Date::from_days(10_957 + day), seq)
    })
}

fn any_leg() -> impl Strategy<Value = Leg> {
    let maybe = || proptest::option::of(any_moment());
    let ended = proptest::option::of((any_moment(), of(Ending::ALL)));
    (any_unit(), of(Duty::ALL), any_moment(), maybe(), maybe(), ended).prop_map(
        |(unit, duty, started_at, delivered_at, signed_at, ended)| Leg {
            unit,
            duty,
            started_at,
            delivered_at,
            signed_at,
            ended,
        },
    )
}

fn any_clock() -> impl Strategy<Value = Clock> {
    let maybe = || proptest::option::of(any_moment());
    (any_span(), any::<u8>(), maybe(), maybe(), proptest::option::of(any_unit())).prop_map(
        |(limit, warned, breached_at, stopped_at, raised_to)| Clock {
            limit,
            warned,
            breached_at,
            stopped_at,
            raised_to,
        },
    )
}

fn any_order() -> impl Strategy<Value = Order> {
    let reading = (of(Kind::ALL), any::<u16>(), of(Urgency::ALL), 0..=100_u8, any_unit()).prop_map(
        |(kind, category, urgency, sure, unit)| Reading {
            kind,
            category: Category(category),
            urgency,
            category_confidence: Confidence::new(sure),
            division: unit.division(),
            division_confidence: Confidence::new(100 - sure),
        },
    );
    let plan = proptest::option::of(
        any_unit().prop_filter_map("a chain", |unit| Plan::new(vec![unit]).ok()),
    );
    let numbers = (any_no(), 1..u32::MAX, any::<u32>(), any::<u16>(), any::<u16>());
    let policy =
        (any::<u32>(), any_span(), any_span(), [any_span(), any_span(), any_span(), any_span()])
            .prop_map(|(version, arrival, closure, shares)| Policy {
                version,
                arrival,
                closure,
                shares,
                follow_up: Some(Span::hours(24)),
                ..Policy::FOUNDING
            });
    let times = (any_moment(), any_moment(), any_moment());
    let legs = proptest::collection::vec(any_leg(), 1..MAX_LEGS);
    let refused = proptest::collection::vec(any_unit(), 0..4);
    let carried = proptest::collection::vec(
        (100..=255_u8, proptest::collection::vec(any::<u8>(), 0..100)),
        0..3,
    )
    .prop_map(|fields| {
        fields
            .into_iter()
            .flat_map(|(tag, bytes)| {
                let mut field = vec![tag, bytes.len() as u8];
                field.extend(bytes);
                field
            })
            .collect::<Vec<u8>>()
    });
    let standing = (of(Stage::ALL), of(Channel::ALL), any::<(u8, u8)>());
    (
        numbers,
        standing,
        reading,
        plan,
        times,
        policy,
        (any_clock(), any_clock()),
        legs,
        refused,
        carried,
    )
        .prop_map(
            |(
                numbers,
                standing,
                reading,
                plan,
                times,
                policy,
                clocks,
                legs,
                refused_by,
                carried,
            )| {
                let (no, version, catalogue, rule, papers) = numbers;
                let (stage, channel, (returned, rejected)) = standing;
                Order {
                    no,
                    version,
                    stage,
                    channel,
                    reading,
                    plan,
                    catalogue,
                    rule,
                    heard_at: times.0,
                    registered_at: times.1,
                    updated_at: times.2,
                    policy,
                    arrival: clocks.0,
                    closure: clocks.1,
                    legs,
                    refused_by,
                    marks: Marks { returned, rejected },
                    papers,
                    carried,
                }
            },
        )
}

fn any_what() -> impl Strategy<Value = What> {
    let span = || proptest::option::of(any_span());
    prop_oneof![
        any_moment().prop_map(|heard_at| What::Registered { heard_at }),
        any::<bool>().prop_map(|by_clock| What::Accepted { by_clock }),
        any_unit().prop_map(|unit| What::Delivered { unit }),
        (any_unit(), span()).prop_map(|(unit, arrived_after)| What::Signed { unit, arrived_after }),
        (any_unit(), any_unit(), any_span(), span())
            .prop_map(|(from, to, held, late)| What::Relayed { from, to, held, late }),
        (any_unit(), any_unit(), any_span(), of(ReturnReason::ALL))
            .prop_map(|(from, to, held, reason)| What::Returned { from, to, held, reason }),
        (any_unit(), any_unit()).prop_map(|(from, to)| What::Reported { from, to }),
        (any_unit(), any_unit()).prop_map(|(by, to)| What::ReportRejected { by, to }),
        (any_unit(), any_span()).prop_map(|(by, after)| What::Closed { by, after }),
        (of(ClockKind::ALL), any::<u8>(), any_unit(), any_moment())
            .prop_map(|(clock, percent, holder, due)| What::Warned { clock, percent, holder, due }),
        (of(ClockKind::ALL), any_unit(), any_unit(), any_moment()).prop_map(
            |(clock, holder, raised_to, due)| What::Breached { clock, holder, raised_to, due }
        ),
        any_unit().prop_map(|unit| What::ContactViewed { unit }),
        Just(What::Archived),
    ]
}

fn any_events() -> impl Strategy<Value = Vec<Event>> {
    let place = || (any_no(), any::<u32>(), any_moment(), of(Stage::ALL), any_unit());
    let actor = || ("[a-z0-9]{0,64}", any_unit(), of(Role::ALL));
    // Few places and actors, so that they repeat as they do in life.
    let pools = (
        proptest::collection::vec(place(), 1..3),
        proptest::collection::vec(actor(), 1..3),
        proptest::collection::vec((any::<usize>(), any::<usize>(), any_what()), 0..6),
    );
    pools.prop_map(|(places, actors, whats)| {
        let event = |(p, a, what): (usize, usize, What)| {
            let (order, version, at, stage, unit) = places[p % places.len()];
            let (staff, of, role) = &actors[a % actors.len()];
            Event {
                order,
                version,
                at,
                actor: Actor { staff: Arc::from(staff.as_str()), unit: *of, role: *role },
                stage,
                unit,
                category: Category(version as u16),
                what,
            }
        };
        whats.into_iter().map(event).collect()
    })
}

proptest! {
    #[test]
    fn orders_read_back_as_written(order in any_order()) {
        let bytes = encode_order(&order);
        let read = decode_order(&bytes).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(read, order);
    }

    #[test]
    fn events_read_back_as_written(events in any_events()) {
        let bytes = encode_events(&events);
        let read = decode_events(&bytes).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(read, events);
    }

    #[test]
    fn papers_read_back_as_written(title in ".*", body in ".*", uris in proptest::collection::vec(".*", 0..3)) {
        let evidence = uris.into_iter().map(|uri| Evidence { uri, sha256: [5; 32] }).collect();
        let paper = Paper { title, body, evidence };
        prop_assert_eq!(decode_paper(&encode_paper(&paper)).unwrap(), paper);
    }

    #[test]
    fn contacts_read_back_as_written(phone: [u8; 16], tail: [u8; 16], sealed: Vec<u8>) {
        let contact = SealedContact { phone, tail, sealed };
        prop_assert_eq!(decode_contact(&encode_contact(&contact)).unwrap(), contact);
    }

    #[test]
    fn requests_read_back_as_written(
        digest: [u8; 16],
        no in any_no(),
        holder in proptest::option::of(any_unit()),
        unit in any_unit(),
        times in (any_moment(), any_moment(), any_moment()),
    ) {
        let receipt = Receipt {
            order: no,
            version: no.seq(),
            stage: Stage::Review,
            holder,
            category: Category(9),
            division: unit.division(),
            arrival_due: times.0,
            closure_due: times.1,
            at: times.2,
        };
        let remembered = Remembered { digest, receipt };
        prop_assert_eq!(decode_remembered(&encode_remembered(&remembered)).unwrap(), remembered);
    }

    #[test]
    fn nonsense_is_an_error(bytes: Vec<u8>) {
        prop_assert!(decode_order(&bytes).is_err());
        prop_assert!(decode_events(&bytes).is_err());
        prop_assert!(decode_remembered(&bytes).is_err());
        prop_assert!(decode_paper(&bytes).is_err());
        prop_assert!(decode_contact(&bytes).is_err());
    }
}
