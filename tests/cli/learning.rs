//! What people decide teaches: `train --from-feed`, and `eval --drift` over the same orders.

use crate::program::{Serve, calls, matter, run};

const WAGES: [&str; 5] = [
    "那笔钱一直没给我们",
    "干完活老板跑了",
    "一分血汗钱没拿到",
    "说好的月底结清又拖",
    "包工头不见了",
];
const WATER: [&str; 5] = [
    "龙头里出来的是黄的",
    "楼上一滴也没有",
    "断了两天没人修",
    "管子爆了流一地",
    "压力太小洗不了澡",
];

#[test]
fn what_was_decided_in_triage_trains_a_model_and_tells_how_right_the_first_decision_was() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let serve = Serve::start(home, "127.0.0.1:0", "info");
    let out = home.join("city.model");
    let out = out.to_str().unwrap();
    let train = ["train", "--from-feed", "--out", out, "-o", "json"];
    let ran = serve.run(&["eval", "--drift"]).ends(1);
    assert!(ran.err.contains("no order in the feed"), "{}", ran.err);
    let ran = serve.run(&train).ends(1);
    assert!(ran.err.contains("took out of triage, corrected"), "{}", ran.err);

    // Ten that nobody could tell, and two that were read wrong.
    let mut rows = Vec::new();
    for (n, text) in WAGES.iter().chain(&WATER).enumerate() {
        let mut row = matter(n);
        row.as_object_mut().unwrap().remove("category");
        row["title"] = "".into();
        row["text"] = (*text).into();
        // Without a place it is a person's decision, whatever the words say.
        row.as_object_mut().unwrap().remove("division");
        row["address"] = "".into();
        rows.push(row);
    }
    rows.extend([matter(10), matter(11)]);
    let file = calls(home, "triage.jsonl", &rows);
    serve.run(&["submit", "--file", &file]).ends(0);
    let list = serve.run(&["order", "list", "-o", "json"]).ends(0).json();
    let (mut wages, mut water, mut corrected) = (0, 0, 0);
    for order in list.as_array().unwrap() {
        let no = order["order_no"].as_str().unwrap();
        let whole = serve.run(&["order", "get", no, "-o", "json"]).ends(0).out;
        let is = |texts: &[&str]| texts.iter().any(|text| whole.contains(text));
        if is(&WAGES) || is(&WATER) {
            let category = if is(&WAGES) { "1201" } else { "0401" };
            let place = ["--category", category, "--division", "330402015201"];
            serve.run(&[&["order", "accept", no][..], &place].concat()).ends(0);
            wages += usize::from(is(&WAGES));
            water += usize::from(is(&WATER));
        } else if corrected == 0 {
            serve.run(&["order", "correct", no, "--category", "0401"]).ends(0);
            corrected += 1;
        }
    }
    assert_eq!((wages, water, corrected), (5, 5, 1));

    let trained = serve.run(&train).ends(0);
    assert!(trained.err.contains("11 orders of the feed"), "{}", trained.err);
    let trained = trained.json();
    let classes = trained["cross_validated"]["classes"].as_array().unwrap();
    let labels: Vec<_> = classes.iter().map(|class| class["label"].as_str().unwrap()).collect();
    assert_eq!(labels, ["04", "12"]);
    assert_eq!(trained["cross_validated"]["messages"], 11);
    let read = run(&["classify", "--model", out, "老板跑了，血汗钱没拿到", "-o", "json"]);
    assert!(read.ends(0).out.contains("model_version"));
    // The same feed, the same bytes; with other messages it is labelled as they are.
    let bytes = std::fs::read(out).unwrap();
    serve.run(&train).ends(0);
    assert_eq!(std::fs::read(out).unwrap(), bytes);
    let mut more = String::new();
    for n in 0..10 {
        let label = if n % 2 == 0 { "劳动和社会保障" } else { "城乡建设" };
        more += &format!("{}\n", serde_json::json!({ "label": label, "text": WAGES[n / 2] }));
    }
    let more_file = home.join("more.jsonl");
    std::fs::write(&more_file, more).unwrap();
    let both = [&train[..], &["--messages", more_file.to_str().unwrap()]].concat();
    let trained = serve.run(&both).ends(0).json();
    assert_eq!(trained["cross_validated"]["messages"], 21, "{trained}");

    let drift = serve.run(&["eval", "--drift", "-o", "json"]).ends(0).json();
    let last = &drift["months"][1];
    assert_eq!((&last["received"], &last["known"]), (&12.into(), &11.into()), "{drift}");
    assert_eq!(last["triage_share"], 10.0 / 12.0, "{drift}");
    assert!(last["macro_f1"].as_f64().unwrap() < 1.0, "one was read wrong: {drift}");
    assert!(drift["months"][0]["macro_f1"].is_null() && drift["macro_f1_change"].is_null());
    assert!(serve.run(&["eval", "--drift"]).ends(0).out.contains("macro-F1 变化 -"));
    run(&["eval", "--drift", "--messages", "x.jsonl"]).ends(2);
}
