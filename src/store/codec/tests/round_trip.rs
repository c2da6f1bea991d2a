//! Whatever can be written reads back the same.

mod whats;

use crate::domain::*;
use crate::store::codec::*;
use crate::store::{Evidence, Paper, Receipt, Remembered, SealedContact};
use proptest::prelude::*;
use std::sync::Arc;
use whats::any_what;

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

fn of<T: Clone + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
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

fn any_policy() -> impl Strategy<Value = Policy> {
    let shares = [any_span(), any_span(), any_span(), any_span()];
    let limits = (any::<u32>(), any::<u16>(), any_span(), any_span(), shares);
    let follow_up = proptest::option::of((1..i64::MAX).prop_map(Span));
    let spans = (any_span(), any_span());
    let terms = (any::<[u8; 3]>(), any::<(u8, u8, u8)>(), spans, any::<(bool, bool)>());
    (limits, follow_up, proptest::option::of(terms)).prop_map(|(limits, follow_up, terms)| {
        let (version, id, arrival, closure, shares) = limits;
        let founding = Policy { version, arrival, closure, shares, follow_up, ..Policy::FOUNDING };
        let Some((warn_at, (extensions, returns, reworks), spans, flags)) = terms else {
            return founding;
        };
        let (evidence, plain_weekends) = flags;
        let (pause, extension) = spans;
        Policy {
            id,
            warn_at,
            extensions,
            extension,
            returns,
            reworks,
            pause,
            evidence,
            plain_weekends,
            ..founding
        }
    })
}

/// What only hard lives have.
#[derive(Clone, Debug)]
struct Hard {
    marks: Marks,
    recused: Vec<Unit>,
    direct: bool,
    overdue_told: bool,
    designated: Option<Unit>,
    asked: Option<Asked>,
    pauses: Vec<Pause>,
    rounds: Vec<Round>,
    co_handlers: Vec<CoHandler>,
    links: Links,
    granted: Span,
    report: Option<u16>,
    tries: Tries,
}

fn any_hard() -> impl Strategy<Value = Hard> {
    use proptest::collection::vec;
    use proptest::option::of as maybe;
    let marks = (any::<(u8, u8, u8)>(), maybe(of(Card::ALL))).prop_map(
        |((urged, extended, followed_up), card)| Marks {
            urged,
            extended,
            followed_up,
            card,
            ..Marks::default()
        },
    );
    let asked = maybe(prop_oneof![
        any_span().prop_map(Asked::Extension),
        any_moment().prop_map(Asked::Suspension)
    ]);
    let pause = (any_moment(), any_moment(), maybe(any_moment()))
        .prop_map(|(from, review_at, until)| Pause { from, review_at, until });
    let round = (any_clock(), any::<u16>(), any_moment())
        .prop_map(|(closure, report, reworked_at)| Round { closure, report, reworked_at });
    let co = (any_unit(), 0_u8..3, any_moment(), maybe(any_moment()), maybe(any_moment()))
        .prop_map(|(unit, place, added_at, signed_at, reported_at)| CoHandler {
            unit,
            place,
            added_at,
            signed_at,
            reported_at,
        });
    let links = (maybe(any_no()), vec(any_no(), 0..MAX_CHILDREN), any::<bool>()).prop_flat_map(
        |(merged_into, children, told)| {
            (maybe(any_no()), maybe(any_no())).prop_map(move |(reopens, reopened_as)| Links {
                merged_into,
                children: children.clone(),
                told,
                reopens,
                reopened_as,
            })
        },
    );
    let said = (any::<(bool, bool)>(), maybe(any_unit()), asked);
    let lists = (vec(any_unit(), 0..4), vec(pause, 0..4), vec(round, 0..3), vec(co, 0..4));
    let tries = (any::<u8>(), maybe(any_moment()))
        .prop_map(|(deliveries, parked_at)| Tries { deliveries, parked_at });
    let kept = (prop_oneof![Just(Span::ZERO), any_span()], maybe(any::<u16>()), tries);
    (marks, said, lists, links, kept).prop_map(|(marks, said, lists, links, kept)| {
        let ((direct, overdue_told), designated, asked) = said;
        let (recused, pauses, rounds, co_handlers) = lists;
        Hard {
            marks,
            recused,
            direct,
            overdue_told,
            designated,
            asked,
            pauses,
            rounds,
            co_handlers,
            links,
            granted: kept.0,
            report: kept.1,
            tries: kept.2,
        }
    })
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
    let numbers = (any_no(), 1..u32::MAX, any::<(u32, u16, u16, Option<u32>)>());
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
        any_policy(),
        (any_clock(), any_clock()),
        legs,
        (refused, any_hard()),
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
                (refused_by, hard),
                carried,
            )| {
                let (no, version, (catalogue, rule, papers, model)) = numbers;
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
                    model: model.map(ModelVersion),
                    heard_at: times.0,
                    registered_at: times.1,
                    updated_at: times.2,
                    policy,
                    arrival: clocks.0,
                    closure: clocks.1,
                    granted: hard.granted,
                    legs,
                    tries: hard.tries,
                    refused_by,
                    marks: Marks { returned, rejected, ..hard.marks },
                    recused: hard.recused,
                    direct: hard.direct,
                    designated: hard.designated,
                    asked: hard.asked,
                    pauses: hard.pauses,
                    rounds: hard.rounds,
                    co_handlers: hard.co_handlers,
                    overdue_told: hard.overdue_told,
                    links: hard.links,
                    report: hard.report,
                    papers,
                    carried,
                }
            },
        )
}

fn any_events() -> impl Strategy<Value = Vec<Event>> {
    let hidden = || proptest::collection::vec(any_unit(), 0..3);
    let place =
        move || (any_no(), any::<u32>(), any_moment(), of(Stage::ALL), any_unit(), hidden());
    let actor = || ("[a-z0-9]{0,64}", any_unit(), of(Role::ALL));
    // Few places and actors, so that they repeat as they do in life.
    let pools = (
        proptest::collection::vec(place(), 1..3),
        proptest::collection::vec(actor(), 1..3),
        proptest::collection::vec((any::<usize>(), any::<usize>(), any_what()), 0..6),
    );
    pools.prop_map(|(places, actors, whats)| {
        let event = |(p, a, what): (usize, usize, What)| {
            let (order, version, at, stage, unit, hidden_from) = places[p % places.len()].clone();
            let (staff, of, role) = &actors[a % actors.len()];
            Event {
                order,
                version,
                at,
                actor: Actor { staff: Arc::from(staff.as_str()), unit: *of, role: *role },
                stage,
                unit,
                category: Category(version as u16),
                hidden_from,
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
