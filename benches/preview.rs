//! How long an agent waits for PreviewOrder: a real server on redb, one connection, one call at
//! a time, a message of some 400 characters typed out in ten steps, for a caller with open
//! orders. Prints the median, p99 and the worst.
//! `cargo bench --bench preview -- --orders 100000` files so many orders of other callers first,
//! each in the index of similar orders, one in a hundred of them much like the message.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

#[path = "../tests/support/server.rs"]
mod server;

use hotline::clock::tick;
use hotline::dispatch::Reader;
use hotline::pb;
use hotline::store::embedded::Embedded;
use server::{CENTRE, Server, by, catalogue};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// About 400 characters, as long as the mean of real messages. Written for this project.
const TEXT: &str = include_str!("submit/matter.txt");
const ADDRESS: &str = "浙江省嘉兴市秀洲区新塍镇沙家浜村3组12号";
const PHONE: &str = "0573-87654321";
/// So many orders of the caller are open.
const OPEN: u32 = 8;
/// Of other callers' orders one in so many is like the message.
const LIKE: u32 = 100;
/// So many are filed at a time.
const AT_ONCE: u32 = 256;
const WARM_UP: usize = 500;
const CALLS: usize = 5_000;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(&folder.path().join("cell.redb"), catalogue().cell()).unwrap();
    let server = Server::on(store).await;
    let characters: Vec<char> = TEXT.trim().chars().collect();
    for n in 0..OPEN {
        file(&server, n, PHONE.to_owned(), TEXT.trim().to_owned()).await;
    }
    let others = others();
    let server = Arc::new(server);
    crowd(&server, others, &characters).await;
    let mut waits = Vec::with_capacity(CALLS);
    let mut last = pb::PreviewOrderResponse::default();
    for n in 0..WARM_UP + CALLS {
        let typed = characters.len() * (n % 10 + 1) / 10;
        let request = pb::PreviewOrderRequest {
            text: characters[..typed].iter().collect(),
            address: ADDRESS.to_owned(),
            phone: PHONE.to_owned(),
            ..Default::default()
        };
        let mut intake = server.intake();
        let asked = tick();
        let said = intake.preview_order(by(CENTRE, "agent", request)).await.unwrap();
        let wait = asked.elapsed();
        if n >= WARM_UP {
            waits.push(wait);
        }
        last = said.into_inner();
    }
    assert!(!last.explanation.is_empty() && !last.place_span.is_empty(), "{last:?}");
    waits.sort_unstable();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize];
    let millis = |wait: Duration| wait.as_secs_f64() * 1e3;
    println!("{CALLS} calls, {} characters at the end: {}", characters.len(), last.explanation);
    println!("{others} orders of other callers, {} offered as similar", last.similar.len());
    println!(
        "PreviewOrder: median {:.2} ms, p99 {:.2} ms, worst {:.2} ms",
        millis(at(0.5)),
        millis(at(0.99)),
        millis(at(1.0))
    );
    let Some(server) = Arc::into_inner(server) else { return };
    server.running.stop().await;
}

/// How many orders of other callers.
fn others() -> u32 {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    match &args[..] {
        [] => 0,
        [key, value] if key == "--orders" => value.parse().expect("--orders N"),
        _ => panic!("{args:?}: allowed is --orders N"),
    }
}

/// Files orders of other callers, and waits until the index has them.
async fn crowd(server: &Arc<Server>, others: u32, characters: &[char]) {
    let next = Arc::new(AtomicU32::new(0));
    let mut filing = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (server, next, characters) = (server.clone(), next.clone(), characters.to_vec());
        filing.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= others {
                    return;
                }
                let phone = format!("139{n:08}");
                file(&server, OPEN + n, phone, words(n, &characters)).await;
            }
        });
    }
    while let Some(filed) = filing.join_next().await {
        filed.unwrap();
    }
    let end = server.store.feed_end().await.unwrap();
    let mut reader = Reader::default();
    while reader.cursor().is_none_or(|read| read < end) {
        server.running.dispatch().read_likeness(&mut reader).await.unwrap();
    }
}

/// What another caller says: the message without one of its characters, or a hundred and more of
/// them in an order of chance, which is another message to the index.
fn words(n: u32, characters: &[char]) -> String {
    let mut characters = characters.to_vec();
    if n.is_multiple_of(LIKE) {
        characters.remove((n / LIKE) as usize % characters.len());
        return characters.into_iter().collect();
    }
    let mut chance = u64::from(n) + 1;
    for at in (1..characters.len()).rev() {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        characters.swap(at, (chance >> 33) as usize % (at + 1));
    }
    let length = 100 + n as usize % (characters.len() - 100);
    characters.into_iter().take(length).collect()
}

/// An open order.
async fn file(server: &Server, n: u32, phone: String, text: String) {
    let submission = pb::Submission {
        channel: pb::Channel::Phone.into(),
        text,
        contact: Some(pb::Contact { phone, address: ADDRESS.to_owned(), ..Default::default() }),
        ..Default::default()
    };
    let request = pb::SubmitOrderRequest {
        request_id: format!("00000000-0000-4000-8000-{n:012}"),
        submission: Some(submission),
        skip_repeats: true,
    };
    server.intake().submit_order(by(CENTRE, "agent", request)).await.unwrap();
}
