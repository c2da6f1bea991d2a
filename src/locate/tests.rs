use super::*;
use crate::domain::Level;

fn locator() -> Locator {
    Locator::new(&Catalogue::builtin().unwrap())
}

#[test]
fn addresses_lead_to_the_deepest_division_they_name() {
    let locator = locator();
    for (address, code) in [
        // Full names, and the order people write them in.
        ("浙江省嘉兴市秀洲区新塍镇沙家浜村3组12号", "330411104201"),
        ("浙江省-嘉兴市-秀洲区-新塍镇", "330411104"),
        ("新塍镇沙家浜村，秀洲区", "330411104201"),
        ("嘉兴市嘉兴市海宁市袁花镇", "330481112"),
        // What people leave out.
        ("嘉兴平湖", "330482"),
        ("平湖新埭", "330482102"),
        ("嘉善西塘古镇边上", "330421103"),
        ("秀洲王店", "330411105"),
        ("乌镇西栅", "330483100"),
        ("桐乡乌镇镇", "330483100"),
        ("新塍镇", "330411104"),
        // Towns that became street offices, and the old names of others.
        ("嘉善县惠民镇", "330421003"),
        ("桐乡市高桥镇", "330483004"),
        ("海宁市海州街道", "330481002"),
        ("秀城区凤桥镇", "330402100"),
        ("嘉兴港区", "330482101"),
        ("嘉兴经济技术开发区塘汇街道", "330411004"),
        // Committees in every spelling.
        ("新塍镇沙家浜村委会", "330411104201"),
        ("新塍镇沙家浜村村民委员会", "330411104201"),
        // Names within other names.
        ("海盐县西塘桥街道", "330424002"),
        ("南湖区南湖街道", "330402010"),
        ("海宁市许村镇", "330481101"),
        // Full width, white space, invisible characters.
        ("嘉善县 西塘镇 １２号", "330421103"),
        ("嘉\u{200b}善县西\u{3000}塘镇", "330421103"),
        // Nothing, and nothing of ours.
        ("", "3304"),
        ("嘉兴市", "3304"),
        ("某小区3幢", "3304"),
        ("杭州市西湖区建设街道", "3304"),
        ("江苏省苏州市长安镇", "3304"),
    ] {
        let found = locator.locate(address);
        let expected: Division = code.parse().unwrap();
        assert_eq!(found.division, expected, "{address}: {found:?}");
        let sure = found.confidence.percent();
        match expected.level() {
            Level::City => assert!(sure <= 30, "{address}: {sure}"),
            Level::County | Level::Town | Level::Village => {
                assert!(sure >= 70, "{address}: {sure}");
                assert!(!found.evidence.is_empty(), "{address}");
            }
        }
    }
}

#[test]
fn roads_and_houses_named_after_places_are_not_those_places() {
    let locator = locator();
    for (address, code) in [
        ("南湖区海宁路12号", "330402"),
        ("平湖大道8号", "3304"),
        ("嘉兴市海宁中路", "3304"),
        ("嘉善县平湖塘路3号", "330421"),
        ("桐乡市梧桐大街5号", "330483"),
        ("海盐县解放街2弄", "330424"),
        ("平湖市南湖花园6幢", "330482"),
        ("海宁市建设新村9号", "330481"),
        ("嘉善县海宁市场旁", "330421"),
    ] {
        let found = locator.locate(address);
        assert_eq!(found.division, code.parse().unwrap(), "{address}: {found:?}");
    }
}

#[test]
fn names_that_several_places_share_need_a_parent() {
    let catalogue = Catalogue::builtin().unwrap();
    let locator = locator();
    let mut shared = 0;
    for row in catalogue.divisions().filter(|row| row.level() == Level::Village) {
        let same = catalogue.divisions().filter(|other| other.name == row.name).count();
        let town = row.division.parent().unwrap();
        let county = town.parent().unwrap();
        let name = |d: Division| catalogue.division(d).unwrap().name.clone();
        let address = format!("{}{}{}1号", name(county), name(town), row.name);
        let found = locator.locate(&address);
        assert_eq!(found.division, row.division, "{address}: {found:?}");
        assert!(found.confidence.percent() >= 90, "{address}: {found:?}");
        if same > 1 {
            shared += 1;
            let alone = locator.locate(&row.name);
            assert!(alone.division.contains(row.division), "{}: {alone:?}", row.name);
            assert!(alone.ambiguous.contains(&row.division), "{}: {alone:?}", row.name);
            assert!(alone.confidence < found.confidence, "{}", row.name);
        }
    }
    assert_eq!(shared, 102);
}

#[test]
fn contradictions_are_doubted() {
    let locator = locator();
    // 大桥镇 is in 南湖区, not in 桐乡市: the county stands, and is no longer sure.
    let found = locator.locate("桐乡市大桥镇");
    assert_eq!(found.division, "330483".parse().unwrap());
    assert!(found.confidence.percent() < 60, "{found:?}");
    // Two counties: it is one of them.
    let found = locator.locate("南湖区或者秀洲区");
    assert_eq!(found.division.level(), Level::City);
    assert_eq!(found.ambiguous.len(), 2);
    assert!(found.confidence.percent() <= 20);
}

#[test]
fn any_text_is_read_within_bounds() {
    let locator = locator();
    let long = "海宁市许村镇南湖区新塍镇".repeat(1_000);
    for address in [long.as_str(), "\u{0}\u{202e}海宁", "镇镇镇市市市", "𠮷𠮷海宁市"]
    {
        let found = locator.locate(address);
        assert!(found.evidence.len() <= MAX_EVIDENCE && found.ambiguous.len() <= MAX_AMBIGUOUS);
    }
}
