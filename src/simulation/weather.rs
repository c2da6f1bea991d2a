//! What goes wrong in a city, and how often: thrown once per seed, so that every seed has
//! another mixture, some quiet and some wild.

use super::dice::Dice;

/// Rates in thousandths. What a store and a network may do by the store's law, they do here.
#[derive(Clone, Debug)]
pub(super) struct Weather {
    /// A commit is not done, and says so.
    pub(super) refused: u64,
    /// A commit is not done, and nobody knows.
    pub(super) unknown_undone: u64,
    /// A commit is done, and its answer is lost.
    pub(super) unknown_done: u64,
    /// A commit's answer is lost, and it is done later, perhaps.
    pub(super) later: u64,
    /// A commit is in conflict with nobody that can be seen.
    pub(super) conflict: u64,
    /// A read shows what was.
    pub(super) stale: u64,
    /// A read fails.
    pub(super) unread: u64,
    /// A call to the store is answered at once, not when its turn comes.
    pub(super) at_once: u64,
    /// A client sends again what was sent before, though it had an answer.
    pub(super) duplicate: u64,
    /// A process dies.
    pub(super) death: u64,
    /// The store fails over to a replica.
    pub(super) failover: u64,
    /// The replica is cut off for a while.
    pub(super) cut: u64,
    /// A process's clock is set.
    pub(super) skew: u64,
    /// The city is switched to the other mode.
    pub(super) switch: u64,
    /// What was acknowledged may be lost in a failover: the replica lags.
    pub(super) lossy: bool,
}

impl Weather {
    /// Of a seed.
    pub(super) fn of(dice: &mut Dice) -> Weather {
        let mut rate = |most: u64| {
            let (strikes, how_often) = (dice.happens(600), dice.below(most) + 1);
            if strikes { how_often } else { 0 }
        };
        Weather {
            refused: rate(60),
            unknown_undone: rate(60),
            unknown_done: rate(80),
            later: rate(40),
            conflict: rate(60),
            stale: rate(60),
            unread: rate(20),
            at_once: rate(900),
            duplicate: 100 + rate(300),
            death: rate(8),
            failover: rate(3),
            cut: rate(4),
            skew: rate(8),
            switch: rate(4),
            lossy: dice.happens(400),
        }
    }

    /// Nothing goes wrong.
    pub(super) fn calm(&self) -> Weather {
        Weather {
            refused: 0,
            unknown_undone: 0,
            unknown_done: 0,
            later: 0,
            conflict: 0,
            stale: 0,
            unread: 0,
            at_once: 1_000,
            duplicate: 0,
            death: 0,
            failover: 0,
            cut: 0,
            skew: 0,
            switch: 0,
            lossy: self.lossy,
        }
    }
}
