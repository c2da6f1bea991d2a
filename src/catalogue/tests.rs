mod areas;
mod labels;
mod limits;

use super::*;
use crate::domain::Span;

const TOML: &str = r#"version = 3
name = "试城"
cell = "3304"
fallback = "3304-001"
mode = "wartime"
[areas]
0573 = "3304"
057382 = "330402"
"#;
const POLICIES: &str = r#"[[policy]]
id = 1
name = "founding"
arrival = "1h"
closure = "3h"
shares = { city = "5m", county = "10m", town = "15m", village = "30m" }
warn_at = [50, 75, 100]
follow_up = "24h"
extensions = 1
extension = "3h"
returns = 5
reworks = 2
pause = "24h"
evidence = false
[[policy]]
id = 2
name = "days"
arrival = "4h"
closure = "5 working days"
shares = { city = "30m", county = "1h", town = "1h", village = "90m" }
warn_at = [50, 75, 100]
follow_up = "none"
extensions = 1
extension = "5d"
returns = 5
reworks = 2
pause = "15d"
evidence = true
[[rule]]
mode = "wartime"
policy = "founding"
[[rule]]
mode = "ordinary"
kind = "inquiry"
policy = "founding"
[[rule]]
mode = "ordinary"
policy = "days"
"#;
const DIVISIONS: &str = "code,name
3304,嘉兴市
330402,南湖区
330402100,凤桥镇
330402100201,三星村委会
";
const CALENDAR: &str = "date,day,name
2026-10-01,holiday,国庆节
2026-10-10,working,国庆节
2026-01-01,holiday,元旦
2026-05-01,holiday,劳动节
2026,published,国办发明电〔2025〕7号
";
const ALIASES: &str = "alias,code\n禾城,3304\n南湖新区,330402\n";
const UNITS: &str = "unit,name,channel
city,{}热线,system
county,{}指挥室,system
town,{}指挥室,system
village,{},phone
3304-001,值班室,system
county-009,{}人社局,desk
";
const CATEGORIES: &str = "code,name,kind,urgency
0100,疫情防控,,
0101,药品保障,request,urgent
0199,其他,,
";
const KEYWORDS: &str = "speaks,keyword,weight\n0101,断药,10\n";
const LABELS: &str = "label,covers\n防疫,01\n";
const DUTIES: &str = "scope,level,office,co\n01,village,,009\n0101,county,009,\n";

/// A sound small catalogue, with one file replaced.
fn with(file: &str, text: &str) -> Result<Catalogue, CatalogueError> {
    Catalogue::from_files(|wanted| {
        if wanted == file {
            return Ok(text.to_owned());
        }
        Ok(match wanted {
            "catalogue.toml" => TOML,
            "policies.toml" => POLICIES,
            "calendar.csv" => CALENDAR,
            "divisions.csv" => DIVISIONS,
            "aliases.csv" => ALIASES,
            "units.csv" => UNITS,
            "categories.csv" => CATEGORIES,
            "keywords.csv" => KEYWORDS,
            "labels.csv" => LABELS,
            "duties.csv" => DUTIES,
            other => panic!("no file {other} is known"),
        }
        .to_owned())
    })
}

