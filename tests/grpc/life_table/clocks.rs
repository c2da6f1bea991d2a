//! What a move does to the promises: what they must be afterwards, reckoned from what they were.

use crate::server::catalogue;
use hotline::domain::{Kind, Mode, Policy, Span, Timestamp, Urgency};
use hotline::pb;
use prost_types::{Duration, Timestamp as Moment};

/// Both clocks, the pause ledger, the rounds, and the policy it all stands on.
#[derive(Clone, PartialEq, Debug)]
pub struct Promises {
    arrival: pb::Clock,
    closure: pb::Clock,
    pauses: Vec<pb::Pause>,
    rounds: Vec<pb::Round>,
    zero: Moment,
    policy: (u32, u32),
}

/// What a move may do to them.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Clocks {
    /// Nothing: no reset, no stop, no more time.
    Untouched,
    /// The front line has signed: arrival stops, closure runs on.
    ArrivalStops,
    /// Whatever still runs stops now, and a pause that lasts is over.
    Stop,
    /// From now on neither runs: a new line of the pause ledger.
    Pause,
    /// They run on from where they were: what falls due falls due later by the pause, exactly.
    GoOn,
    /// Closure has an hour more.
    AnHourMore,
    /// A new closure clock; the result that did not last is kept.
    Again,
    /// The limits of what it was decided to be, from when the citizen was heard.
    Stamped,
}

/// The limits that the matter of the order has if its clock begins then.
fn limits(order: &pb::Order, from: Moment) -> Policy {
    let reading = order.reading.clone().unwrap();
    let kind = Kind::from_byte(reading.kind as u8).unwrap();
    let urgency = Urgency::from_byte(reading.urgency as u8).unwrap();
    let from = Timestamp(from.seconds * 1_000 + i64::from(from.nanos / 1_000_000));
    catalogue().policy_for(kind, urgency, Mode::Ordinary, from)
}

fn later(at: Moment, span: Span) -> Moment {
    let ms = at.seconds * 1_000 + i64::from(at.nanos / 1_000_000) + span.0;
    Moment { seconds: ms.div_euclid(1_000), nanos: (ms.rem_euclid(1_000) * 1_000_000) as i32 }
}

fn between(from: Moment, to: Moment) -> Span {
    let ms = |at: Moment| at.seconds * 1_000 + i64::from(at.nanos / 1_000_000);
    Span(ms(to) - ms(from))
}

/// A clock of this limit that begins then.
fn fresh(limit: Span, from: Moment) -> pb::Clock {
    let seconds = Duration { seconds: limit.0 / 1_000, nanos: 0 };
    let due_at = Some(later(from, limit));
    pb::Clock { limit: Some(seconds), due_at, ..Default::default() }
}

impl Promises {
    pub fn of(order: &pb::Order) -> Promises {
        Promises {
            arrival: order.arrival.clone().unwrap(),
            closure: order.closure.clone().unwrap(),
            pauses: order.pauses.clone(),
            rounds: order.rounds.clone(),
            zero: order.heard_at.unwrap(),
            policy: (order.policy_id, order.policy_version),
        }
    }

    /// Those of an order that has just been filed and whose citizen was heard then.
    pub fn new(order: &pb::Order, heard_at: Moment) -> Promises {
        let policy = limits(order, heard_at);
        Promises {
            arrival: fresh(policy.arrival, heard_at),
            closure: fresh(policy.closure, heard_at),
            pauses: Vec::new(),
            rounds: Vec::new(),
            zero: heard_at,
            policy: (policy.id.into(), policy.version),
        }
    }

    /// What they are once a move that does this has been made. Of `after` nothing is taken but
    /// what the matter is and until when the pause was granted.
    pub fn then(
        mut self,
        does: Clocks,
        now: Moment,
        before: &pb::Order,
        after: &pb::Order,
    ) -> Self {
        match does {
            Clocks::Untouched => {}
            Clocks::ArrivalStops => self.arrival.stopped_at = Some(now),
            Clocks::Stop => {
                self.end_pause(now);
                for clock in self.running() {
                    clock.stopped_at = Some(now);
                }
            }
            Clocks::Pause => {
                let review_at = after.pauses.last().unwrap().review_at;
                assert!(between(now, review_at.unwrap()) > Span::ZERO);
                assert_eq!(after.next_deadline, review_at, "nothing else falls due meanwhile");
                self.pauses.push(pb::Pause { from: Some(now), review_at, until: None });
            }
            Clocks::GoOn => self.end_pause(now),
            Clocks::AnHourMore => {
                let (clock, hour) = (&mut self.closure, Span::hours(1));
                clock.limit.as_mut().unwrap().seconds += hour.0 / 1_000;
                clock.due_at = clock.due_at.map(|due| later(due, hour));
            }
            Clocks::Again => {
                let policy = limits(after, now);
                let was = std::mem::replace(&mut self.closure, fresh(policy.closure, now));
                assert!(was.stopped_at.is_some());
                self.rounds.push(pb::Round {
                    closed_at: was.stopped_at,
                    late: false,
                    // The last that was written.
                    report: before.papers - 1,
                    reworked_at: Some(now),
                });
            }
            Clocks::Stamped => {
                let (policy, zero) = (limits(after, self.zero), self.zero);
                for (clock, limit) in
                    [(&mut self.arrival, policy.arrival), (&mut self.closure, policy.closure)]
                {
                    if clock.stopped_at.is_none() {
                        *clock = fresh(limit, zero);
                    }
                }
                assert_ne!(self.policy.0, u32::from(policy.id), "a test of nothing");
                self.policy = (policy.id.into(), policy.version);
            }
        }
        self
    }

    fn running(&mut self) -> impl Iterator<Item = &mut pb::Clock> {
        let both = [&mut self.arrival, &mut self.closure];
        both.into_iter().filter(|clock| clock.stopped_at.is_none())
    }

    fn end_pause(&mut self, now: Moment) {
        let Some(pause) = self.pauses.last_mut().filter(|pause| pause.until.is_none()) else {
            return;
        };
        pause.until = Some(now);
        let stood = between(pause.from.unwrap(), now);
        assert!(stood > Span::ZERO);
        for clock in self.running() {
            clock.due_at = clock.due_at.map(|due| later(due, stood));
        }
    }
}
