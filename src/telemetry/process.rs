//! The process as the kernel sees it, under the names that every Prometheus dashboard knows.
//! Read from `/proc` when somebody asks; elsewhere than on Linux there is nothing to tell.

use super::standing::{head, line};
use crate::domain::Cell;
use std::fs;

/// Clock ticks a second in `/proc`: Linux shows every program 100, whatever the kernel counts.
const TICKS: f64 = 100.0;

/// What is told: name, kind, meaning.
pub const PROCESS_METRICS: [(&str, &str, &str); 6] = [
    ("process_cpu_seconds_total", "counter", "User and system time used, in seconds"),
    ("process_resident_memory_bytes", "gauge", "Memory in use, in bytes"),
    ("process_threads", "gauge", "Threads"),
    ("process_open_fds", "gauge", "Open files and sockets"),
    ("process_max_fds", "gauge", "How many may be open"),
    ("process_start_time_seconds", "gauge", "When it started, in seconds since 1970"),
];

/// The lines of this process; none where the kernel does not tell.
pub(super) fn render(cell: Cell) -> String {
    let mut text = String::with_capacity(1_024);
    for ((name, kind, help), value) in PROCESS_METRICS.iter().zip(look().unwrap_or_default()) {
        head(&mut text, name, kind, help);
        line(&mut text, name, cell, "", value);
    }
    text
}

/// In the order of [`PROCESS_METRICS`].
fn look() -> Option<Vec<f64>> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let [cpu, threads, started] = of_stat(&stat)?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let resident = number_after(&status, "VmRSS:")? * 1_024.0;
    // The folder that is being read is open, too, and is not counted.
    let open = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as f64;
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let most = number_after(&limits, "Max open files").unwrap_or(f64::INFINITY);
    let booted = number_after(&fs::read_to_string("/proc/stat").ok()?, "btime ")?;
    Some(vec![cpu, resident, threads, open, most, booted + started])
}

/// Processor time, threads, and when it started after the boot, in seconds. The second field is
/// the program's name and may hold anything, brackets and blanks included.
fn of_stat(stat: &str) -> Option<[f64; 3]> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    // The kernel counts from 1, and the third is the first here.
    let field = |n: usize| fields.get(n - 3)?.parse::<f64>().ok();
    Some([(field(14)? + field(15)?) / TICKS, field(20)?, field(22)? / TICKS])
}

/// The first number of the line that begins so.
fn number_after(text: &str, label: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_programs_confuse_nobody() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 12 0 3000 1 2";
        assert_eq!(of_stat(stat), Some([2.0, 12.0, 30.0]));
        assert_eq!(of_stat("7 (a"), None);
        let limits = "Limit  Soft Limit\nMax open files            1024     524288     files\n";
        assert_eq!(number_after(limits, "Max open files"), Some(1024.0));
        assert_eq!(number_after("Max open files  unlimited", "Max open files"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_told_of() {
        let values = look().unwrap();
        let [cpu, resident, threads, open, most, started] = values[..] else {
            panic!("{values:?}")
        };
        assert!(cpu >= 0.0 && resident > 1e6 && threads >= 1.0, "{values:?}");
        assert!(open >= 3.0 && most >= open, "{values:?}");
        let age = crate::clock::wall_now().0 as f64 / 1e3 - started;
        assert!((-2.0..3_600.0).contains(&age), "{age}");
        assert!(render("3304".parse().unwrap()).contains("process_open_fds{cell=\"3304\"} "));
    }
}
