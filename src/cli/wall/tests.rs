//! Frames, as tables.

use super::*;
use crate::cli::show;
use crate::pb::{AtRisk, Tally};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

fn look() -> Look {
    let tally = |name: &str, value| Tally { name: name.to_owned(), value };
    let at = Some(prost_types::Timestamp { seconds: 1_647_218_400, nanos: 0 });
    let due = Some(prost_types::Timestamp { seconds: 1_647_218_400 + 725, nanos: 0 });
    let unit = |key: &str, name: &str, counts: [u32; 5]| Indicators {
        key: key.to_owned(),
        place: name.to_owned(),
        received: counts[0],
        arrived_on_time: counts[1],
        arrival_due: counts[2],
        closed_on_time: counts[3],
        closure_due: counts[4],
        ..Indicators::default()
    };
    let risk = |no: &str| AtRisk {
        order_no: no.to_owned(),
        clock: 1,
        due_at: due,
        stage: 2,
        holder: "330402001".to_owned(),
        holder_name: "建设街道".to_owned(),
    };
    let mut look = Look::default();
    look.board.at = at;
    look.board.tallies = vec![
        tally("received", 120),
        tally("open", 45),
        tally("closed", 70),
        tally("waiting.town", 17),
        tally("breached.arrival.village", 3),
    ];
    look.today.rows = vec![
        unit("3304", "市", [120, 0, 0, 0, 0]),
        unit("3304-008", "市交通局", [9, 9, 9, 9, 9]),
        unit("330402", "南湖区", [60, 0, 0, 0, 1]),
        unit("330402001", "建设街道", [40, 30, 40, 20, 20]),
        unit("330411-003", "秀洲区教育局", [5, 4, 4, 0, 0]),
    ];
    look.risks.orders = vec![risk("3304-220314-00001-1"), risk("3304-220314-00002-2")];
    look.risks.timer_lag = Some(prost_types::Duration { seconds: 2, nanos: 0 });
    look.mode.mode = 2;
    look
}

