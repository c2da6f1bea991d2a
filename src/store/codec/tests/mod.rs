//! Damage, growth, and the golden bytes that keep the format what it is.

mod round_trip;

use super::*;
use crate::domain::*;
use crate::store::{
    Evidence, ModeRow, Paper, Receipt, Remembered, RequestId, Restamping, SealedContact, StoreError,
};
use std::sync::Arc;

const HEARD: Timestamp = Timestamp(1_647_218_400_123);

fn unit(text: &str) -> Unit {
    text.parse().unwrap()
}

fn number(seq: u32) -> OrderNo {
    OrderNo::new("3304".parse().unwrap(), Date { year: 2022, month: 3, day: 14 }, seq)
}

/// As it stands after a full way down: four legs, signed at the front line.
fn typical() -> Order {
    let chain = ["3304", "330402", "330402001", "330402001003"].map(unit);
    let at = |minutes| HEARD.plus(Span::minutes(minutes)).plus(Span(321));
    let leg = |i: usize, ended| Leg {
        unit: chain[i],
        duty: Duty::Lead,
        started_at: if i == 0 { HEARD } else { at(i as i64 * 4) },
        delivered_at: Some(at(i as i64 * 4 + 1)),
        signed_at: Some(at(i as i64 * 4 + 2)),
        ended,
    };
    let passed = |i: usize| leg(i, Some((at((i as i64 + 1) * 4), Ending::Passed)));
    Order {
        no: number(42),
        version: 9,
        stage: Stage::Handling,
        channel: Channel::Phone,
        reading: Reading {
            kind: Kind::Complaint,
            category: Category(203),
            urgency: Urgency::Urgent,
            category_confidence: Confidence::new(83),
            division: "330402001003".parse().unwrap(),
            division_confidence: Confidence::new(97),
        },
        plan: Some(Plan::new(chain.to_vec()).unwrap()),
        catalogue: 3,
        rule: 117,
        model: None,
        heard_at: HEARD,
        registered_at: at(0),
        updated_at: at(14),
        policy: Policy::FOUNDING,
        arrival: Clock {
            limit: Span::hours(1),
            warned: 0,
            breached_at: None,
            stopped_at: Some(at(14)),
            raised_to: None,
        },
        closure: Clock {
            limit: Span::hours(3),
            warned: 1,
            breached_at: None,
            stopped_at: None,
            raised_to: None,
        },
        granted: Span::ZERO,
        legs: vec![passed(0), passed(1), passed(2), leg(3, None)],
        tries: Tries::default(),
        refused_by: Vec::new(),
        marks: Marks::default(),
        recused: Vec::new(),
        direct: false,
        designated: None,
        asked: None,
        pauses: Vec::new(),
        rounds: Vec::new(),
        co_handlers: Vec::new(),
        overdue_told: false,
        links: Links::default(),
        report: None,
        papers: 1,
        carried: Vec::new(),
    }
}

fn typical_events() -> Vec<Event> {
    let order = typical();
    let event = |actor, what| Event {
        order: order.no,
        version: order.version,
        at: order.updated_at,
        actor,
        stage: order.stage,
        unit: order.leg().unit,
        category: order.reading.category,
        hidden_from: Vec::new(),
        what,
    };
    let clock = Actor::clock(order.no.cell());
    let person =
        Actor { staff: Arc::from("3304-0117"), unit: unit("330402001003"), role: Role::Handler };
    let warned = What::Warned {
        clock: ClockKind::Closure,
        percent: 50,
        holder: unit("330402001003"),
        due: order.updated_at,
    };
    let signed =
        What::Signed { unit: unit("330402001003"), arrived_after: Some(Span::minutes(14)) };
    vec![event(clock, warned), event(person, signed)]
}

