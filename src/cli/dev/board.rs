//! What `dev` shows while it runs and when it ends.

use crate::domain::Level;
use crate::pb::GetBoardResponse;
use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use std::collections::HashMap;
use std::time::Duration;

/// The counters, by name.
pub(super) struct Board(HashMap<String, i64>);

impl Board {
    pub(super) fn read(response: GetBoardResponse) -> Board {
        Board(response.tallies.into_iter().map(|tally| (tally.name, tally.value)).collect())
    }

    fn get(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    fn sum(&self, prefix: &str) -> i64 {
        let names = self.0.iter().filter(|(name, _)| name.starts_with(prefix));
        names.map(|(_, value)| value).sum()
    }

    /// The chain as a table, redrawn in place.
    pub(super) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header([
            "",
            "等待 waiting",
            "下派 relayed",
            "超时 passed by",
            "签收 signed",
            "到达超限 arrival",
            "办结超限 closure",
        ]);
        for (level, zh) in Level::ALL.into_iter().zip(["市", "县", "镇", "村"]) {
            let of = |what: &str| self.get(&format!("{what}.{}", level.name())).to_string();
            table.add_row([
                format!("{zh} {}", level.name()),
                of("waiting"),
                of("relayed"),
                of("passed_by"),
                of("signed"),
                of("breached.arrival"),
                of("breached.closure"),
            ]);
        }
        for column in 1..7 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        format!("{table}\n{}", self.line())
    }

    /// The same in one line.
    pub(super) fn line(&self) -> String {
        let of = |name: &str| self.get(name);
        format!(
            "received {} · triage {} · open {} · review {} · closed {} · returned {} · \
             rejected {} · passed by {} · breached {}",
            of("received"),
            of("triage"),
            of("open"),
            of("review"),
            of("closed"),
            of("returned"),
            of("report_rejected"),
            self.sum("passed_by."),
            self.sum("breached."),
        )
    }

    /// What it came to.
    pub(super) fn summary(&self, submitted: u64, ran: Duration) -> serde_json::Value {
        serde_json::json!({
            "submitted": submitted,
            "received": self.get("received"),
            "signed": self.sum("signed."),
            "closed": self.get("closed"),
            "open": self.get("open"),
            "returned": self.get("returned"),
            "rejected": self.get("report_rejected"),
            "passed_by": self.sum("passed_by."),
            "warned": self.sum("warned."),
            "breached": self.sum("breached."),
            "breached_arrival": self.sum("breached.arrival."),
            "breached_closure": self.sum("breached.closure."),
            "seconds": (ran.as_secs_f64() * 10.0).round() / 10.0,
        })
    }
}
