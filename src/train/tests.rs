use super::*;
use crate::catalogue::Catalogue;
use crate::classify::{Classifier, ModelError};
use crate::domain::{Category, ModelVersion};

const LABELS: [&str; 3] = ["劳动就业", "0401", "教育"];
const WORDS: [&[&str]; 3] = [
    &["拖欠工资", "老板不发工钱", "劳动合同没签", "加班费不给", "血汗钱讨不回来", "被公司辞退"],
    &["自来水发黄", "水压太低", "停水两天", "水管爆了", "水龙头没水", "水表坏了"],
    &["学校乱收费", "老师补课", "孩子上学难", "幼儿园入园", "学区怎么划", "校服太贵"],
];
const AROUND: [&str; 4] =
    ["您好，我想反映", "请有关部门处理", "已经半个月没有答复", "谢谢，盼回复"];

fn labels() -> Vec<String> {
    LABELS.map(str::to_owned).into()
}

/// Messages that say what they are about in the same words, in another order each.
fn examples() -> Vec<Example> {
    let mut all = Vec::new();
    for (label, words) in WORDS.iter().enumerate() {
        for i in 0..words.len() {
            for around in AROUND {
                let (first, second) = (words[i], words[(i + 1) % words.len()]);
                all.push(Example::new(first, &format!("{around}，{second}，{first}。"), label));
            }
        }
    }
    all
}

fn model() -> Model {
    train(&labels(), &examples(), 2, &|_| ()).unwrap().model
}

#[test]
fn the_same_messages_give_the_same_bytes_by_however_many_threads() {
    let steps = AtomicUsize::new(0);
    let done = |n: usize| _ = steps.fetch_max(n, Ordering::Relaxed);
    let once = train(&labels(), &examples(), 1, &done).unwrap();
    assert_eq!(steps.into_inner(), FOLDS + 1);
    let again = train(&labels(), &examples(), 5, &|_| ()).unwrap();
    assert_eq!(once.model.to_bytes(), again.model.to_bytes());
    assert_eq!(once.crossed, again.crossed);
    let truth = examples();
    let right = once
        .crossed
        .iter()
        .zip(&truth)
        .filter(|(likely, example)| likely.iter().all(|p| *p <= likely[example.label]));
    assert!(right.count() * 10 >= truth.len() * 9, "what was not seen is read, too");
}

#[test]
fn a_model_reads_back_and_fits_in_four_mebibytes() {
    let model = model();
    let bytes = model.to_bytes();
    assert!(bytes.len() <= 4 << 20, "{}", bytes.len());
    let read = Model::from_bytes(&bytes).unwrap();
    assert_eq!(read.version(), model.version());
    assert_ne!(read.version(), ModelVersion(0));
    assert_eq!(read.to_bytes(), bytes);
    for classes in [2, 7, 8, 15, 16, 100, MAX_CLASSES] {
        let (bits, stride) = crate::classify::model::shape(classes);
        assert!(stride > classes && (stride << bits) + 64 * 1024 <= 4 << 20, "{classes}");
    }
}

#[test]
fn what_is_no_model_is_told_apart() {
    let bytes = model().to_bytes();
    let changed = |at: usize, by: u8| {
        let mut bytes = bytes.clone();
        bytes[at] ^= by;
        Model::from_bytes(&bytes).err()
    };
    let length = bytes.len() as u64;
    let cut = |to: usize| Model::from_bytes(&bytes[..to]).err();
    assert_eq!(Model::from_bytes(b"").err(), Some(ModelError::Stranger));
    assert_eq!(Model::from_bytes(b"PK\x03\x04").err(), Some(ModelError::Stranger));
    assert_eq!(changed(0, 1), Some(ModelError::Stranger));
    assert_eq!(changed(14, 3), Some(ModelError::Format { found: 1 }));
    for to in [24, 100, bytes.len() - 1] {
        let found = to as u64;
        assert_eq!(cut(to), Some(ModelError::Length { found, expected: length }));
    }
    assert!(cut(15).is_some() && cut(20).is_some());
    for at in [30, 60, 5_000, bytes.len() - 1] {
        assert_eq!(changed(at, 0x10), Some(ModelError::Checksum), "byte {at}");
    }
}

