//! What people do about an order, and when: mostly what they should, in time.

use super::dice::Dice;
use super::shape::Shape;
use hotline::catalogue::Catalogue;
use hotline::dispatch::{Acceptance, Dispatch, Done, Paper, Refusal, Request, Routing, Submission};
use hotline::domain::{
    Action, Actor, Channel, ClockKind, Contact, Order, OrderNo, Outcome, Redacted, ReturnDecision,
    ReturnReason, Role, Span, Stage, Timestamp, Unit, Verdict,
};
use std::sync::Arc;

/// So many of a hundred who hold an order let their share pass, and the clock moves it on.
const SIT: u64 = 12;
/// So many of a hundred times a unit gives an order back.
const RETURN: u64 = 3;
/// So many of a hundred reports are not enough, and citizens not satisfied.
const REJECT: u64 = 6;
/// So many of a hundred orders get more time.
const EXTEND: u64 = 5;
/// So many of a hundred citizens are called after closing; the others' wait runs out.
const CALL: u64 = 70;

/// Those who have to do with a city's orders.
pub struct People {
    pub catalogue: Arc<Catalogue>,
    pub shape: Arc<Shape>,
    pub seed: u64,
}

/// Somebody of a unit.
pub fn of_unit(unit: Unit, role: Role) -> Actor {
    Actor { staff: Arc::from("0117"), unit, role }
}

impl People {
    /// What the `nth` citizen says.
    pub fn matter(&self, nth: u64) -> Submission {
        let mut dice = Dice::of(self.seed ^ nth);
        let [title, text, address] = dice.pick(&self.shape.calls).clone();
        Submission {
            channel: Channel::Phone,
            heard_at: None,
            title,
            text,
            contact: Contact {
                name: Redacted::new("王阿姨".to_owned()),
                phone: Redacted::new(format!("138{:08}", dice.next() % 100_000_000)),
                address: Redacted::new(address),
            },
            kind: None,
            category: None,
            urgency: None,
            division: None,
            hand_over: None,
            recused: Vec::new(),
        }
    }

    fn dice(&self, order: &Order) -> Dice {
        Dice::of(self.seed ^ order.no.code().rotate_left(17) ^ u64::from(order.version) << 40)
    }

    /// When the front line will have done it.
    fn done_at(&self, order: &Order) -> Timestamp {
        let mut dice = Dice::of(self.seed ^ order.no.code() ^ (order.rounds.len() as u64) << 60);
        order.zero(ClockKind::Closure).plus(self.shape.takes(dice.part()))
    }

    /// When somebody will do something about it next; `None` if the clock alone will.
    pub fn comes(&self, order: &Order, now: Timestamp) -> Option<Timestamp> {
        let mut dice = self.dice(order);
        let within = |span: Span, dice: &mut Dice| Span((span.0 as f64 * dice.part()) as i64);
        let takes = match order.stage {
            Stage::Triage
            | Stage::Dispatching
            | Stage::Assigned
            | Stage::ReturnReview
            | Stage::Escalated => {
                let share = order.policy.share(order.leg().unit.level());
                let sits = dice.happens(SIT);
                let part = within(share, &mut dice);
                if sits { Span(share.0 + part.0) } else { part }
            }
            Stage::Handling => {
                let work = self.done_at(order).since(now);
                // Some ask for more time first, soon.
                if asks_for_time(order) { within(Span(work.0.max(0)), &mut dice) } else { work }
            }
            Stage::Review | Stage::ExtensionReview | Stage::SuspensionReview => {
                within(Span::hours(2), &mut dice)
            }
            Stage::FollowUp if dice.happens(CALL) => {
                within(order.policy.follow_up.unwrap_or(Span::hours(24)), &mut dice)
            }
            Stage::Supplement | Stage::Suspended => within(Span::hours(8), &mut dice),
            Stage::FollowUp
            | Stage::Archived
            | Stage::Declined
            | Stage::HandedOver
            | Stage::Merged
            | Stage::Terminated
            | Stage::Withdrawn => return None,
        };
        Some(now.plus(Span(takes.0.max(1_000))))
    }

