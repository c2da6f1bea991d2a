//! `hotline backup` and `hotline restore`: outgrowing one machine, with real processes and
//! kills.

use crate::program::{Ran, Serve, calls, hotline, matter, run};
use crate::redis::{RedisServer, eventually};
use std::path::Path;
use std::process::{Child, Stdio};

fn redb(path: &Path) -> String {
    format!("redb:{}", path.display())
}

fn restore(home: &Path, file: &str, store: &str) -> Ran {
    let key = home.join("contacts.key");
    let args = ["restore", "--from", file, "--store", store, "-o", "json", "--key-file"];
    run(&[&args[..], &[key.to_str().unwrap()]].concat())
}

#[test]
fn outgrowing_one_machine_is_two_commands() {
    let home = tempfile::tempdir().unwrap();
    let (home, redis) = (home.path(), RedisServer::start("always"));
    let mut serve = Serve::start(home, "127.0.0.1:0", "info");
    let matters: Vec<_> = (0..60).map(matter).collect();
    let first = calls(home, "first.jsonl", &matters[..30]);
    let second = calls(home, "second.jsonl", &matters[30..]);
    let ledger = home.join("ledger.txt");
    let ledger = ledger.to_str().unwrap();
    serve.run(&["submit", "--file", &first, "--ledger", ledger]).ends(0);

    // While it goes on.
    let file = home.join("city.backup");
    let file = file.to_str().unwrap();
    let mut more = serve.command(&["submit", "--file", &second]).spawn().unwrap();
    let backup = serve.run(&["backup", "--out", file, "-o", "json"]).ends(0).json();
    assert!(more.wait().unwrap().success());
    assert_eq!(backup["cell"], "3304");
    assert!(backup["orders"].as_u64().unwrap() >= 30, "{backup}");
    assert_eq!(backup["bytes"], std::fs::metadata(file).unwrap().len());
    assert_eq!(backup["rows"]["contacts"], backup["orders"]);
    serve.run(&["doctor"]).ends(0);
    let again = serve.run(&["backup", "--out", file]).ends(1);
    assert!(again.err.contains("is there already"), "{}", again.err);
    let stranger = ["backup", "--out", "x.backup", "--unit", "330402"];
    assert!(serve.run(&stranger).ends(1).err.contains("NOT_CENTRE"));
    assert!(!Path::new("x.backup").exists() && !Path::new("x.backup.part").exists());
    // In a folder it names itself; the table says the same.
    let folder = home.join("backups");
    std::fs::create_dir(&folder).unwrap();
    let named = serve.run(&["backup", "--out", folder.to_str().unwrap()]).ends(0);
    let names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(named.out.contains(names[0].to_str().unwrap()), "{}", named.out);
    serve.kill();

    // Another key is refused, and none, before anything is written.
    let other = home.join("other.key");
    std::fs::write(&other, "0".repeat(64)).unwrap();
    for (key, said) in
        [(other.to_str().unwrap(), "not the key that sealed"), ("/nowhere", "no such file")]
    {
        let args = ["restore", "--from", file, "--store", &redis.url(), "--key-file", key];
        let refused = run(&args).ends(1);
        assert!(refused.err.contains(said), "{}", refused.err);
    }
    let restored = restore(home, file, &redis.url()).ends(0).json();
    for same in ["orders", "events", "bytes", "cell"] {
        assert_eq!(restored[same], backup[same], "{same}");
    }
    assert!(restore(home, file, &redis.url()).ends(1).err.contains("not empty"));

    // Every request is answered there as it was here.
    let mut serve = Serve::on(&redis.url(), home, "127.0.0.1:0", "info");
    serve.run(&["doctor", "--ledger", ledger, "--file", &first]).ends(0);
    serve.run(&["submit", "--file", &second, "--ledger", ledger]).ends(0);
    serve.run(&["doctor", "--ledger", ledger]).ends(0);
    serve.kill();

    // And back, from a store that nobody serves.
    let file = home.join("back.backup");
    let (file, key) = (file.to_str().unwrap(), home.join("contacts.key"));
    let args = ["backup", "--out", file, "--store", &redis.url(), "--key-file"];
    run(&[&args[..], &[key.to_str().unwrap()]].concat()).ends(0);
    let back = redb(&home.join("back.redb"));
    restore(home, file, &back).ends(0);
    let serve = Serve::on(&back, home, "127.0.0.1:0", "info");
    serve.run(&["doctor", "--ledger", ledger, "--file", &first]).ends(0);
}

/// A backup that has begun and waits for a server that stands still.
fn waiting(serve: &Serve, out: &str) -> Child {
    serve.stop();
    let mut backup = serve.command(&["backup", "--out", out]);
    let child = backup.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let part = format!("{out}.part");
    eventually("it has begun", || Path::new(&part).exists());
    child
}

