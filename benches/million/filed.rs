//! Files a great many orders, each by its own caller and with a request id of its own, as fast
//! as the store takes them.

use crate::process::{Home, Serve};
use crate::support::{cell, new_order, with_id};
use hotline::clock::tick;
use hotline::domain::{Contact, Redacted, Span, Timestamp};
use hotline::store::embedded::Embedded;
use hotline::store::seal::Sealer;
use hotline::store::{RequestId, Store};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::task::JoinSet;

const COMMITTERS: u32 = 1_024;

/// In the store that a service with this key has served. Their numbers are of a day long past,
/// so that a server gives none of them again. All were heard within the second from `heard` on.
pub async fn file(store: &Arc<dyn Store>, key: &Path, count: u32, heard: Timestamp) {
    file_from(store, key, 1..=count, heard).await;
}

/// The same with these numbers.
pub async fn file_from(
    store: &Arc<dyn Store>,
    key: &Path,
    numbers: RangeInclusive<u32>,
    heard: Timestamp,
) {
    let began = tick();
    let (first, last) = numbers.into_inner();
    let sealer = Arc::new(Sealer::from_key_file(key).unwrap());
    let next = Arc::new(AtomicU32::new(first));
    let mut committers = JoinSet::new();
    for _ in 0..COMMITTERS {
        let (store, sealer, next) = (store.clone(), sealer.clone(), next.clone());
        committers.spawn(async move {
            loop {
                let seq = next.fetch_add(1, Ordering::Relaxed);
                if seq > last {
                    return;
                }
                let heard = heard.plus(Span(i64::from(seq) % 1_000));
                let mut new = with_id(new_order(seq, heard), RequestId(mixed(seq)), [7; 16]);
                new.contact = Some(sealer.seal(new.after.no, &caller(seq)).unwrap());
                store.commit(new).await.unwrap();
            }
        });
    }
    while let Some(done) = committers.join_next().await {
        done.unwrap();
    }
    println!("({} orders filed in {:.0} s)", last + 1 - first, began.elapsed().as_secs_f64());
}

/// A home whose file a service has served: with it the key is there.
pub async fn served_file() -> Home {
    let home = Home::new();
    Serve::start(&home, &home.redb(), &[]).await.kill();
    home
}

/// The same as [`file_from`] in the file of a home that nobody serves now.
pub async fn file_in(home: &Home, numbers: RangeInclusive<u32>, heard: Timestamp) {
    let url = home.redb();
    let path = Path::new(url.strip_prefix("redb:").unwrap());
    let store = Embedded::open(path, cell()).unwrap() as Arc<dyn Store>;
    file_from(&store, &home.key(), numbers, heard).await;
    store.close().await;
}

pub fn caller(seq: u32) -> Contact {
    Contact {
        name: Redacted::new("王阿姨".to_owned()),
        phone: Redacted::new(format!("139{seq:08}")),
        address: Redacted::new("5幢801".to_owned()),
    }
}

/// As scattered as real request ids are.
fn mixed(seq: u32) -> u128 {
    u128::from(seq).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}
