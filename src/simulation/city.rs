//! A city at work: in each step one thing happens, chosen by the seed, then everything that
//! can go on goes on, and then it is looked at.

use super::auditor::Auditor;
use super::crowd::Crowd;
use super::dice::Dice;
use super::ledger::{Excuse, Ledger};
use super::process::{Copy, Flight, Landing, Process, Task};
use super::weather::Weather;
use super::world::{Shared, World};
use super::wrong::{Promise, Wrong, must};
use super::{Plan, Summary};
use crate::catalogue::Catalogue;
use crate::dispatch::{Claimed, Refusal};
use crate::domain::{OrderNo, Span, Timestamp, Unit};
use std::sync::Arc;

/// When every simulated city begins: 2022-03-14 21:40 in Beijing, so that a day ends in it and
/// what is over leaves.
const BEGINS: Timestamp = Timestamp(1_647_265_200_000);
/// How many processes a city has.
pub(super) const PROCESSES: usize = 3;
/// How many leases units have in their hands at most.
const MAX_IN_HAND: usize = 48;

/// A city, whole.
pub(super) struct City {
    pub(super) plan: Plan,
    pub(super) dice: Dice,
    pub(super) world: Shared,
    catalogue: Arc<Catalogue>,
    pub(super) crowd: Crowd,
    pub(super) processes: Vec<Process>,
    pub(super) flights: Vec<Flight>,
    pub(super) auditor: Auditor,
    pub(super) ledger: Ledger,
    pub(super) copy: Copy,
    /// What units have claimed, and for whom.
    pub(super) in_hand: Vec<(Claimed, Unit)>,
    /// Orders that are not known to be over.
    pub(super) live: Vec<OrderNo>,
    pub(super) filed: u64,
    pub(super) asked: u64,
    started: u64,
    pub(super) failovers: u64,
    pub(super) steps: u64,
    pub(super) deaths: u64,
}

impl City {
    pub(super) fn new(plan: Plan, catalogue: &Arc<Catalogue>) -> Result<City, Wrong> {
        let mut dice = Dice::new(plan.seed);
        let weather = Weather::of(&mut dice);
        let world = World::new(BEGINS, dice.clone(), weather, plan.mutant);
        let crowd = Crowd::new(Arc::clone(catalogue), &mut dice);
        let mut city = City {
            plan,
            dice,
            world: Shared::new(world),
            catalogue: Arc::clone(catalogue),
            crowd,
            processes: Vec::with_capacity(PROCESSES),
            flights: Vec::new(),
            auditor: Auditor::default(),
            ledger: Ledger::default(),
            copy: Copy::default(),
            in_hand: Vec::new(),
            live: Vec::new(),
            filed: 0,
            asked: 0,
            started: 0,
            failovers: 0,
            steps: 0,
            deaths: 0,
        };
        for process in 0..PROCESSES {
            let started = city.started(process)?;
            city.processes.push(started);
        }
        Ok(city)
    }

    /// A process from its beginning.
    pub(super) fn started(&mut self, process: usize) -> Result<Process, Wrong> {
        self.started += 1;
        let (sweeps, off) = (self.dice.happens(500), self.slightly_off());
        Process::start(&self.world, &self.catalogue, process, self.started, sweeps, off)
    }

    /// No two clocks agree.
    pub(super) fn slightly_off(&mut self) -> Span {
        Span(self.dice.below(2_001) as i64 - 1_000)
    }

    pub(super) async fn run(&mut self) -> Result<(), Wrong> {
        while self.steps < self.plan.steps {
            self.misfortune()?;
            self.one_thing();
            self.go_on().await?;
        }
        self.come_to_rest().await
    }

    /// What came of it.
    pub(super) fn summary(&self) -> Summary {
        let world = self.world.lock();
        Summary {
            steps: self.steps,
            orders: self.auditor.numbers.len() as u64,
            changes: self.auditor.history.len() as u64,
            timers: self.auditor.timers,
            acknowledged: self.ledger.acknowledged,
            repeated: self.ledger.repeated,
            settled: self.ledger.settled,
            lost_where_allowed: self.ledger.lost,
            deaths: self.deaths,
            failovers: self.failovers,
            archived: self.auditor.archived,
            bursts: self.auditor.telling.bursts,
            trimmed: world.kept.events(),
            trace: world.trace.hash(),
        }
    }

    /// Where it stands: the step, the true time and the last lines of its trace.
    pub(super) fn whereabouts(&self) -> (u64, Timestamp, Vec<String>) {
        let world = self.world.lock();
        (self.steps, world.now, world.trace.last())
    }

    /// Everything that can go on goes on, and is looked at.
    pub(super) async fn go_on(&mut self) -> Result<(), Wrong> {
        // The runtime comes back here once no task can go on.
        tokio::task::yield_now().await;
        self.steps += 1;
        self.look()?;
        self.collect().await
    }

