//! A disk that takes nothing and a folder that is somebody else's: each one sentence with cause
//! and remedy, exit code 1, whoever runs the tests.

use crate::program::{Ran, Serve, hotline};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const SERVE: [&str; 5] = ["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"];

/// Runs `serve` through another program, to its refusal.
#[track_caller]
fn refused(through: &[&str], home: &Path, [store, key]: [&str; 2], words: &[&str]) {
    let plain = hotline();
    let mut command = Command::new(through[0]);
    command.args(&through[1..]).arg(plain.get_program()).args(SERVE);
    for (name, _) in plain.get_envs() {
        command.env_remove(name);
    }
    let (store, key) = (home.join(store), home.join(key));
    command.arg("--store").arg(format!("redb:{}", store.display())).arg("--key-file").arg(key);
    let ran = Ran::of(command.output().unwrap()).ends(1);
    assert!(ran.out.is_empty() && ran.err.matches("error: ").count() == 1, "{ran:?}");
    for word in words {
        assert_eq!(ran.err.matches(word).count(), 1, "{word}, once, in {}", ran.err);
    }
}

/// Whether a program can be run here at all; if not that is said.
fn can(through: &[&str]) -> bool {
    let done = Command::new(through[0]).args(&through[1..]).arg("true").output();
    let can = done.is_ok_and(|done| done.status.success());
    if !can {
        println!("SHORT {through:?} is not allowed here: what it would show was not shown");
    }
    can
}

/// A folder with a store and its key in it, which nobody serves.
fn served(home: &Path) {
    let serve = Serve::start(home, "127.0.0.1:0", "info");
    drop(serve);
}

#[test]
fn a_disk_that_is_read_only() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    served(home);
    let (rw, ro) = (home.join("rw"), home.join("ro"));
    for folder in [&rw, &ro] {
        std::fs::create_dir(folder).unwrap();
        std::fs::copy(home.join("orders.redb"), folder.join("orders.redb")).unwrap();
        std::fs::copy(home.join("contacts.key"), folder.join("contacts.key")).unwrap();
    }
    // Bound over itself, for nobody but the program.
    let mount = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\"";
    let through = ["unshare", "-rm", "sh", "-c", mount, ro.to_str().unwrap()];
    if !can(&through) {
        return;
    }
    let store = ["read-only", "mount it for writing, or name a file elsewhere"];
    refused(&through, home, ["ro/orders.redb", "ro/contacts.key"], &store);
    refused(&through, home, ["ro/new.redb", "rw/new.key"], &store);
    refused(&through, home, ["rw/new.redb", "ro/new.key"], &[&["key_file: "], &store[..]].concat());
}

#[test]
fn a_folder_that_is_not_ours() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    served(home);
    for folder in ["mine", "theirs"] {
        std::fs::create_dir(home.join(folder)).unwrap();
    }
    std::fs::copy(home.join("orders.redb"), home.join("mine/orders.redb")).unwrap();
    let may_not = |path: &str, mode: u32| {
        std::fs::set_permissions(home.join(path), PermissionsExt::from_mode(mode)).unwrap();
    };
    may_not("theirs", 0o500);
    may_not("mine/orders.redb", 0o400);
    // Root may do all of it, unless it is told that it may not.
    let bounded = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];
    let is_root = std::fs::write(home.join("theirs/probe"), "").is_ok();
    let through = if is_root { &bounded[..] } else { &["env"] };
    if !can(through) {
        return;
    }
    let words = ["this user may not read and write it; change its owner or rights"];
    refused(through, home, ["mine/orders.redb", "contacts.key"], &words);
    refused(through, home, ["theirs/orders.redb", "contacts.key"], &words);
    let words = ["key_file: ", "this user may not write into its folder"];
    refused(through, home, ["mine/new.redb", "theirs/new.key"], &words);
    may_not("contacts.key", 0o000);
    let words = ["key_file: ", "this user may not read it; change its owner"];
    refused(through, home, ["orders.redb", "contacts.key"], &words);
    may_not("theirs", 0o700);
}
