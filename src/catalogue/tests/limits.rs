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
