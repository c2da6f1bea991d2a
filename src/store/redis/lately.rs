//! Orders as this process knew them last. A step may be decided upon one without asking Redis,
//! for a commit is refused where the order has changed since; and what is read in the same version
//! need not be decoded again. Nothing else may rely on it.

use crate::domain::{Order, OrderNo};
use std::sync::{Arc, Mutex, PoisonError};

/// How many are kept: at a thousand whole lives a second, what was written in the last seconds.
const SLOTS: usize = 8_192;

/// Each number has one slot, which it shares with those 8,192 before it and after it.
pub struct Lately(Box<[Mutex<Option<Known>>]>);

struct Known {
    connection: u64,
    order: Arc<Order>,
}

impl Default for Lately {
    fn default() -> Lately {
        Lately((0..SLOTS).map(|_| Mutex::default()).collect())
    }
}

impl Lately {
    /// What was known of an order over this connection. Behind another there may be a server
    /// that never had the last of what was written, and has had other steps since.
    pub fn of(&self, no: OrderNo, connection: Option<u64>) -> Option<Arc<Order>> {
        let slot = self.slot(no).lock().unwrap_or_else(PoisonError::into_inner);
        let known = slot
            .as_ref()
            .filter(|known| known.order.no == no && Some(known.connection) == connection);
        known.map(|known| Arc::clone(&known.order))
    }

    /// An order that was claimed or written over a connection. What is known to be later stays.
    pub fn saw(&self, order: &Arc<Order>, connection: Option<u64>) {
        let Some(connection) = connection else { return };
        let mut slot = self.slot(order.no).lock().unwrap_or_else(PoisonError::into_inner);
        let later = slot.as_ref().is_some_and(|known| {
            known.order.no == order.no
                && known.connection == connection
                && known.order.version > order.version
        });
        if !later {
            *slot = Some(Known { connection, order: Arc::clone(order) });
        }
    }

    fn slot(&self, no: OrderNo) -> &Mutex<Option<Known>> {
        &self.0[no.seq() as usize % SLOTS]
    }
}
