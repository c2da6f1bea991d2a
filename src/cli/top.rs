//! `hotline top`: the wall, live in a terminal.

use super::client::{ClientArgs, Connection};
use super::failure::Failure;
use super::output::say;
use super::wall::{Drawn, Lang, Look, Wall, svg, text};
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
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tonic::Request;
use tonic::transport::Channel;

/// How often the hotline is asked.
const LOOK: Duration = Duration::from_secs(1);
/// How often keys are listened for.
const KEYS: Duration = Duration::from_millis(50);
/// The size of a picture, and of one frame where there is no terminal.
pub(super) const SIZE: (u16, u16) = (110, 26);
/// How many orders at risk are asked for.
const AT_RISK: u32 = 32;

/// Shows the hotline live: the four levels, the counties, orders at risk, breaches, throughput,
/// how late the timers are. Works in any terminal, over ssh too; needs no mouse.
///
/// Keys: q ends it, the arrows go through the orders at risk, l changes the language.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline top\n  hotline top --once --lang en\n  hotline top --svg wall.svg"
)]
pub(super) struct TopArgs {
    /// In which language: zh or en.
    #[arg(long, value_enum, default_value_t = Lang::Zh)]
    lang: Lang,
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
    let server = args.client.connect(Role::Dispatcher).await?;
    let first = (tick(), look_at(&server).await?);
    if !args.once && args.svg.is_none() {
        return live(&server, args.lang, first).await;
    }
    // Two looks, for throughput.
    tokio::time::sleep(LOOK).await;
    let now = look_at(&server).await?;
    let wall = Wall::of(&now, Some((&first.1, first.0.elapsed())));
    if let Some(file) = &args.svg {
        let saved = std::fs::write(file, svg(&wall, args.lang, SIZE));
        saved.map_err(|e| Failure::Usage(format!("--svg {}: {e}", file.display())))?;
    }
    if args.once { say(&text(&wall, args.lang, size())) } else { Ok(()) }
}

/// The terminal's size; a picture's where there is none.
pub(super) fn size() -> (u16, u16) {
    use std::io::IsTerminal;
    match terminal::size() {
        Ok(size) if io::stdout().is_terminal() => size,
        Ok(_) | Err(_) => SIZE,
    }
}

async fn look_at(server: &Connection) -> Result<Look, Failure> {
    look(&server.channel, &Stamp(server)).await.map_err(|status| server.failure(status))
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
    let risks = ListAtRiskRequest { limit: AT_RISK };
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
}

impl Screen {
    fn draw(&self, frame: &mut Frame) {
        let drawn = Drawn { wall: &self.wall, lang: self.lang, first: self.first };
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
                self.first = (self.first + 1).min(self.wall.at_risk().saturating_sub(1));
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

/// Draws until somebody ends it. The terminal is as it was afterwards, whatever ends it: a key,
/// a signal, an error, a panic.
async fn live(server: &Connection, lang: Lang, first: (Instant, Look)) -> Result<(), Failure> {
    let stopped = told_to_stop();
    let mut terminal = ratatui::try_init()?;
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
    let mut screen = Screen { wall: Wall::of(&before, None), lang, first: 0 };
    terminal.draw(|frame| screen.draw(frame))?;
    let mut keys = tokio::time::interval(KEYS);
    loop {
        keys.tick().await;
        let mut redraw = false;
        while event::poll(Duration::ZERO)? {
            match screen.heard(&event::read()?) {
                Asked::Nothing => {}
                Asked::Redraw => redraw = true,
                Asked::End => return Ok(()),
            }
        }
        if looked_at.elapsed() >= LOOK {
            let (passed, now) = (looked_at.elapsed(), look_at(server).await?);
            looked_at = tick();
            screen.wall = Wall::of(&now, Some((&before, passed)));
            before = now;
            redraw = true;
        }
        if redraw {
            terminal.draw(|frame| screen.draw(frame))?;
        }
    }
}
