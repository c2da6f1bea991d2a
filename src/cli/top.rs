//! `hotline top`: the wall, live in a terminal.

use super::client::{ClientArgs, Connection};
use super::failure::Failure;
use super::output::say;
use super::wall::{AT_RISK, Drawn, Lang, Live, Look, Wall, svg, text};
use crate::clock::tick;
use crate::domain::{Role, Timestamp};
use crate::pb::admin_service_client::AdminServiceClient;
use crate::pb::command_service_client::CommandServiceClient;
use crate::pb::{
    Dimension, GetBoardRequest, GetIndicatorsRequest, GetModeRequest, ListAtRiskRequest,
};
use crate::server::told_to_stop;
use clap::Args;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal;
use ratatui::{DefaultTerminal, Frame};
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tonic::Request;
use tonic::transport::Channel;

/// How often the hotline is asked.
const LOOK: Duration = Duration::from_secs(1);
/// How long it waits for an answer before it says that the server is lost.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often keys are listened for.
const KEYS: Duration = Duration::from_millis(50);
/// The size of a picture, and of one frame where there is no terminal.
pub(super) const SIZE: (u16, u16) = (110, 26);

/// Shows the hotline live: the four levels, the counties, orders at risk, breaches, throughput,
/// how late the timers are. Works in any terminal, over ssh too; needs no mouse.
///
/// Keys: q ends it, the arrows go through the lists, l changes the language. A server that is
/// lost is asked again every second. NO_COLOR is honoured.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline top\n  hotline top --once --lang en\n  hotline top --svg wall.svg"
)]
pub(super) struct TopArgs {
    /// In which language; else that of LC_ALL, LC_MESSAGES or LANG, and Chinese if they name none.
    #[arg(long, value_enum)]
    lang: Option<Lang>,
    /// Prints one frame as text and ends.
    #[arg(long)]
    once: bool,
    /// Saves one frame as a picture and ends.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    client: ClientArgs,
}

pub(super) async fn run(args: TopArgs) -> Result<(), Failure> {
    let lang = language(args.lang);
    let live = !args.once && args.svg.is_none();
    if live && !io::stdout().is_terminal() {
        let instead = "--once prints one frame, --svg FILE saves one";
        return Err(Failure::Usage(format!(
            "top draws in a terminal, and this is none: {instead}"
        )));
    }
    let server = args.client.connect(Role::Dispatcher).await?;
    let first = (tick(), look_at(&server).await?);
    if live {
        return self::live(&server, lang, first).await;
    }
    // Two looks, for throughput.
    let now = look_later(&server).await?;
    let wall = Wall::of(&now, Some((&first.1, first.0.elapsed())));
    if let Some(file) = &args.svg {
        let saved = std::fs::write(file, svg(&wall, lang, SIZE));
        saved.map_err(|e| Failure::Usage(format!("--svg {}: {e}", file.display())))?;
    }
    if args.once { say(&text(&wall, lang, size())) } else { Ok(()) }
}

/// The language that was asked for, or the one of whoever sits there.
pub(super) fn language(asked: Option<Lang>) -> Lang {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    asked.unwrap_or_else(|| {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set);
        Lang::of_locale(&locale.unwrap_or_default())
    })
}

/// The terminal's size; a picture's where there is none.
pub(super) fn size() -> (u16, u16) {
    match terminal::size() {
        Ok(size) if io::stdout().is_terminal() => size,
        Ok(_) | Err(_) => SIZE,
    }
}

async fn look_at(server: &Connection) -> Result<Look, Failure> {
    look(&server.channel, &Stamp(server)).await.map_err(|status| server.failure(status))
}

/// A look a moment later, or why there is none.
async fn look_later(server: &Connection) -> Result<Look, Failure> {
    tokio::time::sleep(LOOK).await;
    let late = || Failure::said(format!("no answer within {PATIENCE:?}"));
    tokio::time::timeout(PATIENCE, look_at(server)).await.map_err(|_| late())?
}

/// Says who asks.
pub(super) trait Stamps {
    /// A message with the one who speaks.
    fn stamp<T>(&self, message: T) -> Request<T>;
}

struct Stamp<'a>(&'a Connection);

impl Stamps for Stamp<'_> {
    fn stamp<T>(&self, message: T) -> Request<T> {
        self.0.stamp(message)
    }
}

