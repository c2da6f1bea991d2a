//! How long an agent waits for PreviewOrder: a real server on redb, one connection, one call at
//! a time, a message of some 400 characters typed out in ten steps, for a caller with open
//! orders. Prints the median, p99 and the worst. `cargo bench --bench preview`

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

#[path = "../tests/support/server.rs"]
mod server;

use hotline::clock::tick;
use hotline::pb;
use hotline::store::embedded::Embedded;
use server::{CENTRE, Server, by, catalogue};
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
const WARM_UP: usize = 500;
const CALLS: usize = 5_000;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(&folder.path().join("cell.redb"), catalogue().cell()).unwrap();
    let server = Server::on(store).await;
    for n in 0..OPEN {
        file(&server, n).await;
    }
    let characters: Vec<char> = TEXT.trim().chars().collect();
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
    println!(
        "PreviewOrder: median {:.2} ms, p99 {:.2} ms, worst {:.2} ms",
        millis(at(0.5)),
        millis(at(0.99)),
        millis(at(1.0))
    );
    server.running.stop().await;
}

/// An open order of the caller.
async fn file(server: &Server, n: u32) {
    let submission = pb::Submission {
        channel: pb::Channel::Phone.into(),
        text: TEXT.trim().to_owned(),
        contact: Some(pb::Contact {
            phone: PHONE.to_owned(),
            address: ADDRESS.to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let request = pb::SubmitOrderRequest {
        request_id: format!("00000000-0000-4000-8000-{n:012}"),
        submission: Some(submission),
        skip_repeats: true,
    };
    server.intake().submit_order(by(CENTRE, "agent", request)).await.unwrap();
}