#[test]
fn keywords_choose_within_the_models_class() {
    let catalogue = Catalogue::builtin().unwrap();
    let model = model();
    let version = model.version();
    let classifier = Classifier::with_model(&catalogue, model).unwrap();
    for (title, text, category) in [
        ("拖欠工资", "老板不发工钱，血汗钱讨不回来", 1201),
        ("停水两天", "水龙头没水，水压太低", 401),
        ("孩子上学难", "学区怎么划，小学报名要什么材料", 901),
    ] {
        let read = classifier.classify(title, text);
        assert_eq!(read.category, Category(category), "{title}: {read:?}");
        assert_eq!(read.model, Some(version));
        assert!(read.category_confidence.percent() >= 50, "{title}: {read:?}");
        assert!(read.rivals.len() <= 3 && !read.evidence.is_empty());
        assert_eq!(classifier.decide(title, text).category, read.category);
    }
    // Of 市政公用 the model knows the water; the street lamps are the keywords' own.
    let read = classifier.classify("路灯不亮", "小区门口路灯坏了，路灯不亮，晚上害怕");
    assert_eq!(read.category, Category(406), "{read:?}");
    // What none of the labels takes in stays the keywords' own.
    let read =
        classifier.classify("父亲要做血透", "小区封控出不去，父亲透析要去医院，请安排就医转运。");
    assert_eq!(read.category, Category(104), "{read:?}");
}

#[test]
fn a_model_goes_by_words_that_are_shown() {
    let classifier = Classifier::with_model(&Catalogue::builtin().unwrap(), model()).unwrap();
    let read = classifier.classify("", "您好，我想反映血汗钱讨不回来");
    assert_eq!(read.category.field(), 12, "{read:?}");
    let shown = |e: &crate::classify::Evidence| "血汗钱讨不回来".contains(&e.keyword);
    assert!(read.evidence.iter().any(shown), "{read:?}");
}

#[test]
fn nothing_that_a_citizen_writes_breaks_the_reading() {
    let classifier = Classifier::with_model(&Catalogue::builtin().unwrap(), model()).unwrap();
    let long = "停水了，".repeat(25_000);
    for text in [
        "",
        "水",
        "。",
        "\u{1f600}\u{1f600}\u{1f6b0}",
        "\u{202e}\u{0}\u{feff}",
        "WATER pipe 水管 вода burst すいどう 爆了",
        "<p>停水两天</p><br/>&nbsp;<a href=\"x\">水龙头没水</a>",
        long.as_str(),
    ] {
        for (title, text) in [(text, ""), ("", text), (text, text)] {
            let read = classifier.classify(title, text);
            assert!(read.category_confidence.percent() <= 100);
            assert_eq!(read.category, classifier.decide(title, text).category);
        }
    }
    assert_eq!(classifier.classify("", "").category, Category::NONE);
    let html = "<p>停水两天</p><br/><a href=\"x\">水龙头没水</a>";
    assert_eq!(classifier.classify("", html).category, Category(401));
    assert_eq!(classifier.classify("", &long).category, Category(401));
}

#[test]
fn two_labels_are_the_least() {
    let one = train(&labels()[..1], &examples()[..24], 1, &|_| ());
    assert_eq!(one.err(), Some(TrainError::Classes { found: 1 }));
}

#[test]
fn more_than_seven_classes_are_told_apart() {
    let labels: Vec<String> = (0..20).map(|i| format!("类{i}")).collect();
    let of = |label: usize, n: usize| {
        let word: String =
            "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉".chars().skip(label).take(1).collect();
        Example::new("", &format!("第{n}件事是{word}{word}的事"), label)
    };
    let examples: Vec<Example> =
        (0..20).flat_map(|label| (0..6).map(move |n| of(label, n))).collect();
    let trained = train(&labels, &examples, 2, &|_| ()).unwrap();
    let right = trained
        .crossed
        .iter()
        .zip(&examples)
        .filter(|(likely, example)| likely.iter().all(|p| *p <= likely[example.label]));
    assert!(right.count() >= 110);
    assert!(trained.model.to_bytes().len() <= 4 << 20);
}

#[test]
fn what_is_said_is_right_as_often_however_clear_it_is() {
    let example = || Example::new("", "", 0);
    // By how far the first class leads, and whether it is right.
    let mixed = (0..200).map(|i| (i as f32 / 100.0, i % 7 != 0 || i > 120));
    let clear = (0..200).map(|i| (i as f32 / 100.0, i > 50));
    let cases: [Vec<(f32, bool)>; 4] = [
        mixed.collect(),
        clear.collect(),
        vec![(0.5, true); 6],
        vec![(0.1, false), (0.2, false), (1.0, false)],
    ];
    for read in cases {
        let scores: Vec<Vec<f32>> = read
            .iter()
            .map(|(lead, right)| if *right { vec![*lead, 0.0] } else { vec![0.0, *lead] })
            .collect();
        let examples: Vec<Example> = read.iter().map(|_| example()).collect();
        let calibration = calibrate(&scores, &examples);
        let said = read.iter().map(|(lead, _)| calibration.right(*lead, *lead)).sum::<f32>();
        let right = read.iter().filter(|(_, right)| *right).count() as f32;
        let off = (said - right).abs() / read.len() as f32;
        assert!(off < 0.3 && (read.len() < 100 || off < 0.02), "{calibration:?} {off}");
    }
}
