//! Many alike in one town within a short time.
//!
//! An order that came within [`Rule::within`] of others like it in its town joins their burst,
//! or makes one if there are [`Rule::orders`] of them. A burst that is new is proposed; once the
//! feed tells that it was alerted it is known, and what joins it later is no new one. It ends
//! when nothing has joined it for as long. Every process that reads the feed in its order comes
//! to the same bursts, and an alert names its orders, so that each knows which is meant.

use super::{Matter, town};
use crate::domain::{Division, MAX_BURST, OrderNo, Span, Timestamp};
use std::collections::{HashMap, VecDeque};

/// The most orders of one town that are looked back at.
pub const MOST_RECENT: usize = 256;
/// The most bursts known at a time; the one that has been quiet longest makes room.
pub const MOST_BURSTS: usize = 1_024;

/// What makes a burst.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    /// So many orders that are alike: 2 to [`MAX_BURST`].
    pub orders: usize,
    /// Within so long, by when they were written down.
    pub within: Span,
}

impl Default for Rule {
    fn default() -> Rule {
        Rule { orders: 5, within: Span::hours(1) }
    }
}

/// A burst.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Burst {
    /// In which town.
    pub town: Division,
    /// Those that made it one, in the order they came.
    pub orders: Vec<OrderNo>,
    /// What it is like: the order that made it one.
    pub like: Matter,
    /// When the first of them was written down.
    pub since: Timestamp,
    /// When the last joined it.
    pub last: Timestamp,
    /// How many have joined it by now.
    pub count: u32,
    /// Whether the feed has told of it.
    pub alerted: bool,
}

struct Recent {
    no: OrderNo,
    matter: Matter,
    at: Timestamp,
    burst: Option<u64>,
}

/// The orders of late, and the bursts they make.
pub struct Bursts {
    rule: Rule,
    towns: HashMap<Division, VecDeque<Recent>>,
    known: HashMap<u64, Burst>,
    next: u64,
}

impl Bursts {
    /// Nothing yet.
    pub fn new(rule: Rule) -> Bursts {
        let orders = rule.orders.clamp(2, MAX_BURST);
        let rule = Rule { orders, ..rule };
        Bursts { rule, towns: HashMap::new(), known: HashMap::new(), next: 0 }
    }

    /// An order was written down. One whose town is not known is in no burst.
    pub fn registered(&mut self, no: OrderNo, matter: Matter, at: Timestamp) {
        let Some(town) = town(matter.division) else { return };
        let oldest = at.minus(self.rule.within);
        let recent = self.towns.entry(town).or_default();
        while recent.front().is_some_and(|order| order.at < oldest || recent.len() == MOST_RECENT) {
            recent.pop_front();
        }
        let (mut alike, mut joined) = (Vec::new(), None);
        for (i, order) in recent.iter().enumerate().rev() {
            if order.matter.is_like(&matter) {
                alike.push(i);
                joined = order.burst.filter(|id| self.known.contains_key(id));
                // In a burst the latest is one of it: the rest need not be looked at.
                if joined.is_some() {
                    break;
                }
            }
        }
        recent.push_back(Recent { no, matter, at, burst: joined });
        if let Some(id) = joined {
            if let Some(burst) = self.known.get_mut(&id) {
                burst.count += 1;
                burst.last = burst.last.max(at);
            }
            return;
        }
        if alike.len() + 1 < self.rule.orders {
            return;
        }
        // All of them are in it; those that made it one are named.
        alike.reverse();
        let (id, itself) = (self.next, recent.len() - 1);
        let first = alike.len() + 1 - self.rule.orders;
        let named: Vec<usize> = alike[first..].iter().copied().chain([itself]).collect();
        let since = recent[named[0]].at;
        let orders = named.iter().map(|i| recent[*i].no).collect();
        for i in alike.iter().copied().chain([itself]) {
            recent[i].burst = Some(id);
        }
        let count = alike.len() as u32 + 1;
        let burst = Burst { town, orders, like: matter, since, last: at, count, alerted: false };
        self.learn(burst);
    }

    /// The feed tells that a burst was alerted. If this process had come to one of the same
    /// orders by itself, that is the one.
    pub fn alerted(&mut self, town: Division, orders: &[OrderNo], since: Timestamp, at: Timestamp) {
        let recent = self.towns.entry(town).or_default();
        let of_it = |no: &OrderNo| orders.contains(no);
        let same = recent.iter().filter(|order| of_it(&order.no)).find_map(|order| order.burst);
        let same = same.filter(|id| self.known.contains_key(id));
        // Told of late, those that made it one may be looked back at no more.
        let by_name = || {
            let named = self.known.iter().filter(|(_, burst)| burst.orders.iter().any(of_it));
            named.map(|(id, _)| *id).min()
        };
        let same = same.or_else(by_name);
        let like = recent.iter().rev().find(|order| of_it(&order.no)).map(|order| order.matter);
        let id = same.unwrap_or(self.next);
        for order in recent.iter_mut().filter(|order| of_it(&order.no)) {
            order.burst = Some(id);
        }
        if let Some(burst) = self.known.get_mut(&id) {
            (burst.alerted, burst.since) = (true, since);
            burst.orders = orders.to_vec();
        } else if let Some(like) = like {
            let (orders, count) = (orders.to_vec(), orders.len() as u32);
            self.learn(Burst { town, orders, like, since, last: at, count, alerted: true });
        }
    }

