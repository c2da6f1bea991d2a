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
    let cell = CENTRE.parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let redis = RedisServer::start("everysec");
    let stores: [Arc<dyn Store>; 3] = [
        Arc::new(Memory::new(cell)),
        Embedded::open(&folder.path().join("cell.redb"), cell).unwrap(),
        RedisStore::open(&redis.url(), cell, RedisOptions::default()).await.unwrap(),
    ];
    for store in stores {
        let server = Server::on(store).await;
        test(&server).await;
        let doctor = server.admin().doctor(by(CENTRE, "dispatcher", pb::DoctorRequest {})).await;
        assert_eq!(doctor.unwrap().into_inner().findings, []);
        server.running.stop().await;
    }
}
