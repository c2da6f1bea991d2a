//! An order's story: what comes next in every stage, and what is told of what happened.

use crate::make::*;
use hotline::catalogue::{Catalogue, Speaks};
use hotline::domain::*;
use hotline::story::{Clue, Reason, Source, Standing, Story, Told, Words, tell, timer_name};
use std::sync::LazyLock;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::builtin().unwrap());

fn words() -> Words<'static> {
    Words::of(&CATALOGUE)
}

fn story_of(order: &Order, events: &[Event], now: Timestamp) -> Story {
    tell(Told { order, events, complete: true, clues: &[] }, &CATALOGUE, now)
}

/// An order, and all that happened to it.
struct Life {
    order: Order,
    events: Vec<Event>,
}

impl Life {
    fn new(chain: Option<&[&str]>) -> Life {
        let command = Command { actor: actor("3304"), action: register(chain) };
        let Decision { after: order, events } = decide(None, &command, HEARD).unwrap();
        Life { order, events }
    }

    fn of(stage: Stage) -> Life {
        Life { order: order_in(stage), events: Vec::new() }
    }

    fn then(mut self, of: &str, action: Action, minute: i64) -> Life {
        let Decision { after, events } = step(&self.order, of, action, at(minute));
        self.order = after;
        self.events.extend(events);
        self
    }

    fn told(&self, minute: i64) -> Story {
        story_of(&self.order, &self.events, at(minute))
    }
}

#[test]
fn every_stage_says_who_must_do_what_and_what_comes_by_itself() {
    use Stage::*;
    // Stage; who must do what; what falls due next and in which minute; or why nothing does.
    let table: [(Stage, &str, &str, &str); 18] = [
        (Triage, "3304 accept", "triage_over 5", ""),
        (Supplement, "3304 ask_citizen", "pause_over 1441", ""),
        (Dispatching, "3304 dispatch", "triage_over 5", ""),
        (Assigned, "3304 pass_on", "share_over 5", ""),
        (ReturnReview, "3304 decide_return", "share", ""),
        (Handling, "330402001003 handle", "warn 90", ""),
        (Escalated, "330402001 handle_above", "warn 90", ""),
        (ExtensionReview, "330402001 decide_extension", "warn 90", ""),
        (SuspensionReview, "330402001 decide_suspension", "warn 90", ""),
        (Suspended, "330402001003 resume", "pause_over 66", ""),
        (Review, "330402001 decide_report", "warn 90", ""),
        (FollowUp, "3304 follow_up", "follow_up_over 1447", ""),
        (Archived, "", "", "over"),
        (Declined, "", "", "over"),
        (HandedOver, "", "", "over"),
        (Merged, "", "", "worked_elsewhere"),
        (Terminated, "", "", "over"),
        (Withdrawn, "", "", "over"),
    ];
    for (stage, task, timer, calm) in table {
        let order = order_in(stage);
        let story = story_of(&order, &[], order.updated_at);
        let next = &story.next;
        let said = next.task.map_or(String::new(), |(who, task)| format!("{who} {}", task.name()));
        assert_eq!(said, task, "{stage}");
        let due = next.timer.map(|(at, timer, left)| {
            assert_eq!(left, at.since(order.updated_at), "{stage}");
            format!("{} {}", timer_name(timer), at.since(HEARD).0 / 60_000)
        });
        if timer != "share" {
            assert_eq!(due.unwrap_or_default(), timer, "{stage}");
        }
        assert_eq!(next.timer.map(|(at, _, _)| at), next_deadline(&order), "{stage}");
        assert_eq!(next.calm.map_or("", |calm| calm.name()), calm, "{stage}");
        assert!(!words().next(next).is_empty(), "{stage}");
        // The account adds up, in every stage.
        let held = Span(story.levels.iter().map(|(_, held)| held.0).sum());
        let end = order.legs.last().unwrap().ended.map_or(order.updated_at, |(at, _)| at);
        assert_eq!(held, end.since(HEARD), "{stage}");
        assert!(words().summary(&story).contains(stage.zh()), "{stage}");
    }
}

