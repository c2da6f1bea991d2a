//! What people made of the orders, off the feed: labelled examples, and how right the first
//! decision was.
//!
//! An order that a person took out of triage, corrected, or sent elsewhere when it was given
//! back says what its words are about. So does, of the first decision, every order that was
//! closed and that nobody corrected.

use super::figures::Confusion;
use crate::domain::{Category, Date, OrderNo};
use std::collections::{BTreeMap, BTreeSet};

/// The most orders that are followed; the oldest are let go.
pub const MOST_ORDERS: usize = 1_000_000;

/// What an event of the feed says of what an order is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said {
    /// It was written down, and first decided about; in triage nobody could tell.
    First {
        /// It waits for a person.
        triage: bool,
    },
    /// A person decided.
    Person,
    /// It was closed.
    Closed,
    /// Nothing new.
    Nothing,
}

#[derive(Clone, Copy)]
struct History {
    first: Option<(Category, bool)>,
    last: Category,
    person: bool,
    closed: bool,
}

/// The orders of a feed.
#[derive(Default)]
pub struct Histories(BTreeMap<OrderNo, History>);

/// A month of orders, by when they were written down.
#[derive(Clone, PartialEq, Debug)]
pub struct Month {
    /// The year.
    pub year: i32,
    /// 1 to 12.
    pub month: u32,
    /// How many were written down.
    pub received: usize,
    /// How many of them went to triage.
    pub triage: usize,
    /// Of how many it is known by now what they were about: a person decided, or they were closed.
    pub known: usize,
    /// Of how many of those the first decision was right.
    pub right: usize,
    /// The mean F1 of the first decision, over the categories that some order came to.
    pub macro_f1: f64,
}

impl Histories {
    /// The next event of an order, which is about `category` after it.
    pub fn happened(&mut self, no: OrderNo, said: Said, category: Category) {
        let new = History { first: None, last: category, person: false, closed: false };
        let history = self.0.entry(no).or_insert(new);
        history.last = category;
        match said {
            Said::First { triage } => history.first = Some((category, triage)),
            Said::Person => history.person = true,
            Said::Closed => history.closed = true,
            Said::Nothing => {}
        }
        if self.0.len() > MOST_ORDERS {
            self.0.pop_first();
        }
    }

    /// The orders that a person decided about, and what they are about now: the newest first.
    pub fn examples(&self) -> impl Iterator<Item = (OrderNo, Category)> {
        let decided = self.0.iter().rev().filter(|(_, h)| h.person && h.last != Category::NONE);
        decided.map(|(no, history)| (*no, history.last))
    }

    /// The last month that orders were written down in, and the one before it.
    pub fn last_months(&self) -> Option<[Month; 2]> {
        let Date { year, month, day: _ } = self.0.last_key_value()?.0.date();
        let before = if month == 1 { (year - 1, 12) } else { (year, month - 1) };
        Some([self.month(before.0, before.1), self.month(year, month)])
    }

    fn month(&self, year: i32, month: u32) -> Month {
        let of_month = |no: &OrderNo| {
            let date = no.date();
            (date.year, date.month) == (year, month)
        };
        let first = |(no, history): (&OrderNo, &History)| {
            history.first.filter(|_| of_month(no)).map(|first| (first, *history))
        };
        let all: Vec<_> = self.0.iter().filter_map(first).collect();
        let known = |history: &History| {
            (history.person || history.closed) && history.last != Category::NONE
        };
        let labels: BTreeSet<Category> =
            all.iter().filter(|(_, h)| known(h)).map(|(_, h)| h.last).collect();
        let labels: Vec<Category> = labels.into_iter().collect();
        let mut table = Confusion::new(labels.len());
        let mut right = 0;
        for ((read, _), history) in all.iter().filter(|(_, history)| known(history)) {
            // It is among them: it was gathered of the same orders.
            let Ok(is) = labels.binary_search(&history.last) else { continue };
            table.add(is, labels.binary_search(read).ok());
            right += usize::from(*read == history.last);
        }
        Month {
            year,
            month,
            received: all.len(),
            triage: all.iter().filter(|((_, triage), _)| *triage).count(),
            known: table.total(),
            right,
            macro_f1: table.macro_f1(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no(month: u32, seq: u32) -> OrderNo {
        OrderNo::new("3304".parse().unwrap(), Date { year: 2026, month, day: 5 }, seq)
    }

    #[test]
    fn what_people_decided_is_an_example_and_the_last_word_counts() {
        let mut all = Histories::default();
        let c = Category;
        for (seq, said, category) in [
            (1, Said::First { triage: true }, c(0)),
            (1, Said::Person, c(1201)),
            (1, Said::Nothing, c(1201)),
            // Corrected twice.
            (2, Said::First { triage: false }, c(401)),
            (2, Said::Person, c(402)),
            (2, Said::Person, c(501)),
            // Nobody said anything of it, by a person or at all.
            (3, Said::First { triage: false }, c(701)),
            (3, Said::Closed, c(701)),
            (4, Said::First { triage: true }, c(0)),
            (4, Said::Nothing, c(101)),
            // Its beginning has left the feed.
            (5, Said::Person, c(801)),
        ] {
            all.happened(no(11, seq), said, category);
        }
        let examples: Vec<_> = all.examples().collect();
        assert_eq!(examples, [(no(11, 5), c(801)), (no(11, 2), c(501)), (no(11, 1), c(1201))]);
        let [before, last] = all.last_months().unwrap();
        assert_eq!((before.year, before.month, before.received), (2026, 10, 0));
        assert_eq!((last.received, last.triage, last.known, last.right), (4, 2, 3, 1));
        assert!((last.macro_f1 - 1.0 / 3.0).abs() < 1e-9, "{last:?}");
    }

    #[test]
    fn two_months_are_told_apart_over_new_year() {
        let mut all = Histories::default();
        assert_eq!(all.last_months(), None);
        let number = |year, month, seq| {
            OrderNo::new("3304".parse().unwrap(), Date { year, month, day: 28 }, seq)
        };
        for (year, month, read, is) in
            [(2025, 11, 1, 1), (2025, 12, 401, 401), (2025, 12, 401, 402), (2026, 1, 401, 402)]
        {
            let no = number(year, month, is);
            all.happened(no, Said::First { triage: false }, Category(read as u16));
            all.happened(no, Said::Closed, Category(is as u16));
        }
        let [before, last] = all.last_months().unwrap();
        assert_eq!((before.year, before.month, before.known, before.right), (2025, 12, 2, 1));
        // 0401 has recall 1 and precision 1/2, 0402 was never read.
        assert!((before.macro_f1 - (2.0 / 3.0) / 2.0).abs() < 1e-9, "{before:?}");
        assert_eq!((last.year, last.month, last.known, last.right), (2026, 1, 1, 0));
    }
}
