//! Every verb of `hotline order` that moves an order in a hard case, once, in lives that need
//! it; and `report` and `mode` over what came of that.

use crate::program::{Ran, Serve, calls, matter};
use hotline::clock::wall_now;
use hotline::domain::Span;
use serde_json::Value;
use std::path::Path;

/// A server, and the number of the order that is being moved.
struct Desk {
    serve: Serve,
    home: tempfile::TempDir,
    filed: usize,
}

impl Desk {
    fn open() -> Desk {
        let home = tempfile::tempdir().unwrap();
        let serve = Serve::start(home.path(), "127.0.0.1:0", "info");
        Desk { serve, home, filed: 0 }
    }

    /// Files a matter as `change` makes it; its number.
    fn file(&mut self, change: impl FnOnce(&mut Value)) -> String {
        self.filed += 1;
        let mut row = matter(self.filed);
        row["division"] = "330402015201".into();
        change(&mut row);
        let name = format!("{}.jsonl", self.filed);
        let file = calls(self.home.path(), &name, &[row]);
        self.serve.run(&["submit", "--file", &file]).ends(0);
        let list = self.serve.run(&["order", "list", "-o", "json"]).ends(0).json();
        list.as_array().unwrap().last().unwrap()["order_no"].as_str().unwrap().to_owned()
    }

    /// What nobody could place.
    fn vague(&mut self, kind: &str, urgency: &str) -> String {
        self.file(|row| {
            for key in ["category", "division"] {
                row.as_object_mut().unwrap().remove(key);
            }
            row["text"] = "你好，我想问一下那个事情。".into();
            row["title"] = "".into();
            row["address"] = "".into();
            row["kind"] = kind.into();
            row["urgency"] = urgency.into();
        })
    }

    fn run(&self, no: &str, verb: &str, rest: &[&str]) -> Ran {
        self.serve.run(&[&["order", verb, no, "-o", "json"], rest].concat())
    }

    /// Moves it, and asserts where that leads.
    fn moved(&self, no: &str, line: &str, stage: &str) {
        let mut words = line.split(' ');
        let verb = words.next().unwrap();
        let rest: Vec<_> = words.collect();
        let came = self.run(no, verb, &rest).ends(0).json();
        assert_eq!(came["stage"], stage, "{line}");
    }

    fn down(&self, no: &str) {
        loop {
            let order = self.run(no, "get", &[]).ends(0).json();
            if order["next_down"] == "" {
                break;
            }
            self.moved(no, "relay", "assigned");
        }
        self.moved(no, "sign", "handling");
    }
}

#[test]
fn every_move_has_a_verb() {
    let mut desk = Desk::open();
    let no = desk.vague("request", "normal");
    for (line, stage) in [
        ("ask --text 门牌号是多少", "supplement"),
        ("supplement --text 5幢801", "triage"),
        ("accept --category 0101 --division 330402015201 --leave-open", "dispatching"),
        ("correct --urgency urgent --kind complaint", "dispatching"),
        ("assign", "assigned"),
        ("relay", "assigned"),
        ("return --reason not_our_duty --text 不属本单位", "return_review"),
        ("decide-return --designate", "assigned"),
        ("urge", "assigned"),
        ("supervise --card yellow", "assigned"),
        ("lift-supervision", "assigned"),
        ("recuse --from 330481", "assigned"),
    ] {
        desk.moved(&no, line, stage);
    }
    desk.down(&no);
    for (line, stage) in [
        ("co-handler --with 330482", "handling"),
        ("extend --by 1h --text 待配件", "extension_review"),
        ("decide-extension --accept --text 同意", "handling"),
        ("extend --by 1h --text 待配件", "refused USED_UP"),
        ("escalate --text 需上级协调", "escalated"),
        ("report --text 已办 --without-co-handlers", "review"),
        ("decide --accept", "follow_up"),
        ("follow-up --outcome dissatisfied", "handling"),
        ("report --text 已重办", "review"),
        ("decide --accept", "follow_up"),
        ("follow-up --outcome unreached", "follow_up"),
        ("follow-up --outcome satisfied", "archived"),
    ] {
        match stage.strip_prefix("refused ") {
            None => desk.moved(&no, line, stage),
            Some(reason) => {
                let rest: Vec<_> = line.split(' ').skip(1).collect();
                let ran = desk.run(&no, "extend", &rest).ends(1);
                assert!(ran.err.contains(reason), "{}", ran.err);
            }
        }
    }
    let mut row = matter(77);
    row["text"] = "修好以后昨晚又坏了，灯杆也歪了。".into();
    let file = calls(desk.home.path(), "again.jsonl", &[row]);
    let again = desk.run(&no, "reopen", &["--file", &file]).ends(0).json();
    let shown = desk.run(&no, "get", &[]).ends(0).json();
    assert_eq!(shown["reopened_as"], again["order_no"]);
    assert_eq!((shown["rounds"].as_array().unwrap().len(), &shown["extended"]), (1, &1.into()));
    let screen = desk.serve.run(&["order", "get", &no]).ends(0).out;
    for line in ["回避单位", "330481", "此前办结", "重启为", "延期", "催办"] {
        assert!(screen.contains(line), "{line}: {screen}");
    }

    let until = wall_now().plus(Span::hours(1)).0.unsigned_abs();
    let until = std::time::UNIX_EPOCH + std::time::Duration::from_millis(until);
    let until = humantime::format_rfc3339_seconds(until).to_string();
    let no = desk.file(|_| {});
    desk.down(&no);
    desk.moved(&no, &format!("suspend --until {until} --text 待雨停"), "suspension_review");
    desk.moved(&no, "decide-suspension --accept --text 同意", "suspended");
    desk.moved(&no, "resume", "handling");
    desk.moved(&no, "terminate --text 经复核终止", "terminated");

    let parent = desk.file(|_| {});
    for (kind, urgency, line, stage) in [
        ("inquiry", "normal", "answer --text 周一至周五办理", "archived"),
        ("request", "normal", "decline --reason petition --text 请向信访部门反映", "declined"),
        ("request", "critical", "hand-over --to 120", "handed_over"),
        ("request", "normal", "withdraw", "withdrawn"),
        ("request", "normal", &format!("merge --into {parent}"), "merged"),
    ] {
        let no = desk.vague(kind, urgency);
        desk.moved(&no, line, stage);
    }
    let other = desk.file(|_| {});
    let batch = ["--and", &other, "--text", "同一处已修复"];
    let closed = desk.run(&parent, "close-batch", &batch).ends(0).json();
    assert_eq!(
        (&closed[0]["stage"], &closed[1]["stage"]),
        (&"follow_up".into(), &"follow_up".into())
    );
    let ran = desk.run(&no, "close-batch", &["--text", "已了结"]).ends(1);
    assert!(ran.out.contains("WRONG_STAGE"), "{ran:?}");
    touched(&mut desk);
    let (same, other) = differs(&desk);
    reported(&desk);
    switched(&desk);
    kept(&desk, &same, &other);
}

