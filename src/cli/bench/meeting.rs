//! Where those who sent an order and those who see what became of it meet: either may be first.

use crate::domain::OrderNo;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How many orders, at most, are waited for by one of the two; what is beyond is not timed.
const MAX_WAITING: usize = 1_000_000;

/// One of the two.
enum Side {
    Sent { meant: Instant, wake: Option<oneshot::Sender<()>> },
    Seen { at: Instant },
}

/// Orders of which one of the two has been here.
#[derive(Default)]
pub(super) struct Meeting {
    waiting: Mutex<HashMap<OrderNo, Side>>,
}

impl Meeting {
    /// An order was filed that was meant to be sent then; `wake` is told when it is seen. How
    /// long it took if it was seen already.
    pub(super) fn sent(
        &self,
        no: OrderNo,
        meant: Instant,
        wake: Option<oneshot::Sender<()>>,
    ) -> Option<Duration> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Side::Seen { at }) = waiting.get(&no) {
            let took = at.saturating_duration_since(meant);
            waiting.remove(&no);
            wake.map(|wake| wake.send(()));
            return Some(took);
        }
        if waiting.len() < MAX_WAITING {
            waiting.insert(no, Side::Sent { meant, wake });
        }
        None
    }

    /// An order was seen; how long it took if it is known when it was sent.
    pub(super) fn seen(&self, no: OrderNo, at: Instant) -> Option<Duration> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.remove(&no) {
            Some(Side::Sent { meant, wake }) => {
                // Who waited may have given up.
                wake.map(|wake| wake.send(()));
                Some(at.saturating_duration_since(meant))
            }
            // Handed out again: the first time counts.
            Some(first @ Side::Seen { .. }) => {
                waiting.insert(no, first);
                None
            }
            None => {
                if waiting.len() < MAX_WAITING {
                    waiting.insert(no, Side::Seen { at });
                }
                None
            }
        }
    }

    /// How many were sent and not seen yet.
    pub(super) fn unseen(&self) -> usize {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.values().filter(|side| matches!(side, Side::Sent { .. })).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::tick;
    use crate::domain::{Cell, Date, Division};

    fn number(seq: u32) -> OrderNo {
        let cell = Cell::of(Division::new(330_400_000_000).unwrap());
        OrderNo::new(cell, Date { year: 2026, month: 11, day: 28 }, seq)
    }

    #[test]
    fn either_may_be_first() {
        let meeting = Meeting::default();
        let (meant, at) = (tick(), tick() + Duration::from_millis(30));
        let took = at.duration_since(meant);
        assert_eq!(meeting.sent(number(1), meant, None), None);
        assert_eq!(meeting.unseen(), 1);
        assert_eq!(meeting.seen(number(1), at), Some(took));
        assert_eq!(meeting.unseen(), 0);

        assert_eq!(meeting.seen(number(2), at), None);
        // Handed out again before the answer came: the first time counts.
        assert_eq!(meeting.seen(number(2), at + Duration::from_secs(9)), None);
        assert_eq!(meeting.unseen(), 0);
        let (wake, mut woken) = oneshot::channel();
        assert_eq!(meeting.sent(number(2), meant, Some(wake)), Some(took));
        assert_eq!(woken.try_recv(), Ok(()));
    }

    #[test]
    fn who_waits_is_woken() {
        let meeting = Meeting::default();
        let (wake, mut woken) = oneshot::channel();
        meeting.sent(number(1), tick(), Some(wake));
        assert!(woken.try_recv().is_err());
        assert!(meeting.seen(number(1), tick()).is_some());
        assert_eq!(woken.try_recv(), Ok(()));
    }
}
