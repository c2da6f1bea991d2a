//! What policies and the calendar say only as a whole.

use super::*;

#[test]
fn without_rules_the_end_of_the_file_is_named() {
    let (policies, _) = POLICIES.split_once("[[rule]]").unwrap();
    let error = with("policies.toml", policies).err().unwrap().to_string();
    let said = "policies.toml:29: no rule fits mode = ordinary, kind = inquiry, urgency = normal, \
                nor 35 others";
    assert!(error.starts_with(said), "{error}");
}

#[test]
fn single_dates_do_not_make_a_year_known() {
    let with_dates = |more: &str| {
        let catalogue = with("calendar.csv", &format!("{CALENDAR}{more}")).unwrap();
        // 2026-12-29 09:00: three working days reach into 2027, over New Year's Day.
        let heard = Timestamp(1_798_506_000_000);
        catalogue.calendar().working_days(heard, 3)
    };
    let (day, dates) = (24 * 3_600_000, "2027-01-01,holiday,元旦\n");
    let (nothing, one) = (with_dates(""), with_dates(dates));
    assert_eq!(one.at.0 - nothing.at.0, 3 * day, "what is known of it counts, and a weekend");
    assert!(nothing.plain_weekends && one.plain_weekends, "and yet the year is not known");
    let rest = "2027-05-01,holiday,劳动节\n2027-10-01,holiday,国庆节\n2027,published,通知\n";
    let all = with_dates(&format!("{dates}{rest}"));
    assert_eq!((all.at, all.plain_weekends), (one.at, false));
}

#[test]
fn limits_go_by_kind_urgency_and_mode() {
    let catalogue = Catalogue::builtin().unwrap();
    let days = |policy: &Policy| policy.closure.0 as f64 / 86_400_000.0;
    for (kind, urgency, mode, id, expected) in [
        (Kind::Complaint, Urgency::Normal, Mode::Wartime, 1, 0.125),
        (Kind::Praise, Urgency::Critical, Mode::Ordinary, 1, 0.125),
        (Kind::Complaint, Urgency::Urgent, Mode::Ordinary, 2, 1.0),
        // 8 October is the next working day, worked days 8, 9, 10 (调休), 12, 13.
        (Kind::Inquiry, Urgency::Normal, Mode::Ordinary, 3, 8.0 + 15.0 / 24.0),
        (Kind::Request, Urgency::Normal, Mode::Ordinary, 4, 13.0 + 15.0 / 24.0),
        // 60 days after 30 September is Sunday, 29 November: the Monday after.
        (Kind::Tip, Urgency::Normal, Mode::Ordinary, 6, 61.0 + 15.0 / 24.0),
    ] {
        let policy = catalogue.policy_for(kind, urgency, mode, HEARD);
        assert_eq!(policy.id, id, "{kind} {urgency} {mode}");
        assert!((days(&policy) - expected).abs() < 1e-9, "{kind} {urgency}: {}", days(&policy));
        assert!(!policy.plain_weekends);
        assert_eq!(policy.check(), Ok(()));
    }
    // A deadline in a year without data says so.
    let late = HEARD.plus(Span::hours(24 * 80));
    let policy = catalogue.policy_for(Kind::Suggestion, Urgency::Normal, Mode::Ordinary, late);
    assert!(policy.plain_weekends);
}
