//! The policy an order was stamped with: its limits, and the terms that go with them.

use super::bytes::{Bad, In, Out};
use crate::domain::{Policy, Span};

pub(super) fn put_limits(out: &mut Out, policy: &Policy) {
    out.number(u64::from(policy.version));
    out.span(policy.arrival);
    out.span(policy.closure);
    policy.shares.iter().for_each(|share| out.span(*share));
    out.span(policy.follow_up.unwrap_or(Span::ZERO));
}

/// The limits, with the terms that an order without any was stamped with.
pub(super) fn limits(f: &mut In<'_>) -> Result<Policy, Bad> {
    Ok(Policy {
        version: f.small()?,
        arrival: f.span()?,
        closure: f.span()?,
        shares: [f.span()?, f.span()?, f.span()?, f.span()?],
        follow_up: Some(f.span()?).filter(|span| *span > Span::ZERO),
        ..Policy::FOUNDING
    })
}

// What a policy says yes to.
const EVIDENCE: u8 = 1;
const PLAIN_WEEKENDS: u8 = 2;

/// What a policy says besides its limits; the founding one's terms are not written.
pub(super) fn put_terms(out: &mut Out, policy: &Policy) {
    let has = |yes: bool, flag: u8| if yes { flag } else { 0 };
    out.number(u64::from(policy.id));
    out.byte(has(policy.evidence, EVIDENCE) | has(policy.plain_weekends, PLAIN_WEEKENDS));
    out.raw(&policy.warn_at);
    out.raw(&[policy.extensions, policy.returns, policy.reworks]);
    out.span(policy.pause);
    out.span(policy.extension);
}

pub(super) fn has_terms(policy: &Policy) -> bool {
    let Policy { version, arrival, closure, shares, follow_up, .. } = *policy;
    *policy != Policy { version, arrival, closure, shares, follow_up, ..Policy::FOUNDING }
}

pub(super) fn terms(f: &mut In<'_>, limits: Policy) -> Result<Policy, Bad> {
    let id = f.small()?;
    let has = f.byte()?;
    Ok(Policy {
        id,
        evidence: has & EVIDENCE != 0,
        plain_weekends: has & PLAIN_WEEKENDS != 0,
        warn_at: f.array()?,
        extensions: f.byte()?,
        returns: f.byte()?,
        reworks: f.byte()?,
        pause: f.span()?,
        extension: f.span()?,
        ..limits
    })
}
