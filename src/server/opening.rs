//! Opens what the settings name: catalogue, key, store.

use super::ServerError;
use crate::catalogue::Catalogue;
use crate::config::{CatalogueSource, Config, StoreUrl};
use crate::domain::Order;
use crate::store::Store;
use crate::store::embedded::Embedded;
use crate::store::redis::{RedisOptions, RedisStore};
use crate::store::seal::{SealError, Sealer};
use std::sync::Arc;

/// How many contacts are tried with the key before it is called the wrong one.
const SAMPLE: usize = 16;

pub(super) fn catalogue(config: &Config) -> Result<Catalogue, ServerError> {
    let catalogue = match &config.catalogue {
        CatalogueSource::Builtin => Catalogue::builtin(),
        CatalogueSource::Folder(path) => Catalogue::load(path),
    };
    let catalogue = catalogue.map_err(|e| {
        let from = match &config.catalogue {
            CatalogueSource::Builtin => "the one built in".to_owned(),
            CatalogueSource::Folder(path) => path.display().to_string(),
        };
        ServerError::Catalogue(format!("{from} cannot be used:\n{e}"))
    })?;
    if catalogue.cell() != config.cell {
        return Err(ServerError::Config(format!(
            "cell = {}, but the catalogue is of {}: name the catalogue of that city",
            config.cell,
            catalogue.cell()
        )));
    }
    Ok(catalogue)
}

/// The key that seals contacts. One is made only for a store that never had an order: beside
/// one that has some, or had, a missing key is a mistake, and a new one would lock their contacts away.
pub(super) async fn sealer(config: &Config, store: &dyn Store) -> Result<Sealer, ServerError> {
    let path = &config.key_file;
    let fault = |e: SealError| ServerError::Key(e.to_string());
    let orders = store.scan(None, SAMPLE).await?;
    let tallies = store.tallies().await?;
    let had_some = tallies.iter().any(|(tally, n)| *tally == "received" && *n > 0);
    if path.exists() || had_some || !orders.is_empty() {
        let sealer = Sealer::from_key_file(path).map_err(fault)?;
        if !opens(&sealer, &orders, store).await? {
            return Err(ServerError::Key(format!(
                "{}: it opens no contact of this store; name the key that sealed them",
                path.display()
            )));
        }
        return Ok(sealer);
    }
    let sealer = Sealer::create_key_file(path).map_err(fault)?;
    tracing::warn!(
        key_file = %path.display(),
        "made a new key: keep a copy, and give the same one to every process of this store; \
         without it no contact can be read again"
    );
    Ok(sealer)
}

/// Whether the key opens any of these orders' contacts. One that does not open may be
/// damaged, which is no reason to serve nobody; if none does, the key is another store's.
async fn opens(
    sealer: &Sealer,
    orders: &[Arc<Order>],
    store: &dyn Store,
) -> Result<bool, ServerError> {
    let mut any = false;
    for order in orders {
        if let Some(contact) = store.contact(order.no).await? {
            if sealer.open(order.no, &contact).is_ok() {
                return Ok(true);
            }
            any = true;
        }
    }
    Ok(!any)
}

pub(super) async fn store(config: &Config) -> Result<Arc<dyn Store>, ServerError> {
    Ok(match &config.store {
        StoreUrl::Redb(path) => Embedded::open(path, config.cell)? as Arc<dyn Store>,
        StoreUrl::Redis(url) => {
            let options = RedisOptions {
                replicas_ack: config.replicas_ack,
                allow_unsafe: config.redis_allow_unsafe,
                ..RedisOptions::default()
            };
            RedisStore::open(url, config.cell, options).await? as Arc<dyn Store>
        }
    })
}
