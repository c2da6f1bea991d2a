use super::*;
use crate::catalogue::Catalogue;
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
        let found = locator.locate(address, Hints::default());
        let expected: Division = code.parse().unwrap();
        assert_eq!(found.division, expected, "{address}: {found:?}");
        let alike = |at: &Location| (at.division, at.confidence, at.outside);
        let decided = locator.decide(address, Hints::default());
        assert_eq!(alike(&decided), alike(&found), "{address}");
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
        let found = locator.locate(address, Hints::default());
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
        let found = locator.locate(&address, Hints::default());
        assert_eq!(found.division, row.division, "{address}: {found:?}");
        assert!(found.confidence.percent() >= 90, "{address}: {found:?}");
        if same > 1 {
            shared += 1;
            let alone = locator.locate(&row.name, Hints::default());
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
    let found = locator.locate("桐乡市大桥镇", Hints::default());
    assert_eq!(found.division, "330483".parse().unwrap());
    assert!(found.confidence.percent() < 60, "{found:?}");
    // Two counties: it is one of them.
    let found = locator.locate("南湖区或者秀洲区", Hints::default());
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
        let found = locator.locate(address, Hints::default());
        assert!(found.evidence.len() <= MAX_EVIDENCE && found.ambiguous.len() <= MAX_AMBIGUOUS);
    }
}

/// The city within the country, as it is built in.
fn atlas() -> Atlas {
    Atlas::new(&Gazetteer::of(&Catalogue::builtin().unwrap()))
}

#[test]
fn what_caught_others_is_read_rightly() {
    let atlas = atlas();
    for (address, code) in [
        // A road is not the place it is named after.
        ("上海市山西路12号", "310000"),
        ("上海市中山东一路", "310000"),
        ("宁波市嘉善路18号", "330200"),
        ("杭州市温州路", "330100"),
        ("浙江省萧山南环路2524号", "330109"),
        // Nor is an estate, a house or a firm.
        ("杭州市海盐小区3幢", "330100"),
        ("绍兴市平湖大厦", "330600"),
        ("永嘉县黄田上海鑫水洗厂", "330324"),
        ("绍兴市越城区嘉兴银行", "330602"),
        // A province and a city of one name.
        ("吉林省吉林市船营区", "220204"),
        ("吉林市", "220200"),
        ("吉林省", "220000"),
        ("吉林", "220000"),
        ("吉林长春", "220100"),
        ("海南省海口市", "460100"),
        // 市辖区 is no city, and the other fillers are no places.
        ("上海市市辖区浦东新区", "310115"),
        ("北京市辖区", "110000"),
        ("重庆市县城口县", "500229"),
        ("河南省省直辖县级行政区划济源市", "419001"),
        // Levels that are missing.
        ("河南济源市", "419001"),
        ("湖北仙桃", "429004"),
        ("广东省东莞市", "441900"),
        ("东莞", "441900"),
        ("广东省中山市中山路1号", "442000"),
        ("新疆石河子市", "659001"),
        ("浙江省海宁市", "330481"),
        ("海南省儋州市", "460400"),
        // Which of several, by what stands around it.
        ("南京市鼓楼区", "320106"),
        ("福州鼓楼区", "350102"),
        ("朝阳区北京市", "110105"),
        ("辽宁省朝阳市朝阳县", "211321"),
        ("朝阳市", "211300"),
        // Old names.
        ("宁波鄞县", "330212"),
        ("杭州市富阳市", "330111"),
        ("襄樊市", "420600"),
        ("绍兴县", "330603"),
        ("杭州市江干区", "330100"),
        ("上海闸北区", "310106"),
        // Short ones.
        ("景宁县", "331127"),
        ("恩施州", "422800"),
        ("广西南宁", "450100"),
        ("内蒙古包头", "150200"),
        ("浦东", "310115"),
        ("赵县", "130133"),
        ("家住海宁", "330481"),
        // Two addresses, the first filled in by a form.
        ("四川省达州市宣汉县中国浙江省嘉兴市秀洲区龙源路827", "330411"),
        ("浙江省杭州市浙江省杭州市余杭区", "330110"),
        // A zone may reach beyond the place it is named after.
        ("桐乡市崇福镇开发区965号", "330483"),
        ("海宁长安工业园区", "330481"),
    ] {
        let sight = atlas.look(address, &[]);
        let best = sight.best.as_ref().map(|best| best.place);
        assert_eq!(best, Place::parse(code), "{address}: {sight:?}");
    }
    for address in ["", "路", "工业区8号", "解放路12号", "鼓楼区", "城关镇"] {
        let sight = atlas.look(address, &[]);
        assert!(sight.best.is_none(), "{address}: {sight:?}");
    }
}

