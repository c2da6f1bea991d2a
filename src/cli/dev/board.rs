//! What `dev` shows while it runs and when it ends.

use crate::cli::show;
use crate::domain::Level;
use crate::pb::{GetBoardResponse, ModeStatus};
use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use std::collections::HashMap;
use std::time::Duration;

/// The counters, by name, and the mode in force.
pub(super) struct Board {
    tallies: HashMap<String, i64>,
    mode: ModeStatus,
}

impl Board {
    pub(super) fn read(board: GetBoardResponse, mode: ModeStatus) -> Board {
        let tallies = board.tallies.into_iter().map(|tally| (tally.name, tally.value));
        Board { tallies: tallies.collect(), mode }
    }

    fn get(&self, name: &str) -> i64 {
        self.tallies.get(name).copied().unwrap_or(0)
    }

    fn sum(&self, prefix: &str) -> i64 {
        let names = self.tallies.iter().filter(|(name, _)| name.starts_with(prefix));
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

    /// Which limits are in force, and how far the orders in flight are.
    fn mode_line(&self) -> String {
        let mode = show::mode_zh(self.mode.mode);
        match &self.mode.restamping {
            Some(job) if job.done_at.is_none() => format!("{mode}（重定中 {} 件）", job.looked),
            Some(_) | None => format!("{mode}（第 {} 次切换）", self.mode.version),
        }
    }

    /// The same in two lines.
    pub(super) fn line(&self) -> String {
        let of = |name: &str| self.get(name);
        format!(
            "received {} · triage {} · open {} · review {} · closed {} · returned {} · \
             rejected {} · passed by {} · breached {}\n\
             {} · transferred {} · designated {} · extended {} · suspended {} · escalated {} · \
             urged {} · followed up {} · reworked {} · restamped {}",
            of("received"),
            of("triage"),
            of("open"),
            of("review"),
            of("closed"),
            of("returned"),
            of("report_rejected"),
            self.sum("passed_by."),
            self.sum("breached."),
            self.mode_line(),
            of("transferred"),
            of("designated"),
            of("extended"),
            of("suspended"),
            of("escalated"),
            of("urged"),
            of("followed_up"),
            of("reworked"),
            of("restamped"),
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
            "transferred": self.get("transferred"),
            "designated": self.get("designated"),
            "extended": self.get("extended"),
            "escalated": self.get("escalated"),
            "urged": self.get("urged"),
            "followed_up": self.get("followed_up"),
            "reworked": self.get("reworked"),
            "archived": self.get("archived"),
            "mode": show::mode(self.mode.mode),
            "mode_switches": self.mode.version,
            "restamped": self.get("restamped"),
            "passed_by": self.sum("passed_by."),
            "warned": self.sum("warned."),
            "breached": self.sum("breached."),
            "breached_arrival": self.sum("breached.arrival."),
            "breached_closure": self.sum("breached.closure."),
            "seconds": (ran.as_secs_f64() * 10.0).round() / 10.0,
        })
    }
}
