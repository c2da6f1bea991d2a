//! What goes on in a city: people ask, calls arrive, timers look, time passes.

use super::call::Call;
use super::city::{City, PROCESSES};
use super::crowd::of_unit;
use super::process::{Ask, Flight, Task, start};
use crate::dispatch::{Claimed, Cursor, Pull, RequestId};
use crate::domain::{Actor, Desk, OrderNo, Role, Span};
use std::sync::Arc;
use std::time::Duration;

/// How many calls of clients are in flight at most.
const MAX_FLIGHTS: usize = 12;
/// Digests of the first body of a request, and of another.
const BODY: [u8; 16] = [1; 16];
const OTHER_BODY: [u8; 16] = [2; 16];

impl City {
    /// One thing happens.
    pub(super) fn one_thing(&mut self) {
        let on_their_way = self.world.lock().on_their_way.len();
        match self.dice.below(100) {
            0..55 if on_their_way > 0 => self.let_arrive(),
            0..74 => self.somebody_asks(),
            74..80 => {
                let process = self.dice.place(PROCESSES);
                self.index(process);
            }
            80..89 => self.timers_look(),
            89..92 => {
                let process = self.dice.place(PROCESSES);
                self.archive(process);
            }
            _ => self.time_passes(),
        }
    }

    /// One of the calls on their way arrives at the store, in whatever order.
    pub(super) fn let_arrive(&mut self) {
        let mut world = self.world.lock();
        let at = self.dice.place(world.on_their_way.len());
        if at >= world.on_their_way.len() {
            return;
        }
        let call = world.on_their_way.swap_remove(at);
        if !call.turn.is_closed() {
            let _ = call.turn.send(());
        } else if let Some(changes) = call.changes
            && self.dice.happens(500)
        {
            // Its process is dead, but it had been sent.
            world.adrift.push((call.process, changes));
        }
    }

    fn timers_look(&mut self) {
        let process = self.dice.place(PROCESSES);
        self.look_at_timers(process);
    }

    pub(super) fn look_at_timers(&mut self, process: usize) {
        if let Some(rounds) = self.processes[process].rounds.take() {
            self.fly(process, Task::Round, Ask::Round(rounds));
        }
    }

    pub(super) fn archive(&mut self, process: usize) {
        if let Some(passes) = self.processes[process].passes.take() {
            self.fly(process, Task::Archive, Ask::Archive(passes));
        }
    }

    fn index(&mut self, process: usize) {
        if let Some(reader) = self.processes[process].reader.take() {
            self.fly(process, Task::Likeness, Ask::Likeness(reader));
        }
    }

    fn time_passes(&mut self) {
        let most = match self.dice.below(20) {
            0..10 => Span::seconds(2),
            10..17 => Span::minutes(1),
            _ => Span::minutes(15),
        };
        let passes = Span(self.dice.below(most.0 as u64) as i64);
        let mut world = self.world.lock();
        world.now = world.now.plus(passes);
        world.note(None, "time passes", None, passes.0 as u64);
    }

    fn somebody_asks(&mut self) {
        if self.flights.len() >= MAX_FLIGHTS {
            return self.let_arrive();
        }
        let (now, duplicate) = {
            let world = self.world.lock();
            (world.now, world.weather.duplicate)
        };
        if self.filed < self.plan.orders && self.dice.happens(250) {
            self.filed += 1;
            let matter = self.crowd.matter(self.filed, now, &mut self.dice);
            let agent = of_unit(self.crowd.centre(), Role::Agent);
            return self.wish(agent, Call::Submit(matter));
        }
        if self.dice.happens(duplicate) {
            return self.ask_again();
        }
        match self.dice.below(20) {
            0..4 => self.pull(),
            4 => self.peep(),
            5 => self.read_on(),
            6..10 if !self.in_hand.is_empty() => {
                let at = self.dice.place(self.in_hand.len());
                let (claimed, unit) = self.in_hand.swap_remove(at);
                let Claimed { order, lease } = claimed;
                let call = self.crowd.work_on(&order, lease, &mut self.dice);
                self.wish(of_unit(unit, Role::Handler), call);
            }
            _ => {
                let (Some(no), other) = (self.some_order(), self.some_order()) else { return };
                let Some(order) = self.auditor.order(no).cloned() else { return };
                let moved = self.crowd.move_of(&order, now, other, &mut self.dice);
                if let Some((actor, call)) = moved {
                    self.wish(actor, call);
                }
            }
        }
    }

