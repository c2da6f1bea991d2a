//! The closer look: what seems not to agree is compared again in one atomic look at one version
//! of the order, and written anew in that same look if it is to be.

use super::{Finding, Index, LOOKS, Page, TOGETHER, count, next_page};
use crate::domain::{GAUGES, Order, OrderNo, TALLIES, Tally};
use crate::store::{Look, MAX_OF_CALLER, Store, StoreError};
use futures_util::stream::{self, StreamExt};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Looks at the suspects until each agrees, or disagrees while standing still. One that never
/// stands still is being written by commits all the time, and by nothing else.
pub(super) async fn closer(
    store: &dyn Store,
    index: &Index,
    suspects: BTreeSet<OrderNo>,
    mend: bool,
) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    for no in suspects {
        for _ in 0..LOOKS {
            let look = Look {
                no,
                order: store.load(no).await?,
                seen: index.entries.get(&no).cloned().unwrap_or_default(),
                due: index.deadlines.get(&no).cloned().unwrap_or_default(),
            };
            let Some(found) = store.reconcile(&look, mend).await? else { continue };
            // What is said to be mended was looked at again.
            let left = match mend && !found.is_empty() {
                true => store.reconcile(&look, false).await?.unwrap_or_default(),
                false => found.clone(),
            };
            findings.extend(found.into_iter().map(|mismatch| Finding {
                order: Some(no),
                name: mismatch.name(),
                mended: mend && !left.contains(&mismatch),
                what: match look.order {
                    Some(_) => mismatch.to_string(),
                    None => format!("{mismatch}; it does not exist"),
                },
            }));
            break;
        }
    }
    Ok(findings)
}

/// Which orders each caller has, by the digest of the phone, and whether each is over.
#[derive(Default)]
pub(super) struct Callers(BTreeMap<[u8; 16], Vec<(OrderNo, bool)>>);

impl Callers {
    pub(super) fn add(&mut self, no: OrderNo, over: bool, phone: [u8; 16]) {
        self.0.entry(phone).or_default().push((no, over));
    }

    /// Whether each caller's list names those that are not over, and nobody else's. More than
    /// fit are not missed.
    pub(super) async fn check(
        self,
        store: &dyn Store,
        mend: bool,
    ) -> Result<Vec<Finding>, StoreError> {
        let each = self.0.into_iter().map(|(phone, known)| of_caller(store, phone, known, mend));
        let mut checked = stream::iter(each).buffered(TOGETHER);
        let mut findings = Vec::new();
        while let Some(found) = checked.next().await {
            findings.extend(found?);
        }
        Ok(findings)
    }
}

/// Whether a caller's list is right.
async fn of_caller(
    store: &dyn Store,
    phone: [u8; 16],
    known: Vec<(OrderNo, bool)>,
    mend: bool,
) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    for _ in 0..LOOKS {
        let seen = store.of_caller(phone).await?;
        let (mut kept, mut strangers) = (Vec::new(), Vec::new());
        let over = |no: &OrderNo| known.contains(&(*no, true));
        for no in seen.iter().filter(|no| !over(no)) {
            let known = known.iter().any(|(of, _)| of == no);
            match known || is_of(store, *no, phone).await? {
                true => kept.push(*no),
                false => strangers.push(*no),
            }
        }
        let mut missing: Vec<Arc<Order>> = Vec::new();
        if kept.len() < MAX_OF_CALLER {
            let open = known.iter().filter(|(no, over)| !over && !seen.contains(no));
            for (no, _) in open {
                // It may be over by now, and gone from the list for that.
                missing.extend(store.load(*no).await?.filter(|order| !order.is_over()));
            }
        }
        let over: Vec<OrderNo> = seen.iter().copied().filter(over).collect();
        if missing.is_empty() && strangers.is_empty() && over.is_empty() {
            break;
        }
        let numbers = missing.iter().map(|order| order.no);
        let mut right: Vec<OrderNo> = kept.into_iter().chain(numbers).collect();
        right.sort_unstable_by(|a, b| b.cmp(a));
        let mended = match mend {
            true => store.mend_caller(phone, &seen, &right, &missing).await?,
            false => store.of_caller(phone).await? == seen,
        };
        if !mended {
            // It is being written to: it is looked at anew.
            continue;
        }
        let of = |no: OrderNo, what: &str| Finding {
            order: Some(no),
            name: "caller_list",
            mended: mend,
            what: what.to_owned(),
        };
        let missing = missing.iter().map(|order| order.no).collect();
        for (numbers, what) in [
            (missing, "is missing in its caller's list"),
            (strangers, "is in the list of another caller"),
            (over, "is in its caller's list though it is over"),
        ] {
            findings.extend(numbers.into_iter().map(|no| of(no, what)));
        }
        break;
    }
    Ok(findings)
}

/// Whether an order is this caller's. One whose contact is gone is nobody else's.
async fn is_of(store: &dyn Store, no: OrderNo, phone: [u8; 16]) -> Result<bool, StoreError> {
    match store.contact(no).await {
        Ok(contact) => Ok(contact.is_none_or(|contact| contact.phone == phone)),
        Err(StoreError::Damaged(_)) => Ok(true),
        Err(error) => Err(error),
    }
}

/// The counters that say how many orders stand somewhere. They can only be compared with a
/// count that nothing disturbed; on a system that never rests they are not judged.
pub(super) async fn counters(
    store: &dyn Store,
    mut since: crate::store::Cursor,
    mut counted: HashMap<Tally, i64>,
    mend: bool,
) -> Result<Vec<Finding>, StoreError> {
    for _ in 0..LOOKS {
        let stored = store.tallies().await?;
        let now = store.mark().await?;
        if now == since {
            let really = |tally: &Tally| counted.get(tally).copied().unwrap_or(0);
            let wrong = stored.iter().filter(|(t, n)| GAUGES.contains(t) && *n != really(t));
            let wrong: Vec<(Tally, i64)> = wrong.copied().collect();
            let right: Vec<(Tally, i64)> = wrong.iter().map(|(t, _)| (*t, really(t))).collect();
            let mended = mend && !right.is_empty() && store.mend_tallies(since, &right).await?;
            let of = |mended, what| Finding { order: None, name: "wrong_counter", mended, what };
            let mut findings: Vec<Finding> = wrong
                .iter()
                .map(|(tally, n)| {
                    let really = really(tally);
                    of(mended, format!("the counter {tally} says {n}, but {really} orders do"))
                })
                .collect();
            let missing = TALLIES.iter().filter(|t| !stored.iter().any(|(s, _)| s == *t));
            findings.extend(missing.map(|t| of(false, format!("the counter {t} is missing"))));
            return Ok(findings);
        }
        since = now;
        counted.clear();
        let mut after = None;
        while let Some(Page { orders, damaged, last }) = next_page(store, after).await? {
            after = Some(last);
            if !damaged.is_empty() {
                return Ok(Vec::new());
            }
            orders.iter().for_each(|order| count(&mut counted, order));
        }
    }
    Ok(Vec::new())
}
