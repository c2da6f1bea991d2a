//! How the wall is drawn: plain characters and sixteen colours, so that any terminal shows it.

use super::Wall;
use crate::cli::show;
use crate::domain::{Level, Span as Time};
use crate::pb::AtRisk;
use clap::ValueEnum;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Paragraph, Row, Table, Widget};

/// From this width on, counties and orders at risk stand side by side.
const WIDE: u16 = 96;

/// The wall's language.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(in crate::cli) enum Lang {
    /// 中文
    Zh,
    /// English
    En,
}

impl Lang {
    /// The other one.
    pub(in crate::cli) fn other(self) -> Lang {
        match self {
            Lang::Zh => Lang::En,
            Lang::En => Lang::Zh,
        }
    }

    fn of(self, zh: &'static str, en: &'static str) -> &'static str {
        match self {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }
}

/// A wall in a language, and the first of the orders at risk that is shown.
pub(in crate::cli) struct Drawn<'a> {
    pub(in crate::cli) wall: &'a Wall,
    pub(in crate::cli) lang: Lang,
    pub(in crate::cli) first: usize,
}

impl Widget for Drawn<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let [head, levels, middle, foot] = Layout::vertical([
            Constraint::Length(2),
            Constraint::Length(8),
            Constraint::Min(0),
            Constraint::Length(1),
        ])
        .areas(area);
        Paragraph::new(self.head()).render(head, buf);
        self.levels(levels, buf);
        let parts = [Constraint::Percentage(50), Constraint::Percentage(50)];
        let [counties, risks] = if area.width >= WIDE {
            Layout::horizontal(parts).areas(middle)
        } else {
            Layout::vertical(parts).areas(middle)
        };
        self.counties(counties, buf);
        self.risks(risks, buf);
        let keys = self.lang.of("q 退出  ↑↓ 翻看  l English", "q quit  ↑↓ scroll  l 中文");
        Paragraph::new(keys.dark_gray()).render(foot, buf);
    }
}

