//! What a run comes to: a table for people, one line of JSON for programs.

use super::meter::{Counts, Op, Spread, of};
use crate::cli::output::{sheet, table};
use comfy_table::CellAlignment;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Everything that is told of a run.
pub(super) struct Report {
    pub(super) mode: &'static str,
    pub(super) shown: Op,
    pub(super) rate_asked: Option<u32>,
    pub(super) window: Duration,
    pub(super) connections: u16,
    pub(super) streams: u16,
    pub(super) bytes: u16,
    /// What was measured of each, and how many were answered within the window.
    pub(super) spreads: Vec<(Op, Spread, u64)>,
    pub(super) sums: Sums,
    pub(super) checked: Checked,
    /// Of this process, in seconds; none where the system does not tell.
    pub(super) cpu: Option<f64>,
    /// How long the whole run took, warm-up and all.
    pub(super) took: Duration,
}

/// What was counted, warm-up included.
pub(super) struct Sums {
    pub(super) sent: u64,
    pub(super) created: u64,
    pub(super) replayed: u64,
    pub(super) unknown: u64,
    pub(super) settled_there: u64,
    pub(super) shed: u64,
    pub(super) hinted: u64,
    pub(super) longest_hint_ms: u64,
    pub(super) unsent: u64,
    pub(super) unfinished: u64,
    pub(super) undelivered: u64,
    pub(super) relayed: u64,
    pub(super) signed: u64,
    pub(super) reported: u64,
    pub(super) closed: u64,
    pub(super) refused: BTreeMap<String, u64>,
}

impl Sums {
    pub(super) fn of(counts: &Counts) -> Sums {
        Sums {
            sent: of(&counts.sent),
            created: of(&counts.created),
            replayed: of(&counts.replayed),
            unknown: of(&counts.unknown),
            settled_there: 0,
            shed: of(&counts.shed),
            hinted: of(&counts.hinted),
            longest_hint_ms: of(&counts.longest_hint),
            unsent: 0,
            unfinished: of(&counts.unfinished),
            undelivered: 0,
            relayed: of(&counts.relayed),
            signed: of(&counts.signed),
            reported: of(&counts.reported),
            closed: of(&counts.closed),
            refused: counts.refusals(),
        }
    }
}

/// How the store agrees.
pub(super) struct Checked {
    /// Orders that were open before the run.
    pub(super) open_before: i64,
    pub(super) read_back: usize,
    pub(super) problems: Vec<String>,
}

impl Report {
    /// Answers a second within the window.
    fn rate(&self, op: Op) -> f64 {
        let answered = self.spreads.iter().find(|(of, ..)| *of == op).map_or(0, |(.., n)| *n);
        rate(answered, self.window)
    }

    pub(super) fn title(&self) -> String {
        let paced = match self.rate_asked {
            Some(rate) => format!("open loop at {rate}/s"),
            None => format!("closed loop, {} × {}", self.connections, self.streams),
        };
        let rate = self.rate(self.shown);
        let (mode, what) = (self.mode, self.shown.name());
        format!("hotline bench {mode}: {what}, {paced}, {} bytes: {rate:.0}/s", self.bytes)
    }

    pub(super) fn document(&self) -> Value {
        let Sums {
            sent,
            created,
            replayed,
            unknown,
            settled_there,
            shed,
            hinted,
            longest_hint_ms,
            unsent,
            unfinished,
            undelivered,
            relayed,
            signed,
            reported,
            closed,
            refused,
        } = &self.sums;
        let measured: Map<String, Value> = self
            .spreads
            .iter()
            .map(|(op, spread, _)| {
                let mut document = spread.document();
                document["rate"] = json!(self.rate(*op));
                (op.name().to_owned(), document)
            })
            .collect();
        json!({
            "mode": self.mode,
            "loop": if self.rate_asked.is_some() { "open" } else { "closed" },
            "rate_asked": self.rate_asked,
            "seconds": self.window.as_secs_f64(),
            "connections": self.connections,
            "streams": self.streams,
            "bytes": self.bytes,
            "rate": self.rate(self.shown),
            "latency": measured,
            "sent": sent,
            "created": created,
            "replayed": replayed,
            "unknown": unknown,
            "unknown_there": settled_there,
            "shed": shed,
            "shed_with_hint": hinted,
            "longest_hint_ms": longest_hint_ms,
            "unsent": unsent,
            "unfinished": unfinished,
            "undelivered": undelivered,
            "relayed": relayed,
            "signed": signed,
            "reported": reported,
            "closed": closed,
            "refused": refused,
            "open_before": self.checked.open_before,
            "read_back": self.checked.read_back,
            "in_store": self.checked.problems.is_empty(),
            "problems": self.checked.problems,
            "generator_cores": self.cores(),
        })
    }