#[test]
fn an_order_that_was_passed_by_returned_and_broke_its_promise_is_told_line_by_line() {
    let life = Life::new(Some(&CHAIN))
        .then("3304", RELAY, 3)
        .then("3304", tick(), 13)
        .then(CHAIN[2], RELAY, 20)
        .then(CHAIN[3], RETURN, 25)
        .then(CHAIN[2], Action::DecideReturn { decision: ReturnDecision::Designate }, 30)
        .then(CHAIN[3], Action::Sign, 70)
        .then(CHAIN[3], REPORT, 80);
    let story = life.told(85);
    let lines: Vec<_> = story.holdings.iter().map(|h| words().holding(h)).collect();
    let [city, county, town, village] = CHAIN.map(|code| words().unit(unit(code)));
    let expected = [
        format!("03-14 08:40:00 {city}（主办），用时3分（本级份额5分），下派{county}"),
        format!(
            "03-14 08:43:00 {county}（主办），用时10分（本级份额10分），份额用尽未动，\
             时钟越过本级，转到{town}"
        ),
        format!("03-14 08:53:00 {town}（主办），用时7分（本级份额15分），下派{village}"),
        format!("03-14 09:00:00 {village}（主办），用时5分，退单（非本单位职责），由{town}裁定"),
        format!("03-14 09:05:00 {town}（退单审核），用时5分，指定{village}办理，不得再退"),
        format!(
            "03-14 09:10:00 {village}（主办），03-14 09:50:00 签收，用时50分，反馈，由{town}审核"
        ),
        format!("03-14 10:00:00 {town}（审核），已持有5分"),
    ];
    assert_eq!(lines, expected, "{lines:#?}");

    let clocks: Vec<_> = story.clocks.iter().map(|clock| words().clock(clock)).collect();
    assert_eq!(
        clocks,
        [
            format!(
                "到达时限1小时，自 03-14 08:40:00 起，已用1小时10分，50% 已提醒（03-14 09:10:00，\
                 {village}），75% 已提醒（03-14 09:25:00，{village}），100% 已提醒\
                 （03-14 09:40:00，{village}），03-14 09:40:00 超时，时在{village}，已报{town}\
                 ；03-14 09:50:00 才完成"
            ),
            "办结时限3小时，自 03-14 08:40:00 起，已用1小时25分；应于 03-14 11:40:00".to_owned(),
        ],
        "{clocks:#?}"
    );
    assert_eq!(
        words().next(&story.next),
        format!(
            "{town}须审核反馈；办结应于 03-14 11:40:00；03-14 10:10:00（5分 之后）\
             办结时限用到 50%，提醒"
        )
    );
    let reasons: Vec<_> = story.reasons.iter().map(|reason| reason.name()).collect();
    assert_eq!(reasons, ["read", "placed", "routed", "designated"]);
    assert_eq!(story.passages.len(), life.events.len());
    let told: Vec<_> = story.passages.iter().map(|event| words().passage(event)).collect();
    assert!(told.iter().any(|line| line.contains("越级转到")), "{told:#?}");
    assert!(told.iter().any(|line| line.contains("退单（非本单位职责）")), "{told:#?}");
}

#[test]
fn clocks_that_stood_and_closings_that_did_not_last_are_told_apart() {
    let accept = || Action::DecideSuspension { verdict: Verdict::Accept };
    let life = Life::of(Stage::Handling)
        .then(CHAIN[3], Action::RequestSuspension { until: at(66) }, 6)
        .then(CHAIN[2], accept(), 7);
    let paused = life.told(17);
    let closure = paused.clock(ClockKind::Closure);
    assert_eq!(closure.standing, Standing::Paused);
    assert_eq!((closure.stood, closure.used), (Span::minutes(10), Span::minutes(7)));
    assert!(words().clock(closure).contains("至今"), "{}", words().clock(closure));

    let life = life
        .then(CHAIN[3], Action::Resume, 27)
        .then(CHAIN[3], REPORT, 30)
        .then(CHAIN[2], Action::DecideReport { verdict: Verdict::Accept }, 31)
        .then("3304", follow_up(Outcome::Dissatisfied), 41);
    let story = life.told(51);
    let told: Vec<_> =
        story.clocks.iter().map(|c| (c.kind, c.round, c.standing, c.used, c.stood)).collect();
    let minutes = Span::minutes;
    assert_eq!(
        told,
        [
            (ClockKind::Arrival, 0, Standing::Kept, minutes(5), Span::ZERO),
            (ClockKind::Closure, 0, Standing::Kept, minutes(11), minutes(20)),
            (ClockKind::Closure, 1, Standing::Running, minutes(10), Span::ZERO),
        ]
    );
    assert!(words().clock(&story.clocks[2]).starts_with("第 1 次重办时限3小时"));
}

#[test]
fn why_it_goes_there_names_who_decided() {
    let routed = |story: &Story| {
        story.reasons.iter().find_map(|reason| match reason {
            Reason::Routed { source, .. } => Some(*source),
            _ => None,
        })
    };
    let by_rule = Life::new(Some(&CHAIN)).told(1);
    assert_eq!(routed(&by_rule), Some(Source::Rule(7, 1)));
    let nowhere = Life::new(None);
    assert_eq!(routed(&nowhere.told(1)), None);
    assert!(nowhere.told(1).reasons.contains(&Reason::Unrouted));
    let fallen = nowhere.then("3304", tick(), 5).told(6);
    assert_eq!(routed(&fallen), Some(Source::Fallback));
    let changed = Life::new(Some(&CHAIN))
        .then("3304", correct_to(1901, Some(&CHAIN)), 2)
        .then("3304", Action::Restamp { policy: Box::new(CRITICAL) }, 3)
        .told(4);
    let names: Vec<_> = changed.reasons.iter().map(|reason| reason.name()).collect();
    assert_eq!(names, ["read", "placed", "routed", "corrected", "restamped"]);
}

/// A model goes by words of the text, and those may be anybody's name.
#[test]
fn only_words_of_the_catalogue_are_shown_as_clues() {
    let order = new_order(Some(&CHAIN), HEARD);
    let category = order.reading.category;
    let known = CATALOGUE.keywords().find(|k| k.speaks == Speaks::Category(category)).unwrap();
    let clue = |word: &str| Clue { word: word.to_owned(), speaks: Speaks::Category(category) };
    let clues = [clue("张三丰"), clue(&known.text), clue("13900005678"), clue(&known.text)];
    let told = Told { order: &order, events: &[], complete: false, clues: &clues };
    let story = tell(told, &CATALOGUE, HEARD);
    let Reason::Read { clues, .. } = &story.reasons[0] else { panic!("{:?}", story.reasons) };
    assert_eq!(clues, &[clue(&known.text)]);
    let line = words().reason(&story.reasons[0]);
    assert!(line.contains(&format!("“{}”", known.text)), "{line}");
}
