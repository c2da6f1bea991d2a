//! `hotline dev`: the whole job on one machine, with simulated citizens and units, and
//! order time running fast.

mod board;
pub(super) mod matters;

use super::client::stamp;
use super::crew::Crew;
use super::top;
use super::wall::{Lang, Look, Wall, text};
use crate::catalogue::Catalogue;
use crate::clock::tick;
use crate::config::{CatalogueSource, Config, StoreUrl};
use crate::domain::{Level, Role, Unit};
use crate::pb::{
    GetModeRequest, InFlight, Mode, SubmitOrderRequest, SwitchModeRequest,
    admin_service_client::AdminServiceClient, intake_service_client::IntakeServiceClient,
};
use crate::server::{self, Running};
use anyhow::Context;
use board::Board;
use clap::{Args, ValueEnum};
use matters::Citizens;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tonic::transport::Channel;
use uuid::Uuid;

/// How often the wall is drawn.
const DRAW: Duration = Duration::from_millis(500);
/// How often a line is printed instead.
const LINE: Duration = Duration::from_secs(2);
/// The most orders filed a second.
const MAX_RATE: u32 = 2_000;

/// Starts a store, a server and a crew of simulated units at all four levels, files a
/// stream of matters, and shows them go down the chain and come back.
///
/// Order time runs fast: at --speed 600 an hour passes in 6 seconds. Leases, deadlines of
/// calls and the timers' lateness stay real. Ctrl-C ends it with a summary.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  hotline dev\n  hotline dev --headless --for 40s -o json")]
pub struct DevArgs {
    /// How many times faster than real time orders live.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    speed: u32,
    /// How many matters are filed a second.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_RATE)))]
    rate: u32,
    /// How many of a hundred units sit on an order.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u8).range(0..=100))]
    late: u8,
    /// How many of a hundred front lines give an order back.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u8).range(0..=100))]
    returning: u8,
    /// How many of a hundred citizens are not satisfied with the result.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(0..=50))]
    dissatisfied: u8,
    /// How often the city is switched between wartime and ordinary limits, in real time.
    #[arg(long, default_value = "12s", value_parser = humantime::parse_duration)]
    switch_every: Duration,
    /// Ends by itself after this long, for example 40s.
    #[arg(long = "for", value_parser = humantime::parse_duration)]
    runs_for: Option<Duration>,
    /// Prints lines instead of the wall.
    #[arg(long)]
    headless: bool,
    /// In which language the wall is drawn; else that of LC_ALL, LC_MESSAGES or LANG, and Chinese
    /// if they name none.
    #[arg(long, value_enum)]
    lang: Option<Lang>,
    /// A folder to keep the store and the key in; without it both are thrown away at the end.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Where gRPC is served.
    #[arg(long, default_value = "127.0.0.1:12345")]
    listen: SocketAddr,
    /// Where metrics and probes are served.
    #[arg(long, default_value = "127.0.0.1:12346")]
    metrics_listen: SocketAddr,
    /// How the summary is printed.
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Form::Text)]
    output: Form,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// One JSON line.
    Json,
}

/// Runs it to its end.
pub async fn run(args: DevArgs) -> anyhow::Result<()> {
    // Heard from the first moment on, so that an early Ctrl-C leaves no folder behind either.
    let stopped = server::told_to_stop();
    let home = Home::make(args.keep.as_deref())?;
    let config = Config {
        store: StoreUrl::Redb(home.path.join("orders.redb")),
        key_file: home.path.join("contacts.key"),
        catalogue: CatalogueSource::Builtin,
        listen: args.listen,
        metrics_listen: args.metrics_listen,
        log: "warn".into(),
        ..Config::default()
    };
    let catalogue = Catalogue::builtin()?;
    let server = server::start(config, server::Manner::Demonstration { speed: args.speed }).await?;
    let address = format!("http://{}", server.grpc_address());
    let greeting = greeting(&server, &home.path, args.speed);
    eprintln!("{greeting}");
    let channel =
        Channel::from_shared(address)?.connect().await.context("reaching our own server")?;

    let began = tick();
    let stop = watch::Sender::new(false);
    let crew = crew(&args, &catalogue);
    let crew = tokio::spawn(crew.work(channel.clone(), stop.subscribe()));
    let citizens = file(channel.clone(), Citizens::of(&catalogue), args.rate, stop.subscribe());
    let citizens = tokio::spawn(citizens);
    let centre = catalogue.cell().centre();
    let switches = switch(channel.clone(), centre, args.switch_every, stop.subscribe());
    let switches = tokio::spawn(switches);
    show_until_the_end(&args, &greeting, &channel, &server, stopped).await;

    stop.send_replace(true);
    let submitted = citizens.await.unwrap_or(0);
    // The crew lets go at once; what it had in hand stays in the store.
    let _ = crew.await;
    let _ = switches.await;
    let board = Board::read(&look(&channel, &server).await);
    server.stop().await;
    let summary = board.summary(submitted, began.elapsed());
    let mut out = std::io::stdout().lock();
    match args.output {
        Form::Json => writeln!(out, "{summary}")?,
        Form::Text => {
            writeln!(
                out,
                "\nended after {}",
                humantime::format_duration(Duration::from_secs(began.elapsed().as_secs()))
            )?;
            for (name, value) in summary.as_object().into_iter().flatten() {
                writeln!(out, "  {name:<18} {value}")?;
            }
        }
    }
    Ok(())
}

/// The addresses to use: above the wall, or before the first line.
fn greeting(server: &Running, home: &Path, speed: u32) -> String {
    let grpc = format!("http://{}", server.grpc_address());
    format!(
        "hotline dev: orders live {speed} times faster than you\n\
         \x20 gRPC      {grpc}   (hotline order list --server {grpc})\n\
         \x20 metrics   http://{}/metrics\n\
         \x20 store     {}\n\
         \x20 Ctrl-C ends it\n",
        server.http_address(),
        home.display()
    )
}