    /// How many cores this process took, over the whole run.
    fn cores(&self) -> Option<f64> {
        self.cpu.map(|cpu| (cpu / self.took.as_secs_f64().max(0.001) * 100.0).round() / 100.0)
    }

    pub(super) fn screen(&self) -> String {
        let sums = &self.sums;
        let mut latencies =
            table(&["毫秒 ms", "次数", "每秒", "均值", "p50", "p90", "p99", "p99.9", "最大 max"]);
        for (op, spread, _) in &self.spreads {
            let Spread { count, mean, p50, p90, p99, p999, max } = *spread;
            let ms = |value: f64| format!("{value:.2}");
            let mut row = vec![
                format!("{} {}", op.zh(), op.name()),
                count.to_string(),
                format!("{:.0}", self.rate(*op)),
            ];
            row.extend([mean, p50, p90, p99, p999, max].map(ms));
            latencies.add_row(row);
        }
        for column in 1..9 {
            if let Some(column) = latencies.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let refused: Vec<_> = sums.refused.iter().map(|(what, n)| format!("{what} {n}")).collect();
        let mut rows = vec![
            ("发出 sent", format!("{}，登记 created {}", sums.sent, sums.created)),
            (
                "限流 shed",
                format!(
                    "{}，附重试提示 with hint {}（至多 {} ms）",
                    sums.shed, sums.hinted, sums.longest_hint_ms
                ),
            ),
            (
                "结果未知 unknown",
                format!("{}，事后查明已登记 there {}", sums.unknown, sums.settled_there),
            ),
            ("拒绝 refused", if refused.is_empty() { "-".into() } else { refused.join(" · ") }),
        ];
        if sums.unsent + sums.unfinished + sums.undelivered > 0 {
            rows.push((
                "未及 left",
                format!(
                    "未发 unsent {} · 未领 undelivered {} · 未结 unfinished {}",
                    sums.unsent, sums.undelivered, sums.unfinished
                ),
            ));
        }
        if sums.relayed + sums.signed + sums.closed > 0 {
            rows.push((
                "流转 moves",
                format!(
                    "下派 relayed {} · 签收 signed {} · 反馈 reported {} · 办结 closed {}",
                    sums.relayed, sums.signed, sums.reported, sums.closed
                ),
            ));
        }
        rows.push(("核对 in store", {
            let problems = self.checked.problems.join("\n");
            match self.checked.problems.is_empty() {
                true => format!("相符 agrees，读回 read back {} 件", self.checked.read_back),
                false => format!("不符 DOES NOT AGREE\n{problems}"),
            }
        }));
        rows.push(("此前在办 open before", self.checked.open_before.to_string()));
        if let Some(cores) = self.cores() {
            rows.push(("压测自身 generator", format!("{cores} 核 cores")));
        }
        format!("{}\n{latencies}\n{}", self.title(), sheet(rows))
    }
}

/// To one decimal.
fn rate(answered: u64, window: Duration) -> f64 {
    (answered as f64 / window.as_secs_f64().max(0.001) * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_answers_of_the_window() {
        let rows = [(0, 10, 0.0), (100, 10, 10.0), (1, 3, 0.3), (123_456, 10, 12_345.6)];
        for (answered, seconds, expected) in rows {
            assert_eq!(rate(answered, Duration::from_secs(seconds)), expected);
        }
        assert_eq!(rate(5, Duration::ZERO), 5_000.0);
    }
}
