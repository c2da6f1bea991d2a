//! What must never happen, and did.

use std::fmt;

/// Which promise was broken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Promise {
    /// What was acknowledged is there.
    NothingLost,
    /// A request, and a version of an order, takes effect once.
    NothingTwice,
    /// The same request is answered the same; what was refused did not happen.
    SameAnswer,
    /// No timer fires before it is due.
    NoTimerEarly,
    /// No timer fires twice.
    NoTimerTwice,
    /// Every timer fires.
    NoTimerMissed,
    /// Trays, deadlines, papers and requests are what the orders say.
    Derived,
    /// Every event is told once, in order.
    OneFeed,
    /// Counters and indicators are counts of what happened.
    Counted,
    /// A lease that is over changes nothing, and an order is with one holder at a time.
    Fenced,
    /// No number is given twice.
    NumbersOnce,
    /// Whom an order complains about sees nothing of it.
    Hidden,
    /// An order at rest keeps the rules; its holdings add up to its time.
    Sound,
    /// Orders that belong together agree, and each merged caller hears the result.
    Together,
    /// Every call ends.
    Answered,
}

impl Promise {
    /// Its name for programs.
    pub fn name(self) -> &'static str {
        match self {
            Promise::NothingLost => "nothing_lost",
            Promise::NothingTwice => "nothing_twice",
            Promise::SameAnswer => "same_answer",
            Promise::NoTimerEarly => "no_timer_early",
            Promise::NoTimerTwice => "no_timer_twice",
            Promise::NoTimerMissed => "no_timer_missed",
            Promise::Derived => "derived",
            Promise::OneFeed => "one_feed",
            Promise::Counted => "counted",
            Promise::Fenced => "fenced",
            Promise::NumbersOnce => "numbers_once",
            Promise::Hidden => "hidden",
            Promise::Sound => "sound",
            Promise::Together => "together",
            Promise::Answered => "answered",
        }
    }
}

/// A promise broken, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wrong {
    /// Which.
    pub promise: Promise,
    /// What was found.
    pub what: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.promise.name(), self.what)
    }
}

impl Wrong {
    pub(super) fn of(promise: Promise, what: impl Into<String>) -> Wrong {
        Wrong { promise, what: what.into() }
    }
}

/// Goes on if the promise is kept; only a broken one is put into words.
pub(super) fn must(
    kept: bool,
    promise: Promise,
    what: impl FnOnce() -> String,
) -> Result<(), Wrong> {
    if kept { Ok(()) } else { Err(Wrong::of(promise, what())) }
}
