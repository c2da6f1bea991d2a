//! What a hotline is judged by, counted over whole lives.

use crate::make::*;
use hotline::domain::*;
use std::collections::BTreeMap;

/// A life and what it counts.
struct Life {
    order: Order,
    counted: BTreeMap<Marginal, Counts>,
}

impl Life {
    fn new(chain: Option<&[&str]>) -> Life {
        let command = Command { actor: actor("3304"), action: register(chain) };
        let Decision { after, events } = decide(None, &command, HEARD).unwrap();
        let mut life = Life { order: after, counted: BTreeMap::new() };
        life.count(None, &events);
        life
    }

    fn count(&mut self, before: Option<&Order>, events: &[Event]) {
        indicators(before, events, |marginal, measure| {
            self.counted.entry(marginal).or_default().count(measure);
        });
    }

    /// The holder does it, a minute after what was done before.
    fn then(&mut self, action: Action) -> &mut Life {
        let (of, now) = (self.order.leg().unit, self.order.updated_at.plus(Span::minutes(1)));
        self.does(of, action, now)
    }

    fn centre(&mut self, action: Action) -> &mut Life {
        let now = self.order.updated_at.plus(Span::minutes(1));
        self.does(unit("3304"), action, now)
    }

    fn does(&mut self, of: Unit, action: Action, now: Timestamp) -> &mut Life {
        let Decision { after, events } = step(&self.order, &of.to_string(), action, now);
        let before = std::mem::replace(&mut self.order, after);
        self.count(Some(&before), &events);
        self
    }

    fn closed(&mut self) -> &mut Life {
        self.then(REPORT).then(Action::DecideReport { verdict: Verdict::Accept })
    }

    fn said(&mut self, outcome: Outcome) -> &mut Life {
        self.centre(follow_up(outcome))
    }

    fn of(&self, marginal: Marginal, measure: Measure) -> u32 {
        self.counted.get(&marginal).map_or(0, |counts| counts.of(measure))
    }

    /// Who received it: the units by code, then how often each level did, city to village.
    fn received(&self) -> (Vec<String>, [u32; 4]) {
        let units = self.counted.iter().filter_map(|(marginal, counts)| match marginal {
            Marginal::Unit(unit) if counts.of(Measure::Received) > 0 => {
                assert_eq!(counts.of(Measure::Received), 1, "{unit} received it once");
                Some(unit.to_string())
            }
            Marginal::Unit(_) | Marginal::Level(_) | Marginal::Category(_) => None,
        });
        let level = |level| self.of(Marginal::Level(level), Measure::Received);
        (units.collect(), Level::ALL.map(level))
    }
}

const CATEGORY: Marginal = Marginal::Category(Category(203));

fn strings(units: &[&str]) -> Vec<String> {
    units.iter().map(|unit| (*unit).to_owned()).collect()
}

#[test]
fn an_order_is_received_once_by_everybody_it_comes_to() {
    let transfer = |to| Action::DecideReturn { decision: ReturnDecision::Transfer { to } };
    let sibling = "330402001004";
    let mut life = Life::new(Some(&CHAIN));
    assert_eq!(life.received(), (strings(&CHAIN[..1]), [1, 0, 0, 0]), "it is with the city yet");
    life.then(RELAY).then(RELAY).then(RELAY);
    assert_eq!(life.received(), (strings(&CHAIN), [1; 4]));
    // Given back it is decided about, not received; the next village receives it, its level
    // had it before; and so had whoever does it again.
    life.then(RETURN).then(transfer(unit(sibling))).then(Action::Sign).closed();
    life.said(Outcome::Dissatisfied).closed().said(Outcome::Satisfied);
    let all = strings(&[&CHAIN[..], &[sibling]].concat());
    assert_eq!(life.received(), (all, [1; 4]));
    assert_eq!(life.of(CATEGORY, Measure::Received), 1);
    assert_eq!(life.of(Marginal::Unit(unit(sibling)), Measure::Reworked), 1);
}

#[test]
fn whom_the_clock_passes_by_received_it_all_the_same() {
    let mut life = Life::new(Some(&CHAIN));
    for minute in [5, 15, 30] {
        life.does(unit("3304"), tick(), at(minute));
    }
    assert_eq!(life.received(), (strings(&CHAIN), [1; 4]));
}

#[test]
fn copies_are_not_received_and_nobody_receives_what_ends_at_once() {
    let mut life = Life::new(None);
    life.centre(accept_to(Some(plan(&CHAIN)), true)).then(Action::Sign).then(REPORT);
    assert_eq!(life.order.leg().unit, unit(CHAIN[2]), "the town only decides about the report");
    assert_eq!(life.received(), (strings(&[CHAIN[0], CHAIN[3]]), [1, 0, 0, 1]));
    // Unless it is asked to act itself.
    life.then(Action::DecideReport { verdict: Verdict::Reject }).then(Action::Escalate);
    assert_eq!(life.received(), (strings(&[CHAIN[0], CHAIN[2], CHAIN[3]]), [1, 0, 1, 1]));
    let mut life = Life::new(None);
    life.centre(Action::Decline { reason: DeclineReason::Abuse });
    assert_eq!(life.received(), (strings(&["3304"]), [1, 0, 0, 0]));
}

#[test]
fn the_first_word_and_the_last_are_two_things() {
    use Measure::{FollowedUp, FollowedUpFinal, FollowedUpFirst, Satisfied, SatisfiedFirst};
    use Outcome::{Dissatisfied as No, Satisfied as Yes, Unreached};
    // What is said of one closing after another; what is counted: said at all, of the first
    // result and satisfied, of the last one and satisfied.
    let table: [(&[Outcome], [u32; 5]); 6] = [
        (&[Yes], [1, 1, 1, 1, 1]),
        (&[Unreached, Yes], [1, 1, 1, 1, 1]),
        (&[No, Yes], [2, 1, 0, 1, 1]),
        (&[No, No, Yes], [3, 1, 0, 1, 1]),
        (&[No, No, No], [3, 1, 0, 1, 0]), // twice is as often as it is done again
        (&[No, Unreached], [1, 1, 0, 0, 0]), // done again, and nobody knows how that was
    ];
    for (words, expected) in table {
        let mut life = Life::new(Some(&CHAIN));
        life.then(RELAY).then(RELAY).then(RELAY).then(Action::Sign);
        for word in words {
            if life.order.stage == Stage::Handling {
                life.closed();
            }
            life.said(*word);
        }
        let measures = [FollowedUp, FollowedUpFirst, SatisfiedFirst, FollowedUpFinal, Satisfied];
        for marginal in [Marginal::Unit(unit(CHAIN[3])), Marginal::Level(Level::Village), CATEGORY]
        {
            assert_eq!(measures.map(|m| life.of(marginal, m)), expected, "{words:?}");
        }
    }
}
