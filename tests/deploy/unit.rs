//! The systemd unit.

use std::path::Path;
use std::process::Command;

/// The most exposure that a unit may have, of 10.
const MOST_EXPOSED: f64 = 2.0;

#[test]
fn the_systemd_unit_is_hardened() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/hotline.service");
    let analyze = |args: &[&str]| Command::new("systemd-analyze").args(args).arg(&unit).output();
    let Ok(output) = analyze(&["security", "--offline=true", "--no-pager"]) else {
        println!("SKIPPED: no systemd-analyze here; deploy/hotline.service was not looked at");
        return;
    };
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = out.lines().find(|line| line.contains("Overall exposure level"));
    let Some(last) = last else { panic!("systemd-analyze: {out}{err}") };
    let level = last.split_once(": ").and_then(|(_, rest)| rest.split_whitespace().next());
    let level: f64 = level.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{last}"));
    assert!(level <= MOST_EXPOSED, "{out}");
    println!("MEASURED exposure of deploy/hotline.service: {level} of 10");
    for wrong in ["Unknown key", "Failed to parse", "Unknown section"] {
        assert!(!err.contains(wrong), "{err}");
    }
}