/// Leaves open orders that people did with what no catalogue says.
fn touched(desk: &mut Desk) {
    // Sent another way than any rule would send it.
    let elsewhere = desk.file(|_| {});
    desk.moved(&elsewhere, "relay --to 330481", "assigned");
    // Complained about on its way.
    let around = desk.file(|_| {});
    desk.moved(&around, "relay", "assigned");
    desk.moved(&around, "recuse --from 330402015", "assigned");
    // Given more time, and done again.
    let again = desk.file(|_| {});
    desk.down(&again);
    for (line, stage) in [
        ("extend --by 1h --text 待配件", "extension_review"),
        ("decide-extension --accept --text 同意", "handling"),
        ("report --text 已办", "review"),
        ("decide --accept", "follow_up"),
        ("follow-up --outcome dissatisfied", "handling"),
    ] {
        desk.moved(&again, line, stage);
    }
}

/// `hotline report` counts what was done here.
fn reported(desk: &Desk) {
    let days = ["report", "--from", "2020-01-01", "--to", "2020-12-31"];
    let none = desk.serve.run(&[&days[..], &["-o", "json"]].concat()).ends(0).json();
    assert_eq!(none["rows"].as_array().unwrap().len(), 0);
    let today = wall_now().date().to_string();
    let days = ["report", "--from", &today, "--to", &today];
    let json = [&days[..], &["--by", "unit", "-o", "json"]].concat();
    let rows = desk.serve.run(&json).ends(0).json();
    let sum = |name: &str| -> u64 {
        rows["rows"].as_array().unwrap().iter().map(|row| row[name].as_u64().unwrap()).sum()
    };
    assert_eq!((sum("returned"), sum("reworked"), sum("repeated")), (1, 2, 2));
    // Answered, closed twice after a rework, two by one disposition, and one to be done again.
    assert_eq!((sum("closed"), sum("closed_on_time"), sum("closure_due")), (6, 6, 6));
    // One citizen was not satisfied first, and was in the end: two words, each of its own rate.
    // Another is not yet.
    let words = ["followed_up", "followed_up_first", "satisfied_first", "followed_up_final"];
    assert_eq!((words.map(sum), sum("satisfied")), ([3, 2, 0, 1], 1));
    let rows = rows["rows"].as_array().unwrap();
    let judged = rows.iter().find(|row| row["followed_up_final"] == 1).unwrap();
    let rates = (&judged["first_satisfied_rate"], &judged["final_satisfied_rate"]);
    assert_eq!(rates, (&0.0.into(), &1.0.into()));
    let csv = desk.serve.run(&[&days[..], &["-o", "csv"]].concat()).ends(0).out;
    assert!(csv.starts_with("key,name,received,"), "{csv}");
    let header = csv.lines().next().unwrap();
    assert!(header.ends_with(",first_satisfied_rate,final_satisfied_rate"), "{header}");
    assert!(csv.lines().any(|line| line.starts_with("city,市,")), "{csv}");
    let screen = desk.serve.run(&days).ends(0).out;
    for rate in ["按时签收率", "按时办结率", "首次满意率", "最终满意率"] {
        assert!(screen.contains(rate), "{rate}: {screen}");
    }
    let ran = desk.serve.run(&["report", "--from", "2026-02-30", "--to", &today]).ends(2);
    assert!(ran.err.contains("a date that exists"), "{}", ran.err);
}

