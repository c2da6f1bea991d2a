//! The configurations in `deploy/redis`, each loaded by the real server.

use crate::cluster::Cluster;
use crate::server::{RedisServer, eventually};
use crate::{open, order, refusal};
use hotline::store::Store;
use hotline::store::redis::RedisOptions;
use std::path::PathBuf;

fn file(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/redis").join(name);
    path.to_str().unwrap().to_owned()
}

/// A server with the file, its ports and folders overridden.
fn configured(name: &str, more: &[&str]) -> RedisServer {
    let more = more.iter().map(|arg| (*arg).to_owned());
    RedisServer::in_folder(|_| [file(name)].into_iter().chain(more).collect())
}

fn setting(server: &RedisServer, name: &str) -> String {
    let pair: Vec<String> = server.ask(&["CONFIG", "GET", name]);
    pair.get(1).cloned().unwrap_or_default()
}

fn is_safe(server: &RedisServer) {
    for (name, value) in
        [("appendonly", "yes"), ("appendfsync", "always"), ("maxmemory-policy", "noeviction")]
    {
        assert_eq!(setting(server, name), value, "{name}");
    }
}

#[tokio::test]
async fn a_single_redis() {
    let server = configured("single.conf", &[]);
    is_safe(&server);
    open(&server.url(), RedisOptions::default()).await.commit(order(1)).await.unwrap();
}

#[tokio::test]
async fn a_master_its_replicas_and_their_sentinels() {
    let master = configured("replicated.conf", &[]);
    let port = master.port().to_string();
    let replicas =
        [(); 2].map(|()| configured("replicated.conf", &["--replicaof", "127.0.0.1", &port]));
    is_safe(&master);
    assert_eq!(setting(&master, "min-replicas-to-write"), "1");
    eventually("they follow", || replicas.iter().all(|replica| replica.follows(&master)));
    let sentinels = [(); 3].map(|()| {
        RedisServer::in_folder(|folder| {
            // A Sentinel writes into its file; the master of the test is elsewhere.
            let text = std::fs::read_to_string(file("sentinel.conf")).unwrap();
            let text = text.replace(" 10.0.0.1 6379 ", &format!(" 127.0.0.1 {port} "));
            let own = folder.join("sentinel.conf");
            std::fs::write(&own, text).unwrap();
            vec![own.to_str().unwrap().to_owned(), "--sentinel".to_owned()]
        })
    });
    eventually("they know each other", || {
        sentinels.iter().all(|s| s.info("sentinel", "master0").contains("slaves=2,sentinels=3"))
    });
    let url = |name: &str| format!("redis+sentinel://127.0.0.1:{}/{name}", sentinels[0].port());
    open(&url("hotline"), RedisOptions::default()).await.commit(order(1)).await.unwrap();
    let wrong = refusal(&url("nobody"), RedisOptions::default()).await;
    assert!(wrong.contains("no master called nobody"), "{wrong}");
}

#[tokio::test]
async fn a_cluster() {
    let cluster = Cluster::of(|bus| configured("cluster.conf", &["--cluster-port", bus]));
    is_safe(&cluster.nodes[0]);
    open(&cluster.url(), RedisOptions::default()).await.commit(order(1)).await.unwrap();
    // The address of one node is no Cluster's, and an address of none is no node's.
    let other = (cluster.master() + 1) % 3;
    let single = refusal(&cluster.nodes[other].url(), RedisOptions::default()).await;
    assert!(single.contains("redis+cluster://"), "{single}");
    let alone = RedisServer::start("always");
    let url = alone.url().replace("redis://", "redis+cluster://");
    let wrong = refusal(&url, RedisOptions::default()).await;
    assert!(wrong.contains("no node of the Redis Cluster"), "{wrong}");
    let url = alone.url().replace("redis://", "redis+sentinel://") + "/hotline";
    let wrong = refusal(&url, RedisOptions::default()).await;
    assert!(wrong.contains("none of the Sentinels"), "{wrong}");
}
