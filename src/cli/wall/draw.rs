//! How the wall is drawn: plain characters and sixteen colours, so that any terminal shows it.

use super::{AT_RISK, Wall};
use crate::cli::show;
use crate::domain::{Level, Span as Time};
use crate::pb::AtRisk;
use clap::ValueEnum;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Borders, Paragraph, Row, Table, Widget};

/// From this width on, counties and orders at risk stand side by side, in frames; a narrower
/// terminal has them one below the other, and no room for frames.
const WIDE: u16 = 104;

/// The wall's language.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(in crate::cli) enum Lang {
    /// 中文
    Zh,
    /// English
    En,
}

impl Lang {
    /// What a locale such as `zh_CN.UTF-8` asks for; Chinese where it names no language.
    pub(in crate::cli) fn of_locale(locale: &str) -> Lang {
        match locale.split(['_', '.', '@']).next() {
            None | Some("" | "C" | "POSIX" | "zh") => Lang::Zh,
            Some(_) => Lang::En,
        }
    }

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

/// A wall in a language.
pub(in crate::cli) struct Drawn<'a> {
    pub(in crate::cli) wall: &'a Wall,
    pub(in crate::cli) lang: Lang,
    /// How somebody at the keys sees it; `None` on paper.
    pub(in crate::cli) live: Option<Live<'a>>,
}

/// What only a wall in a terminal has.
#[derive(Clone, Copy)]
pub(in crate::cli) struct Live<'a> {
    /// How many rows of the lists somebody has gone down.
    pub(in crate::cli) first: usize,
    /// Why the wall is an old one, if it is.
    pub(in crate::cli) lost: Option<&'a str>,
}

impl Widget for Drawn<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let framed = area.width >= WIDE;
        let [head, levels, middle, foot] = Layout::vertical([
            Constraint::Length(2),
            Constraint::Length(Level::ALL.len() as u16 + around(framed)),
            Constraint::Min(0),
            Constraint::Length(u16::from(self.live.is_some())),
        ])
        .areas(area);
        Paragraph::new(self.head()).render(head, buf);
        self.levels(framed).render(levels, buf);
        let [counties, risks] = if framed {
            Layout::horizontal([Constraint::Percentage(50); 2]).areas(middle)
        } else {
            // Orders at risk have at least a third.
            let all = self.wall.counties.len() as u16 + around(framed);
            let most = middle.height - middle.height / 3;
            Layout::vertical([Constraint::Length(all.min(most)), Constraint::Min(0)]).areas(middle)
        };
        self.counties(framed, counties).render(counties, buf);
        self.risks(framed, risks).render(risks, buf);
        if let Some(live) = self.live {
            self.foot(live).render(foot, buf);
        }
    }
}

impl Drawn<'_> {
    fn foot(&self, live: Live) -> Line<'static> {
        match live.lost {
            Some(why) => {
                let lost = self.lang.of("服务不可达，重试中", "server lost, trying again");
                Line::from(warn(format!("{lost}: {why}"), true))
            }
            None => {
                let keys = "q 退出  ↑↓ 翻看  l English";
                Line::from(self.lang.of(keys, "q quit  ↑↓ scroll  l 中文").dark_gray())
            }
        }
    }

    /// Which rows of a list there is room for.
    fn shown<'a, T>(&self, all: &'a [T], framed: bool, area: Rect) -> &'a [T] {
        let room = usize::from(area.height.saturating_sub(around(framed)));
        let first = self.live.map_or(0, |live| live.first).min(all.len().saturating_sub(room));
        &all[first..]
    }

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

    fn levels(&self, framed: bool) -> Table<'_> {
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
        let title = lang.of("四级派单链", "the chain");
        table(rows.to_vec(), numbers(header), widths, title, framed)
    }

    fn counties(&self, framed: bool, area: Rect) -> Table<'_> {
        let (all, lang) = (&self.wall.counties, self.lang);
        let header = [
            lang.of("县（市、区）今日", "county, today"),
            lang.of("受理", "received"),
            lang.of("按时到达", "arrived"),
            lang.of("按时办结", "closed"),
            lang.of("退单", "returned"),
        ];
        let rows = self.shown(all, framed, area).iter().map(|county| {
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
        let number = |at: usize| Constraint::Length((Text::from(header[at]).width() as u16).max(6));
        let widths = [Constraint::Min(12), number(1), number(2), number(3), number(4)];
        let title = format!("{} {}", lang.of("区县", "counties"), all.len());
        table(rows.collect(), numbers(header), widths, &title, framed)
    }

    fn risks(&self, framed: bool, area: Rect) -> Table<'_> {
        let lang = self.lang;
        let header = [
            Text::from(lang.of("单号", "order")),
            Text::from(lang.of("时限", "promise")),
            Text::from(lang.of("还剩", "left")).right_aligned(),
            Text::from(lang.of("在谁手里", "with whom")),
        ];
        let all = &self.wall.risks.orders;
        let rows = self.shown(all, framed, area).iter().map(|risk| {
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
        let more = if all.len() < AT_RISK { "" } else { "+" };
        let title = format!("{} {}{more}", lang.of("濒临超时", "at risk"), all.len());
        table(rows.collect(), header, widths, &title, framed)
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
    header: [Text<'a>; N],
    widths: [Constraint; N],
    title: &str,
    framed: bool,
) -> Table<'a> {
    Table::new(rows, widths)
        .header(Row::new(header).style(Style::new().dark_gray()))
        .block(Block::new().borders(borders(framed)).title(format!(" {title} ")))
}

/// A header over a name and numbers.
fn numbers<const N: usize>(names: [&str; N]) -> [Text<'_>; N] {
    let mut at = 0;
    names.map(|name| {
        at += 1;
        if at == 1 { Text::from(name) } else { Text::from(name).right_aligned() }
    })
}

fn borders(framed: bool) -> Borders {
    if framed { Borders::ALL } else { Borders::TOP }
}

/// How many lines a list has beside its rows: its borders and its header.
fn around(framed: bool) -> u16 {
    if framed { 3 } else { 2 }
}

fn warn(text: String, alarm: bool) -> Span<'static> {
    if alarm { Span::from(text).bold().fg(Color::Red) } else { Span::from(text).bold() }
}

fn right(text: String, alarm: bool) -> Text<'static> {
    Text::from(warn(text, alarm)).right_aligned()
}