#[test]
fn towns_that_lie_right_under_a_city_are_found() {
    let table = "code,level,name,parent_code\n440000000000,province,广东省,\n\
        441900000000,city,东莞市,440000000000\n441900000000,county,东莞市,441900000000\n\
        441900116000,town,塘厦镇,441900000000\n441900003000,town,东城街道,441900000000\n\
        410000000000,province,河南省,\n419000000000,city,省直辖县级行政区划,410000000000\n\
        419001000000,county,济源市,419000000000\n\
        419001001000,town,济源市沁园街道,419001000000\n";
    let atlas = Atlas::new(&Gazetteer::read("t.csv", table).unwrap());
    for (address, code) in [
        ("广东省东莞市东莞市塘厦镇振兴园", "441900116"),
        ("东莞东城", "441900003"),
        ("河南济源沁园街道", "419001001"),
        ("济源市沁园", "419001001"),
    ] {
        let sight = atlas.look(address, &[]);
        let best = sight.best.as_ref().map(|best| best.place);
        assert_eq!(best, Place::parse(code), "{address}: {sight:?}");
    }
}

#[test]
fn best_and_runner_up_show_their_names() {
    let sight = atlas().look("嘉兴桐乡市大桥镇", &[]);
    let (best, next) = (sight.best.unwrap(), sight.runner_up.unwrap());
    assert_eq!((best.place.to_string().as_str(), best.span.as_str()), ("330483000000", "桐乡市"));
    assert_eq!((next.place.to_string().as_str(), next.span.as_str()), ("330402105000", "大桥镇"));
    assert!(best.confidence > next.confidence);
    let sight = atlas().look("嘉兴桐乡市", &[]);
    assert_eq!(sight.runner_up, None);
}

#[test]
fn a_hint_chooses_and_proves_nothing() {
    let locator = locator();
    let at = |code: &str| Some(code.parse::<Division>().unwrap());
    // 永丰村 of two towns.
    let shared = Catalogue::builtin().unwrap();
    let village = |row: &&crate::catalogue::DivisionRow| row.level() == Level::Village;
    let rows: Vec<_> = shared.divisions().filter(village).collect();
    let county = |d: Division| d.parent().and_then(Division::parent);
    let (one, other) = rows
        .iter()
        .find_map(|a| {
            let apart = |b: &&&crate::catalogue::DivisionRow| {
                b.name == a.name && county(b.division) != county(a.division)
            };
            rows.iter().find(apart).map(|b| (a.division, b.division))
        })
        .unwrap();
    let name = &shared.division(one).unwrap().name;
    let alone = locator.locate(name, Hints::default());
    assert!(alone.ambiguous.contains(&one) && alone.ambiguous.contains(&other), "{alone:?}");
    for (hints, division) in [
        (Hints { caller: county(one), seat: None }, one),
        (Hints { caller: None, seat: county(other) }, other),
        // The caller is nearer to the matter than the agent.
        (Hints { caller: county(one), seat: county(other) }, one),
    ] {
        let hinted = locator.locate(name, hints);
        assert_eq!(hinted.division, division, "{hinted:?}");
        assert!(hinted.confidence.percent() <= 40 && !hinted.ambiguous.is_empty());
    }
    // What the address says stands against any hint.
    let hints = Hints { caller: at("330481"), seat: at("330482") };
    let found = locator.locate("嘉善县西塘镇", hints);
    assert_eq!(found, locator.locate("嘉善县西塘镇", Hints::default()));
    assert_eq!(locator.locate("", hints).division, locator.locate("", Hints::default()).division);
}

#[test]
fn what_lies_outside_the_city_is_named() {
    let locator = locator();
    for (address, outside) in [
        ("杭州市西湖区建设街道", Some("浙江省杭州市西湖区")),
        ("江苏省苏州市长安镇", Some("江苏省苏州市")),
        ("山东省", Some("山东省")),
        ("浙江省", None),
        ("浙江省嘉兴市", None),
        ("嘉善县", None),
        ("", None),
    ] {
        let found = locator.locate(address, Hints::default());
        let name = found.outside.map(|place| locator.full_name(place));
        assert_eq!(name.as_deref(), outside, "{address}: {found:?}");
        assert!(outside.is_none() || found.confidence.percent() == 0, "{address}: {found:?}");
    }
}
