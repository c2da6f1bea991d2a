//! SIGHUP: another catalogue and another log filter while it serves, or nothing at all.

use crate::program::{Serve, calls, matter};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A catalogue of our own, in a folder.
fn catalogue(home: &Path) -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/jiaxing");
    let folder = home.join("catalogue");
    fs::create_dir(&folder).unwrap();
    for entry in fs::read_dir(source).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    folder.to_str().unwrap().to_owned()
}

fn replace(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from} is not in {}", file.display());
    fs::write(file, text.replacen(from, to, 1)).unwrap();
}

/// The catalogue's version that a new order is stamped with, and its number.
fn filed(serve: &Serve, home: &Path, n: usize) -> (u64, String) {
    let file = calls(home, "calls.jsonl", &[matter(n)]);
    let ledger = home.join(format!("ledger-{n}"));
    serve.run(&["submit", "--file", &file, "--ledger", ledger.to_str().unwrap()]).ends(0);
    let ledger = fs::read_to_string(ledger).unwrap();
    let no = ledger.split_whitespace().nth(1).unwrap().to_owned();
    (stamp(serve, &no), no)
}

fn stamp(serve: &Serve, no: &str) -> u64 {
    let order: Value = serve.run(&["order", "get", no, "-o", "json"]).ends(0).json();
    order["catalogue_version"].as_u64().unwrap_or_else(|| panic!("{order}"))
}

#[test]
fn a_sound_catalogue_is_taken_and_a_broken_one_is_named() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let folder = catalogue(home);
    let (toml, units) = (Path::new(&folder).join("catalogue.toml"), "units.csv");
    let units = Path::new(&folder).join(units);
    let settings = home.join("hotline.toml");
    fs::write(&settings, "log = \"info\"\n").unwrap();
    let config = settings.to_str().unwrap();
    let serve = Serve::with_settings(home, &["--catalogue", &folder, "--config", config]);
    let hang_up = |said: &str, times: usize| {
        serve.signal("-HUP");
        serve.says(said, times);
    };
    assert_eq!(filed(&serve, home, 1).0, 1);
    hang_up("the catalogue is the same version=1", 1);

    // The next version is broken: it is named, and the first stays.
    let sound = fs::read_to_string(&units).unwrap();
    let lines = sound.trim_end().lines().count();
    fs::write(&units, format!("{}\nbroken\n", sound.trim_end())).unwrap();
    replace(&toml, "version = 1", "version = 2");
    hang_up(&format!("units.csv:{}: ", lines + 1), 1);
    let (version, old) = filed(&serve, home, 2);
    assert_eq!(version, 1);

    let sick = serve.run(&["doctor", "-o", "json"]).ends(1).json();
    let why = sick["findings"][0].as_str().unwrap();
    assert!(why.contains("units.csv:") && why.contains("the next start may fail"), "{sick}");
    assert_eq!(sick["kinds"], serde_json::json!({ "settings": 1 }));

    // Mended, it is taken; what was filed before keeps its stamp.
    fs::write(&units, sound).unwrap();
    hang_up("reloaded the catalogue; orders keep what they were stamped with from=1 to=2", 1);
    assert_eq!(filed(&serve, home, 3).0, 2);
    assert_eq!(stamp(&serve, &old), 1);
    serve.run(&["doctor"]).ends(0);

    // Other contents under the same number would make stamps lie.
    replace(&toml, "version = 2", "# another\nversion = 2");
    hang_up("version = 2 is in force with other contents", 1);
    assert_eq!(filed(&serve, home, 4).0, 2);

    // The log's filter goes with the settings; what needs a start is said, and broken settings
    // change nothing.
    fs::write(&settings, "log = \"info,hotline=debug\"\nlease_max = \"30m\"\n").unwrap();
    hang_up("reloaded the log filter log=\"info,hotline=debug\"", 1);
    serve.says("lease_max = 30m takes effect at the next start", 1);
    fs::write(&settings, "log = \"info\"\nleese_max = \"30m\"\n").unwrap();
    hang_up("hotline.toml:2: there is no setting `leese_max`", 1);
    fs::write(&settings, "log = \n").unwrap();
    hang_up("hotline.toml:1: ", 1);
    assert!(serve.run(&["doctor"]).ends(1).out.contains("hotline.toml:1: "));
    assert_eq!(filed(&serve, home, 5).0, 2);
}
