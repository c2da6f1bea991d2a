//! `cargo bench --bench submit`: SubmitOrder, whole path and durable, against a bare tonic
//! echo of the same message, in turn in one run. Prints requests a second and the ratio.
//!
//! The load generator is h2load (Debian: nghttp2-client), 16 connections × 64 streams, one
//! thread, beside the server on the same machine. Options:
//! `cargo bench --bench submit -- --rounds 3 --seconds 5 --stores redb,redis,redis-always,memory`;
//! `--bytes 402` cuts the text so that the message is as long; `-- message FILE --bytes 402`
//! writes it to a file, for [`benches/peers`](../peers/run).

mod echo;
mod fresh;
mod redis;
mod subject;

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use subject::Subject;

/// As in the program; the echo has it, too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// About 400 characters, as long as the mean of real messages. Written for this project.
const TEXT: &str = include_str!("matter.txt");

struct Options {
    rounds: u32,
    seconds: u32,
    stores: Vec<String>,
    /// How long the message is; the whole text without.
    bytes: Option<usize>,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [mode, rest @ ..] = &args[..]
        && mode == "serve"
    {
        return subject::serve(rest);
    }
    if let [mode, file, rest @ ..] = &args[..]
        && mode == "message"
    {
        let frame = fresh::request(TEXT, read(rest).bytes);
        return std::fs::write(file, frame).expect("writing the message");
    }
    let options = read(&args);
    let mut rates: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut ratios: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    println!(
        "a message of {} bytes, {} s a run, {} rounds",
        fresh::request(TEXT, options.bytes).len() - fresh::PREFIX,
        options.seconds,
        options.rounds
    );
    for round in 1..=options.rounds {
        for store in &options.stores {
            // The echo right before each, for the machine's speed drifts.
            let (echo, _) = run(&Subject::start("echo"), &options);
            let subject = Subject::start(store);
            let (rate, answered) = run(&subject, &options);
            println!(
                "round {round}: echo {echo:>9.0}/s  {store:<13} {rate:>9.0}/s  ratio {:.3}",
                rate / echo
            );
            subject.check(answered);
            rates.entry("echo".into()).or_default().push(echo);
            rates.entry(store.clone()).or_default().push(rate);
            ratios.entry(store.clone()).or_default().push(rate / echo);
        }
    }
    println!("\nmedian of {} rounds:", options.rounds);
    for (name, rates) in rates {
        let ratio = ratios.get(&name).map(|r| format!("  {:.3} of the echo beside it", median(r)));
        println!("  {name:<13} {:>9.0}/s{}", median(&rates), ratio.unwrap_or_default());
    }
}

fn read(args: &[String]) -> Options {
    let stores = ["redb", "redis", "redis-always"].map(str::to_owned).to_vec();
    let mut options = Options { rounds: 3, seconds: 5, stores, bytes: None };
    for pair in args.chunks(2) {
        let [key, value] = pair else { panic!("{pair:?}: every option has a value") };
        match key.as_str() {
            "--rounds" => options.rounds = value.parse().expect("--rounds N"),
            "--seconds" => options.seconds = value.parse().expect("--seconds N"),
            "--stores" => options.stores = value.split(',').map(str::to_owned).collect(),
            "--bytes" => options.bytes = Some(value.parse().expect("--bytes N")),
            _ => panic!("{key}: allowed are --rounds, --seconds, --stores, --bytes"),
        }
    }
    options
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// One run of the load generator; requests a second, and how many were answered.
fn run(subject: &Subject, options: &Options) -> (f64, u64) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let payload = dir.path().join("request.bin");
    std::fs::write(&payload, fresh::request(TEXT, options.bytes)).expect("writing the request");
    let out = Command::new("h2load")
        .args([
            "-c",
            "16",
            "-m",
            "64",
            "-t",
            "1",
            "-D",
            &options.seconds.to_string(),
            "--warm-up-time",
            "1",
        ])
        .args(["-H", "content-type: application/grpc", "-H", "te: trailers"])
        .args([
            "-H",
            "hotline-staff: b001",
            "-H",
            "hotline-unit: 3304",
            "-H",
            "hotline-role: agent",
        ])
        .arg("-d")
        .arg(&payload)
        .arg(format!("http://127.0.0.1:{}{}", subject.port, subject.path()))
        .stderr(Stdio::inherit())
        .output()
        .expect("h2load runs: apt-get install nghttp2-client");
    let text = String::from_utf8_lossy(&out.stdout);
    let requests = text.lines().find(|line| line.starts_with("requests:")).unwrap_or_default();
    assert!(requests.contains(" 0 failed, 0 errored"), "{text}");
    let answered = requests.split(", ").find_map(|part| part.strip_suffix(" succeeded"));
    let finished = text.lines().find_map(|line| line.strip_prefix("finished in "));
    let rate =
        finished.and_then(|line| line.split(", ").nth(1)?.strip_suffix(" req/s")?.parse().ok());
    match (rate, answered.and_then(|n| n.parse().ok())) {
        (Some(rate), Some(answered)) => (rate, answered),
        _ => panic!("no rate in {text}"),
    }
}
