//! Redis is killed in the middle of writing a step down, and then once more.

use crate::server::RedisServer;
use crate::support::number;
use crate::{open, order, sound};
use hotline::store::Store;
use hotline::store::redis::RedisOptions;
use std::path::PathBuf;

/// The file that grows, and its bytes.
fn growing(server: &RedisServer) -> (PathBuf, Vec<u8>) {
    let files = std::fs::read_dir(server.folder().join("appendonlydir")).unwrap();
    let file = files.map(|file| file.unwrap().path());
    let file = file.filter(|path| path.to_str().unwrap().ends_with(".incr.aof")).max().unwrap();
    let bytes = std::fs::read(&file).unwrap();
    (file, bytes)
}

/// Where a word stands last.
fn last(bytes: &[u8], word: &[u8]) -> usize {
    bytes.windows(word.len()).rposition(|window| window == word).unwrap()
}

/// Cut in the middle of a command of a step, the file loads without the step; what Redis leaves
/// of it in the file must not come back at the start after that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_step_does_not_come_back_at_the_second_start() {
    let mut server = RedisServer::start("always");
    let store = open(&server.url(), RedisOptions::default()).await;
    store.commit(order(1)).await.unwrap();
    store.commit(order(2)).await.unwrap();
    store.close().await;
    server.kill();
    let (file, bytes) = growing(&server);
    // Behind the order itself, in the midst of telling of it.
    let cut = last(&bytes, b"XADD");
    assert!(last(&bytes, b"MSET") < cut && last(&bytes, b"MULTI") < cut);
    std::fs::write(&file, &bytes[..cut + 2]).unwrap();

    for seq in [3, 4] {
        server.restart();
        let store = open(&server.url(), RedisOptions::default()).await;
        assert!(store.load(number(2)).await.unwrap().is_none(), "half of a step took effect");
        store.commit(order(seq)).await.unwrap();
        sound(&store).await;
        store.close().await;
        server.kill();
    }
}
