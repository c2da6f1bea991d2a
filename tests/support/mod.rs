//! Makes orders, changes and whole lives of orders for tests of every kind.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use hotline::domain::*;
use hotline::store::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// When the citizens of the tests were heard: 2022-03-14 08:40 in Beijing.
pub const HEARD: Timestamp = Timestamp(1_647_218_400_000);

/// Jiaxing.
pub fn cell() -> Cell {
    "3304".parse().unwrap()
}

/// The day of the tests.
pub fn date() -> Date {
    HEARD.date()
}

/// The `seq`-th order of the day.
pub fn number(seq: u32) -> OrderNo {
    OrderNo::new(cell(), date(), seq)
}

/// From its written form.
pub fn unit(text: &str) -> Unit {
    text.parse().unwrap()
}

/// 市→县→镇→村, through the `n`-th of a few villages.
pub fn chain(n: u64) -> Vec<Unit> {
    let town = 1 + n / 3 % 2;
    let village = 1 + n % 3;
    [
        "3304".into(),
        "330402".into(),
        format!("330402{town:03}"),
        format!("330402{town:03}{village:03}"),
    ]
    .iter()
    .map(|text: &String| unit(text))
    .collect()
}

/// Somebody of a unit.
pub fn actor(unit: Unit, role: Role) -> Actor {
    Actor { staff: Arc::from("0117"), unit, role }
}

/// What a caller's words are read as.
pub fn reading() -> Reading {
    Reading {
        kind: Kind::Complaint,
        category: Category(203),
        urgency: Urgency::Normal,
        category_confidence: Confidence::new(91),
        division: "330402001001".parse().unwrap(),
        division_confidence: Confidence::new(88),
    }
}

/// Writes an order down; no chain sends it to triage.
pub fn register(no: OrderNo, heard_at: Timestamp, chain: Option<Vec<Unit>>) -> Command {
    let register = Register {
        no,
        channel: Channel::Phone,
        heard_at,
        reading: reading(),
        plan: chain.map(|units| Plan::new(units).unwrap()),
        hand_over: None,
        recused: Vec::new(),
        reopens: None,
        policy: Policy::FOUNDING,
        catalogue: 1,
        rule: 7,
        model: None,
        hash: None,
    };
    Command {
        actor: actor(cell().centre(), Role::Agent),
        action: Action::Register(Box::new(register)),
    }
}

/// The front line says what it did.
pub const REPORT: Action = Action::Report { evidence: false, without_co_handlers: false };

/// The holder of an order does something.
pub fn by_holder(order: &Order, action: Action) -> Command {
    Command { actor: actor(order.leg().unit, Role::Handler), action }
}

/// A request id that was never used.
pub fn fresh_id() -> RequestId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    RequestId(u128::from(NEXT.fetch_add(1, Ordering::Relaxed)) << 64 | 0x1234_5678)
}

/// What would be answered again.
pub fn receipt(order: &Order) -> Receipt {
    Receipt {
        order: order.no,
        version: order.version,
        stage: order.stage,
        holder: order.holder(),
        category: order.reading.category,
        division: order.reading.division,
        arrival_due: order.due(ClockKind::Arrival),
        closure_due: order.due(ClockKind::Closure),
        at: order.updated_at,
    }
}

/// A contact as it would come sealed.
pub fn sealed(no: OrderNo) -> SealedContact {
    let byte = no.seq() as u8;
    SealedContact { phone: [byte; 16], tail: [byte ^ 0xff; 16], sealed: vec![byte; 60] }
}

/// The citizen's words.
pub fn words(no: OrderNo) -> Paper {
    Paper {
        title: "路灯不亮".to_owned(),
        body: format!("{no}：门口的路灯三天不亮了"),
        evidence: Vec::new(),
    }
}

/// What `decide` makes of a command, as the store is asked for it: with the papers the
/// decision numbered and, for a new order, the contact. `None` if nothing happened.
pub fn change(
    before: Option<Arc<Order>>,
    command: &Command,
    now: Timestamp,
) -> Result<Option<Change>, Refused> {
    let Decision { after, events } = decide(before.as_deref(), command, now)?;
    if events.is_empty() {
        return Ok(None);
    }
    let had = before.as_ref().map_or(0, |order| order.papers);
    let papers = (had..after.papers).map(|index| (index, Arc::new(words(after.no)))).collect();
    let contact = before.is_none().then(|| sealed(after.no));
    Ok(Some(Change {
        before,
        after: Arc::new(after),
        events,
        papers,
        contact,
        request: None,
        lease: None,
        mode: None,
    }))
}

/// A new order on its chain, heard at a moment and written down a second later.
pub fn new_order(seq: u32, heard_at: Timestamp) -> Change {
    let command = register(number(seq), heard_at, Some(chain(u64::from(seq))));
    change(None, &command, heard_at.plus(Span::seconds(1))).unwrap().unwrap()
}

/// The next step of an order that stands as `before`.
pub fn step(before: &Arc<Order>, action: Action, now: Timestamp) -> Change {
    change(Some(before.clone()), &by_holder(before, action), now).unwrap().unwrap()
}

/// The change with a request id and what would be answered again.
pub fn with_id(mut change: Change, id: RequestId, digest: BodyDigest) -> Change {
    change.request = Some((id, Remembered { digest, receipt: receipt(&change.after) }));
    change
}

/// Numbers that look random and are the same every time (SplitMix64).
pub struct Dice(u64);

impl Dice {
    /// The same seed throws the same.
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// Below `n`, which is not zero.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % n
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u64) as usize]
    }
}
