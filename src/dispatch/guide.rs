//! What the city goes by: the catalogue, and what reads words and addresses by it. All of it is
//! replaced at once while the city is served; whoever began by one ends by it.

use super::Dispatch;
use crate::catalogue::Catalogue;
use crate::classify::Classifier;
use crate::locate::Locator;
use crate::store::{Guided, StoreError};
use std::sync::{Arc, PoisonError};

/// One catalogue, and what goes with it.
pub(super) struct Guide {
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) classifier: Arc<Classifier>,
    pub(super) locator: Locator,
}

impl Guide {
    pub(super) fn new(catalogue: Arc<Catalogue>, classifier: Classifier) -> Arc<Guide> {
        let locator = Locator::new(&catalogue);
        Arc::new(Guide { catalogue, classifier: Arc::new(classifier), locator })
    }
}

impl Dispatch {
    /// What is gone by now; a step that needs it twice asks once.
    pub(super) fn guide(&self) -> Arc<Guide> {
        Arc::clone(&self.guide.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Goes by another catalogue of the same city from now on. Orders keep what they were
    /// stamped with.
    pub fn go_by(&self, catalogue: Arc<Catalogue>, classifier: Classifier) {
        let guide = Guide::new(catalogue, classifier);
        *self.guide.write().unwrap_or_else(PoisonError::into_inner) = guide;
    }

    /// Notes whether what was read anew could be used, for the doctor.
    pub fn note_reload(&self, came: Result<(), String>) {
        *self.not_reloaded.lock().unwrap_or_else(PoisonError::into_inner) = came.err();
    }

    /// Why what was read anew last could not be used, on one line.
    pub(super) fn not_reloaded(&self) -> Option<String> {
        let why = self.not_reloaded.lock().unwrap_or_else(PoisonError::into_inner);
        why.as_ref().map(|why| why.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// The catalogue in force.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.guide().catalogue)
    }

    /// Gives this process the name by which the others of its city know it; the first stays.
    pub fn call_itself(&self, name: String) {
        let _ = self.name.set(name);
    }

    /// Lets the others of the city know by what this process serves; does nothing without a name.
    pub async fn attend(&self) -> Result<(), StoreError> {
        match self.name.get() {
            Some(name) => self.store.attend(name, &self.guided()).await,
            None => Ok(()),
        }
    }

    /// By what this process serves.
    pub(super) fn guided(&self) -> Guided {
        let guide = self.guide();
        Guided {
            version: guide.catalogue.version(),
            catalogue: guide.catalogue.digest().to_owned(),
            model: guide.classifier.model().map(|model| model.version()),
        }
    }

    /// What reads citizens' words.
    pub fn classifier(&self) -> Arc<Classifier> {
        Arc::clone(&self.guide().classifier)
    }
}