/// Asks for all that the wall shows.
pub(super) async fn look(channel: &Channel, who: &impl Stamps) -> Result<Look, tonic::Status> {
    let mut command = CommandServiceClient::new(channel.clone());
    let board = command.get_board(who.stamp(GetBoardRequest {})).await?.into_inner();
    let at = super::show::moment(&board.at).unwrap_or(Timestamp(0));
    let day = at.date().to_string();
    let dimension = Dimension::Unit.into();
    let today = GetIndicatorsRequest { from: day.clone(), to: day, dimension };
    let today = command.get_indicators(who.stamp(today)).await?.into_inner();
    let risks = ListAtRiskRequest { limit: AT_RISK as u32 };
    let risks = command.list_at_risk(who.stamp(risks)).await?.into_inner();
    let mut admin = AdminServiceClient::new(channel.clone());
    let mode = admin.get_mode(who.stamp(GetModeRequest {})).await?.into_inner();
    let mode = mode.status.unwrap_or_default();
    Ok(Look { board, risks, today, mode })
}

/// What a key asks for.
enum Asked {
    Nothing,
    Redraw,
    End,
}

/// What is on the screen.
struct Screen {
    wall: Wall,
    lang: Lang,
    first: usize,
    lost: Option<String>,
}

impl Screen {
    fn draw(&self, frame: &mut Frame) {
        panics_at(frame.count());
        let live = Some(Live { first: self.first, lost: self.lost.as_deref() });
        let drawn = Drawn { wall: &self.wall, lang: self.lang, live };
        frame.render_widget(drawn, frame.area());
    }

    fn heard(&mut self, event: &Event) -> Asked {
        let Event::Key(key) = event else { return Asked::Redraw };
        if key.kind == KeyEventKind::Release {
            return Asked::Nothing;
        }
        match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Asked::End,
            KeyCode::Char('q') | KeyCode::Esc => Asked::End,
            KeyCode::Char('l') => {
                self.lang = self.lang.other();
                Asked::Redraw
            }
            KeyCode::Down => {
                self.first = (self.first + 1).min(self.wall.longest().saturating_sub(1));
                Asked::Redraw
            }
            KeyCode::Up => {
                self.first = self.first.saturating_sub(1);
                Asked::Redraw
            }
            _ => Asked::Nothing,
        }
    }
}

/// Panics where `HOTLINE_FAULT_PANIC_AT_FRAME` says: what a panic leaves of a terminal must be
/// shown. Never in a release build.
fn panics_at(frame: usize) {
    let at = || std::env::var("HOTLINE_FAULT_PANIC_AT_FRAME").ok()?.parse().ok();
    assert!(!cfg!(debug_assertions) || at() != Some(frame), "told to at frame {frame}");
}

/// Draws until somebody ends it. The terminal is as it was afterwards, whatever ends it: a key,
/// a signal, an error, a panic.
async fn live(server: &Connection, lang: Lang, first: (Instant, Look)) -> Result<(), Failure> {
    let stopped = told_to_stop();
    let mut terminal = ratatui::try_init().inspect_err(|_| ratatui::restore())?;
    let shown = tokio::select! {
        shown = show(&mut terminal, server, lang, first) => shown,
        () = stopped => Ok(()),
    };
    ratatui::restore();
    shown
}

async fn show(
    terminal: &mut DefaultTerminal,
    server: &Connection,
    lang: Lang,
    first: (Instant, Look),
) -> Result<(), Failure> {
    let (mut looked_at, mut before) = first;
    let mut screen = Screen { wall: Wall::of(&before, None), lang, first: 0, lost: None };
    terminal.draw(|frame| screen.draw(frame))?;
    let mut keys = tokio::time::interval(KEYS);
    // Keys are heard while the server is waited for.
    let mut look = Box::pin(look_later(server));
    loop {
        let mut redraw = false;
        tokio::select! {
            looked = &mut look => {
                look.set(look_later(server));
                redraw = true;
                match looked {
                    Ok(now) => {
                        screen.wall = Wall::of(&now, Some((&before, looked_at.elapsed())));
                        screen.lost = None;
                        (looked_at, before) = (tick(), now);
                    }
                    Err(why) => screen.lost = Some(why.in_short()),
                }
            }
            _ = keys.tick() => {
                while event::poll(Duration::ZERO)? {
                    match screen.heard(&event::read()?) {
                        Asked::Nothing => {}
                        Asked::Redraw => redraw = true,
                        Asked::End => return Ok(()),
                    }
                }
            }
        }
        if redraw {
            terminal.draw(|frame| screen.draw(frame))?;
        }
    }
}
