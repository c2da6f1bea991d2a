//! Handing out everything: gathered at once under the lock, for it is all in memory anyway.

use super::{Memory, State};
use crate::clock::wall_now;
use crate::domain::Dimension;
use crate::store::image::{Kind, Moment, Out, Row, push_frame, without_zeros};
use crate::store::{StoreError, codec, day_of};

impl Memory {
    pub(super) async fn dump_all(&self, mut out: Out) -> Result<Moment, StoreError> {
        let (rows, moment) = {
            let state = self.state()?;
            let (sequence, claims) = (state.steps(), state.claims);
            (rows(&state), Moment { epoch: self.epoch, sequence, claims, at: wall_now() })
        };
        for row in rows {
            out.put(row).await?;
        }
        out.flush().await?;
        Ok(moment)
    }
}

fn rows(state: &State) -> Vec<Row> {
    let mut rows: Vec<Row> = state.consumers.values().map(Row::consumer).collect();
    rows.extend((state.trimmed > 0).then(|| Row::trimmed(state.trimmed)));
    rows.extend(state.mode.iter().map(|row| Row::new(Kind::Mode, [], codec::encode_mode(row))));
    let counted = state.tallies.iter().filter(|(_, n)| **n != 0);
    rows.extend(counted.map(|(name, n)| Row::new(Kind::Tally, name.as_bytes(), n.to_be_bytes())));
    for (date, highest) in &state.numbers {
        let day = day_of(*date).to_be_bytes();
        rows.push(Row::new(Kind::Number, day, highest.to_be_bytes()));
    }
    for ((day, marginal), counts) in &state.indicators {
        let of: Dimension = marginal.dimension();
        let mut key = day.to_be_bytes().to_vec();
        key.push(of.byte());
        key.extend_from_slice(&marginal.code().to_be_bytes());
        let counts = counts.0.map(u32::to_be_bytes);
        rows.push(Row::new(Kind::Indicator, key, without_zeros(counts.as_flattened())));
    }
    for (id, remembered) in state.requests.iter() {
        let remembered = codec::encode_remembered(remembered);
        rows.push(Row::new(Kind::Request, id.0.to_be_bytes(), remembered));
    }
    for (sequence, step) in (state.trimmed + 1..).zip(&state.feed) {
        let mut frames = Vec::new();
        push_frame(&mut frames, step.len() as u32, &codec::encode_events(step));
        rows.push(Row::new(Kind::Feed, sequence.to_be_bytes(), frames));
    }
    for (no, order) in &state.orders {
        rows.push(Row::of_order(Kind::Order, *no, codec::encode_order(order)));
        let contact = state.contacts.get(no).map(codec::encode_contact);
        rows.extend(contact.map(|contact| Row::of_order(Kind::Contact, *no, contact)));
        for index in 0..order.papers {
            let paper = state.papers.get(&(*no, index));
            rows.extend(paper.map(|p| Row::paper(*no, index, codec::encode_paper(p))));
        }
    }
    rows
}