/// Written down, and a burst that it was part of.
fn registered() -> Vec<Event> {
    let like =
        Likeness { hash: SimHash(0x0123_4567_89ab_cdef), division: unit("330402001").division() };
    let what = What::Registered { heard_at: HEARD, like: Some(like) };
    let first = Event { what, ..typical_events().remove(1) };
    let (town, orders) = (like.division, vec![number(41), number(42)]);
    let burst = What::Burst { town, orders, since: HEARD };
    vec![first.clone(), Event { order: OrderNo::city(number(1).cell()), what: burst, ..first }]
}

fn typical_remembered() -> Remembered {
    Remembered {
        digest: [7; 16],
        receipt: Receipt {
            order: number(42),
            version: 1,
            stage: Stage::Assigned,
            holder: Some(unit("3304")),
            category: Category(203),
            division: "330402001003".parse().unwrap(),
            arrival_due: HEARD.plus(Span::hours(1)),
            closure_due: HEARD.plus(Span::hours(3)),
            at: HEARD.plus(Span(321)),
        },
    }
}

fn typical_paper() -> Paper {
    Paper {
        title: "路灯".to_owned(),
        body: "不亮".to_owned(),
        evidence: vec![Evidence { uri: "https://e/1".to_owned(), sha256: [9; 32] }],
    }
}

fn typical_contact() -> SealedContact {
    SealedContact { phone: [1; 16], tail: [2; 16], sealed: vec![3; 40] }
}

#[test]
fn a_typical_snapshot_is_small() {
    let bytes = encode_order(&typical());
    println!("a snapshot of four legs takes {} bytes", bytes.len());
    println!("two events of a step take {} bytes", encode_events(&typical_events()).len());
    println!("a request takes {} bytes", encode_remembered(&typical_remembered()).len());
    assert!(bytes.len() <= 500, "{}", bytes.len());
}

/// Whoever must change a line here changes the format: raise [`FORMAT`], keep reading the
/// old one, and add a line instead.
#[test]
fn the_format_is_as_it_was() {
    let golden = include_str!("../golden.hex");
    let hex = |bytes: Vec<u8>| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let records = [
        ("order", hex(encode_order(&typical()))),
        ("events", hex(encode_events(&typical_events()))),
        ("events", hex(encode_events(&registered()))),
        ("remembered", hex(encode_remembered(&typical_remembered()))),
        ("paper", hex(encode_paper(&typical_paper()))),
        ("contact", hex(encode_contact(&typical_contact()))),
    ];
    let lines = records.map(|(name, bytes)| format!("{name} {bytes}\n"));
    let strange: String =
        lines.into_iter().filter(|line| !golden.contains(line.as_str())).collect();
    assert!(strange.is_empty(), "not in golden.hex:\n{strange}");
}

/// An order that was extended before the time granted was written down by itself.
#[test]
fn an_older_snapshot_says_how_much_time_was_granted() {
    let mut order = typical();
    order.marks.extended = 1;
    order.closure.limit = Span::hours(4);
    let bytes = encode_order(&order);
    let field = [17, 1, 0];
    let at = bytes.windows(3).rposition(|w| w == field).unwrap();
    let mut older = [&bytes[..at], &bytes[at + 3..bytes.len() - 4]].concat();
    let mut hasher = crc32fast::Hasher::new_with_initial(1);
    hasher.update(&older);
    older.extend(hasher.finalize().to_le_bytes());
    let read = decode_order(&older).unwrap();
    assert_eq!(read, Order { granted: Span::hours(1), ..order.clone() });
    assert_eq!(
        decode_order(&bytes).unwrap(),
        order,
        "one that says nothing was granted is believed"
    );
    // What was never extended was granted nothing, however long its limit was stamped.
    order.marks.extended = 0;
    assert_eq!(decode_order(&encode_order(&order)).unwrap().granted, Span::ZERO);
}

#[test]
fn how_far_a_switch_is_reads_back_and_failures_cost_nothing_where_there_are_none() {
    let row = |failed| {
        let job =
            Restamping { after: Some(number(7)), looked: 9, restamped: 8, failed, done_at: None };
        ModeRow {
            revision: 3,
            mode: Mode::Wartime,
            version: 2,
            since: HEARD,
            request: RequestId(5),
            restamping: Some(job),
        }
    };
    for failed in [0, 1, 300] {
        assert_eq!(decode_mode(&encode_mode(&row(failed))).unwrap(), row(failed));
    }
    // As it was written before failures were counted.
    assert_eq!(encode_mode(&row(0)).len() + 1, encode_mode(&row(1)).len());
}