    /// Does it. A refusal is part of life: somebody, or the clock, was quicker.
    pub async fn act(
        &self,
        dispatch: &Dispatch,
        order: &Order,
        request: Request,
    ) -> Result<Done, Refusal> {
        let mut dice = self.dice(order);
        let (no, unit) = (order.no, order.leg().unit);
        let centre = of_unit(dispatch.cell().centre(), Role::Dispatcher);
        let action = match order.stage {
            Stage::Triage => {
                let reading = &order.reading;
                let acceptance = Acceptance {
                    category: reading.category,
                    division: reading.division,
                    kind: None,
                    urgency: None,
                    routing: Some(Routing { chain: None, direct: false }),
                };
                return dispatch.accept(no, &centre, request, acceptance).await;
            }
            Stage::Dispatching => {
                let routing = Routing { chain: None, direct: false };
                return dispatch.assign(no, &centre, request, routing).await;
            }
            Stage::FollowUp => {
                let satisfied = !dice.happens(REJECT);
                let outcome = if satisfied { Outcome::Satisfied } else { Outcome::Dissatisfied };
                return dispatch.follow_up(no, &centre, request, outcome).await;
            }
            Stage::Assigned if unit != centre.unit && dice.happens(RETURN) => {
                Action::Return { reason: ReturnReason::NotOurDuty }
            }
            Stage::Assigned if order.next_down().is_some() => Action::Relay { to: None },
            Stage::Assigned => Action::Sign,
            Stage::ReturnReview => {
                Action::DecideReturn { decision: self.decided(order, &mut dice) }
            }
            Stage::Handling if asks_for_time(order) => {
                Action::RequestExtension { by: order.policy.extension }
            }
            Stage::Handling | Stage::Escalated => {
                Action::Report { evidence: true, without_co_handlers: true }
            }
            Stage::Review => Action::DecideReport { verdict: verdict(&mut dice) },
            Stage::ExtensionReview => Action::DecideExtension { verdict: verdict(&mut dice) },
            Stage::SuspensionReview => Action::DecideSuspension { verdict: verdict(&mut dice) },
            Stage::Suspended => Action::Resume,
            Stage::Supplement => Action::Supply,
            Stage::Archived
            | Stage::Declined
            | Stage::HandedOver
            | Stage::Merged
            | Stage::Terminated
            | Stage::Withdrawn => Action::Urge,
        };
        let body = "已到现场核实处理，并向来电人说明情况。".to_owned();
        let paper = Paper { body, ..Paper::default() };
        let actor = of_unit(unit, Role::Handler);
        dispatch.act(no, &actor, Some(request), None, action, Some(paper)).await
    }

    /// Somebody else below, if there is anybody; half the time it must keep it.
    fn decided(&self, order: &Order, dice: &mut Dice) -> ReturnDecision {
        let below: Vec<Unit> = self.catalogue.children(order.leg().unit).collect();
        let others: Vec<Unit> = below
            .into_iter()
            .filter(|to| !order.refused_by.contains(to))
            .filter(|to| self.catalogue.may_lead(*to, order.reading.category))
            .collect();
        if others.is_empty() || dice.happens(50) {
            return ReturnDecision::Designate;
        }
        ReturnDecision::Transfer { to: *dice.pick(&others) }
    }
}

fn verdict(dice: &mut Dice) -> Verdict {
    if dice.happens(REJECT) { Verdict::Reject } else { Verdict::Accept }
}

/// Whether its unit asks for more time before it goes on.
fn asks_for_time(order: &Order) -> bool {
    let asks = Dice::of(code(order.no)).happens(EXTEND);
    let may = order.policy.extensions > order.marks.extended && order.closure.breached_at.is_none();
    asks && may && order.marks.rejected == 0 && order.rounds.is_empty()
}

fn code(no: OrderNo) -> u64 {
    no.code().rotate_left(31)
}
