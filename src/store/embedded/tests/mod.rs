//! What only this store can get wrong: its file, its disk, what it shows while it flushes.
//! The law itself is tested by the conformance suite.

mod disk;
mod mending;
mod opening;

use crate::domain::*;
use crate::store::{Change, Paper, Receipt, Remembered, RequestId, SealedContact};
use std::sync::Arc;

const HEARD: Timestamp = Timestamp(1_647_218_400_000);

fn cell() -> Cell {
    "3304".parse().unwrap()
}

fn number(seq: u32) -> OrderNo {
    OrderNo::new(cell(), HEARD.date(), seq)
}

/// A new order in triage, with a request id of its own number.
fn new_order(seq: u32) -> Change {
    let register = Register {
        no: number(seq),
        channel: Channel::Phone,
        heard_at: HEARD,
        reading: Reading {
            kind: Kind::Request,
            category: Category::NONE,
            urgency: Urgency::Normal,
            category_confidence: Confidence::new(10),
            division: cell().division(),
            division_confidence: Confidence::new(10),
        },
        plan: None,
        hand_over: None,
        recused: Vec::new(),
        reopens: None,
        policy: Policy::FOUNDING,
        catalogue: 1,
        rule: 0,
        model: None,
        hash: None,
    };
    let actor = Actor { staff: Arc::from("1"), unit: cell().centre(), role: Role::Agent };
    let command = Command { actor, action: Action::Register(Box::new(register)) };
    let Decision { after, events } = decide(None, &command, HEARD).unwrap();
    let receipt = Receipt {
        order: after.no,
        version: 1,
        stage: after.stage,
        holder: after.holder(),
        category: Category::NONE,
        division: cell().division(),
        arrival_due: HEARD,
        closure_due: HEARD,
        at: HEARD,
    };
    Change {
        before: None,
        after: Arc::new(after),
        events,
        papers: vec![(0, Arc::new(Paper::default()))],
        contact: Some(SealedContact { phone: [0; 16], tail: [0; 16], sealed: vec![0; 50] }),
        request: Some((RequestId(u128::from(seq)), Remembered { digest: [1; 16], receipt })),
        lease: None,
        mode: None,
    }
}