    pub(super) fn look(&mut self) -> Result<(), Wrong> {
        let mut world = self.world.lock();
        world.step = self.steps;
        let happened = std::mem::take(&mut world.journal);
        let before = self.auditor.numbers.len();
        self.auditor.look(happened, &world.state, &world.kept, &self.ledger)?;
        self.live.extend(self.auditor.numbers[before..].iter().copied());
        Ok(())
    }

    /// Hears what came of the calls that have ended.
    async fn collect(&mut self) -> Result<(), Wrong> {
        let mut at = 0;
        while at < self.flights.len() {
            if !self.flights[at].handle.is_finished() {
                at += 1;
                continue;
            }
            let mut flight = self.flights.remove(at);
            let landed = (&mut flight.handle).await;
            let landed = landed
                .map_err(|e| Wrong::of(Promise::Answered, format!("{:?}: {e}", flight.task)))?;
            self.landed(&flight, landed)?;
        }
        Ok(())
    }

    fn landed(&mut self, flight: &Flight, landing: Landing) -> Result<(), Wrong> {
        let excuse = {
            let mut world = self.world.lock();
            world.note(Some(flight.process), name_of(&landing), None, flight.began as u64);
            Excuse {
                stale: world.stale > flight.stale,
                rolled_back: world.weather.lossy && self.failovers > flight.failovers,
            }
        };
        match (flight.task, landing) {
            (Task::Wish(id), Landing::Answer(answer)) => {
                self.ledger.answered(id, &answer, &self.auditor, excuse)?;
                // Whoever was told that nobody knows asks again, now or some day.
                if matches!(answer, Err(Refusal::Unknown(_))) && self.dice.happens(500) {
                    self.try_wish(id, None);
                }
                Ok(())
            }
            (Task::OtherBody(id), Landing::Answer(answer)) => {
                self.ledger.answered_other(id, &answer)
            }
            (Task::Pull(unit), Landing::Pulled(Ok(claimed))) => {
                for claimed in claimed {
                    must(!claimed.order.hidden_from(unit), Promise::Hidden, || {
                        format!("{} was handed to {unit}", claimed.order.no)
                    })?;
                    if self.in_hand.len() == MAX_IN_HAND {
                        self.in_hand.remove(0);
                    }
                    self.in_hand.push((claimed, unit));
                }
                Ok(())
            }
            (Task::Tray(unit), Landing::Seen(Ok(orders))) => {
                let seen = orders.iter().find(|order| order.hidden_from(unit));
                must(seen.is_none(), Promise::Hidden, || {
                    format!("{:?} was shown to {unit}", seen.map(|order| order.no))
                })
            }
            (Task::Feed(unit), Landing::Read(Ok((events, _)))) => {
                let hidden = |no: OrderNo| {
                    let knew = !excuse.stale && flight.failovers == self.failovers;
                    knew && self.auditor.was_hidden(no, unit, flight.began)
                };
                let seen = events.iter().find(|(_, event)| {
                    let mut told = std::iter::once(&event.order).chain(event.what.others());
                    event.hidden_from.contains(&unit) || told.any(|no| hidden(*no))
                });
                must(seen.is_none(), Promise::Hidden, || {
                    format!("{:?} was told to {unit}", seen.map(|(_, event)| event.order))
                })
            }
            (Task::Copy, Landing::Read(read)) => {
                self.copy.go_on(read, &self.world.lock().state.feed)
            }
            (Task::Acknowledge, Landing::Acknowledged(Ok(at))) => {
                self.copy.is_known(at);
                Ok(())
            }
            (Task::Archive, Landing::Moved(passes)) => {
                self.processes[flight.process].passes = Some(passes);
                Ok(())
            }
            (Task::Likeness, Landing::Indexed(reader)) => {
                self.processes[flight.process].reader = Some(reader);
                Ok(())
            }
            (Task::Round, Landing::Ticked(rounds)) => {
                self.processes[flight.process].rounds = Some(rounds);
                Ok(())
            }
            (Task::Switch, Landing::Switched(Ok(row))) => {
                let there = row.revision <= self.auditor.revision;
                must(there || excuse.rolled_back, Promise::NothingLost, || {
                    format!("the switch {} was acknowledged and is not there", row.revision)
                })
            }
            // What was refused or failed showed nothing and promised nothing.
            _ => Ok(()),
        }
    }
}

fn name_of(landing: &Landing) -> &'static str {
    match landing {
        Landing::Answer(Ok(_)) => "acknowledged",
        Landing::Answer(Err(_)) => "not acknowledged",
        Landing::Pulled(_) => "pulled",
        Landing::Seen(_) => "seen",
        Landing::Read(_) => "read",
        Landing::Acknowledged(_) => "copy is known",
        Landing::Ticked(_) => "timers looked",
        Landing::Moved(_) => "archive looked",
        Landing::Indexed(_) => "index read on",
        Landing::Switched(_) => "switched",
    }
}
