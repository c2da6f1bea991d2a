//! What `dev` shows while it runs and when it ends.

use crate::cli::show;
use crate::cli::wall::Look;
use crate::pb::ModeStatus;
use std::collections::HashMap;
use std::time::Duration;

/// The counters, by name, and the mode in force.
pub(super) struct Board {
    tallies: HashMap<String, i64>,
    mode: ModeStatus,
}

impl Board {
    pub(super) fn read(look: &Look) -> Board {
        let tallies = look.board.tallies.iter().map(|tally| (tally.name.clone(), tally.value));
        Board { tallies: tallies.collect(), mode: look.mode }
    }

    fn get(&self, name: &str) -> i64 {
        self.tallies.get(name).copied().unwrap_or(0)
    }

    fn sum(&self, prefix: &str) -> i64 {
        let names = self.tallies.iter().filter(|(name, _)| name.starts_with(prefix));
        names.map(|(_, value)| value).sum()
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
