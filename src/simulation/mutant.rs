//! Faults of the program itself, to show that the simulation finds them.
//!
//! A store's mutant breaks the law of the simulation's own store. A mutant of the shell sits
//! between the real shell and that store and makes the two behave as a broken shell would:
//! production code has no switch for any of this.

/// One thing that is done wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mutant {
    /// The store commits upon whatever version.
    SkipVersionCheck,
    /// The store compares no more than the version's number, which another step can have
    /// after a failover.
    CompareNumbers,
    /// The store forgets to write the next deadline.
    ForgetDeadline,
    /// The store leaves the old deadline beside the new one.
    KeepOldDeadline,
    /// The store writes the order and not the trays.
    HalfCommit,
    /// The store writes the first alone of what belongs together.
    HalfTogether,
    /// The store does not remember the request id.
    ForgetRequest,
    /// The store does not look at the lease.
    IgnoreLease,
    /// The store hands out what another holds under a running lease.
    ClaimTwice,
    /// The store tells a step twice in the feed.
    DoubleFeed,
    /// The store does not tell a step in the feed.
    LoseFeed,
    /// The store tells a step before the one that happened before it.
    SwapFeed,
    /// The store counts one too many.
    TallyOffByOne,
    /// The store does not count for the indicators.
    LoseIndicator,
    /// The store gives a block of numbers twice.
    NumberTwice,
    /// The store acknowledges and does not write.
    AckUnwritten,
    /// The store's replica misses a write that was acknowledged.
    LoseAcknowledged,
    /// The store answers a repeated request before its replica has the first.
    RepeatUnreplicated,
    /// The store does not begin a new epoch when it has lost something.
    KeepEpoch,
    /// The store never says that some orders are due.
    OverlookDue,
    /// The store forgets whom an order is kept from.
    ForgetRecusal,
    /// The store loses a paper.
    LosePaper,
    /// The store trims the feed though a consumer has not read it.
    TrimUnread,
    /// The store lets something be announced by who has not read what was.
    AnnounceUnread,
    /// The archive says that it keeps what it does not.
    LoseKept,
    /// The shell takes an unknown outcome for done.
    UnknownIsOk,
    /// The shell takes a conflict for done.
    ConflictIsOk,
    /// The shell does not pass the request id on.
    DropRequestId,
    /// The shell does not pass the lease on.
    DropLease,
    /// The shell hands over the first alone of what belongs together.
    DropBeside,
    /// The shell does not ask whether a refused request was done before.
    NeverRecall,
    /// The timers run in a process whose clock is off.
    TickThoughSkewed,
}

impl Mutant {
    /// Every one.
    pub const ALL: &'static [Mutant] = &[
        Mutant::SkipVersionCheck,
        Mutant::CompareNumbers,
        Mutant::ForgetDeadline,
        Mutant::KeepOldDeadline,
        Mutant::HalfCommit,
        Mutant::HalfTogether,
        Mutant::ForgetRequest,
        Mutant::IgnoreLease,
        Mutant::ClaimTwice,
        Mutant::DoubleFeed,
        Mutant::LoseFeed,
        Mutant::SwapFeed,
        Mutant::TallyOffByOne,
        Mutant::LoseIndicator,
        Mutant::NumberTwice,
        Mutant::AckUnwritten,
        Mutant::LoseAcknowledged,
        Mutant::RepeatUnreplicated,
        Mutant::KeepEpoch,
        Mutant::OverlookDue,
        Mutant::ForgetRecusal,
        Mutant::LosePaper,
        Mutant::TrimUnread,
        Mutant::AnnounceUnread,
        Mutant::LoseKept,
        Mutant::UnknownIsOk,
        Mutant::ConflictIsOk,
        Mutant::DropRequestId,
        Mutant::DropLease,
        Mutant::DropBeside,
        Mutant::NeverRecall,
        Mutant::TickThoughSkewed,
    ];
}

/// How seldom a mutant slips: a fault that shows every time is found by anybody.
const EVERY: u64 = 8;

/// The mutant of a city, if it has one, and how often it could have slipped.
#[derive(Clone, Debug, Default)]
pub(super) struct Slips {
    mutant: Option<Mutant>,
    chances: u64,
}

impl Slips {
    pub(super) fn of(mutant: Option<Mutant>) -> Slips {
        Slips { mutant, chances: 0 }
    }

    /// Whether it is this city's mutant.
    pub(super) fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// Whether this time it does wrong.
    pub(super) fn slips(&mut self, mutant: Mutant) -> bool {
        if !self.is(mutant) {
            return false;
        }
        self.chances += 1;
        self.chances.is_multiple_of(EVERY)
    }
}