/// Language, size, and the words that stand together in lines.
type Row = (Lang, (u16, u16), &'static [&'static [&'static str]]);

/// The line of a frame that holds all of these words.
fn has(frame: &str, words: &[&str]) {
    let found = frame.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(found, "{words:?} not in\n{frame}");
}

#[test]
fn a_frame_shows_levels_counties_risks_throughput_and_lateness() {
    let now = look();
    let mut before = look();
    before.board.tallies[0].value = 100;
    let wall = Wall::of(&now, Some((&before, Duration::from_secs(4))));
    let table: [Row; 4] = [
        (
            Lang::Zh,
            (110, 26),
            &[
                &["受理 120", "在办 45", "办结 70", "超时 3"],
                &["2022-03-14 08:40:00", "战时", "受理 5.0/秒", "办结 0.0/秒", "计时滞后 2s"],
                &["│镇", " 17 "],
                &["南湖区", " 60 ", "75.0%", "95.2%"],
                &["330411", "100.0%", " - "],
                &["濒临超时 2"],
                &["3304-220314-00001-1", "到达", "12m 05s", "建设街道"],
            ],
        ),
        (
            Lang::En,
            (110, 26),
            &[
                &["received 120", "open 45", "breaches 3"],
                &["wartime", "received 5.0/s", "timers late 2s"],
                &["town", " 17 "],
                &["at risk 2"],
                &["3304-220314-00002-2", "arrival", "330402001"],
            ],
        ),
        // A narrow terminal has one below the other.
        (
            Lang::Zh,
            (80, 24),
            &[
                &["村 ", " 3 "],
                &["南湖区", "75.0%"],
                &["3304-220314-00001-1", "建设街道"],
                &["3304-220314-00002-2", "12m 05s"],
            ],
        ),
        // A tiny one shows what fits.
        (Lang::En, (30, 3), &[&["12345 hotline"]]),
    ];
    for (lang, size, lines) in table {
        let frame = text(&wall, lang, size);
        assert_eq!(frame.lines().count(), usize::from(size.1), "{size:?}");
        for words in lines {
            has(&frame, words);
        }
    }
}

#[test]
fn a_locale_says_which_language() {
    let table = [
        ("zh_CN.UTF-8", Lang::Zh),
        ("zh", Lang::Zh),
        ("", Lang::Zh),
        ("C.UTF-8", Lang::Zh),
        ("POSIX", Lang::Zh),
        ("en_GB.UTF-8", Lang::En),
        ("de_DE@euro", Lang::En),
    ];
    for (locale, lang) in table {
        assert_eq!(Lang::of_locale(locale), lang, "{locale}");
    }
}

/// A wall with many counties and orders, as one who went down so far sees it.
fn rows_from(first: usize, size: (u16, u16), lost: Option<&str>) -> String {
    let mut look = look();
    look.today.rows = (0..38)
        .map(|n| {
            let (key, place) = (format!("3304{n:02}"), format!("第{n}县"));
            Indicators { key, place, ..Indicators::default() }
        })
        .collect();
    let order = look.risks.orders[0].clone();
    look.risks.orders = (0..AT_RISK)
        .map(|n| AtRisk { order_no: format!("3304-220314-{n:05}-0"), ..order.clone() })
        .collect();
    let wall = Wall::of(&look, None);
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
    let drawn = Drawn { wall: &wall, lang: Lang::Zh, live: Some(Live { first, lost }) };
    terminal.draw(|frame| frame.render_widget(drawn, frame.area())).unwrap();
    // A wide character has an empty cell after it.
    terminal.backend().to_string().replace(' ', "")
}

#[test]
fn long_lists_are_gone_through_to_their_ends_and_no_further() {
    for size in [(110, 26), (80, 24)] {
        let (top, end) = (rows_from(0, size, None), rows_from(1_000, size, None));
        assert!(top.contains("濒临超时64+") && top.contains("第0县"), "{top}");
        assert!(top.contains("-00000-0"), "{top}");
        assert!(!top.contains("第37县") && !top.contains("-00063-0"), "{top}");
        assert!(end.contains("第37县") && end.contains("-00063-0"), "{end}");
        assert!(!end.contains("第0县") && !end.contains("-00000-0"), "{end}");
    }
    let lost = rows_from(0, (80, 24), Some("127.0.0.1 is gone"));
    assert!(lost.contains("服务不可达，重试中:127.0.0.1isgone"), "{lost}");
}

#[test]
fn a_terminal_of_any_size_is_drawn_and_alarms_are_red() {
    let wall = Wall::of(&look(), None);
    for size in [(1, 1), (0, 0), (20, 5), (110, 26), (300, 80)] {
        let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
        let draw = |frame: &mut ratatui::Frame| {
            let live = Some(Live { first: 9, lost: None });
            let drawn = Drawn { wall: &wall, lang: Lang::Zh, live };
            frame.render_widget(drawn, frame.area());
        };
        terminal.draw(draw).unwrap();
        if size.0 >= 110 {
            let cells = terminal.backend().buffer().content();
            let red: Vec<_> = cells.iter().filter(|cell| cell.fg == Color::Red).collect();
            assert!(red.iter().any(|cell| cell.symbol() == "3"), "breaches: {red:?}");
        }
    }
}

#[test]
fn the_picture_is_well_formed_and_says_what_the_frame_says() {
    let mut look = look();
    look.today.rows[2].place = "<南湖&区>".to_owned();
    let picture = svg(&Wall::of(&look, None), Lang::Zh, (110, 26));
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    assert_eq!(picture.matches("<text ").count(), picture.matches("</text>").count());
    assert!(picture.contains("濒临超时") && picture.contains("3304-220314-00001-1"));
    assert!(picture.contains("&lt;") && picture.contains("&amp;") && !picture.contains("&区"));
}

#[test]
fn counties_are_the_sums_of_their_units() {
    let wall = Wall::of(&look(), None);
    let told: Vec<_> = wall.counties.iter().map(|c| (c.name.as_str(), c.received)).collect();
    assert_eq!(told, [("南湖区", 60), ("330411", 0)]);
    assert_eq!(show::span(&wall.risks.timer_lag), Some(crate::domain::Span::seconds(2)));
}