#[test]
fn what_a_newer_version_added_survives_rewriting() {
    let mut order = typical();
    // Tag 200 with three bytes, tag 201 with none.
    order.carried = vec![200, 3, 1, 2, 3, 201, 0];
    let read = decode_order(&encode_order(&order)).unwrap();
    assert_eq!(read, order);
}

#[test]
fn a_newer_format_is_told_apart_from_damage() {
    let mut bytes = encode_order(&typical());
    bytes[0] = FORMAT + 1;
    let error = decode_order(&bytes).unwrap_err();
    assert!(matches!(error, StoreError::TooNew { found: 2, known: 1 }), "{error}");
}

#[test]
fn damage_names_the_order() {
    let mut bytes = encode_order(&typical());
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let error = decode_order(&bytes).unwrap_err().to_string();
    assert!(error.contains(&number(42).to_string()), "{error}");
    // A record of another kind is damage too.
    let events = encode_events(&typical_events());
    assert!(decode_order(&events).is_err() && decode_paper(&events).is_err());
}

#[test]
fn every_truncation_and_every_flipped_byte_is_an_error() {
    type Read = fn(&[u8]) -> Option<StoreError>;
    let table: [(Vec<u8>, Read); 5] = [
        (encode_order(&typical()), |b| decode_order(b).err()),
        (encode_events(&typical_events()), |b| decode_events(b).err()),
        (encode_remembered(&typical_remembered()), |b| decode_remembered(b).err()),
        (encode_paper(&typical_paper()), |b| decode_paper(b).err()),
        (encode_contact(&typical_contact()), |b| decode_contact(b).err()),
    ];
    for (bytes, read) in table {
        assert!(read(&bytes).is_none());
        for len in 0..bytes.len() {
            assert!(read(&bytes[..len]).is_some(), "cut to {len}");
        }
        for at in 0..bytes.len() {
            for flip in 1..=255 {
                let mut other = bytes.clone();
                other[at] ^= flip;
                assert!(read(&other).is_some(), "byte {at} flipped by {flip:02x}");
            }
        }
    }
}

/// Damage that the checksum does not catch must still not panic.
#[test]
fn a_right_checksum_over_nonsense_is_an_error_not_a_panic() {
    let reseal = |kind: u32, mut bytes: Vec<u8>| {
        bytes.truncate(bytes.len() - 4);
        let mut hasher = crc32fast::Hasher::new_with_initial(kind);
        hasher.update(&bytes);
        bytes.extend(hasher.finalize().to_le_bytes());
        bytes
    };
    let good = encode_order(&typical());
    let events = encode_events(&typical_events());
    for flip in [0x01, 0x80, 0xff] {
        for at in 1..good.len() - 4 {
            let mut other = good.clone();
            other[at] ^= flip;
            let _ = decode_order(&reseal(1, other));
        }
        for at in 1..events.len() - 4 {
            let mut other = events.clone();
            other[at] ^= flip;
            let _ = decode_events(&reseal(2, other));
        }
    }
    for len in 5..good.len() {
        let _ = decode_order(&reseal(1, good[..len].to_vec()));
    }
}

/// Not a benchmark: it prints what a snapshot costs for whoever runs it in release.
#[test]
fn what_a_snapshot_costs() {
    let order = typical();
    let rounds = if cfg!(debug_assertions) { 1_000 } else { 1_000_000 };
    let start = crate::clock::tick();
    for _ in 0..rounds {
        let bytes = encode_order(std::hint::black_box(&order));
        std::hint::black_box(decode_order(&bytes).unwrap());
    }
    println!("encode and decode: {:?}", start.elapsed() / rounds);
}
