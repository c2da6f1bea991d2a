//! One run from its first call to the last check.

use super::callers::Callers;
use super::check::{Board, Grown, Sample, compare, read_back};
use super::load::Load;
use super::meeting::Meeting;
use super::meter::{Meter, Op, Second};
use super::pace::{DRAIN, Pace, Schedule};
use super::pullers::Puller;
use super::report::{Checked, Report, Sums};
use super::trays::{some_villages, trays};
use super::{BenchArgs, Mode};
use crate::catalogue::Catalogue;
use crate::cli::client::Connection;
use crate::cli::failure::Failure;
use crate::clock::tick;
use crate::domain::Role;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How often the run is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How many pullers share a connection: fewer than a server's calls of one connection.
const PULLERS_TOGETHER: usize = 256;

pub(super) async fn run(args: &BenchArgs) -> Result<(Report, Vec<Second>), Failure> {
    let began = tick();
    let catalogue = Catalogue::builtin().map_err(|e| Failure::said(e.to_string()))?;
    let (placed, lives) = match args.mode {
        Mode::Intake | Mode::Stream => (false, false),
        Mode::Lives => (true, true),
        Mode::Mixed => (true, false),
    };
    let villages = some_villages(&catalogue, if placed { args.villages } else { u16::MAX });
    let server = args.client.connect(Role::Agent).await?;
    let levels = if lives { 4 } else { args.levels };
    let trays = match placed {
        true => trays(&server, &villages, levels, lives).await?,
        false => Default::default(),
    };
    let mut lanes = Vec::new();
    for _ in 0..args.connections {
        lanes.push(args.client.connect(Role::Agent).await?);
    }
    let mut hands = Vec::new();
    let pulling = trays.len() * usize::from(args.pullers);
    for _ in 0..pulling.div_ceil(PULLERS_TOGETHER) {
        hands.push(args.client.connect_patiently(Role::Handler).await?);
    }
    let before = Board::of(&server).await?;

    let window = usize::from(args.streams);
    let workers = match args.mode {
        Mode::Stream => lanes.len(),
        Mode::Intake | Mode::Lives | Mode::Mixed => lanes.len() * window,
    };
    let schedule = args.rate.map(|rate| Schedule { rate });
    let load = Arc::new(Load {
        pace: Pace::start(schedule, args.warm_up + args.runs_for, workers)?,
        meter: Meter::new(args.mode.shown(), lanes.len()),
        callers: Callers::of(&villages, args.bytes, placed),
        sample: Mutex::new(Sample::of(args.read_back as usize)),
        meeting: placed.then(Meeting::default),
        lives,
        open_loop: args.rate.is_some(),
        unknown: Mutex::default(),
    });
    let stop = watch::Sender::new(false);
    let mut pullers = JoinSet::new();
    let each = trays.iter().flat_map(|tray| (0..args.pullers).map(move |_| *tray));
    for (lane, tray) in each.enumerate() {
        let puller = Puller {
            load: Arc::clone(&load),
            tray,
            batch: args.batch,
            centre: catalogue.cell().centre(),
            lane,
            server: hands[lane % hands.len()].clone(),
        };
        pullers.spawn(puller.work(stop.subscribe()));
    }
    let mut filing = JoinSet::new();
    for lane in 0..workers {
        let lane = lane % lanes.len();
        let (load, connection) = (Arc::clone(&load), lanes[lane].clone());
        match args.mode {
            Mode::Stream => filing.spawn(load.stream(lane, connection, window)),
            Mode::Intake | Mode::Lives | Mode::Mixed => filing.spawn(load.file(lane, connection)),
        };
    }
    let Watched { seconds, within, window } = watch_run(args, &load, &mut filing).await?;
    let unsent = load.pace.unsent().fold(0, |n, age| {
        // It would have taken longer still.
        load.meter.took(0, Op::Submit, age);
        n + 1
    });
    let undelivered = all_seen(&load).await;
    stop.send_replace(true);
    while let Some(ended) = pullers.join_next().await {
        ended.map_err(|e| Failure::said(e.to_string()))?;
    }

    let settled_there = load.settle(&server).await?;
    let mut sums = Sums::of(&load.meter.counts);
    (sums.settled_there, sums.unsent, sums.undelivered) = (settled_there, unsent, undelivered);
    let checked = check(&load, &server, &before, &sums).await?;
    let spreads = Op::ALL.into_iter().zip(within).filter_map(|(op, within)| {
        let spread = load.meter.spread(op);
        (spread.count > 0).then_some((op, spread, within))
    });
    let report = Report {
        mode: args.mode.name(),
        shown: args.mode.shown(),
        rate_asked: args.rate,
        window,
        connections: args.connections,
        streams: args.streams,
        bytes: args.bytes,
        spreads: spreads.collect(),
        sums,
        checked,
        cpu: own_cpu(),
        took: began.elapsed(),
    };
    Ok((report, seconds))
}

