//! How well citizens' words and addresses are read, measured on real ones.
//!
//! The data is no part of the project: it is looked for in `HOTLINE_DATA`, else in
//! `../shared/data`, and where it is missing the tests say so aloud and stop. What is asserted
//! is a floor a little below what was reached; the figures are printed (`--nocapture`).

#![allow(clippy::unwrap_used, reason = "tests")]

use hotline::catalogue::{Catalogue, Gazetteer, Place, Rank};
use hotline::classify::Classifier;
use hotline::domain::{Category, Division, Kind, Urgency};
use hotline::locate::{Atlas, Hints, Locator};
use hotline::route::route;
use hotline::train::figures::{Confusion, Sure};
use hotline::train::{Example, train};
use std::collections::BTreeMap;
use std::path::PathBuf;

fn data(file: &str) -> Option<String> {
    let root = match std::env::var_os("HOTLINE_DATA") {
        Some(root) => PathBuf::from(root),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
    };
    let path = root.join(file);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("SKIPPED: {} is not there; set HOTLINE_DATA to measure", path.display());
    }
    text
}

/// The measured messages' own labels, which the catalogue's labels.csv knows.
const LABELS: [&str; 7] =
    ["交通运输", "劳动和社会保障", "卫生计生", "商贸旅游", "城乡建设", "教育文体", "环境保护"];

#[test]
fn messages_are_classified() {
    let Some(text) = data("messages/teddy7_train.jsonl") else { return };
    let catalogue = Catalogue::builtin().unwrap();
    let classifier = Classifier::new(&catalogue);
    let labels = LABELS.map(str::to_owned);
    let by_category = catalogue.classes(&labels).unwrap();
    let classes = classifier.classes(&catalogue, &labels).unwrap();
    let mut chosen = Confusion::new(LABELS.len());
    let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
    let mut urgencies: BTreeMap<Urgency, usize> = BTreeMap::new();
    let mut confusion: BTreeMap<(String, &str), usize> = BTreeMap::new();
    // Per tenth of confidence: how many, how many right.
    let mut by_confidence = [(0_usize, 0_usize); 11];
    let (mut all, mut spoken, mut right) = (0, 0, 0);
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| row[name].as_str().unwrap_or_default();
        let read = classifier.classify(field("subject"), field("detail"));
        let is = field("label");
        let said = match read.category {
            Category::NONE => "silent",
            category => by_category.get(&category).map_or("none of the seven", |l| LABELS[*l]),
        };
        let read_as = classifier.class_by_keywords(&classes, field("subject"), field("detail"));
        let place = LABELS.iter().position(|label| *label == is).unwrap();
        chosen.add(place, read_as.map(|(class, _)| class));
        all += 1;
        spoken += usize::from(said != "silent");
        right += usize::from(said == is);
        let bin = &mut by_confidence[usize::from(read.category_confidence.percent()) / 10];
        bin.0 += 1;
        bin.1 += usize::from(said == is);
        *confusion.entry((is.to_owned(), said)).or_default() += 1;
        *kinds.entry(read.kind).or_default() += 1;
        *urgencies.entry(read.urgency).or_default() += 1;
        if std::env::var_os("HOTLINE_SHOW_WRONG").is_some() && said != is {
            println!("WRONG {is} {} {said} {}", read.category, field("subject"));
        }
    }
    let percent = |n: usize, of: usize| 100.0 * n as f64 / of.max(1) as f64;
    println!("{kinds:?}\n{urgencies:?}");
    for ((is, said), n) in &confusion {
        println!("{is} read as {said}: {n}");
    }
    for (tenth, (n, right)) in by_confidence.iter().enumerate() {
        println!(
            "confidence {:3}+: {n:5} messages, {:.1} % right",
            tenth * 10,
            percent(*right, *n)
        );
    }
    let mut above = (0, 0);
    for (tenth, (n, right)) in by_confidence.iter().enumerate().rev() {
        above = (above.0 + n, above.1 + right);
        println!(
            "at {:3} and above: {:.1} % of all, {:.1} % right",
            tenth * 10,
            percent(above.0, all),
            percent(above.1, above.0)
        );
    }
    println!(
        "messages: {all}, spoken of {:.1} %, right {:.1} %",
        percent(spoken, all),
        percent(right, all)
    );
    println!("of the seven alone: macro-F1 {:.4}", chosen.macro_f1());
    assert!(chosen.macro_f1() >= 0.84);
    assert!(percent(right, all) >= 81.0);
    assert!(percent(spoken, all) >= 98.0);
}

/// Trains as `hotline train` does; too slow for a build that is not optimised.
#[test]
#[cfg_attr(debug_assertions, ignore = "with --release only")]
fn a_model_reads_what_it_has_not_seen() {
    let files = ["messages/teddy7_train.jsonl", "messages/teddy7_train_partial.jsonl"];
    let mut examples = Vec::new();
    for file in files {
        let Some(text) = data(file) else { return };
        for line in text.lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let field = |name: &str| row[name].as_str().unwrap_or_default();
            let label = LABELS.iter().position(|label| *label == field("label")).unwrap();
            let text = field("detail").to_owned() + field("segmented_text_stopwords_removed");
            examples.push(Example::new(field("subject"), &text, label));
        }
    }
    let trained = train(&LABELS.map(str::to_owned), &examples, 2, &|_| ()).unwrap();
    let (mut table, mut sure) = (Confusion::new(LABELS.len()), Sure::default());
    for (example, likely) in examples.iter().zip(&trained.crossed) {
        let best = (0..likely.len()).max_by(|a, b| likely[*a].total_cmp(&likely[*b])).unwrap();
        table.add(example.label, Some(best));
        sure.add(likely[best], best == example.label);
    }
    let (macro_f1, surest, off) = (table.macro_f1(), sure.surest(0.9), sure.calibration_error());
    println!("macro-F1 {macro_f1:.4}, at 90 % coverage {surest:.4}, calibration off by {off:.4}");
    assert!(macro_f1 >= 0.927 && surest >= 0.955 && off <= 0.03);
}