/// What is wrong with the catalogue when `from` becomes `to` in one file.
fn broken(file: &str, from: &str, to: &str) -> String {
    let sound = match file {
        "catalogue.toml" => TOML,
        "policies.toml" => POLICIES,
        "calendar.csv" => CALENDAR,
        "divisions.csv" => DIVISIONS,
        "aliases.csv" => ALIASES,
        "units.csv" => UNITS,
        "categories.csv" => CATEGORIES,
        "keywords.csv" => KEYWORDS,
        "labels.csv" => LABELS,
        "duties.csv" => DUTIES,
        other => panic!("no file {other} is known"),
    };
    assert!(sound.contains(from), "{file} has no {from:?}");
    match with(file, &sound.replacen(from, to, 1)) {
        Ok(_) => format!("{file}: sound with {to:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_broken_line_is_named_with_what_is_allowed() {
    for (file, from, to, said) in [
        // catalogue.toml
        ("catalogue.toml", "name", "title", "catalogue.toml:2: unknown field `title`"),
        ("catalogue.toml", "version = 3", "version =", "catalogue.toml:1: "),
        ("catalogue.toml", "version = 3", "version = 0", "counted from 1"),
        ("catalogue.toml", "\"3304\"", "\"33\"", "catalogue.toml:3: cell is not a cell"),
        ("catalogue.toml", "3304-001", "3304-1", "catalogue.toml:4: fallback is not a unit"),
        ("catalogue.toml", "3304-001", "3304-077", "catalogue.toml:4: unreachable fallback"),
        ("catalogue.toml", "3304-001", "3304", "is the centre that sat on the order"),
        ("catalogue.toml", "3304-001", "330402-009", "has no system"),
        ("catalogue.toml", "3304-001", "330402", "is not an office of the city"),
        ("catalogue.toml", "wartime", "war", "catalogue.toml:5: unknown mode \"war\": ordinary"),
        // policies.toml
        ("policies.toml", "closure = \"3h\"\n", "", "policies.toml:1: missing field `closure`"),
        ("policies.toml", "returns = 5", "return = 5", "policies.toml:11: unknown field `return`"),
        ("policies.toml", "\"3h\"", "\"3 hrs ago\"", "policies.toml:5: closure"),
        ("policies.toml", "\"15m\"", "\"\"", "write 90s, 5m, 1h or 1h 30m"),
        ("policies.toml", "\"30m\" }", "\"31m\" }", "policies.toml:6: the shares add up to 1h 1m"),
        (
            "policies.toml",
            "\"90m\" }",
            "\"89m\" }",
            "policies.toml:20: the shares add up to 3h 59m; they must add up to arrival = 4h",
        ),
        (
            "policies.toml",
            "\"3h\"",
            "\"59m\"",
            "policies.toml:4: arrival = 1h is longer than closure = 59m",
        ),
        (
            "policies.toml",
            "\"5m\"",
            "\"0s\"",
            "policies.toml:6: the share of the city is 0s; it must",
        ),
        ("policies.toml", "\"24h\"", "\"0s\"", "policies.toml:8: follow_up is 0s"),
        ("policies.toml", "[50, 75", "[80, 75", "policies.toml:7: warn_at = [80, 75, 100]; three"),
        ("policies.toml", "5 working", "0 working", "policies.toml:19: closure"),
        ("policies.toml", "5 working", "400 working", "1 to 366 days or working days"),
        ("policies.toml", "arrival = \"4h\"", "arrival = \"25h\"", "with working days at most"),
        (
            "policies.toml",
            "id = 2",
            "id = 1",
            "policies.toml:15: policy \"days\", id 1, is there twice",
        ),
        ("policies.toml", "id = 2", "id = 0", "ids are counted from 1"),
        (
            "policies.toml",
            "policy = \"days\"",
            "policy = \"weeks\"",
            "unknown policy \"weeks\": founding",
        ),
        (
            "policies.toml",
            "kind = \"inquiry\"",
            "kind = \"wish\"",
            "unknown kind \"wish\": inquiry",
        ),
        ("policies.toml", "kind = \"inquiry\"\n", "", "it never decides"),
        (
            "policies.toml",
            "policy = \"days\"",
            "policy = \"days\"\nurgency = \"urgent\"",
            "policies.toml:36: no rule fits mode = ordinary, kind = request, \
             urgency = normal, nor 9 others: every matter needs a limit",
        ),
        // calendar.csv
        (
            "calendar.csv",
            "2026-10-01",
            "2026-10-32",
            "calendar.csv:2: \"2026-10-32\" is not a date",
        ),
        (
            "calendar.csv",
            "2026-10-10",
            "2026-10-01",
            "calendar.csv:3: 2026-10-01: the date is there twice",
        ),
        ("calendar.csv", "2026-10-10", "2026-10-09", "only a Saturday or a Sunday can be worked"),
        (
            "calendar.csv",
            "holiday",
            "off",
            "calendar.csv:2: bad day \"off\": holiday, working and published are allowed",
        ),
        (
            "calendar.csv",
            "2026,",
            "26,",
            "calendar.csv:6: published stands after a year, not \"26\"",
        ),
        (
            "calendar.csv",
            "国办发明电〔2025〕7号",
            "",
            "calendar.csv:6: 2026 does not name the notice",
        ),
        (
            "calendar.csv",
            "2026,published",
            "2026,published,国办\n2026,published",
            "calendar.csv:7: 2026 is published twice",
        ),
        (
            "calendar.csv",
            "2026,",
            "2027,",
            "calendar.csv:6: 2027 is not all there: 2027-01-01 must",
        ),
        (
            "calendar.csv",
            "2026-10-01,holiday,国庆节\n",
            "",
            "calendar.csv:5: 2026 is not all there: 2026-10-01 must be a holiday",
        ),
        (
            "calendar.csv",
            ",国庆节\n2026-10-10",
            ",\n2026-10-10",
            "calendar.csv:2: 2026-10-01 has no name",
        ),
        // divisions.csv and aliases.csv
        ("divisions.csv", "code,", "kode,", "divisions.csv:1: unknown column \"kode\""),
        ("divisions.csv", "code,name", "name,code", "out of order: they are code,name"),
        ("divisions.csv", "凤桥镇", "凤桥镇,1", "divisions.csv:4: 3 fields: 2 are needed"),
        ("divisions.csv", "330402,南", "33040,南", "divisions.csv:3: \"33040\" is no division"),
        ("divisions.csv", "330402,南", "330502,南", "only codes that begin with 3304"),
        ("divisions.csv", "330402100,凤", "330402,凤", "divisions.csv:4: 330402 is there twice"),
        ("divisions.csv", "330402100,凤", "330402101,凤", "divisions.csv:5: unknown parent"),
        ("divisions.csv", "凤桥镇", "", "divisions.csv:4: 330402100 has no name"),
        ("divisions.csv", DIVISIONS, "", "divisions.csv: empty: the first line must be"),
        ("aliases.csv", "3304", "3305", "aliases.csv:2: unknown division \"3305\""),
        ("aliases.csv", "南湖新区", "禾城", "aliases.csv:3: 禾城 is there twice"),
        ("aliases.csv", "禾城", "禾", "aliases.csv:2: \"禾\" is too short"),
        // units.csv
        ("units.csv", "county-009", "country-009", "units.csv:7: \"country-009\" is no unit"),
        ("units.csv", "county-009", "county-000", "units.csv:7: \"county-000\" is no unit"),
        ("units.csv", "desk", "post", "units.csv:7: unknown channel \"post\": system, desk"),
        ("units.csv", "county-009", "county", "units.csv:7: county is there twice"),
        ("units.csv", "3304-001", "330403-001", "units.csv:6: 330403-001: its division is not"),
        ("units.csv", "town,", "town-001,", "330402100 has no hall: a row \"town\""),
        ("units.csv", "值班室", "", "units.csv:6: 3304-001 has no name"),
        // categories.csv
        ("categories.csv", "0101", "101", "categories.csv:3: \"101\" is no category: 4 digits"),
        ("categories.csv", "0101", "0001", "categories.csv:3: \"0001\" is no category"),
        ("categories.csv", "0101", "0199", "categories.csv:4: 0199 is there twice"),
        ("categories.csv", "request", "wish", "unknown kind \"wish\": inquiry, request"),
        ("categories.csv", "urgent", "soon", "unknown urgency \"soon\": normal, urgent, critical"),
        ("categories.csv", "0199", "0198", "categories.csv:2: field 01 has no 0199"),
        ("categories.csv", "0199", "0299", "categories.csv:4: 0299 has no field"),
        ("categories.csv", "药品保障", "", "categories.csv:3: 0101 has no name"),
        // keywords.csv
        ("keywords.csv", "0101", "0102", "keywords.csv:2: \"0102\" is nothing a keyword can"),
        ("keywords.csv", ",10", ",0", "keywords.csv:2: bad weight \"0\": a whole number from 1"),
        ("keywords.csv", ",10", ",101", "bad weight \"101\""),
        ("keywords.csv", ",10", ",-3", "bad weight \"-3\""),
        ("keywords.csv", "断药", "药", "keywords.csv:2: \"药\" has 1 characters: 2 to 16"),
        (
            "keywords.csv",
            ",10",
            ",10\n0101,断 药,5",
            "keywords.csv:3: 断药 is there twice for 0101",
        ),
        // duties.csv
        ("duties.csv", "0101", "0102", "duties.csv:3: unknown scope \"0102\""),
        ("duties.csv", "village", "hamlet", "duties.csv:2: bad level \"hamlet\": city, county"),
        (
            "duties.csv",
            "county,009",
            "county,010",
            "duties.csv:3: unknown unit: no county has an office \"010\"",
        ),
        ("duties.csv", "county,009", "county,010", "or one of 009"),
        ("duties.csv", ",,009", ",,010", "duties.csv:2: unknown unit: no office \"010\""),
        ("duties.csv", ",,009", ",,009 009 009 009 009", "duties.csv:2: too many in co: 4 are"),
        ("duties.csv", "county,009", "town,009", "no town has an office \"009\""),
        ("duties.csv", "0101,county,009,", "01,town,,", "duties.csv:3: 01 is there twice"),
        ("duties.csv", "01,village,,009\n", "", "duties.csv: 0199 其他 has no duty"),
    ] {
        let error = broken(file, from, to);
        assert!(error.contains(said), "{file} {from:?} → {to:?}\n said {error}\n not {said}");
        assert!(error.starts_with(file), "{error}");
    }
}

#[test]
fn comments_blank_lines_and_a_byte_order_mark_are_allowed() {
    let text = format!("\u{feff}# 区划\n{DIVISIONS}\n# end\n");
    let catalogue = with("divisions.csv", &text).unwrap();
    assert_eq!(catalogue.divisions().count(), 4);
    // A comment counts as a line: the numbers are those an editor shows.
    let error = with("divisions.csv", &text.replace("330402100,", "x,")).err().unwrap();
    assert_eq!(error.problems[0].line, 5);
}

#[test]
fn one_check_lists_what_it_finds_up_to_a_bound() {
    let rows: String = (0..30).map(|i| format!("0101,词{i},0\n")).collect();
    let error = with("keywords.csv", &format!("speaks,keyword,weight\n{rows}")).err().unwrap();
    assert_eq!((error.problems.len(), error.more), (MAX_PROBLEMS, 10));
    assert!(error.to_string().ends_with("and 10 more problems"));
}

#[test]
fn a_missing_folder_and_a_missing_file_are_named() {
    let error = Catalogue::load(Path::new("/nowhere/at/all")).err().unwrap();
    assert_eq!(error.problems.len(), 1);
    assert!(error.to_string().contains("/nowhere/at/all: no such folder"), "{error}");
    let empty = tempfile::tempdir().unwrap();
    let error = Catalogue::load(empty.path()).err().unwrap();
    assert_eq!(error.problems.len(), 9);
    assert!(error.to_string().starts_with("catalogue.toml: not readable: "));
}

#[test]
fn the_builtin_catalogue_and_its_folder_are_the_same() {
    let builtin = Catalogue::builtin().unwrap();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/jiaxing");
    let loaded = Catalogue::load(&dir).unwrap();
    assert_eq!(builtin.version(), loaded.version());
    assert!(builtin.units().eq(loaded.units()));
    assert!(builtin.keywords().eq(loaded.keywords()));
}

#[test]
fn jiaxing_is_all_there() {
    let catalogue = Catalogue::builtin().unwrap();
    let of = |level| catalogue.divisions().filter(|row| row.level() == level).count();
    assert_eq!(Level::ALL.map(of), [1, 7, 72, 1_202]);
    assert!(catalogue.categories().count() >= 115);
    let heard = Timestamp(1_647_218_400_000);
    let mode = catalogue.starting_mode();
    let policy = catalogue.policy_for(Kind::Request, Urgency::Normal, mode, heard);
    assert_eq!((policy.arrival, policy.closure), (Span::hours(1), Span::hours(3)));
    assert_eq!(policy.shares, [5, 10, 15, 30].map(Span::minutes));
    assert_eq!(policy.check(), Ok(()));
    assert!(catalogue.unit(catalogue.fallback()).is_some());
    for row in catalogue.divisions() {
        let hall = catalogue.unit(Unit::hall(row.division)).unwrap();
        assert!(hall.name.starts_with(&row.name), "{}", hall.name);
    }
    let bureau = catalogue.unit("330402-005".parse().unwrap()).unwrap();
    assert_eq!(bureau.name, "嘉兴市公安局南湖区分局");
    for category in catalogue.categories() {
        assert!(catalogue.duty(category.category).is_some());
    }
}

#[test]
fn relays_go_one_level_down() {
    let catalogue = Catalogue::builtin().unwrap();
    let children = |unit: &str| -> Vec<String> {
        catalogue.children(unit.parse().unwrap()).map(|unit| unit.to_string()).collect()
    };
    let centre = children("3304");
    assert!(centre.contains(&"330402".to_owned()) && centre.contains(&"3304-008".to_owned()));
    assert!(!centre.contains(&"330402100".to_owned()));
    assert!(children("330402100").contains(&"330402100-005".to_owned()));
    // A bureau relays to its own trade below it.
    assert!(children("3304-005").contains(&"330402-005".to_owned()));
    assert_eq!(children("330402100-005"), Vec::<String>::new());
}

/// 2026-09-30 09:00 in Beijing: the day before National Day.
const HEARD: Timestamp = Timestamp(1_790_730_000_000);

#[test]
fn a_village_leads_what_its_duties_say_and_nothing_else() {
    let catalogue = Catalogue::builtin().unwrap();
    for unit in catalogue.units().map(|row| row.unit) {
        let villages = catalogue.categories().filter(|row| {
            let deep = catalogue.duty(row.category).unwrap().level == Level::Village;
            assert_eq!(
                catalogue.may_lead(unit, row.category),
                unit.level() != Level::Village || deep,
            );
            deep
        });
        assert!(villages.count() > 0);
    }
}

#[test]
fn no_rule_leads_to_a_village_outside_its_duties() {
    let catalogue = Catalogue::builtin().unwrap();
    for place in catalogue.divisions().filter(|row| row.level() == Level::Village) {
        for row in catalogue.categories() {
            let route = crate::route::route(&catalogue, row.category, place.division).unwrap();
            assert!(catalogue.may_lead(route.plan.front_line(), row.category), "{}", row.category);
        }
    }
}
