//! `hotline report`: what the hotline is judged by, over some days.

use super::client::{ClientArgs, parse};
use super::failure::Failure;
use super::output::{say, table};
use crate::domain::{Date, Dimension, Role};
use crate::pb::command_service_client::CommandServiceClient;
use crate::pb::{GetIndicatorsRequest, Indicators};
use clap::{Args, ValueEnum};
use comfy_table::CellAlignment;
use serde_json::{Map, Value, json};

/// Counts what was received, signed, returned, closed, done again and thought of it, per unit,
/// level or category. 按时办结率 is over the promises that came due, not over what was received;
/// 首次满意率 is over the first word of each citizen, 最终满意率 over the last.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline report --from 2026-11-01 --to 2026-11-30\n  hotline report --from 2026-11-23 --to 2026-11-23 --by unit -o csv > units.csv"
)]
pub(super) struct ReportArgs {
    /// The first day, in Beijing.
    #[arg(long, value_parser = parse::<Date>)]
    from: Date,
    /// The last day, included.
    #[arg(long, value_parser = parse::<Date>)]
    to: Date,
    /// What they are counted by: unit, level or category.
    #[arg(long, default_value = "level", value_parser = dimension)]
    by: Dimension,
    /// How it is printed.
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Form::Table)]
    output: Form,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Form {
    /// For people.
    Table,
    /// For programs: one JSON document.
    Json,
    /// For spreadsheets: one line for each, with English headers.
    Csv,
}

fn dimension(text: &str) -> Result<Dimension, String> {
    let all: Vec<_> = Dimension::ALL.iter().map(|d| d.name()).collect();
    Dimension::from_name(text).ok_or_else(|| format!("expected one of {}", all.join(", ")))
}

type Column = (&'static str, &'static str, fn(&Indicators) -> u32);

/// Every count, with its names for programs and for people.
const COLUMNS: [Column; 15] = [
    ("received", "受理", |row| row.received),
    ("arrived", "到达", |row| row.arrived),
    ("arrived_on_time", "按时签收", |row| row.arrived_on_time),
    ("arrival_due", "应签收", |row| row.arrival_due),
    ("returned", "退单", |row| row.returned),
    ("closed", "办结", |row| row.closed),
    ("closed_on_time", "按时办结", |row| row.closed_on_time),
    ("closure_due", "应办结", |row| row.closure_due),
    ("reworked", "重办", |row| row.reworked),
    ("repeated", "重复", |row| row.repeated),
    ("followed_up", "回访", |row| row.followed_up),
    ("followed_up_first", "首次回访", |row| row.followed_up_first),
    ("satisfied_first", "首次满意", |row| row.satisfied_first),
    ("followed_up_final", "最终回访", |row| row.followed_up_final),
    ("satisfied", "最终满意", |row| row.satisfied),
];

/// A share: its names, what is counted, and of what.
type Rate = (&'static str, &'static str, fn(&Indicators) -> u32, fn(&Indicators) -> u32);

const RATES: [Rate; 4] = [
    ("signed_on_time_rate", "按时签收率", |row| row.arrived_on_time, |row| row.arrival_due),
    ("closed_on_time_rate", "按时办结率", |row| row.closed_on_time, |row| row.closure_due),
    ("first_satisfied_rate", "首次满意率", |row| row.satisfied_first, |row| row.followed_up_first),
    ("final_satisfied_rate", "最终满意率", |row| row.satisfied, |row| row.followed_up_final),
];

/// `None` where there is nothing to divide by.
fn rate((_, _, part, whole): &Rate, row: &Indicators) -> Option<f64> {
    let (part, whole) = (f64::from(part(row)), f64::from(whole(row)));
    (whole > 0.0).then(|| part / whole)
}

pub(super) async fn run(args: ReportArgs) -> Result<(), Failure> {
    let server = args.client.connect(Role::Dispatcher).await?;
    let mut client = CommandServiceClient::new(server.channel.clone());
    let request = GetIndicatorsRequest {
        from: args.from.to_string(),
        to: args.to.to_string(),
        dimension: i32::from(args.by.byte()),
    };
    let answer = client.get_indicators(server.stamp(request)).await;
    let rows = server.answer(answer)?.rows;
    say(&match args.output {
        Form::Table => screen(&rows, args.by),
        Form::Json => format!("{:#}", document(&args, &rows)),
        Form::Csv => csv(&rows),
    })
}

fn screen(rows: &[Indicators], by: Dimension) -> String {
    let mut headers = vec![by.zh(), "名称"];
    headers.extend(COLUMNS.iter().map(|(_, zh, _)| *zh));
    headers.extend(RATES.iter().map(|(_, zh, _, _)| *zh));
    let mut lines = table(&headers);
    for row in rows {
        let mut cells = vec![row.key.clone(), row.name.clone()];
        cells.extend(COLUMNS.iter().map(|(_, _, of)| of(row).to_string()));
        cells.extend(RATES.iter().map(|of| {
            rate(of, row).map_or_else(|| "-".to_owned(), |rate| format!("{:.1}%", 100.0 * rate))
        }));
        lines.add_row(cells);
    }
    for column in lines.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    lines.to_string()
}

fn document(args: &ReportArgs, rows: &[Indicators]) -> Value {
    let row = |row: &Indicators| {
        let mut of = Map::new();
        of.insert("key".to_owned(), json!(row.key));
        of.insert("name".to_owned(), json!(row.name));
        of.extend(COLUMNS.iter().map(|(name, _, count)| ((*name).to_owned(), json!(count(row)))));
        of.extend(RATES.iter().map(|r| (r.0.to_owned(), json!(rate(r, row)))));
        Value::Object(of)
    };
    json!({
        "from": args.from.to_string(),
        "to": args.to.to_string(),
        "by": args.by.name(),
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn csv(rows: &[Indicators]) -> String {
    let mut lines = csv::Writer::from_writer(Vec::new());
    let mut write = |cells: Vec<String>| {
        // Memory takes whatever is written.
        let _ = lines.write_record(cells);
    };
    let names = COLUMNS.iter().map(|c| c.0).chain(RATES.iter().map(|r| r.0));
    write(["key", "name"].into_iter().chain(names).map(str::to_owned).collect());
    for row in rows {
        let counts = COLUMNS.iter().map(|(_, _, of)| of(row).to_string());
        let shown = |r| rate(r, row).map(|rate| format!("{rate:.4}")).unwrap_or_default();
        let rates = RATES.iter().map(shown);
        write([row.key.clone(), row.name.clone()].into_iter().chain(counts).chain(rates).collect());
    }
    String::from_utf8(lines.into_inner().unwrap_or_default()).unwrap_or_default()
}
