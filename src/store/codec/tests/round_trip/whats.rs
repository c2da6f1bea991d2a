//! Whatever can have happened.

use super::*;

pub(super) fn any_what() -> impl Strategy<Value = What> {
    let span = || proptest::option::of(any_span());
    prop_oneof![
        (any_moment(), proptest::option::of((any::<u64>(), any_unit().prop_map(Unit::division))))
            .prop_map(|(heard_at, like)| What::Registered {
                heard_at,
                like: like.map(|(hash, division)| Likeness { hash: SimHash(hash), division }),
            },),
        any::<bool>().prop_map(|by_clock| What::Accepted { by_clock }),
        any_unit().prop_map(|unit| What::Delivered { unit }),
        (any_unit(), any::<u8>())
            .prop_map(|(unit, deliveries)| What::Redelivered { unit, deliveries }),
        (any_unit(), any::<u8>()).prop_map(|(unit, deliveries)| What::Parked { unit, deliveries }),
        any_unit().prop_map(|unit| What::Released { unit }),
        (any_unit(), span()).prop_map(|(unit, arrived_after)| What::Signed { unit, arrived_after }),
        (any_unit(), any_unit(), any_span(), span())
            .prop_map(|(from, to, held, late)| What::Relayed { from, to, held, late }),
        (any_unit(), any_unit(), any_span(), of(ReturnReason::ALL))
            .prop_map(|(from, to, held, reason)| What::Returned { from, to, held, reason }),
        (any_unit(), any_unit()).prop_map(|(from, to)| What::Reported { from, to }),
        (any_unit(), any_unit()).prop_map(|(by, to)| What::ReportRejected { by, to }),
        (any_unit(), any_span()).prop_map(|(by, after)| What::Closed { by, after }),
        (of(ClockKind::ALL), any::<u8>(), any_unit(), any_moment())
            .prop_map(|(clock, percent, holder, due)| What::Warned { clock, percent, holder, due }),
        (of(ClockKind::ALL), any_unit(), any_unit(), any_moment()).prop_map(
            |(clock, holder, raised_to, due)| What::Breached { clock, holder, raised_to, due }
        ),
        any_unit().prop_map(|unit| What::ContactViewed { unit }),
        Just(What::Archived),
        any_hard_what(),
        any_handed_what(),
    ]
}

fn any_hard_what() -> impl Strategy<Value = What> {
    prop_oneof![
        any_moment().prop_map(|until| What::InformationAsked { until }),
        of(&[
            What::InformationSupplied,
            What::Answered,
            What::Urged,
            What::Terminated,
            What::Withdrawn,
            What::Corrected,
        ]),
        of(DeclineReason::ALL).prop_map(|reason| What::Declined { reason }),
        of(Emergency::ALL).prop_map(|to| What::HandedOver { to }),
        any_no().prop_map(|into| What::Merged { into }),
        any_no().prop_map(|child| What::Adopted { child }),
        any_no().prop_map(|child| What::Disowned { child }),
        any_no().prop_map(|of| What::ResultHeard { of }),
        any_no().prop_map(|by| What::Reopened { by }),
        any::<u8>().prop_map(|count| What::ChildrenTold { count }),
        (of(Mode::ALL), any::<bool>())
            .prop_map(|(mode, restamp)| What::ModeSwitched { mode, restamp }),
        (
            any_unit().prop_map(Unit::division),
            proptest::collection::vec(any_no(), 0..MAX_BURST),
            any_moment()
        )
            .prop_map(|(town, orders, since)| What::Burst { town, orders, since }),
        (any::<bool>(), any_span())
            .prop_map(|(by_clock, paused)| What::Resumed { by_clock, paused }),
        proptest::option::of(of(Card::ALL)).prop_map(|card| What::Supervised { card }),
        (of(Outcome::ALL), proptest::option::of(any::<u8>()))
            .prop_map(|(outcome, round)| What::FollowedUp { outcome, round }),
        (any_moment(), any_moment())
            .prop_map(|(arrival_due, closure_due)| What::Restamped { arrival_due, closure_due }),
    ]
}

fn any_handed_what() -> impl Strategy<Value = What> {
    prop_oneof![
        any_unit().prop_map(|to| What::Dispatched { to }),
        (any_unit(), any_unit(), any::<bool>())
            .prop_map(|(by, to, designated)| What::ReturnDecided { by, to, designated }),
        any_unit().prop_map(|unit| What::CoHandlerAdded { unit }),
        any_unit().prop_map(|unit| What::CoSigned { unit }),
        any_unit().prop_map(|unit| What::CoReported { unit }),
        any_unit().prop_map(|unit| What::Recused { unit }),
        (any_unit(), any_unit()).prop_map(|(from, to)| What::Escalated { from, to }),
        (any_unit(), any_unit(), any_span()).prop_map(|(from, to, by)| What::ExtensionRequested {
            from,
            to,
            by
        }),
        (any_unit(), any::<bool>(), any_moment())
            .prop_map(|(by, granted, due)| What::ExtensionDecided { by, granted, due }),
        (any_unit(), any_unit(), any_moment())
            .prop_map(|(from, to, until)| What::SuspensionRequested { from, to, until }),
        (any_unit(), any::<bool>())
            .prop_map(|(by, granted)| What::SuspensionDecided { by, granted }),
        (any_unit(), any::<u8>()).prop_map(|(to, round)| What::Reworked { to, round }),
    ]
}
