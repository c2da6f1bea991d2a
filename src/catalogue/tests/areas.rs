//! Where a telephone number's owner is likely to be.

use super::*;

#[test]
fn a_number_begins_with_its_area() {
    let catalogue = with("", "").unwrap();
    let area = |phone| catalogue.area_of(phone).map(|d| d.to_string());
    for (phone, division) in [
        ("057382345678", Some("330402000000")),
        ("057388345678", Some("330400000000")),
        ("13857312345", None),
        ("", None),
    ] {
        assert_eq!(area(phone).as_deref(), division, "{phone}");
    }
}

#[test]
fn an_area_that_is_none_is_named() {
    for (from, to) in [("057382", "05"), ("\"330402\"", "\"330502\""), ("\"330402\"", "\"x\"")] {
        let found = broken("catalogue.toml", from, to);
        assert!(found.starts_with("catalogue.toml:8: bad area"), "{found}");
        assert!(found.contains("the 3 to 11 digits"), "{found}");
    }
}
