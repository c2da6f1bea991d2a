use super::*;

fn classifier() -> Classifier {
    Classifier::new(&Catalogue::builtin().unwrap())
}

#[test]
fn the_founding_case_reads_well() {
    let classifier = classifier();
    for (title, text, category, kind, urgency) in [
        (
            "母亲降压药快吃完了",
            "小区封控第六天，母亲有高血压，家里的药只够两天，出不去也买不到药，求助。",
            101,
            Kind::Request,
            Urgency::Critical,
        ),
        (
            "父亲要做血透",
            "父亲每周三次透析，小区封了出不去，医院说要有车来接，请帮忙联系就医转运。",
            104,
            Kind::Request,
            Urgency::Critical,
        ),
        (
            "家里没菜吃了",
            "楼栋封闭一周，网上抢不到菜，米面也快没了，能不能安排物资保障送菜上门？",
            102,
            Kind::Request,
            Urgency::Urgent,
        ),
        (
            "独居老人没人送饭",
            "隔壁楼有一位八十岁的独居老人，平时靠女儿送餐，现在女儿进不来，没人照顾。",
            103,
            Kind::Request,
            Urgency::Urgent,
        ),
        (
            "货车司机滞留高速口",
            "我是货车司机，从外省拉货回来，通行证不认，卡口不让进也不让下高速，滞留两天了。",
            108,
            Kind::Request,
            Urgency::Urgent,
        ),
        ("请问明天在哪里做核酸检测", "附近的采样点几点开门？", 105, Kind::Inquiry, Urgency::Normal),
        (
            "健康码变黄码了",
            "没去过外地，昨天突然转码，如何转回绿码？",
            106,
            Kind::Request,
            Urgency::Normal,
        ),
        (
            "什么时候解封",
            "小区隔离已经十四天，什么时候可以解除隔离？",
            107,
            Kind::Inquiry,
            Urgency::Normal,
        ),
    ] {
        let read = classifier.classify(title, text);
        assert_eq!(read.category, Category(category), "{title}: {read:?}");
        assert_eq!((read.kind, read.urgency), (kind, urgency), "{title}: {read:?}");
        assert!(read.category_confidence.percent() >= 60, "{title}: {read:?}");
        assert!(!read.evidence.is_empty());
    }
}

#[test]
fn everyday_matters_find_their_category() {
    let classifier = classifier();
    for (title, text, category) in [
        ("楼下烧烤店油烟太大", "每天晚上油烟往楼上飘，不敢开窗。", 605),
        ("工地半夜施工", "半夜两点还在打桩，噪音扰民，全家睡不着。", 601),
        ("公司拖欠工资三个月", "老板说没钱，农民工的血汗钱要不回来。", 1201),
        ("公交车司机到站不停", "今天早上在站台等公交，司机看到人也不停。", 701),
        ("小区门口路灯不亮", "路灯坏了一个星期，晚上走路害怕。", 406),
        ("垃圾堆了好几天", "垃圾桶满了没人清运，臭得很。", 501),
        ("孩子入学问题咨询", "外来务工子女小学报名要什么材料，学区怎么划？", 901),
        ("公积金怎么提取", "请问装修可以提取公积金吗？", 305),
        ("电梯困人", "三号楼电梯故障，已经修了几次还是坏。", 1506),
        ("出租车拒载", "司机不打表，还绕路。", 702),
        ("邻居楼上漏水", "楼上漏水到我家，墙面发霉，物业不管。", 308),
        ("养老金什么时候发", "退休手续办完两个月了，退休工资还没到。", 1301),
        ("感谢社区工作人员", "特此表扬，送上锦旗。", 2006),
    ] {
        let read = classifier.classify(title, text);
        assert_eq!(read.category, Category(category), "{title}: {read:?}");
    }
}

#[test]
fn kinds_are_heard() {
    let classifier = classifier();
    for (title, text, kind) in [
        ("咨询", "请问如何办理居住证？", Kind::Inquiry),
        ("投诉物业", "物业费年年涨，服务态度恶劣。", Kind::Complaint),
        ("举报无证经营", "有人在车库里开设赌场。", Kind::Tip),
        ("建议增加一班公交", "希望增加早高峰的班次。", Kind::Suggestion),
        ("表扬民警", "民警帮我找回钱包，送锦旗表示感谢。", Kind::Praise),
        ("路面坏了", "门口的路面坏了。", Kind::Request),
        // A polite ending is not yet praise.
        ("路面坏了", "门口的路面坏了，感谢！", Kind::Request),
    ] {
        assert_eq!(classifier.classify(title, text).kind, kind, "{title}");
    }
}

