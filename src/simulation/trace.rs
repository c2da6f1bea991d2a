//! What happened in a city, as one number to compare and a few last lines to read.

use crate::domain::{OrderNo, Timestamp};
use std::collections::VecDeque;
use std::fmt;

/// How many of the last lines are kept for whoever has to find out.
const LAST: usize = 40;

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// In which step of the simulation.
    pub(super) step: u64,
    /// When, by the true time.
    pub(super) at: Timestamp,
    /// In which process, from 0; `None` for the store and the world.
    pub(super) process: Option<usize>,
    /// What.
    pub(super) what: &'static str,
    /// To which order, if to one.
    pub(super) order: Option<OrderNo>,
    /// Whatever number says more: a version, a count, milliseconds.
    pub(super) number: u64,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {:>6}  {}  ", self.step, self.at)?;
        match self.process {
            Some(process) => write!(f, "process {process}  ")?,
            None => write!(f, "           ")?,
        }
        write!(f, "{:<24} {}", self.what, self.number)?;
        self.order.map_or(Ok(()), |no| write!(f, "  {no}"))
    }
}

/// All that happened so far.
#[derive(Debug)]
pub(super) struct Trace {
    hash: u64,
    last: VecDeque<Line>,
}

impl Trace {
    pub(super) fn new() -> Trace {
        // FNV-1a, 64 bits.
        Trace { hash: 0xcbf2_9ce4_8422_2325, last: VecDeque::with_capacity(LAST) }
    }

    pub(super) fn add(&mut self, line: Line) {
        let Line { step, at, process, what, order, number } = line;
        self.mix(step);
        self.mix(at.0 as u64);
        self.mix(process.map_or(u64::MAX, |process| process as u64));
        what.bytes().for_each(|byte| self.mix(u64::from(byte)));
        self.mix(order.map_or(0, OrderNo::code));
        self.mix(number);
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    fn mix(&mut self, number: u64) {
        self.hash = (self.hash ^ number).wrapping_mul(0x0000_0100_0000_01b3);
    }

    /// Of everything, in its order.
    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    /// The last lines, oldest first.
    pub(super) fn last(&self) -> Vec<String> {
        self.last.iter().map(Line::to_string).collect()
    }
}
