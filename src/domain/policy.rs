//! The limits an order is stamped with, by value: when it is registered, and anew whenever a
//! person decides what it is about or a clock begins again.

use super::ids::Level;
use super::named::named;
use super::stage::ClockKind;
use super::time::Span;

named! {
    /// Which set of policies is in force in a city.
    Mode {
        /// 平时
        Ordinary = 1 "ordinary" "平时",
        /// 战时
        Wartime = 2 "wartime" "战时",
    }
}

/// The promises and how the hour is shared out. Data of the catalogue, stamped by value:
/// working-day limits have been turned into spans from the closure clock's zero.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// The version of the catalogue it was read from.
    pub version: u32,
    /// Which of the catalogue's policies; 0 when it has but one.
    pub id: u16,
    /// From when the citizen was heard until the front line has signed.
    pub arrival: Span,
    /// From when the citizen was heard, or the order taken up again, until it is closed.
    pub closure: Span,
    /// How long each level may hold the order before it moves on without it, city to village.
    pub shares: [Span; 4],
    /// At which hundredths of a limit a warning is given, once each; ascending, 1 to 100.
    pub warn_at: [u8; 3],
    /// How long a closed order waits for its follow-up call before it is archived; `None`
    /// archives it at once.
    pub follow_up: Option<Span>,
    /// How often the deadline may be extended.
    pub extensions: u8,
    /// The longest one extension may be.
    pub extension: Span,
    /// How often an order may be returned.
    pub returns: u8,
    /// How often a dissatisfied citizen's order is done again.
    pub reworks: u8,
    /// The longest the order may be suspended, or wait for information, before it goes on.
    pub pause: Span,
    /// A report must come with evidence.
    pub evidence: bool,
    /// A limit fell in a year whose holidays are not published: plain weekends were counted.
    /// More time and pauses are spans by themselves, for which no days are counted.
    pub plain_weekends: bool,
}

impl Policy {
    /// The founding case: 1 hour to the front line, 3 hours to the report.
    pub const FOUNDING: Policy = Policy {
        version: 1,
        id: 0,
        arrival: Span::hours(1),
        closure: Span::hours(3),
        shares: [Span::minutes(5), Span::minutes(10), Span::minutes(15), Span::minutes(30)],
        warn_at: [50, 75, 100],
        follow_up: Some(Span::hours(24)),
        extensions: 1,
        extension: Span::hours(3),
        returns: 5,
        reworks: 2,
        pause: Span::hours(24),
        evidence: false,
        plain_weekends: false,
    };

    /// The limit of one clock.
    pub fn limit(&self, kind: ClockKind) -> Span {
        match kind {
            ClockKind::Arrival => self.arrival,
            ClockKind::Closure => self.closure,
        }
    }

    /// The share of one level.
    pub fn share(&self, level: Level) -> Span {
        self.shares[level.index()]
    }

    /// Whether the limits can be kept at all; the error names the term and says what is allowed.
    ///
    /// Shares are those of the full chain, city to village, and add up to arrival: no part of
    /// the promise is anybody's twice or nobody's. Where a city lacks a level, that level's
    /// share is the front line's, which has until arrival itself falls due.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let follow_up = self.follow_up.unwrap_or(Span::hours(1));
        let spans = [
            ("arrival", self.arrival),
            ("closure", self.closure),
            ("follow_up", follow_up),
            ("pause", self.pause),
            ("extension", self.extension),
        ];
        for (name, span) in spans {
            if span <= Span::ZERO {
                return Err((name, format!("{name} is {span}; it must be longer than nothing")));
            }
        }
        for level in Level::ALL {
            let (share, level) = (self.share(level), level.name());
            if share <= Span::ZERO {
                let what = format!("the share of the {level} is {share}");
                return Err(("shares", format!("{what}; it must be longer than nothing")));
            }
        }
        let [first, second, third] = self.warn_at;
        if first == 0 || first >= second || second >= third || third > 100 {
            let what = format!("warn_at = {:?}", self.warn_at);
            return Err((
                "warn_at",
                format!("{what}; three different percents, ascending, from 1 to 100"),
            ));
        }
        let (sum, arrival) = (
            Span(self.shares.iter().fold(0, |sum, share| share.0.saturating_add(sum))),
            self.arrival,
        );
        if sum != arrival {
            let what =
                format!("the shares add up to {sum}; they must add up to arrival = {arrival}");
            return Err(("shares", what));
        }
        if arrival > self.closure {
            let closure = self.closure;
            return Err((
                "arrival",
                format!("arrival = {arrival} is longer than closure = {closure}"),
            ));
        }
        Ok(())
    }
}