impl Drawn<'_> {
    fn head(&self) -> Text<'static> {
        let (wall, lang) = (self.wall, self.lang);
        let part = |zh, en, value: i64| {
            vec![Span::raw(format!("  {} ", lang.of(zh, en))), Span::from(value.to_string()).bold()]
        };
        let late = wall.sum("breached.arrival") + wall.sum("breached.closure");
        let mut first = vec![Span::from(lang.of("12345 热线", "12345 hotline")).bold().cyan()];
        first.extend(part("受理", "received", wall.get("received")));
        first.extend(part("在办", "open", wall.get("open")));
        first.extend(part("待受理", "triage", wall.get("triage")));
        first.extend(part("待审核", "review", wall.get("review")));
        first.extend(part("办结", "closed", wall.get("closed")));
        first.push(Span::raw(format!("  {} ", lang.of("超时", "breaches"))));
        first.push(warn(late.to_string(), late > 0));
        let mode = match lang {
            Lang::Zh => show::mode_zh(wall.mode.mode),
            Lang::En => show::mode(wall.mode.mode),
        };
        let lag = show::span(&wall.risks.timer_lag).unwrap_or(Time::ZERO);
        let rates = wall.rates.map_or("-".to_owned(), |(received, closed)| match lang {
            Lang::Zh => format!("受理 {received:.1}/秒 办结 {closed:.1}/秒"),
            Lang::En => format!("received {received:.1}/s closed {closed:.1}/s"),
        });
        let at = wall.at.map_or("-".to_owned(), |at| at.to_string()[..19].replace('T', " "));
        let second = vec![
            Span::raw(format!("{at}  {mode}  {rates}  {} ", lang.of("计时滞后", "timers late"))),
            warn(lag.to_string(), lag >= Time::seconds(1)),
        ];
        Text::from(vec![Line::from(first), Line::from(second)])
    }

    fn levels(&self, area: Rect, buf: &mut Buffer) {
        let (wall, lang) = (self.wall, self.lang);
        let header = [
            lang.of("层级", "level"),
            lang.of("待办", "waiting"),
            lang.of("下派", "relayed"),
            lang.of("超时下派", "passed by"),
            lang.of("签收", "signed"),
            lang.of("到达超时", "arrival late"),
            lang.of("办结超时", "closure late"),
        ];
        let rows = Level::ALL.map(|level| {
            let name = match lang {
                Lang::Zh => show::level_zh(level),
                Lang::En => level.name(),
            };
            let plain = |what| right(wall.level(what, level).to_string(), false);
            let alarm = |what| {
                let n = wall.level(what, level);
                right(n.to_string(), n > 0)
            };
            Row::new([
                Text::from(name),
                plain("waiting"),
                plain("relayed"),
                alarm("passed_by"),
                plain("signed"),
                alarm("breached.arrival"),
                alarm("breached.closure"),
            ])
        });
        let widths = [8, 9, 9, 10, 9, 12, 12].map(Constraint::Length);
        table(rows.to_vec(), header, widths, lang.of("四级派单链", "the chain")).render(area, buf);
    }

    fn counties(&self, area: Rect, buf: &mut Buffer) {
        let lang = self.lang;
        let header = [
            lang.of("县（市、区）今日", "county, today"),
            lang.of("受理", "received"),
            lang.of("按时到达", "arrived"),
            lang.of("按时办结", "closed"),
            lang.of("退单", "returned"),
        ];
        let rows = self.wall.counties.iter().map(|county| {
            let rate = |kept: u32, due: u32| match due {
                0 => right("-".to_owned(), false),
                _ => right(format!("{:.1}%", f64::from(kept) * 100.0 / f64::from(due)), kept < due),
            };
            Row::new([
                Text::from(county.name.clone()),
                right(county.received.to_string(), false),
                rate(county.arrived_on_time, county.arrival_due),
                rate(county.closed_on_time, county.closure_due),
                right(county.returned.to_string(), false),
            ])
        });
        let widths = [
            Constraint::Min(12),
            Constraint::Length(8),
            Constraint::Length(8),
            Constraint::Length(8),
            Constraint::Length(8),
        ];
        table(rows.collect(), header, widths, lang.of("区县", "counties")).render(area, buf);
    }

    fn risks(&self, area: Rect, buf: &mut Buffer) {
        let lang = self.lang;
        let header = [
            lang.of("单号", "order"),
            lang.of("时限", "promise"),
            lang.of("还剩", "left"),
            lang.of("在谁手里", "with whom"),
        ];
        let all = &self.wall.risks.orders;
        let shown = all.iter().skip(self.first.min(all.len().saturating_sub(1)));
        let rows = shown.map(|risk| {
            let kind = match lang {
                Lang::Zh => show::clock_kind_zh(risk.clock),
                Lang::En => show::clock_kind(risk.clock),
            };
            let who = match lang {
                Lang::Zh => risk.holder_name.clone(),
                Lang::En => risk.holder.clone(),
            };
            Row::new([
                Text::from(risk.order_no.clone()),
                Text::from(kind),
                right(self.left(risk), false),
                Text::from(who),
            ])
            .yellow()
        });
        let widths = [
            Constraint::Length(19),
            Constraint::Length(7),
            Constraint::Length(8),
            Constraint::Min(10),
        ];
        let title = format!("{} {}", lang.of("濒临超时", "at risk"), all.len());
        table(rows.collect(), header, widths, &title).render(area, buf);
    }

    /// How long a promise still has: `12m 05s`.
    fn left(&self, risk: &AtRisk) -> String {
        let (Some(due), Some(now)) = (show::moment(&risk.due_at), self.wall.at) else {
            return "-".to_owned();
        };
        let seconds = due.since(now).0.max(0) / 1_000;
        let (h, m, s) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        if h > 0 { format!("{h}h {m:02}m") } else { format!("{m}m {s:02}s") }
    }
}

fn table<'a, const N: usize>(
    rows: Vec<Row<'a>>,
    header: [&'a str; N],
    widths: [Constraint; N],
    title: &str,
) -> Table<'a> {
    let names = header.iter().enumerate().map(|(at, name)| match at {
        0 => Text::from(*name),
        _ => Text::from(*name).right_aligned(),
    });
    Table::new(rows, widths)
        .header(Row::new(names).style(Style::new().dark_gray()))
        .block(Block::bordered().title(format!(" {title} ")))
}

fn warn(text: String, alarm: bool) -> Span<'static> {
    if alarm { Span::from(text).bold().fg(Color::Red) } else { Span::from(text).bold() }
}

fn right(text: String, alarm: bool) -> Text<'static> {
    Text::from(warn(text, alarm)).right_aligned()
}
