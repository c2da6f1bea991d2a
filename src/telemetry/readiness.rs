//! Whether this process takes work, and if not, why.

use super::metrics;
use std::fmt::Write;
use std::sync::Arc;
use tokio::sync::watch;

/// One condition by name; the reason why it does not hold, or none.
type Condition = (&'static str, Option<String>);

/// Named conditions that must all hold. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Readiness(Arc<watch::Sender<Vec<Condition>>>);

impl Readiness {
    /// None of the conditions holds yet.
    pub fn new(conditions: &[&'static str]) -> Readiness {
        let starting = |name: &&'static str| (*name, Some("starting".to_owned()));
        Readiness(Arc::new(watch::Sender::new(conditions.iter().map(starting).collect())))
    }

    /// The condition holds, or does not for this reason. A name not given to [`Self::new`]
    /// becomes a condition from now on.
    pub fn set(&self, name: &'static str, state: Result<(), String>) {
        let reason = state.err();
        self.0.send_if_modified(|all| match all.iter_mut().find(|(n, _)| *n == name) {
            Some((_, old)) if *old == reason => false,
            Some((_, old)) => {
                *old = reason;
                true
            }
            None => {
                all.push((name, reason));
                true
            }
        });
        metrics::ready(self.is_ready());
    }

    /// Whether every condition holds.
    pub fn is_ready(&self) -> bool {
        self.0.borrow().iter().all(|(_, reason)| reason.is_none())
    }

    /// Returns once the answer is no longer `was`; answers what it is.
    pub async fn changed_from(&self, was: bool) -> bool {
        let mut changes = self.0.subscribe();
        let holds = |all: &Vec<Condition>| all.iter().all(|(_, reason)| reason.is_none()) != was;
        // The sender lives in `self`, so waiting cannot fail.
        match changes.wait_for(holds).await {
            Ok(_) => !was,
            Err(_) => was,
        }
    }

    /// Of each condition that does not hold its name and why: `store: no answer for 2s`.
    pub fn reasons(&self) -> Vec<String> {
        let all = self.0.borrow();
        let failing = all.iter().filter_map(|(name, why)| Some((name, why.as_ref()?)));
        failing.map(|(name, why)| format!("{name}: {why}")).collect()
    }

    /// One line for each condition: `store: ok`, `timers: starting`.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        for (name, reason) in self.0.borrow().iter() {
            let reason = reason.as_deref().unwrap_or("ok");
            let _ = writeln!(text, "{name}: {reason}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_condition_must_hold() {
        let ready = Readiness::new(&["store", "timers"]);
        assert!(!ready.is_ready());
        ready.set("store", Ok(()));
        assert_eq!(ready.describe(), "store: ok\ntimers: starting\n");
        ready.set("timers", Ok(()));
        assert!(ready.changed_from(false).await);
        ready.set("store", Err("no answer for 2s".to_owned()));
        assert!(!ready.changed_from(true).await);
        assert_eq!(ready.describe(), "store: no answer for 2s\ntimers: ok\n");
        assert_eq!(ready.reasons(), ["store: no answer for 2s"]);
    }
}