    fn learn(&mut self, burst: Burst) {
        if self.known.len() == MOST_BURSTS {
            let quiet = self.known.iter().min_by_key(|(id, burst)| (burst.last, **id));
            let quiet = quiet.map(|(id, _)| *id);
            quiet.map(|id| self.known.remove(&id));
        }
        self.known.insert(self.next, burst);
        self.next += 1;
    }

    /// Forgets the bursts that are over, and what nobody looks back at any more.
    pub fn forget(&mut self, now: Timestamp) {
        let oldest = now.minus(self.rule.within);
        self.known.retain(|_, burst| burst.last >= oldest);
        self.towns.retain(|_, recent| recent.back().is_some_and(|order| order.at >= oldest));
    }

    /// The bursts that go on, those that began last first.
    pub fn known(&self) -> Vec<&Burst> {
        let mut all: Vec<_> = self.known.iter().collect();
        all.sort_by_key(|(id, _)| std::cmp::Reverse(**id));
        all.into_iter().map(|(_, burst)| burst).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Category, Date, SimHash};

    const TOWN: &str = "330402001";
    const NOON: Timestamp = Timestamp(1_795_838_400_000);

    fn no(seq: u32) -> OrderNo {
        OrderNo::new("3304".parse().unwrap(), Date { year: 2026, month: 11, day: 28 }, seq)
    }

    fn matter(hash: u64, place: &str) -> Matter {
        let division = place.parse().unwrap();
        Matter { hash: SimHash(hash), division, category: Category(1901) }
    }

    fn minute(n: i64) -> Timestamp {
        NOON.plus(Span::minutes(n))
    }

    fn bursts() -> Bursts {
        Bursts::new(Rule { orders: 3, within: Span::hours(1) })
    }

    fn told(bursts: &Bursts) -> Vec<(Vec<u32>, u32, bool)> {
        let seqs = |burst: &Burst| burst.orders.iter().map(|no| no.seq()).collect();
        bursts.known().iter().map(|b| (seqs(b), b.count, b.alerted)).collect()
    }

    #[test]
    fn so_many_alike_in_one_town_within_the_time_are_one_burst() {
        let mut it = bursts();
        it.registered(no(1), matter(0, "330402001003"), minute(0));
        // Another town, other words, no town at all, too long ago by then.
        it.registered(no(2), matter(0, "330402002001"), minute(1));
        it.registered(no(3), matter(u64::MAX, TOWN), minute(2));
        it.registered(no(4), matter(0, "330402"), minute(3));
        it.registered(no(5), matter(1, TOWN), minute(50));
        it.registered(no(6), matter(2, TOWN), minute(61));
        assert_eq!(told(&it), []);
        it.registered(no(7), matter(3, "330402001009"), minute(62));
        assert_eq!(told(&it), [(vec![5, 6, 7], 3, false)]);
        // It goes on, and stays one, told or not.
        it.registered(no(8), matter(0, TOWN), minute(63));
        let since = minute(50);
        it.alerted(TOWN.parse().unwrap(), &[no(5), no(6), no(7)], since, minute(63));
        for n in 9..30 {
            it.registered(no(n), matter(0, TOWN), minute(i64::from(n) * 50));
        }
        assert_eq!(told(&it), [(vec![5, 6, 7], 4, true)], "the others came too late, one by one");
        it.forget(minute(2_000));
        assert_eq!(told(&it), []);
        // And another may begin.
        for n in 31..34 {
            it.registered(no(n), matter(0, TOWN), minute(2_001));
        }
        assert_eq!(told(&it), [(vec![31, 32, 33], 3, false)]);
    }

    #[test]
    fn an_alert_of_the_feed_is_known_to_who_did_not_see_it_come() {
        let mut it = bursts();
        it.registered(no(2), matter(0, TOWN), minute(1));
        // This process began to read after the first of them.
        it.alerted(TOWN.parse().unwrap(), &[no(1), no(2), no(3)], minute(0), minute(2));
        for n in 4..9 {
            it.registered(no(n), matter(0, TOWN), minute(3));
        }
        assert_eq!(told(&it), [(vec![1, 2, 3], 8, true)]);
        // Of none of its orders anything is known: there is nothing to compare by.
        it.alerted("330402002".parse().unwrap(), &[no(70)], minute(0), minute(2));
        assert_eq!(it.known().len(), 1);
    }

    /// Of what goes on long, or comes fast, the first is looked back at no more by then.
    #[test]
    fn an_alert_that_comes_late_is_of_the_burst_all_the_same() {
        for (more, minutes) in [(3, 50), (2 * MOST_RECENT as u32, 0)] {
            let mut it = bursts();
            let mut at = minute(0);
            for n in 1..4 + more {
                it.registered(no(n), matter(0, TOWN), at);
                at = if n < 3 { at } else { at.plus(Span::minutes(minutes)) };
            }
            assert_eq!(told(&it), [(vec![1, 2, 3], 3 + more, false)]);
            it.alerted(TOWN.parse().unwrap(), &[no(1), no(2), no(3)], minute(0), at);
            assert_eq!(told(&it), [(vec![1, 2, 3], 3 + more, true)]);
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut it = bursts();
        for n in 1..=10 * MOST_RECENT as u32 {
            it.registered(no(n), matter(0, TOWN), minute(0));
        }
        assert_eq!(it.towns[&TOWN.parse().unwrap()].len(), MOST_RECENT);
        assert_eq!(told(&it), [(vec![1, 2, 3], 10 * MOST_RECENT as u32, false)]);
        it.forget(minute(61));
        assert!(it.known.is_empty() && it.towns.is_empty());
    }
}