#[test]
fn a_backup_that_was_killed_is_no_file() {
    let home = tempfile::tempdir().unwrap();
    let mut serve = Serve::start(home.path(), "127.0.0.1:0", "info");
    let file = calls(home.path(), "calls.jsonl", &[matter(1)]);
    serve.run(&["submit", "--file", &file]).ends(0);
    let out = home.path().join("city.backup");
    let out = out.to_str().unwrap();
    let mut killed = waiting(&serve, out);
    killed.kill().unwrap();
    killed.wait().unwrap();
    serve.signal("-CONT");
    assert!(!Path::new(out).exists());
    // What it left is in nobody's way, and the server is well.
    serve.run(&["doctor"]).ends(0);
    let other = home.path().join("other.backup");
    let orphan = waiting(&serve, other.to_str().unwrap());
    serve.kill();
    let ended = Ran::of(orphan.wait_with_output().unwrap());
    assert!(ended.code == 1 || ended.code == 3, "{ended:?}");
    assert!(!other.exists() && !home.path().join("other.backup.part").exists());
    let serve = Serve::start(home.path(), "127.0.0.1:0", "info");
    assert_eq!(serve.run(&["backup", "--out", out, "-o", "json"]).ends(0).json()["orders"], 1);
    assert!(!Path::new(&format!("{out}.part")).exists());
}

#[cfg(debug_assertions)]
#[test]
fn a_restore_that_was_killed_is_not_served() {
    let home = tempfile::tempdir().unwrap();
    let (home, redis) = (home.path(), RedisServer::start("always"));
    let mut serve = Serve::start(home, "127.0.0.1:0", "info");
    let file = calls(home, "calls.jsonl", &(0..20).map(matter).collect::<Vec<_>>());
    serve.run(&["submit", "--file", &file]).ends(0);
    let out = home.join("city.backup");
    let out = out.to_str().unwrap();
    serve.run(&["backup", "--out", out]).ends(0);
    serve.kill();
    let key = home.join("contacts.key");
    for store in [redb(&home.join("new.redb")), redis.url()] {
        let mut command = hotline();
        command.args(["restore", "--from", out, "--store", &store, "--key-file"]).arg(&key);
        let died = command.env("HOTLINE_FAULT_DIE_RESTORING", "1").output().unwrap();
        assert_eq!(died.status.code(), None, "it was killed");
        let args = ["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"];
        let mut serve = hotline();
        serve.args(args).args(["--store", &store, "--key-file"]).arg(&key);
        let refused = Ran::of(serve.output().unwrap()).ends(1);
        assert!(refused.err.contains("hotline restore"), "{}", refused.err);
        assert_eq!(restore(home, out, &store).ends(0).json()["orders"], 20);
        let serve = Serve::on(&store, home, "127.0.0.1:0", "info");
        serve.run(&["doctor"]).ends(0);
    }
}

/// A program that may write no file longer than this.
fn limited(kib: u32, args: &[&str]) -> std::process::Command {
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", kib * 2), "sh"]);
    let program = hotline();
    let unset = program.get_envs().filter(|(_, value)| value.is_none());
    unset.for_each(|(name, _)| _ = shell.env_remove(name));
    shell.arg(program.get_program()).args(args);
    shell
}

#[test]
fn a_backup_that_finds_no_room_ends_and_nothing_is_ever_replaced() {
    let home = tempfile::tempdir().unwrap();
    let serve = Serve::start(home.path(), "127.0.0.1:0", "info");
    let long = "路灯坏了半个月，老人晚上出门容易摔倒。".repeat(200);
    let matters: Vec<_> = (0..400)
        .map(|n| {
            let mut matter = matter(n);
            matter["text"] = long.clone().into();
            matter
        })
        .collect();
    let file = calls(home.path(), "calls.jsonl", &matters);
    serve.run(&["submit", "--file", &file]).ends(0);
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();

    // A link to nowhere and a pipe are something, too.
    std::os::unix::fs::symlink("/nowhere", path("link")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
    for there in ["link", "pipe", "calls.jsonl"] {
        let before = std::fs::symlink_metadata(path(there)).unwrap().file_type();
        let refused = serve.run(&["backup", "--out", &path(there)]).ends(1);
        assert!(refused.err.contains("is there already"), "{refused:?}");
        assert_eq!(std::fs::symlink_metadata(path(there)).unwrap().file_type(), before);
    }
    // Of two into one file the second leaves the first alone.
    let first = waiting(&serve, &path("city.backup"));
    let second = serve.run(&["backup", "--out", &path("city.backup")]).ends(1);
    assert!(second.err.contains("by another backup"), "{second:?}");
    serve.signal("-CONT");
    Ran::of(first.wait_with_output().unwrap()).ends(0);

    let redis = RedisServer::start("everysec");
    restore(home.path(), &path("city.backup"), &redis.url()).ends(0);
    let (out, key) = (path("full.backup"), path("contacts.key"));
    let at_rest = ["backup", "--out", &out, "--store", &redis.url(), "--key-file", &key];
    for args in [&at_rest[..3], &at_rest] {
        let mut backup = limited(1_024, args);
        backup.env("HOTLINE_SERVER", format!("http://{}", serve.address));
        let ran = Ran::of(backup.output().unwrap()).ends(1);
        assert!(ran.err.contains("full.backup.part cannot be written"), "{ran:?}");
        assert!(!Path::new(&out).exists() && !Path::new(&format!("{out}.part")).exists());
    }
}
