//! The end of a simulated city: the weather clears, everything comes to an end, and then
//! everything must be there.

use super::city::City;
use super::crowd::of_unit;
use super::process::Task;
use super::timers::MOST_OFF;
use super::wrong::{Promise, Wrong, must};
use crate::dispatch::Refusal;
use crate::domain::{Action, Date, Dimension, Role, Span};

/// How many steps an end may take that nothing new is added to.
const MAX_STEPS: u64 = 1_000_000;
/// How often what nobody knows is asked for again.
const MAX_ASKED: usize = 8;
/// How often the timers look, a second apart, before what is still due is missed. The lease
/// of a process that died lasts three.
const MAX_LOOKS: usize = 16;

impl City {
    pub(super) async fn come_to_rest(&mut self) -> Result<(), Wrong> {
        {
            let mut world = self.world.lock();
            world.weather = world.weather.calm();
            world.cut_off_until = 0;
        }
        self.land_all().await?;
        while !self.world.lock().adrift.is_empty() {
            self.world.lock().wash_ashore();
            self.go_on().await?;
        }
        for process in 0..self.processes.len() {
            let off = self.slightly_off();
            self.processes[process].set_clock(off);
        }
        self.settle().await?;
        self.let_all_fall_due().await?;
        self.everything_leaves().await?;
        self.everything_is_there().await
    }

    /// Every call in flight comes to its end.
    async fn land_all(&mut self) -> Result<(), Wrong> {
        let last = self.steps + MAX_STEPS;
        loop {
            let on_their_way = !self.world.lock().on_their_way.is_empty();
            if self.flights.is_empty() && !on_their_way {
                return Ok(());
            }
            must(self.steps < last, Promise::Answered, || {
                let tasks: Vec<Task> = self.flights.iter().map(|flight| flight.task).collect();
                format!("these calls never end: {tasks:?}")
            })?;
            self.let_arrive();
            self.go_on().await?;
        }
    }

    /// Whoever does not know asks again.
    async fn settle(&mut self) -> Result<(), Wrong> {
        for _ in 0..MAX_ASKED {
            let open = self.ledger.unsettled();
            for id in open {
                let process = self.dice.place(self.processes.len());
                self.try_wish(id, Some(process));
                self.land_all().await?;
            }
        }
        Ok(())
    }

    /// Time goes on until nothing will ever fall due again.
    async fn let_all_fall_due(&mut self) -> Result<(), Wrong> {
        loop {
            let slack = Span(self.dice.below(Span::minutes(15).0 as u64) as i64);
            {
                let mut world = self.world.lock();
                let Some((next, _)) = world.state.deadlines.first().copied() else { break };
                world.now = world.now.max(next.plus(slack)).plus(Span::seconds(2));
            }
            self.tick_what_is_due().await?;
        }
        let now = self.world.lock().now;
        self.auditor.nothing_missed(now)
    }

    async fn tick_what_is_due(&mut self) -> Result<(), Wrong> {
        let mut idle = 0;
        loop {
            let (due, timers) = (self.is_due(), self.auditor.timers);
            match due {
                None => return Ok(()),
                Some(missed) => must(idle < MAX_LOOKS, Promise::NoTimerMissed, || missed)?,
            }
            for process in 0..self.processes.len() {
                self.look_at_timers(process);
                self.land_all().await?;
            }
            if self.auditor.timers == timers {
                idle += 1;
                let mut world = self.world.lock();
                world.now = world.now.plus(Span::seconds(1));
            } else {
                idle = 0;
            }
        }
    }

    /// What every process must find due by now.
    fn is_due(&self) -> Option<String> {
        let world = self.world.lock();
        let by = world.now.minus(MOST_OFF);
        let (at, no) = world.state.deadlines.first().copied().filter(|(at, _)| *at <= by)?;
        Some(format!("{no} was due at {at} and still is at {}", world.now))
    }

    /// What nobody works any more is withdrawn; days later what is over has left the store, and
    /// is still found.
    async fn everything_leaves(&mut self) -> Result<(), Wrong> {
        let agent = of_unit(self.crowd.centre(), Role::Agent);
        for no in self.auditor.numbers.clone() {
            let dispatch = self.processes[0].dispatch.clone();
            // Those that others wait for are not.
            let _ = dispatch.act(no, &agent, None, None, Action::Withdraw, None).await;
            self.go_on().await?;
        }
        {
            let mut world = self.world.lock();
            world.now = world.now.plus(Span::hours(48));
        }
        for process in (0..self.processes.len()).cycle().take(MAX_LOOKS) {
            self.archive(process);
            self.land_all().await?;
        }
        let left = self.world.lock().state.orders.values().find(|o| o.is_over()).cloned();
        must(left.is_none(), Promise::NothingLost, || {
            format!("{:?} is over, and never left", left.map(|order| order.no))
        })?;
        for no in self.auditor.numbers.clone() {
            let dispatch = self.processes[0].dispatch.clone();
            let found = dispatch.order(no).await.ok();
            must(found.as_ref() == self.auditor.order(no), Promise::NothingLost, || {
                format!("{no} is not found as it was")
            })?;
        }
        Ok(())
    }

    async fn everything_is_there(&mut self) -> Result<(), Wrong> {
        loop {
            let before = self.copy.cursor;
            let reading = self.reading();
            self.fly(0, Task::Copy, reading);
            self.land_all().await?;
            if self.copy.cursor == before {
                break;
            }
        }
        let whole = {
            let world = self.world.lock();
            self.copy.is_whole(&world.state.feed)
        };
        must(whole, Promise::OneFeed, || "the copy of the feed is not the feed".to_owned())?;
        self.ledger.close(&self.auditor)?;
        let dispatch = self.processes[0].dispatch.clone();
        let failed = |e: Refusal| Wrong::of(Promise::Answered, e.to_string());
        let centre = of_unit(self.crowd.centre(), Role::Dispatcher);
        let found = dispatch.doctor(&centre, false).await.map_err(failed)?;
        must(found.is_empty(), Promise::Derived, || {
            let found: Vec<_> = found.iter().take(4).map(ToString::to_string).collect();
            found.join("; ")
        })?;
        let (from, to) =
            (Date { year: 2000, month: 1, day: 1 }, Date { year: 2099, month: 1, day: 1 });
        for dimension in Dimension::ALL {
            let told = dispatch.indicators(from, to, *dimension).await.map_err(failed)?;
            let counted = self.auditor.counted(*dimension);
            must(told == counted.into_iter().collect::<Vec<_>>(), Promise::Counted, || {
                format!("the indicators by {dimension} are no count of what happened")
            })?;
        }
        Ok(())
    }
}