#[test]
fn life_and_medicine_come_first() {
    let classifier = classifier();
    for (text, urgency) in [
        ("家里闻到煤气，怀疑天然气泄漏", Urgency::Critical),
        ("妻子是孕妇，羊水破了，小区不让出", Urgency::Critical),
        ("有人被困在电梯里", Urgency::Critical),
        ("老人断药两天了", Urgency::Critical),
        ("全村停水一天了", Urgency::Urgent),
        ("路上井盖缺失，晚上很危险", Urgency::Urgent),
        ("公园里的花坛没人修剪", Urgency::Normal),
        ("请问居住证怎么办理", Urgency::Normal),
    ] {
        assert_eq!(classifier.classify("", text).urgency, urgency, "{text}");
    }
}

#[test]
fn what_is_said_not_to_be_so_raises_nothing() {
    let classifier = classifier();
    for (text, urgency) in [
        ("施工时有人受伤", Urgency::Critical),
        ("施工时没有人受伤", Urgency::Normal),
        ("事故造成人员伤亡", Urgency::Critical),
        ("所幸没有人员伤亡", Urgency::Normal),
        ("事故未造成人员伤亡", Urgency::Normal),
        ("目前无人员伤亡，请查明原因", Urgency::Normal),
        ("请尽快拆除，避免发生坍塌", Urgency::Normal),
        ("电梯坏了，没有人被困", Urgency::Normal),
        // One who is not denied is enough.
        ("昨天没有人员伤亡，今天造成人员伤亡", Urgency::Critical),
        // What is missing is another thing than the danger.
        ("没人管，有人被困在里面", Urgency::Critical),
        ("没人照顾的独居老人", Urgency::Urgent),
        ("老人没药了，断药两天", Urgency::Critical),
    ] {
        let read = classifier.classify("", text);
        assert_eq!(read.urgency, urgency, "{text}: {read:?}");
        assert_eq!(classifier.classify(text, "").urgency, urgency, "{text} as title");
    }
}

#[test]
fn evidence_says_what_decided_and_is_bounded() {
    let classifier = classifier();
    let read = classifier.classify("路灯不亮", "路灯不亮，路灯坏了");
    let first = &read.evidence[0];
    assert_eq!((first.speaks, first.in_title), (Speaks::Category(Category(406)), true));
    assert!(read.evidence.windows(2).all(|pair| pair[0].weight >= pair[1].weight));
    assert!(read.evidence.iter().all(|e| "路灯不亮坏了".contains(&e.keyword)));

    let all: String = Catalogue::builtin().unwrap().keywords().map(|k| k.text.clone()).collect();
    let read = classifier.classify(&all, &all);
    assert_eq!(read.evidence.len(), MAX_EVIDENCE);
    assert!(read.rivals.len() <= MAX_RIVALS);
    assert!(read.rivals.iter().all(|(_, confidence)| *confidence <= read.category_confidence));
}

#[test]
fn the_title_counts_more_and_repeats_less() {
    let classifier = classifier();
    let sure = |title: &str, text: &str| classifier.classify(title, text).category_confidence;
    assert!(sure("路灯", "请修理") > sure("请修理", "路灯"));
    assert!(sure("", "路灯，路灯") > sure("", "路灯"));
    assert_eq!(sure("", &"路灯，".repeat(4)), sure("", &"路灯，".repeat(400)));
}

#[test]
fn spelling_does_not_matter() {
    let classifier = classifier();
    let plain = classifier.classify("ETC坏了", "高速收费站ETC坏了");
    for (title, text) in [
        ("ＥＴＣ坏了", "高速收费站ＥＴＣ坏了"),
        ("etc坏了", "高速收费站etc坏了"),
        ("ETC壞了", "高速收費站ETC壞了"),
        ("ЕТС坏了", "高速收费站ЕТС坏了"),
        ("ETC 坏了", "高速 收费站\n\u{3000}ETC坏了"),
    ] {
        assert_eq!(classifier.classify(title, text), plain);
    }
}

#[test]
fn silence_is_no_category() {
    let classifier = classifier();
    for text in ["", "。", "hello", "\u{202e}\u{0}", "啊啊啊啊"] {
        let read = classifier.classify(text, text);
        assert_eq!((read.category, read.category_confidence.percent()), (Category::NONE, 0));
        assert_eq!((read.kind, read.urgency), (Kind::Request, Urgency::Normal));
    }
}
