//! What reads a message when no server does: a catalogue, and a model if there is one.

use super::failure::Failure;
use crate::catalogue::Catalogue;
use crate::classify::{Classifier, Model};
use crate::server::opening::model;
use clap::Args;
use std::path::{Path, PathBuf};

/// Where the catalogue is.
#[derive(Args, Clone, Debug)]
pub(super) struct CatalogueArgs {
    /// The catalogue's folder; else the one built into the binary.
    #[arg(long, value_name = "DIR")]
    pub(super) catalogue: Option<PathBuf>,
}

impl CatalogueArgs {
    pub(super) fn load(&self) -> Result<Catalogue, Failure> {
        let read = match &self.catalogue {
            Some(folder) => Catalogue::load(folder),
            None => Catalogue::builtin(),
        };
        read.map_err(|e| Failure::said(format!("the catalogue cannot be used:\n{e}")))
    }
}

/// Reads the model of a file.
pub(super) fn load_model(path: &Path) -> Result<Model, Failure> {
    model(path).map_err(Failure::said)
}

/// The classifier of a catalogue, with the model of a file if one is named.
pub(super) fn classifier(
    catalogue: &Catalogue,
    path: Option<&Path>,
) -> Result<Classifier, Failure> {
    let Some(path) = path else { return Ok(Classifier::new(catalogue)) };
    let with = Classifier::with_model(catalogue, load_model(path)?);
    with.map_err(|e| Failure::said(format!("{}: {e}", path.display())))
}
