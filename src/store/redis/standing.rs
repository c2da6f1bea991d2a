//! Whether the master is settled upon: no failover is under way that would have another take
//! its place and lose what it takes meanwhile.
//!
//! Only the Sentinel that leads a failover knows of it before another is promoted, so all are
//! asked, and most must answer: a master that is cut off from most may have been replaced. Where
//! one keeps silent, the replicas are asked themselves whether one has become a master. A
//! Cluster's nodes know by themselves, and a master that is cut off soon refuses.

use super::master::{Hint, Kind, Masters};
use super::wire::Role;
use ::redis::cmd;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How a server stands that was found to be the master.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It is the master, and nobody is about to take its place.
    Sure,
    /// Another is.
    Elsewhere,
    /// A failover is under way, or nobody can say.
    Changing,
}

impl Masters {
    /// How the server at `address` stands, of whose replicas those do not follow any more.
    pub async fn standing(
        &self,
        address: &str,
        gone: &BTreeSet<String>,
        patience: Duration,
    ) -> Standing {
        if self.kind == Kind::Fixed {
            return Standing::Sure;
        }
        let (asked, hints) = self.every_hint(patience).await;
        let standing = self.judge(address, asked, &hints);
        if standing == Standing::Sure && hints.len() < asked {
            // A Cluster has masters of other slots.
            let named = hints.iter().filter(|_| self.kind != Kind::Cluster);
            let others = named.flat_map(|hint| &hint.others).chain(gone);
            let others: BTreeSet<&String> = others.filter(|other| *other != address).collect();
            if self.any_is_master(others, patience).await {
                return Standing::Changing;
            }
        }
        standing
    }

    fn judge(&self, address: &str, asked: usize, hints: &[Hint]) -> Standing {
        let knows = |hint: &&Hint| (hint.address.is_some(), hint.epoch);
        let Some(best) = hints.iter().max_by_key(knows) else { return Standing::Changing };
        if best.address.as_deref().is_some_and(|best| best != address) {
            return Standing::Elsewhere;
        }
        let here = |hint: &&Hint| hint.address.as_deref() == Some(address);
        let enough = match self.kind {
            Kind::Fixed => true,
            Kind::Sentinel { .. } => hints.len() > asked / 2,
            Kind::Cluster => best.epoch.0,
        };
        if !enough || best.address.is_none() || hints.iter().filter(here).any(|hint| hint.changing)
        {
            return Standing::Changing;
        }
        Standing::Sure
    }

    async fn any_is_master(&self, others: BTreeSet<&String>, patience: Duration) -> bool {
        let mut asking = JoinSet::new();
        for address in others {
            let Ok(client) = self.client(address) else { continue };
            asking.spawn(async move {
                let mut connection = super::master::connect(&client).await.ok()?;
                super::master::ask_one(&mut connection, &cmd("ROLE")).await.ok()
            });
        }
        let is_one = async {
            while let Some(answer) = asking.join_next().await {
                let role = answer.ok().flatten().map(|answer| Role::read(&answer));
                if matches!(role, Some(Role::Master(_))) {
                    return true;
                }
            }
            false
        };
        // Who does not answer is dead, or as good as that.
        timeout(patience, is_one).await.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failover_is_under_way_for_whoever_one_sentinel_says_so_of() {
        let masters = |url: &str| Masters::parse(url, b"{3304}m".to_vec()).unwrap();
        let trio = masters("redis+sentinel://a:1,b:1,c:1/city");
        let says = |epoch, address: &str, changing| Hint {
            epoch: (true, epoch),
            address: (!address.is_empty()).then(|| address.to_owned()),
            changing,
            others: Vec::new(),
        };
        use Standing::{Changing, Elsewhere, Sure};
        for (hints, standing) in [
            (vec![], Changing),
            (vec![says(1, "m:1", false)], Changing),
            (vec![says(1, "m:1", false), says(1, "m:1", false)], Sure),
            (vec![says(1, "m:1", false), says(1, "m:1", false), says(1, "m:1", true)], Changing),
            // Promoted, and the others have not heard of it.
            (vec![says(1, "m:1", false), says(1, "m:1", false), says(2, "n:1", false)], Elsewhere),
            // The same from the promoted one's side.
            (vec![says(2, "m:1", false), says(1, "n:1", true), says(1, "n:1", false)], Sure),
            (vec![says(0, "", false), says(0, "", false)], Changing),
        ] {
            assert_eq!(trio.judge("m:1", 3, &hints), standing);
        }
        let cluster = masters("redis+cluster://a:1,b:1");
        assert_eq!(cluster.judge("m:1", 6, &[says(7, "m:1", false)]), Sure);
        let unwell = Hint { epoch: (false, 9), ..says(0, "m:1", false) };
        assert_eq!(cluster.judge("m:1", 6, &[unwell]), Changing);
    }
}
