//! Opens what the settings name: catalogue, key, store.

use super::ServerError;
use crate::catalogue::Catalogue;
use crate::config::{CatalogueSource, Config, StoreUrl};
use crate::store::Store;
use crate::store::embedded::Embedded;
use crate::store::redis::{RedisOptions, RedisStore};
use crate::store::seal::Sealer;
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

pub(super) fn sealer(_config: &Config) -> Result<Sealer, ServerError> {
    Ok(Sealer)
}

pub(super) async fn store(config: &Config) -> Result<Arc<dyn Store>, ServerError> {
    Ok(match &config.store {
        StoreUrl::Redb(path) => Embedded::open(path, config.cell)? as Arc<dyn Store>,
        StoreUrl::Redis(url) => {
            RedisStore::open(url, config.cell, RedisOptions::default()).await? as Arc<dyn Store>
        }
    })
}
