//! Opens what the settings name: catalogue, key, store; to be served, backed up, or restored.

use super::ServerError;
use crate::archive::{Archive, Keeper};
use crate::catalogue::Catalogue;
use crate::classify::{Classifier, Model};
use crate::clock::wall_now;
use crate::config::{CatalogueSource, Config, StoreUrl};
use crate::dispatch;
use crate::domain::OrderNo;
use crate::store::embedded::{self, Embedded};
use crate::store::image::{Head, Target};
use crate::store::redis::{self, RedisOptions, RedisStore};
use crate::store::seal::{SealError, Sealer};
use crate::store::{SealedContact, Store};
use std::path::Path;
use std::sync::Arc;

/// How many contacts are tried with the key before it is called the wrong one.
const SAMPLE: usize = 16;
/// The largest file that is read as a model, in bytes.
const MAX_MODEL: u64 = 4 << 20;

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

/// The catalogue's keywords with the model that the settings name, or by themselves.
pub(super) fn classifier(
    config: &Config,
    catalogue: &Catalogue,
) -> Result<Classifier, ServerError> {
    let Some(path) = &config.model else { return Ok(Classifier::new(catalogue)) };
    let with = Classifier::with_model(catalogue, model(path).map_err(ServerError::Model)?);
    with.map_err(|e| ServerError::Model(format!("{}: {e}", path.display())))
}

/// Says in the log what classifies.
pub(super) fn tell(classifier: &Classifier) {
    match classifier.model() {
        Some(model) => tracing::info!(
            version = %model.version(),
            classes = model.classes().len(),
            "a trained model classifies"
        ),
        None => tracing::info!(
            "no model: the catalogue's keywords classify alone; `hotline train` makes one of \
             labelled messages, and --model names it"
        ),
    }
}

/// Reads a model's file; the error names it.
pub fn model(path: &Path) -> Result<Model, String> {
    let named = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
    let unread = |e: std::io::Error| named(&format!("{e}; name a file that `hotline train` made"));
    let size = std::fs::metadata(path).map_err(unread)?.len();
    if size > MAX_MODEL {
        return Err(named(&format!("{size} bytes: a model has at most {MAX_MODEL}")));
    }
    let bytes = std::fs::read(path).map_err(unread)?;
    Model::from_bytes(&bytes).map_err(|e| named(&e))
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
        let mut contacts = Vec::with_capacity(orders.len());
        for order in &orders {
            contacts.extend(store.contact(order.no).await?.map(|contact| (order.no, contact)));
        }
        if had_some && orders.is_empty() {
            contacts = archived(config).await;
        }
        // One that does not open may be damaged, which is no reason to serve nobody; if none
        // does, the key is another store's.
        let opens = |(no, contact): &(_, _)| sealer.open(*no, contact).is_ok();
        if !contacts.is_empty() && !contacts.iter().any(opens) {
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

/// A store that knows of a later time than the clock that would be gone by, the store's own where
/// it has one: one of the two is wrong, and orders would stand still until that time comes.
pub(super) async fn clock(config: &Config, store: &dyn Store) -> Result<(), ServerError> {
    let now = store.wall_clock().await?.unwrap_or_else(wall_now);
    let Some(what) = dispatch::behind(now, dispatch::last_written(store).await?) else {
        return Ok(());
    };
    if config.allow_clock_behind {
        tracing::warn!("{what}: what was written then stands still until that time comes");
        return Ok(());
    }
    Err(ServerError::Clock(format!(
        "{what}: set the clock right; if it was wrong then and is right now, set \
         allow_clock_behind = true"
    )))
}

/// Contacts of a city all of whose orders left. What cannot be read is for the doctor to name.
async fn archived(config: &Config) -> Vec<(OrderNo, SealedContact)> {
    let archive = Archive::new(config.archive.clone(), config.cell);
    let days = archive.days().await.unwrap_or_default();
    let Some(last) = days.iter().rfind(|day| day.orders > 0) else { return Vec::new() };
    let wholes = archive.orders(last.day).await.unwrap_or_default().into_iter().take(SAMPLE);
    wholes.filter_map(|whole| Some((whole.order.no, whole.contact?))).collect()
}

/// The store that the settings name, opened, and made where there is none.
pub async fn store(config: &Config) -> Result<Arc<dyn Store>, ServerError> {
    Ok(match &config.store {
        StoreUrl::Redb(path) => Embedded::open(path, config.cell)? as Arc<dyn Store>,
        StoreUrl::Redis(url) => RedisStore::open(url, config.cell, redis_options(config)).await?,
    })
}

fn redis_options(config: &Config) -> RedisOptions {
    RedisOptions {
        replicas_ack: config.replicas_ack,
        allow_unsafe: config.redis_allow_unsafe,
        ..RedisOptions::default()
    }
}

/// A store that nobody serves, to be backed up as it lies: and what its backup says first.
pub async fn store_at_rest(config: &Config) -> Result<(Arc<dyn Store>, Head), ServerError> {
    if let StoreUrl::Redb(path) = &config.store
        && !path.exists()
    {
        return Err(ServerError::Config(format!("{}: there is no such file", path.display())));
    }
    let store = store(config).await?;
    let used = !store.scan(None, 1).await?.is_empty();
    let key = match used || config.key_file.exists() {
        true => Some(sealer(config, &*store).await?.fingerprint()),
        false => None,
    };
    Ok((store, Head { cell: config.cell, began: wall_now(), key }))
}

/// The store that the settings name, to be restored from a backup that says this first. It
/// must be of the same city, and the key must be the one that sealed the backup's contacts.
pub async fn target(config: &Config, head: &Head) -> Result<Box<dyn Target>, ServerError> {
    if head.cell != config.cell {
        return Err(ServerError::Config(format!(
            "the backup is of the cell {}, not {}: set cell = {0}, or name another backup",
            head.cell, config.cell
        )));
    }
    if let Some(sealed_by) = head.key {
        let path = &config.key_file;
        let key = Sealer::from_key_file(path).map_err(|e| ServerError::Key(e.to_string()))?;
        if key.fingerprint() != sealed_by {
            return Err(ServerError::Key(format!(
                "{}: it is not the key that sealed this backup's contacts, and none of them could \
                 ever be read again; name the key that the city was served with",
                path.display()
            )));
        }
    }
    Ok(match &config.store {
        StoreUrl::Redb(path) => {
            Box::new(embedded::restore::Restoring::begin(path, config.cell)?) as Box<dyn Target>
        }
        StoreUrl::Redis(url) => {
            let options = redis_options(config);
            Box::new(redis::restore::Restoring::begin(url, config.cell, options).await?)
        }
    })
}
