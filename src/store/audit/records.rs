//! What was written beside an order: its papers, and the contact of who called.

use super::{Finding, of};
use crate::domain::{Order, OrderNo};
use crate::store::{Store, StoreError};
use std::sync::Arc;

/// What was written beside an order.
pub(super) struct Records {
    pub(super) no: OrderNo,
    pub(super) over: bool,
    /// The digest of its caller's phone.
    pub(super) caller: Option<[u8; 16]>,
    /// What is not there, or cannot be read.
    pub(super) wrong: Vec<Finding>,
}

/// Whether everything that was written beside the order is there.
pub(super) async fn records(store: &dyn Store, order: Arc<Order>) -> Result<Records, StoreError> {
    let (mut findings, mut caller) = (Vec::new(), None);
    for index in 0..order.papers {
        let what = match store.paper(order.no, index).await {
            Ok(Some(_)) => continue,
            Ok(None) => format!("lacks paper {index} of {}", order.papers),
            Err(StoreError::Damaged(what)) => format!("has a paper that cannot be read: {what}"),
            Err(error) => return Err(error),
        };
        findings.push(of(order.no, "paper", what));
    }
    match store.contact(order.no).await {
        Ok(Some(contact)) => caller = Some(contact.phone),
        Ok(None) => findings.push(of(order.no, "contact", "lacks its contact".to_owned())),
        Err(StoreError::Damaged(what)) => {
            let what = format!("has a contact that cannot be read: {what}");
            findings.push(of(order.no, "contact", what));
        }
        Err(error) => return Err(error),
    }
    Ok(Records { no: order.no, over: order.is_over(), caller, wrong: findings })
}