#[test]
fn addresses_are_located() {
    let Some(text) = data("addresses/jiaxing_addresses.csv") else { return };
    let locator = Locator::new(&Catalogue::builtin().unwrap());
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let (mut all, mut same, mut deeper, mut shallower, mut wrong, mut doubted) = (0, 0, 0, 0, 0, 0);
    // Of the wrong ones, how many are doubted; of all, how many.
    let mut wrong_doubted = 0;
    for row in reader.records() {
        let row = row.unwrap();
        if !row[5].is_empty() {
            continue;
        }
        let is: Division = row[3].parse().unwrap();
        let found = locator.locate(&row[2], Hints::default());
        let doubt = found.confidence.percent() < 50;
        all += 1;
        doubted += usize::from(doubt);
        let verdict = if found.division == is {
            same += 1;
            "same"
        } else if is.contains(found.division) {
            deeper += 1;
            "deeper"
        } else if found.division.contains(is) {
            shallower += 1;
            "shallower"
        } else {
            wrong += 1;
            wrong_doubted += usize::from(doubt);
            "wrong"
        };
        if std::env::var_os("HOTLINE_SHOW_WRONG").is_some() && verdict != "same" {
            let names: Vec<&str> = found.evidence.iter().map(|n| n.text.as_str()).collect();
            println!(
                "{verdict}: {} is {is}, read {} at {} by {names:?}",
                &row[2],
                found.division,
                found.confidence.percent()
            );
        }
    }
    let percent = |n: usize| 100.0 * n as f64 / f64::from(all.max(1));
    println!(
        "addresses: {all}, same {:.1} %, deeper {:.1} %, shallower {:.1} %, wrong {:.1} %; \
         under 50: {doubted}, {wrong_doubted} of the wrong among them",
        percent(same),
        percent(deeper),
        percent(shallower),
        percent(wrong)
    );
    assert!(percent(same) >= 95.5);
    assert!(percent(deeper) <= 1.5);
    assert!(percent(wrong) <= 0.5);
}

#[test]
fn addresses_of_the_whole_country_are_located() {
    let Some(text) = data("addresses/china_addresses.csv") else { return };
    let Some(table) = data("divisions/china_divisions_2023_to_town.csv") else { return };
    let atlas = Atlas::new(&Gazetteer::read("china.csv", &table).unwrap());
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let (mut named, mut county, mut empty, mut silent) = (0, 0, 0, 0);
    for row in reader.records() {
        let row = row.unwrap();
        if !row[5].is_empty() {
            continue;
        }
        let found = atlas.look(&row[2], &[]).best.map(|best| best.place.up_to(Rank::County));
        match Place::parse(&row[3]) {
            Some(is) if is != is.up_to(Rank::City) => {
                named += 1;
                county += usize::from(found == Some(is.up_to(Rank::County)));
            }
            Some(_) => {}
            None => {
                empty += 1;
                silent += usize::from(found.is_none());
            }
        }
    }
    println!(
        "county right: {county} of {named}; silent where nothing is named: {silent} of {empty}"
    );
    assert!(county * 1000 >= named * 990);
    assert!(silent * 100 >= empty * 85);
}

#[test]
fn calls_find_their_way() {
    let Some(text) = data("calls.jsonl") else { return };
    let catalogue = Catalogue::builtin().unwrap();
    let classifier = Classifier::new(&catalogue);
    let locator = Locator::new(&catalogue);
    let (mut all, mut sure_place, mut sure_matter, mut sure) = (0, 0, 0, 0);
    let mut lengths: BTreeMap<(usize, bool), usize> = BTreeMap::new();
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| row[name].as_str().unwrap_or_default();
        let read = classifier.classify(field("title"), field("text"));
        let place = locator.locate(field("address"), Hints::default());
        all += 1;
        let matter = read.category_confidence.percent() >= 50;
        sure_matter += usize::from(matter);
        sure_place += usize::from(place.confidence.percent() >= 50);
        sure += usize::from(matter && place.confidence.percent() >= 50);
        if read.category != Category::NONE {
            let route = route(&catalogue, read.category, place.division).unwrap();
            *lengths.entry((route.plan.units().len(), route.short)).or_default() += 1;
        }
    }
    for ((units, short), n) in lengths {
        let why = if short { ", cut short by the address" } else { "" };
        println!("chains of {units} units{why}: {n}");
    }
    println!(
        "calls: {all}; sure (50) of matter {sure_matter}, of place {sure_place}, of both {sure}"
    );
    assert!(sure * 10 >= all * 7);
}
