//! What each clock owes, kept by hand from commands and events alone: the order's own sums are
//! never looked at.

use hotline::domain::*;

/// One clock: what is to be done by when, pauses deducted.
struct Account {
    zero: Timestamp,
    limit: Span,
    granted: Span,
    stood: Span,
    /// Kept or broken: nothing moves it any more.
    settled: bool,
}

impl Account {
    fn new(zero: Timestamp, limit: Span) -> Account {
        Account { zero, limit, granted: Span::ZERO, stood: Span::ZERO, settled: false }
    }

    fn due(&self) -> Timestamp {
        self.zero.plus(self.limit).plus(self.stood)
    }
}

/// Both clocks of an order.
pub struct Ledger {
    arrival: Account,
    closure: Account,
    policy: Policy,
    extension: Span,
    suspension: Timestamp,
    /// Since when it stands, and until when at most.
    paused: Option<(Timestamp, Timestamp)>,
}

impl Ledger {
    pub fn new(order: &Order) -> Ledger {
        let (zero, policy) = (order.heard_at, order.policy.clone());
        Ledger {
            arrival: Account::new(zero, policy.arrival),
            closure: Account::new(zero, policy.closure),
            policy,
            extension: Span::ZERO,
            suspension: zero,
            paused: None,
        }
    }

    pub fn due(&self, kind: ClockKind) -> Timestamp {
        match kind {
            ClockKind::Arrival => self.arrival.due(),
            ClockKind::Closure => self.closure.due(),
        }
    }

    /// Takes in what a command came to.
    pub fn book(&mut self, action: &Action, events: &[Event], after: &Order) {
        for event in events {
            self.event(action, event);
        }
        // What is taken from a unit that it complains about goes on elsewhere.
        if let (Some(event), None) = (events.last(), after.paused()) {
            self.end_pause(event.at);
        }
    }

    fn event(&mut self, action: &Action, event: &Event) {
        let at = event.at;
        match &event.what {
            What::Breached { clock, due, .. } => {
                assert_eq!(*due, self.due(*clock), "{clock} breaks when it is due");
                self.account(*clock).settled = true;
            }
            What::Warned { clock, percent, due, .. } => {
                let account = self.account(*clock);
                let point = Span(account.limit.0 * i64::from(*percent) / 100);
                assert_eq!(*due, account.zero.plus(point).plus(account.stood));
            }
            What::Signed { arrived_after: Some(_), .. } => self.arrival.settled = true,
            What::InformationAsked { until } => self.paused = Some((at, *until)),
            What::SuspensionRequested { until, .. } => self.suspension = *until,
            What::SuspensionDecided { granted: true, .. } => {
                self.paused = Some((at, self.suspension));
            }
            What::Resumed { paused, .. } => {
                assert_eq!(Some(*paused), self.end_pause(at), "the pause, to the millisecond");
            }
            What::ExtensionRequested { by, .. } => self.extension = *by,
            What::ExtensionDecided { granted: true, due, .. } => {
                self.closure.limit.0 += self.extension.0;
                self.closure.granted.0 += self.extension.0;
                assert_eq!(*due, self.closure.due());
            }
            What::Reworked { .. } => {
                self.closure = Account::new(at, self.policy.closure);
                self.restamp(action, at);
            }
            // Whoever decides what it is about decides its limits.
            What::Accepted { by_clock: false } | What::Corrected => self.restamp(action, at),
            What::Restamped { arrival_due, closure_due } => {
                self.restamp(action, at);
                assert_eq!((*arrival_due, *closure_due), (self.arrival.due(), self.closure.due()));
            }
            What::Closed { .. }
            | What::Merged { .. }
            | What::Declined { .. }
            | What::HandedOver { .. }
            | What::Terminated
            | What::Withdrawn => {
                self.end_pause(at);
                self.arrival.settled = true;
                self.closure.settled = true;
            }
            _ => {}
        }
    }

    /// Exactly the policy and what was granted beside it, or what has run already.
    fn restamp(&mut self, action: &Action, at: Timestamp) {
        let policy = match action {
            Action::Accept(accept) => accept.policy.clone(),
            Action::Correct(correct) => correct.policy.clone(),
            Action::Restamp { policy } | Action::FollowUp { policy, .. } => (**policy).clone(),
            other => panic!("{:?} stamps nothing", other.name()),
        };
        if policy == self.policy {
            return;
        }
        self.policy = policy;
        let stands = self.paused.map_or(Span::ZERO, |(from, _)| at.since(from));
        for kind in ClockKind::ALL {
            let limit = self.policy.limit(*kind);
            let account = self.account(*kind);
            if !account.settled {
                let ran = at.since(account.zero).0 - account.stood.0 - stands.0;
                account.limit = Span((limit.0 + account.granted.0).max(ran));
            }
        }
    }

    fn end_pause(&mut self, at: Timestamp) -> Option<Span> {
        let (from, until) = self.paused.take()?;
        let stood = at.min(until).since(from);
        for account in [&mut self.arrival, &mut self.closure] {
            if !account.settled {
                account.stood.0 += stood.0;
            }
        }
        Some(stood)
    }

    fn account(&mut self, kind: ClockKind) -> &mut Account {
        match kind {
            ClockKind::Arrival => &mut self.arrival,
            ClockKind::Closure => &mut self.closure,
        }
    }
}
