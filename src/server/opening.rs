//! Opens what the settings name: catalogue, key, store.

use super::{Manner, ServerError};
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

/// The key of the settings. A demonstration makes its own; nobody else does, for what a lost
/// key sealed stays sealed, and a fresh one must be a decision.
pub(super) fn sealer(config: &Config, manner: Manner) -> Result<Sealer, ServerError> {
    let path = &config.key_file;
    let sealer = match manner {
        Manner::Demonstration { .. } if !path.exists() => Sealer::create_key_file(path),
        Manner::Demonstration { .. } | Manner::Service => Sealer::from_key_file(path),
    };
    sealer.map_err(|e| ServerError::Key(e.to_string()))
}

pub(super) async fn store(config: &Config) -> Result<Arc<dyn Store>, ServerError> {
    Ok(match &config.store {
        StoreUrl::Redb(path) => Embedded::open(path, config.cell)? as Arc<dyn Store>,
        StoreUrl::Redis(url) => {
            RedisStore::open(url, config.cell, RedisOptions::default()).await? as Arc<dyn Store>
        }
    })
}
