//! The same on every store, each checked by the doctor afterwards.

use crate::redis::RedisServer;
use crate::server::*;
use hotline::pb;
use hotline::store::Store;
use hotline::store::embedded::Embedded;
use hotline::store::memory::Memory;
use hotline::store::redis::{RedisOptions, RedisStore};
use std::sync::Arc;

/// Runs it on every store.
pub async fn everywhere(test: impl AsyncFn(&Server)) {
    on_every_store(async |store| {
        let server = Server::on(store).await;
        test(&server).await;
        sound(&server).await;
        server.running.stop().await;
    })
    .await;
}

/// The doctor finds nothing.
pub async fn sound(server: &Server) {
    assert_eq!(findings(server).await, []);
}

/// What the doctor finds; but for contacts that a test put there, which no key sealed.
pub async fn findings(server: &Server) -> Vec<pb::Finding> {
    let asked = by(CENTRE, "dispatcher", pb::DoctorRequest::default());
    let mut found = server.admin().doctor(asked).await.unwrap().into_inner().findings;
    found.retain(|finding| finding.kind != "key");
    found
}

/// Gives it a store of each kind.
pub async fn on_every_store(test: impl AsyncFn(Arc<dyn Store>)) {
    let cell = CENTRE.parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let redis = RedisServer::start("everysec");
    let stores: [Arc<dyn Store>; 3] = [
        Arc::new(Memory::new(cell)),
        Embedded::open(&folder.path().join("cell.redb"), cell).unwrap(),
        RedisStore::open(&redis.url(), cell, RedisOptions::default()).await.unwrap(),
    ];
    for store in stores {
        test(store).await;
    }
}