/// `hotline catalogue diff` says what another catalogue would do to the orders that are open.
/// Leaves two folders: one as it is built in, and one with another limit.
fn differs(desk: &Desk) -> (String, String) {
    let builtin = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/jiaxing");
    let folder = |name: &str| {
        let folder = desk.home.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        for file in std::fs::read_dir(&builtin).unwrap() {
            let file = file.unwrap().path();
            std::fs::copy(&file, folder.join(file.file_name().unwrap())).unwrap();
        }
        folder
    };
    let (same, other) = (folder("same"), folder("other"));
    let policies = other.join("policies.toml");
    let text = std::fs::read_to_string(&policies).unwrap();
    std::fs::write(&policies, text.replace("closure = \"3h\"", "closure = \"4h\"")).unwrap();
    let shorter = folder("shorter");
    let duties = shorter.join("duties.csv");
    let text = std::fs::read_to_string(&duties).unwrap();
    let town = text.replace("01,village,,\n", "01,village,,\n0101,town,,\n");
    std::fs::write(&duties, town).unwrap();
    let [same, other, shorter] =
        [same, other, shorter].map(|folder| folder.to_str().unwrap().to_owned());

    let nothing = diff(desk, &same);
    assert!(nothing["open"].as_u64() >= Some(3), "{nothing}");
    assert_eq!(nothing["orders"], serde_json::json!([]), "the same changes nothing");
    let changed = diff(desk, &other);
    assert_eq!(changed["orders"].as_array().unwrap().len() as u64, changed["open"]);
    let said = changed["orders"][0]["changes"].as_array().unwrap();
    assert_eq!(said, &["办结时限 3h 会是 4h"]);
    let routed = diff(desk, &shorter);
    // All but the one of which no more than the county is known.
    assert_eq!(routed["orders"].as_array().unwrap().len() as u64 + 1, routed["open"]);
    let chain = "3304 → 330402 → 330402015";
    let said = routed["orders"][0]["changes"].as_array().unwrap();
    assert_eq!(said, &[format!("派单链 {chain} → 330402015201 会是 {chain}")]);
    // It is compared with what the server reads, and with nothing else.
    let ran = desk.serve.run(&["catalogue", "diff", &same, "--old", &other]).ends(1);
    assert!(ran.err.contains("name the folder it was given with --old"), "{}", ran.err);
    (same, other)
}

fn diff(desk: &Desk, folder: &str) -> Value {
    desk.serve.run(&["catalogue", "diff", folder, "-o", "json"]).ends(0).json()
}

/// Orders that kept the limits of the mode before are compared by those.
fn kept(desk: &Desk, same: &str, other: &str) {
    let back = ["mode", "switch", "--to", "wartime", "--in-flight", "keep"];
    desk.serve.run(&back).ends(0);
    for folder in [same, other] {
        let diff = diff(desk, folder);
        assert!(diff["open"].as_u64() >= Some(1), "{diff}");
        assert_eq!(diff["orders"], serde_json::json!([]), "{folder}");
    }
}

/// `hotline mode` looks first, and then switches.
fn switched(desk: &Desk) {
    let run = |args: &[&str]| desk.serve.run(&[&["mode"], args].concat());
    assert_eq!(run(&["show", "-o", "json"]).ends(0).json()["mode"], "wartime");
    let changes = run(&["preview", "--to", "ordinary", "-o", "json"]).ends(0).json();
    let changes = changes.as_array().unwrap().len();
    assert!(changes >= 1);
    let to = ["switch", "--to", "ordinary", "--in-flight", "restamp", "--wait", "-o", "json"];
    let now = run(&to).ends(0).json();
    assert_eq!((&now["mode"], &now["version"]), (&"ordinary".into(), &1.into()));
    assert_eq!(now["restamping"]["restamped"], changes);
    assert_eq!(now["restamping"]["failed"], 0);
    // Whether the days of this year are published or not, the doctor counts what orders say.
    let orders = desk.serve.run(&["order", "list", "-o", "json"]).ends(0).json();
    let open = |order: &&serde_json::Value| order["holder"] != "";
    let orders = orders.as_array().unwrap().iter().filter(open);
    let plain = orders.filter(|order| order["plain_weekends"].as_bool().unwrap()).count();
    let doctor = desk.serve.run(&["doctor", "-o", "json"]).ends(0).json();
    assert_eq!(doctor["plain_weekends"], plain);
    let same = ["switch", "--to", "ordinary", "--in-flight", "keep"];
    assert!(run(&same).ends(1).err.contains("MODE_UNCHANGED"));
    assert!(run(&["show"]).ends(0).out.contains("平时"));
}
