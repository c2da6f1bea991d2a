//! Opens what the settings name: catalogue, key, store.

use super::ServerError;
use crate::catalogue::Catalogue;
use crate::config::{CatalogueSource, Config, StoreUrl};
use crate::store::Store;
use crate::store::embedded::Embedded;
use crate::store::redis::{RedisOptions, RedisStore};
use crate::store::seal::{SealError, Sealer};
use std::sync::Arc;

pub(super) fn catalogue(config: &Config) -> Result<Catalogue, ServerError> {
    let catalogue = match &config.catalogue {
        CatalogueSource::Builtin => Catalogue::builtin(),
        CatalogueSource::Folder(path) => Catalogue::load(path),
    };
    let catalogue = catalogue.map_err(|e| ServerError::Catalogue(e.to_string()))?;
    if catalogue.cell() != config.cell {
        return Err(ServerError::Config(format!(
            "cell = {}, but the catalogue is of {}: name the catalogue of that city",
            config.cell,
            catalogue.cell()
        )));
    }
    Ok(catalogue)
}

/// The key that seals contacts. One is made only for a store without orders: beside a store
/// that has some, a missing key is a mistake, and a new one would lock their contacts away.
pub(super) async fn sealer(config: &Config, store: &dyn Store) -> Result<Sealer, ServerError> {
    let path = &config.key_file;
    let fault = |e: SealError| ServerError::Key(e.to_string());
    if path.exists() || !store.scan(None, 1).await?.is_empty() {
        return Sealer::from_key_file(path).map_err(fault);
    }
    let sealer = Sealer::create_key_file(path).map_err(fault)?;
    tracing::warn!(
        key_file = %path.display(),
        "made a new key: keep a copy, and give the same one to every process of this store; \
         without it no contact can be read again"
    );
    Ok(sealer)
}

pub(super) async fn store(config: &Config) -> Result<Arc<dyn Store>, ServerError> {
    Ok(match &config.store {
        StoreUrl::Redb(path) => Embedded::open(path, config.cell)? as Arc<dyn Store>,
        StoreUrl::Redis(url) => {
            RedisStore::open(url, config.cell, RedisOptions::default()).await? as Arc<dyn Store>
        }
    })
}