/// A run that was looked at.
struct Watched {
    seconds: Vec<Second>,
    /// How many of each operation were answered in the window.
    within: Vec<u64>,
    /// From the end of the warm-up to the end, or to when it was interrupted.
    window: Duration,
}

/// Looks every second until the last call is answered.
async fn watch_run(
    args: &BenchArgs,
    load: &Load,
    filing: &mut JoinSet<()>,
) -> Result<Watched, Failure> {
    let whole = args.warm_up + args.runs_for;
    let bar = bar(whole);
    let mut interrupts = signal(SignalKind::interrupt())?;
    let (mut seconds, mut shed) = (Vec::new(), 0);
    let (mut warm, mut within) = (args.warm_up.is_zero(), None);
    let look = |due: Duration| tokio::time::sleep(due.saturating_sub(load.pace.passed()));
    let mut next = LOOK;
    loop {
        // The warm-up and the end need not fall on a second.
        let event = [(!warm).then_some(args.warm_up), within.is_none().then_some(whole)];
        let due = event.into_iter().flatten().fold(next, Duration::min);
        tokio::select! {
            ended = filing.join_next() => match ended {
                Some(Ok(())) => {}
                Some(Err(error)) => return Err(Failure::said(error.to_string())),
                None => break,
            },
            () = look(due) => {}
            _ = interrupts.recv() => {
                bar.suspend(|| eprintln!("interrupted: what is on its way is waited for and checked"));
                load.pace.stop();
            }
        }
        let passed = load.pace.passed();
        if !warm && passed >= args.warm_up {
            load.meter.forget();
            warm = true;
        }
        if within.is_none() && passed >= whole {
            within = Some(answered(load));
        }
        if passed >= next {
            let second = load.meter.second(&mut shed);
            bar.set_position(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX));
            bar.set_message(format!(
                "{}/s  p50 {:.1}  p99 {:.1}  max {:.1} ms  shed {}",
                second.answered, second.p50, second.p99, second.max, shed
            ));
            seconds.push(second);
            next += LOOK;
        }
    }
    bar.finish_and_clear();
    let last = load.meter.second(&mut shed);
    if last.answered > 0 {
        seconds.push(last);
    }
    // Nothing was forgotten of a run that ended in its warm-up.
    let cut_short =
        load.pace.passed().saturating_sub(if warm { args.warm_up } else { Duration::ZERO });
    let (within, window) = match within {
        Some(within) => (within, args.runs_for),
        None => (answered(load), cut_short),
    };
    Ok(Watched { seconds, within, window })
}

fn answered(load: &Load) -> Vec<u64> {
    Op::ALL.iter().map(|op| load.meter.spread(*op).count).collect()
}

fn bar(whole: Duration) -> ProgressBar {
    let length = u64::try_from(whole.as_millis()).ok();
    // Nothing is drawn where nobody looks: the target hides itself off a terminal.
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:40} {percent:>3}% {msg}");
    style.map_or(bar.clone(), |style| bar.with_style(style))
}

/// Waits until whatever was filed is in somebody's hands; how many are not after a while.
async fn all_seen(load: &Load) -> u64 {
    let Some(meeting) = load.meeting.as_ref().filter(|_| !load.lives) else { return 0 };
    let began = tick();
    while meeting.unseen() > 0 && began.elapsed() < DRAIN {
        tokio::time::sleep(LOOK / 10).await;
    }
    meeting.unseen() as u64
}

async fn check(
    load: &Load,
    server: &Connection,
    before: &Board,
    sums: &Sums,
) -> Result<Checked, Failure> {
    let after = Board::of(server).await?;
    // Settled ones that were there were made by the first call, the others by the second.
    let filed = sums.created + sums.unknown;
    let least = |counter, least| Grown { counter, least, most: None };
    let grown = [
        Grown { counter: "received", least: filed, most: Some(filed) },
        least("relayed", sums.relayed),
        least("signed", sums.signed),
        least("reported", sums.reported),
        least("closed", sums.closed),
    ];
    let mut problems = compare(before, &after, &grown);
    if sums.replayed > 0 {
        problems.push(format!("{} were answered as if they had been sent before", sums.replayed));
    }
    let kept = load.sampled();
    problems.extend(read_back(server, &load.callers, &kept).await?);
    Ok(Checked { open_before: before.sum("open"), read_back: kept.len(), problems })
}

/// User and system seconds of this process.
fn own_cpu() -> Option<f64> {
    /// What Linux counts them in, on every machine we know.
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS_A_SECOND)
}
