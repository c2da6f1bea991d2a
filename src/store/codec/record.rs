//! What stands beside the order: remembered requests, papers, sealed contacts.

use super::bytes::{Bad, In, Kind, Out};
use crate::domain::{Category, Stage, Timestamp};
use crate::store::{Evidence, Paper, Receipt, Remembered, SealedContact, StoreError};

/// Writes a remembered request.
pub fn encode_remembered(remembered: &Remembered) -> Vec<u8> {
    let Remembered { digest, receipt } = remembered;
    let cell = receipt.order.cell();
    let mut out = Out::new(80);
    out.raw(digest);
    out.order_no(receipt.order);
    out.number(u64::from(receipt.version));
    out.byte(receipt.stage.byte());
    out.byte(u8::from(receipt.holder.is_some()));
    if let Some(holder) = receipt.holder {
        out.unit(holder, cell);
    }
    out.number(u64::from(receipt.category.0));
    out.division(receipt.division, cell);
    out.signed(receipt.at.0);
    out.moment(receipt.arrival_due, receipt.at);
    out.moment(receipt.closure_due, receipt.at);
    out.finish(Kind::Remembered)
}

/// Reads a remembered request.
pub fn decode_remembered(bytes: &[u8]) -> Result<Remembered, StoreError> {
    let mut content = In::open(Kind::Remembered, bytes)?;
    let read = |f: &mut In<'_>| -> Result<Remembered, Bad> {
        let digest = f.array()?;
        let order = f.order_no()?;
        let cell = order.cell();
        let version = f.small()?;
        let stage = f.named(Stage::from_byte)?;
        let holder = if f.byte()? == 0 { None } else { Some(f.unit(cell)?) };
        let category = Category(f.small()?);
        let division = f.division(cell)?;
        let at = Timestamp(f.signed()?);
        let (arrival_due, closure_due) = (f.moment(at)?, f.moment(at)?);
        f.end()?;
        let receipt = Receipt {
            order,
            version,
            stage,
            holder,
            category,
            division,
            arrival_due,
            closure_due,
            at,
        };
        Ok(Remembered { digest, receipt })
    };
    read(&mut content).map_err(|bad| In::damaged(Kind::Remembered, bytes, bad))
}

/// Writes a paper.
pub fn encode_paper(paper: &Paper) -> Vec<u8> {
    encode_paper_behind(Vec::new(), paper)
}

/// The same behind what stands there.
pub fn encode_paper_behind(bytes: Vec<u8>, paper: &Paper) -> Vec<u8> {
    let mut out = Out::behind(bytes, 16 + paper.title.len() + paper.body.len());
    out.text(&paper.title);
    out.text(&paper.body);
    for Evidence { uri, sha256 } in &paper.evidence {
        out.text(uri);
        out.raw(sha256);
    }
    out.finish(Kind::Paper)
}

/// Reads a paper. It names no order: the store that looked for it does.
pub fn decode_paper(bytes: &[u8]) -> Result<Paper, StoreError> {
    let mut content = In::open(Kind::Paper, bytes)?;
    let read = |f: &mut In<'_>| -> Result<Paper, Bad> {
        let (title, body) = (f.text()?.to_owned(), f.text()?.to_owned());
        let mut evidence = Vec::new();
        while !f.is_empty() {
            evidence.push(Evidence { uri: f.text()?.to_owned(), sha256: f.array()? });
        }
        Ok(Paper { title, body, evidence })
    };
    read(&mut content).map_err(|bad| In::damaged(Kind::Paper, bytes, bad))
}

/// Writes a sealed contact.
pub fn encode_contact(contact: &SealedContact) -> Vec<u8> {
    encode_contact_behind(Vec::new(), contact)
}

/// The same behind what stands there.
pub fn encode_contact_behind(bytes: Vec<u8>, contact: &SealedContact) -> Vec<u8> {
    let mut out = Out::behind(bytes, 40 + contact.sealed.len());
    out.raw(&contact.phone);
    out.raw(&contact.tail);
    out.raw(&contact.sealed);
    out.finish(Kind::Contact)
}

/// Reads a sealed contact. It names no order: the store that looked for it does.
pub fn decode_contact(bytes: &[u8]) -> Result<SealedContact, StoreError> {
    let mut content = In::open(Kind::Contact, bytes)?;
    let read = |f: &mut In<'_>| -> Result<SealedContact, Bad> {
        let (phone, tail) = (f.array()?, f.array()?);
        Ok(SealedContact { phone, tail, sealed: f.rest().to_vec() })
    };
    read(&mut content).map_err(|bad| In::damaged(Kind::Contact, bytes, bad))
}