    /// An order that is mostly not over.
    fn some_order(&mut self) -> Option<OrderNo> {
        for _ in 0..8 {
            let at = self.dice.place(self.live.len());
            let no = *self.live.get(at)?;
            let over = self.auditor.order(no).is_none_or(|order| order.is_over());
            // Now and then somebody comes back to what is over.
            if !over || self.dice.happens(50) {
                return Some(no);
            }
            self.live.swap_remove(at);
        }
        self.dice.pick(&self.auditor.numbers).copied()
    }

    fn wish(&mut self, actor: Actor, call: Call) {
        self.asked += 1;
        let id = RequestId(u128::from(self.asked));
        self.ledger.add(id, actor, call);
        self.try_wish(id, None);
    }

    /// Sends a wish, again or for the first time, to one process.
    pub(super) fn try_wish(&mut self, id: RequestId, process: Option<usize>) {
        let Some(wish) = self.ledger.wish(id) else { return };
        let (call, actor) = (Arc::clone(&wish.call), wish.actor.clone());
        let ask = Ask::Wish { call, id, digest: BODY, actor };
        let flies = match process {
            Some(process) => {
                self.fly(process, Task::Wish(id), ask);
                true
            }
            None => self.ask(Task::Wish(id), ask),
        };
        if flies {
            self.ledger.sent(id);
        } else {
            self.ledger.cut_off(id);
        }
    }

    fn ask_again(&mut self) {
        let at = self.dice.next();
        let Some(id) = self.ledger.pick(at) else { return };
        let lossy = self.world.lock().weather.lossy;
        let Some(wish) = self.ledger.wish(id) else { return };
        if self.ledger.is_done(id) && !lossy && self.dice.happens(100) {
            let (call, actor) = (Arc::clone(&wish.call), wish.actor.clone());
            let ask = Ask::Wish { call, id, digest: OTHER_BODY, actor };
            self.ask(Task::OtherBody(id), ask);
        } else {
            self.try_wish(id, None);
        }
    }

    fn pull(&mut self) {
        let desk = if self.dice.happens(700) {
            Some(Desk::Lead)
        } else {
            self.dice.pick(Desk::ALL).copied()
        };
        let holder = self.some_order().and_then(|no| self.auditor.order(no)?.holder());
        let (Some(desk), Some(unit)) = (desk, holder) else { return };
        let lease = Duration::from_secs(5 + self.dice.below(900));
        let (subtree, max) = (self.dice.happens(300), 1 + self.dice.place(6));
        let wait = Duration::ZERO;
        let pull = Pull { unit, subtree, desk, max, lease, wait };
        self.ask(Task::Pull(unit), Ask::Pull(of_unit(unit, Role::Handler), pull));
    }

    /// A unit that is complained about looks around.
    fn peep(&mut self) {
        let unit = self.crowd.accused(&mut self.dice);
        let actor = of_unit(unit, Role::Handler);
        if self.dice.happens(500) {
            let Some(desk) = self.dice.pick(Desk::ALL).copied() else { return };
            self.ask(Task::Tray(unit), Ask::Tray(actor, unit, desk));
            return;
        }
        let after = {
            let world = self.world.lock();
            let sequence = self.dice.below(world.state.feed.len() as u64);
            Cursor { epoch: world.epoch, sequence, index: 0 }
        };
        self.ask(Task::Feed(unit), Ask::Feed(actor, Some(after)));
    }

    fn read_on(&mut self) {
        let busy = |flight: &Flight| matches!(flight.task, Task::Copy | Task::Acknowledge);
        match self.copy.cursor.filter(|_| self.dice.happens(300)) {
            _ if self.flights.iter().any(busy) => {}
            Some(cursor) => _ = self.ask(Task::Acknowledge, Ask::Acknowledge(cursor)),
            None => _ = self.ask(Task::Copy, self.reading()),
        }
    }

    pub(super) fn reading(&self) -> Ask {
        Ask::Feed(of_unit(self.crowd.centre(), Role::Dispatcher), self.copy.cursor)
    }

    /// Asks a process that takes work; whether there is one.
    pub(super) fn ask(&mut self, task: Task, ask: Ask) -> bool {
        let process = self.dice.place(PROCESSES);
        let ready = self.processes[process].is_ready();
        if ready {
            self.fly(process, task, ask);
        }
        ready
    }

    pub(super) fn fly(&mut self, process: usize, task: Task, ask: Ask) {
        let stale = self.world.lock().stale;
        let handle = start(&self.processes[process].dispatch, ask);
        let (began, failovers) = (self.auditor.history.len(), self.failovers);
        self.flights.push(Flight { process, task, handle, began, stale, failovers });
    }
}