fn crew(args: &DevArgs, catalogue: &Catalogue) -> Crew {
    Crew {
        cell: catalogue.cell(),
        posts: Crew::posts(catalogue),
        speed: args.speed,
        take_time: true,
        late: args.late,
        returning: args.returning,
        dissatisfied: args.dissatisfied,
    }
}

/// Files matters at a steady rate until told to stop; how many were acknowledged.
async fn file(
    channel: Channel,
    mut citizens: Citizens,
    rate: u32,
    mut stop: watch::Receiver<bool>,
) -> u64 {
    let agent = citizens.centre();
    let mut pace = tokio::time::interval(Duration::from_secs(1) / rate);
    let mut client = IntakeServiceClient::new(channel);
    let mut acknowledged = 0;
    while !*stop.borrow() {
        tokio::select! {
            _ = pace.tick() => {}
            _ = stop.changed() => break,
        }
        let request = SubmitOrderRequest {
            request_id: Uuid::new_v4().to_string(),
            submission: Some(citizens.next()),
            skip_repeats: true,
        };
        match client.submit_order(stamp(request, "dev-agent", agent, Role::Agent)).await {
            Ok(_) => acknowledged += 1,
            Err(status) => eprintln!("a matter was refused: {}", status.message()),
        }
    }
    acknowledged
}

/// Switches the city back and forth: to ordinary limits for what is new, to wartime limits for
/// what is in flight, too.
async fn switch(channel: Channel, centre: Unit, every: Duration, mut stop: watch::Receiver<bool>) {
    let mut client = AdminServiceClient::new(channel);
    while !*stop.borrow() {
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            _ = stop.changed() => break,
        }
        let ask = stamp(GetModeRequest {}, "dev-duty", centre, Role::Dispatcher);
        let Ok(answer) = client.get_mode(ask).await else { continue };
        let now = answer.into_inner().status.unwrap_or_default();
        let (mode, in_flight) = match now.mode() {
            Mode::Wartime => (Mode::Ordinary, InFlight::Keep),
            Mode::Ordinary | Mode::Unspecified => (Mode::Wartime, InFlight::Restamp),
        };
        let request = SwitchModeRequest {
            request_id: Uuid::new_v4().to_string(),
            mode: mode.into(),
            in_flight: in_flight.into(),
            version: now.version,
        };
        // Somebody else may have switched it a moment ago: the next round sees that.
        let _ = client.switch_mode(stamp(request, "dev-duty", centre, Role::Dispatcher)).await;
    }
}

/// Draws until the time is over or somebody ends it.
async fn show_until_the_end(
    args: &DevArgs,
    greeting: &str,
    channel: &Channel,
    server: &Running,
    stopped: impl Future<Output = ()>,
) {
    let end = async {
        match args.runs_for {
            Some(span) => tokio::time::sleep(span).await,
            None => std::future::pending().await,
        }
    };
    let show = async {
        let lang = top::language(args.lang);
        let fancy = !args.headless && std::io::stdout().is_terminal();
        let mut again = tokio::time::interval(if fancy { DRAW } else { LINE });
        let mut before: Option<(Instant, Look)> = None;
        loop {
            again.tick().await;
            let now = look(channel, server).await;
            let board = Board::read(&now);
            if fancy {
                let since = before.as_ref().map(|(at, look)| (look, at.elapsed()));
                let wall = Wall::of(&now, since);
                let (width, height) = top::size();
                let below = greeting.lines().count() as u16 + 4;
                let wall = text(&wall, lang, (width, height.saturating_sub(below).max(10)));
                // Home, and clear what stood below.
                println!("\x1b[H\x1b[J{greeting}\n{wall}{}", board.line());
                let _ = std::io::stdout().flush();
                before = Some((tick(), now));
            } else if args.output == Form::Text {
                println!("{}", board.line());
            } else {
                eprintln!("{}", board.line());
            }
        }
    };
    tokio::select! {
        () = end => {}
        () = show => {}
        () = stopped => {}
    }
}

/// Who looks at the city for the demonstration.
struct Watcher(Unit);

impl top::Stamps for Watcher {
    fn stamp<T>(&self, message: T) -> tonic::Request<T> {
        stamp(message, "dev-board", self.0, Role::Dispatcher)
    }
}

/// One look at the city; what cannot be read now stays empty.
async fn look(channel: &Channel, server: &Running) -> Look {
    let centre = server.dispatch().cell().centre();
    top::look(channel, &Watcher(centre)).await.unwrap_or_default()
}

impl Crew {
    /// Every office of the city, and every county with all below it.
    pub fn posts(catalogue: &Catalogue) -> Vec<Unit> {
        let post = |unit: &Unit| match unit.level() {
            Level::City => true,
            Level::County => unit.office_number() == 0,
            Level::Town | Level::Village => false,
        };
        catalogue.units().map(|row| row.unit).filter(post).collect()
    }
}

/// The folder the demonstration lives in; thrown away however it ends.
struct Home {
    path: PathBuf,
    thrown_away: bool,
}

impl Home {
    fn make(keep: Option<&Path>) -> anyhow::Result<Home> {
        let (path, thrown_away) = match keep {
            Some(path) => (path.to_owned(), false),
            None => (std::env::temp_dir().join(format!("hotline-dev-{}", Uuid::new_v4())), true),
        };
        std::fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Home { path, thrown_away })
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.thrown_away
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            eprintln!("{} could not be removed: {error}", self.path.display());
        }
    }
}
