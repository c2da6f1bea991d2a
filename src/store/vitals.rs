//! How a store is doing: what operators watch and no order hangs on.

use super::StoreError;
use crate::domain::{ModelVersion, Span};
use async_trait::async_trait;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What the cell has of things that nobody counts step by step.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Load {
    /// Orders that are out under a lease. One that ran out counts until its tray is next
    /// claimed from.
    pub leases: u64,
    /// Orders on which something will fall due.
    pub timers: u64,
}

/// What this process's store did since it was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Effort {
    /// Batches written.
    pub batches: u64,
    /// Steps in them.
    pub steps: u64,
    /// Connections built again after one was lost.
    pub reconnects: u64,
}

/// How long a process counts as serving after it last said so.
pub const PRESENCE: Span = Span::seconds(20);

/// By what a process serves its city: all of a city's must serve by the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Guided {
    /// The catalogue's version.
    pub version: u32,
    /// The SHA-256 of its files, in hexadecimal digits.
    pub catalogue: String,
    /// The trained model, if there is one.
    pub model: Option<ModelVersion>,
}

/// Counts batches where they are written.
#[derive(Default)]
pub(super) struct Batches {
    batches: AtomicU64,
    steps: AtomicU64,
}

impl Batches {
    pub(super) fn written(&self, steps: usize) {
        self.batches.fetch_add(1, Relaxed);
        self.steps.fetch_add(steps as u64, Relaxed);
    }

    pub(super) fn effort(&self, reconnects: u64) -> Effort {
        let (batches, steps) = (self.batches.load(Relaxed), self.steps.load(Relaxed));
        Effort { batches, steps, reconnects }
    }
}

/// Says how it is doing, at a price that does not grow with the orders.
#[async_trait]
pub trait Vitals {
    /// How much there is in the cell.
    async fn load_now(&self) -> Result<Load, StoreError>;

    /// Writes down by what the process of this name serves; it counts for [`PRESENCE`]. A store
    /// that one process alone can have open has nobody to tell.
    async fn attend(&self, _name: &str, _by: &Guided) -> Result<(), StoreError> {
        Ok(())
    }

    /// The processes that serve the city now and by what, by name.
    async fn present(&self) -> Result<Vec<(String, Guided)>, StoreError> {
        Ok(Vec::new())
    }

    /// What it did.
    fn effort(&self) -> Effort {
        Effort::default()
    }
}
