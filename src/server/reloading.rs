//! Another catalogue, or model, while it serves.

use super::{Running, ServerError, opening};
use crate::config::Config;
use std::sync::Arc;

/// What came of reading the catalogue anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reloaded {
    /// Not a byte of it is another.
    Same {
        /// The version in force.
        version: u32,
    },
    /// Another is in force.
    Another {
        /// The version until now.
        from: u32,
        /// The version from now on.
        to: u32,
    },
}

impl Running {
    /// Reads the catalogue and the model that these settings name and goes by them from now on.
    /// Orders keep what they were stamped with. On an error what was in force stays in force.
    pub fn reload(&self, config: &Config) -> Result<Reloaded, ServerError> {
        let catalogue = opening::catalogue(config)?;
        if catalogue.cell() != self.dispatch.cell() {
            return Err(ServerError::Catalogue(format!(
                "it is of {}, but {} is served",
                catalogue.cell(),
                self.dispatch.cell()
            )));
        }
        let now = self.dispatch.catalogue();
        let (from, to) = (now.version(), catalogue.version());
        let same = catalogue.digest() == now.digest();
        if !same && from == to {
            return Err(ServerError::Catalogue(format!(
                "catalogue.toml: version = {to} is in force with other contents, and orders are \
                 stamped with it; give this one version = {}",
                to.saturating_add(1)
            )));
        }
        let classifier = opening::classifier(config, &catalogue)?;
        opening::tell(&classifier);
        self.dispatch.go_by(Arc::new(catalogue), classifier);
        Ok(if same { Reloaded::Same { version: to } } else { Reloaded::Another { from, to } })
    }
}
