//! `cargo bench --bench year`: a year of a city like Beijing, 24 million orders with the arrival
//! curve of a real hotline, through the real dispatcher and a real store on a manual clock. No
//! timer may be lost, early, late or doubled: else it exits with 1.
//!
//! ```text
//! cargo bench --bench year -- --days 365 --orders 24000000 --store memory
//! cargo bench --bench year -- --days 7 --orders 460000 --store redb      # one file, fsync
//! ```
//! `--cities N` divides the orders over cities that live side by side, each with a dispatcher,
//! a store and a thread of its own (2 in memory, 1 in a file); `--grain 1s` is what people's
//! moments are multiples of (1s, in a file 20s); `--folder` is where the file goes.

#![allow(missing_docs, clippy::unwrap_used, reason = "a measurement may panic")]

mod replay;

use hotline::catalogue::Catalogue;
use hotline::clock::tick;
use hotline::domain::Span;
use hotline::store::Store;
use hotline::store::embedded::Embedded;
use hotline::store::memory::Memory;
use replay::{City, Plan, Shape, Tally, Totals};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Options {
    days: u32,
    orders: u64,
    in_file: bool,
    cities: u64,
    grain: Span,
    seed: u64,
    folder: PathBuf,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let options = Arc::new(read(&args));
    let catalogue = Arc::new(Catalogue::builtin().unwrap());
    let shape = Arc::new(Shape::real());
    let began = tick();
    let cities: Vec<_> = (0..options.cities)
        .map(|nth| {
            let (options, catalogue, shape) = (options.clone(), catalogue.clone(), shape.clone());
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(lived(nth, &options, &catalogue, &shape))
            })
        })
        .collect();
    let totals = cities.into_iter().map(|city| city.join().unwrap()).reduce(sum).unwrap();
    let seconds = began.elapsed().as_secs_f64();
    let Totals { orders, open, left, commands, refused, steps, timers } = totals;
    let Tally { set, fired, moved, standing, effects, breaches, .. } = timers;
    let Tally { lost, early, late, doubled, .. } = timers;
    println!(
        "MEASURED {} days, {orders} orders, {}, {} cities: {seconds:.0} s, {:.0} orders/s; \
         {commands} commands ({refused} refused), {steps} steps ({:.0}/s); {left} orders left, \
         {open} are open; peak RSS {}",
        options.days,
        if options.in_file { "redb with fsync" } else { "in memory" },
        options.cities,
        orders as f64 / seconds,
        steps as f64 / seconds,
        peak(),
    );
    println!(
        "MEASURED timers: {set} set = {fired} fired + {moved} moved before their time + \
         {standing} still to come; {effects} effects, {breaches} of them breaches; {lost} lost, \
         {early} early, {late} late, {doubled} doubled (goal: 0)"
    );
    if timers.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(args: &[String]) -> Options {
    let value = |key: &str| {
        let at = args.iter().position(|arg| arg == key)?;
        Some(args.get(at + 1).unwrap_or_else(|| panic!("{key} has a value")).as_str())
    };
    let known = ["--days", "--orders", "--store", "--cities", "--grain", "--seed", "--folder"];
    for key in args.iter().step_by(2) {
        assert!(known.contains(&key.as_str()), "{key}: allowed are {known:?}");
    }
    let number = |key: &str, default: u64| {
        value(key).map_or(default, |n| n.parse().unwrap_or_else(|_| panic!("{key} N")))
    };
    let in_file = match value("--store").unwrap_or("memory") {
        "memory" => false,
        "redb" => true,
        other => panic!("--store {other}: allowed are memory, redb"),
    };
    let grain = value("--grain").unwrap_or(if in_file { "20s" } else { "1s" });
    Options {
        days: number("--days", 365) as u32,
        orders: number("--orders", 24_000_000),
        in_file,
        cities: number("--cities", if in_file { 1 } else { 2 }).max(1),
        grain: Span::from(humantime::parse_duration(grain).expect("--grain 1s")),
        seed: number("--seed", 1),
        folder: value("--folder").map_or_else(std::env::temp_dir, PathBuf::from),
    }
}

async fn lived(
    nth: u64,
    options: &Options,
    catalogue: &Arc<Catalogue>,
    shape: &Arc<Shape>,
) -> Totals {
    let Options { days, orders, cities, grain, seed, .. } = *options;
    // The first ones take what cannot be divided.
    let orders = orders / cities + u64::from(nth < orders % cities);
    let plan = Plan { days, orders, grain, seed: seed.wrapping_mul(1_000_003) + nth };
    let folder = tempfile::tempdir_in(&options.folder).unwrap();
    let file = folder.path().join("year.redb");
    let cell = catalogue.cell();
    let store: Arc<dyn Store> = match options.in_file {
        true => Embedded::open(&file, cell).unwrap(),
        false => {
            let memory = Memory::new(cell);
            memory.forget_requests().expect("it is open");
            Arc::new(memory)
        }
    };
    let began = tick();
    let mut city = City::begin(plan, store.clone(), catalogue, shape).await;
    city.live(|day, totals| {
        let Totals { orders, open, steps, timers, .. } = totals;
        let Tally { set, fired, moved, .. } = timers;
        let seconds = began.elapsed().as_secs_f64();
        println!(
            "city {nth} {day}: {orders} filed, {open} open, {steps} steps; timers {set} set, \
             {fired} fired, {moved} moved; {seconds:.0} s, RSS {}",
            resident("VmRSS:")
        );
    })
    .await;
    store.close().await;
    if options.in_file {
        reopened(&city, &file).await;
    }
    for wrong in city.told() {
        println!("WRONG {wrong}");
    }
    city.totals()
}

/// What was written is in the file.
async fn reopened(city: &City, file: &Path) {
    let began = tick();
    let store = Embedded::open(file, city.cell()).unwrap();
    city.must_be_in(&*store).await;
    let size = file.metadata().unwrap().len() >> 20;
    println!(
        "(the file of {size} MiB, opened again, has every order and deadline; {:.1} s)",
        began.elapsed().as_secs_f64()
    );
    store.close().await;
}

fn sum(one: Totals, other: Totals) -> Totals {
    let timers = |of: fn(&Tally) -> u64| of(&one.timers) + of(&other.timers);
    Totals {
        orders: one.orders + other.orders,
        open: one.open + other.open,
        left: one.left + other.left,
        commands: one.commands + other.commands,
        refused: one.refused + other.refused,
        steps: one.steps + other.steps,
        timers: Tally {
            set: timers(|t| t.set),
            fired: timers(|t| t.fired),
            moved: timers(|t| t.moved),
            standing: timers(|t| t.standing),
            effects: timers(|t| t.effects),
            breaches: timers(|t| t.breaches),
            lost: timers(|t| t.lost),
            early: timers(|t| t.early),
            late: timers(|t| t.late),
            doubled: timers(|t| t.doubled),
        },
    }
}

fn peak() -> String {
    resident("VmHWM:")
}

/// What Linux says of this process's memory.
fn resident(field: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib: Option<u64> = line.and_then(|l| l.trim().strip_suffix(" kB")?.parse().ok());
    kib.map_or_else(|| "unknown".to_owned(), |kib| format!("{} MiB", kib >> 10))
}
