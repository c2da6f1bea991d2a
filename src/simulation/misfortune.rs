//! What befalls a city: deaths, failovers, clocks that are set, switches.

use super::city::{City, PROCESSES};
use super::crowd::of_unit;
use super::mutant::Mutant;
use super::process::{Ask, Task};
use super::world::request_of;
use super::wrong::Wrong;
use crate::dispatch::{RequestId, Switch};
use crate::domain::{Mode, Role, Span};

/// How often one city's processes die, and its store fails over, at most.
const MAX_DEATHS: u64 = 40;
const MAX_FAILOVERS: u64 = 6;

impl City {
    /// What befalls a city, by its weather.
    pub(super) fn misfortune(&mut self) -> Result<(), Wrong> {
        let (weather, cut_off) = {
            let world = self.world.lock();
            (world.weather.clone(), world.is_cut_off())
        };
        if self.dice.happens(weather.death) && self.deaths < MAX_DEATHS {
            self.die()?;
        }
        // What cuts a replica off likes to make it the master, too.
        let likely = if cut_off { 10 } else { 1 };
        if self.dice.happens(likely * weather.failover) && self.failovers < MAX_FAILOVERS {
            self.fail_over()?;
        }
        if self.dice.happens(weather.cut) && !cut_off {
            let steps = 20 + self.dice.below(150);
            let mut world = self.world.lock();
            world.cut_off_until = self.steps + steps;
            world.note(None, "replica cut off", None, steps);
        }
        if self.dice.happens(weather.skew) {
            self.set_a_clock();
        }
        if self.dice.happens(weather.switch) {
            self.switch();
        }
        if self.dice.happens(50) {
            self.world.lock().wash_ashore();
        }
        if self.dice.happens(40) && !cut_off {
            let most = self.dice.place(12);
            self.world.lock().replicate(most);
        }
        Ok(())
    }

    /// A process dies in the middle of whatever it does, and another starts in its place.
    fn die(&mut self) -> Result<(), Wrong> {
        let process = self.dice.place(PROCESSES);
        self.world.lock().note(Some(process), "dies", None, self.flights.len() as u64);
        self.deaths += 1;
        let (dead, others): (Vec<_>, Vec<_>) =
            self.flights.drain(..).partition(|flight| flight.process == process);
        self.flights = others;
        for flight in dead {
            flight.handle.abort();
            if let Task::Wish(id) = flight.task {
                self.ledger.cut_off(id);
            }
        }
        self.processes[process] = self.started(process)?;
        Ok(())
    }

    fn fail_over(&mut self) -> Result<(), Wrong> {
        self.look()?;
        let mut world = self.world.lock();
        self.failovers += 1;
        let kept = world.fail_over();
        let lost = self.auditor.roll_back(kept, &world.state, &world.kept, &self.ledger)?;
        let lost: Vec<RequestId> = lost.iter().filter_map(request_of).collect();
        let (state, lossy) = (&world.state, world.weather.lossy);
        self.ledger.rolled_back(&lost, |id| state.requests.contains_key(&id), lossy)?;
        self.live = self.auditor.numbers.clone();
        Ok(())
    }

    /// A clock is set, rightly or wrongly, while its process is between calls: within a second
    /// the process itself would notice.
    fn set_a_clock(&mut self) {
        let process = self.dice.place(PROCESSES);
        let hour = Span::hours(1).0;
        let wild = Span(self.dice.below(2 * hour as u64) as i64 - hour);
        let slight = self.slightly_off();
        let off = if self.dice.happens(600) { wild } else { slight };
        if self.flights.iter().any(|flight| flight.process == process) {
            return;
        }
        self.processes[process].set_clock(off);
        let mut world = self.world.lock();
        if world.slips.is(Mutant::TickThoughSkewed) {
            self.processes[process].dispatch.set_skewed(false);
        }
        world.note(Some(process), "sets its clock", None, self.processes[process].off().0 as u64);
    }

    fn switch(&mut self) {
        let version = {
            let world = self.world.lock();
            world.state.mode.as_ref().map_or(0, |row| row.version)
        };
        let Some(mode) = self.dice.pick(Mode::ALL).copied() else { return };
        let switch = Switch { mode, restamp: self.dice.happens(500), version };
        self.asked += 1;
        // Wishes have the lower half to themselves.
        let id = RequestId(u128::from(self.asked) << 64);
        let actor = of_unit(self.crowd.centre(), Role::Dispatcher);
        self.ask(Task::Switch, Ask::Switch(actor, id, switch));
    }
}
