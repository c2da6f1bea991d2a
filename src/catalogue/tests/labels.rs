//! What labels take in of the categories.

use super::*;

#[test]
fn the_closest_label_takes_a_category_in() {
    let catalogue = Catalogue::builtin().unwrap();
    let labels = ["交通运输", "城乡建设", "0502", "疫苗接种"].map(str::to_owned);
    let classes = catalogue.classes(&labels[..2]).unwrap();
    let of = |category: u16| classes.get(&Category(category)).copied();
    // The buses stand in labels.csv by themselves; the rest of their field does not.
    assert_eq!(
        [701, 702, 799, 203, 401, 601].map(of),
        [Some(1), Some(0), Some(0), Some(1), Some(1), None]
    );
    // A code and a name of the catalogue are labels, too, and closer than a field.
    let classes = catalogue.classes(&labels).unwrap();
    let of = |category: u16| classes.get(&Category(category)).copied();
    assert_eq!([501, 502, 109, 110].map(of), [Some(1), Some(2), Some(3), None]);
}

#[test]
fn labels_that_fit_no_catalogue_are_named() {
    let catalogue = Catalogue::builtin().unwrap();
    let of = |labels: &[&str]| {
        let labels: Vec<String> = labels.iter().map(|l| (*l).to_owned()).collect();
        catalogue.classes(&labels).err()
    };
    for label in ["", "0000", "9999", "77", "外星事务"] {
        assert_eq!(of(&["0101", label]), Some(LabelError::Unknown(label.to_owned())));
    }
    let twice = LabelError::Twice("12".to_owned(), "劳动就业".to_owned(), Category(1299));
    assert_eq!(of(&["12", "劳动就业"]), Some(twice));
    assert_eq!(of(&["12", "1201"]), None);
}

#[test]
fn a_broken_line_is_named() {
    let twice = "防疫,01\n药品,01";
    for (from, to, said) in [
        ("01", "02", "labels.csv:2: \"02\" is nothing a label can take in"),
        ("防疫", "", "labels.csv:2: a label is missing"),
        ("防疫,01", twice, "labels.csv:3: 01 is taken in twice, first on line 2"),
    ] {
        let problems = broken("labels.csv", from, to);
        assert!(problems.contains(said), "{said} is missing from {problems}");
    }
}
