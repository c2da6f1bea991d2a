//! What `serve` does not start with: why, what to do, which exit code; said once, and with
//! nothing changed.

use crate::program::{Ran, Serve, calls, hotline, matter, run};
use crate::redis::RedisServer;
use hotline::archive::{Archive, Keeper};
use hotline::store::embedded::Embedded;
use hotline::store::{Leaving, Shedding, Store, Whole};
use std::net::TcpListener;
use std::path::Path;

/// Runs `serve` with a key of the folder, on any port, to its refusal.
fn refused(home: &Path, args: &[&str], code: i32, words: &[&str]) -> Ran {
    let (key, archive) = (home.join("contacts.key"), home.join("hotline.archive"));
    let mut all = vec!["serve"];
    for (flag, value) in [
        ("--listen", "127.0.0.1:0"),
        ("--metrics-listen", "127.0.0.1:0"),
        ("--key-file", key.to_str().unwrap()),
        ("--archive", archive.to_str().unwrap()),
    ] {
        if !args.contains(&flag) {
            all.extend([flag, value]);
        }
    }
    all.extend(args);
    let ran = run(&all).ends(code);
    assert!(ran.err.starts_with("error: ") && ran.out.is_empty(), "{ran:?}");
    for word in words {
        assert_eq!(ran.err.matches(word).count(), 1, "{word}, once, in {}", ran.err);
    }
    ran
}

fn redb(path: &Path) -> String {
    format!("redb:{}", path.display())
}

#[test]
fn a_store_that_is_not_there_or_not_ours() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let text = home.join("notes.txt");
    std::fs::write(&text, "no store at all ".repeat(1_000)).unwrap();
    // Bound and given back: nobody listens there now.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (store, code, word) in [
        (redb(&home.join("no/such/x.redb")), 1, "its folder does not exist; make it first"),
        (redb(home), 1, "is a folder; name a file in it"),
        (redb(&text), 1, "is not a hotline store"),
        (format!("redis://127.0.0.1:{port}"), 1, "start it, or correct the URL"),
        ("postgres://x".to_owned(), 2, "expected redb:PATH, redis://HOST:PORT, redis+sentinel://"),
        ("redis://:geheim@:bad".to_owned(), 1, "redis://HOST:PORT"),
    ] {
        let ran = refused(home, &["--store", &store], code, &[word]);
        assert!(!ran.err.contains("geheim"), "{}", ran.err);
    }
    assert!(!home.join("contacts.key").exists(), "a key was made for a store that is not there");
    assert!(std::fs::read_to_string(&text).unwrap().starts_with("no store"), "written over");
    let full = redb(Path::new("/dev/full"));
    refused(home, &["--store", &full], 1, &["/dev/full"]);
}

#[test]
fn a_store_that_is_somebody_elses() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let serve = Serve::start(home, "127.0.0.1:0", "info");
    let file = home.join("orders.redb");
    let store = redb(&file);
    refused(home, &["--store", &store], 1, &["another hotline has", "stop it"]);
    // Its addresses are taken as well.
    let fresh = redb(&home.join("other.redb"));
    for (flag, at) in [("--listen", &serve.address), ("--metrics-listen", &serve.probes)] {
        let said = format!("= {at}: Address already in use");
        refused(home, &["--store", &fresh, flag, at], 1, &[&said, "name another address"]);
    }
    // Of a block that is nobody's.
    let nowhere = ["--store", &fresh, "--insecure-bind", "--listen", "192.0.2.1:1"];
    refused(home, &nowhere, 1, &["listen = 192.0.2.1:1: ", "an address that this machine has"]);
    let dev = ["dev", "--headless", "--listen", &serve.address, "--metrics-listen", "127.0.0.1:0"];
    let temporary = home.join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let ran = Ran::of(hotline().args(dev).env("TMPDIR", &temporary).output().unwrap()).ends(1);
    assert!(ran.err.contains("name another address"), "{}", ran.err);
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "dev left its folder behind");
    drop(serve);

    // Written by a newer version: refused, and not a byte of it changed.
    let db = ::redb::Database::create(&file).unwrap();
    let write = db.begin_write().unwrap();
    let meta = ::redb::TableDefinition::<&[u8], &[u8]>::new("meta");
    let newer = 9_999_u16.to_be_bytes();
    write.open_table(meta).unwrap().insert(&b"format"[..], &newer[..]).unwrap();
    write.commit().unwrap();
    drop(db);
    let words = ["the store has format 9999", "run a newer hotline"];
    refused(home, &["--store", &store], 1, &words);
    refused(home, &["--store", &store], 1, &words);
}

#[test]
fn a_redis_store_that_is_newer_or_another_citys() {
    let home = tempfile::tempdir().unwrap();
    let redis = RedisServer::start("always");
    let url = redis.url();
    drop(Serve::on(&url, home.path(), "127.0.0.1:0", "info"));
    for (field, value, back, word) in [
        ("format", "200", "1", "the store has format 200"),
        ("cell", "3305", "3304", "holds cell 3305, not 3304"),
    ] {
        let () = redis.ask(&["HSET", "{3304}m", field, value]);
        refused(home.path(), &["--store", &url], 1, &[word]);
        let still: String = redis.ask(&["HGET", "{3304}m", field]);
        assert_eq!(still, value, "changed what it did not understand");
        let () = redis.ask(&["HSET", "{3304}m", field, back]);
    }
}

/// What an operator meets on a bad day: each one sentence that says cause and remedy.
#[test]
fn a_bad_day() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let toml = home.join("hotline.toml");
    std::fs::write(&toml, "log = \"info\"\nlisten = \n").unwrap();
    let toml = toml.to_str().unwrap();
    refused(home, &["--config", toml], 2, &["hotline.toml:2: ", "a setting is written"]);
    for nowhere in ["/no/such/hotline.toml", "/proc"] {
        refused(home, &["--config", nowhere], 2, &[nowhere, "name a file that can be read"]);
    }
    // /proc takes no file, whoever asks: like a disk that is read-only or not ours.
    let locked = redb(Path::new("/proc/orders.redb"));
    refused(home, &["--store", &locked], 1, &["/proc/orders.redb"]);
    // Keys of another application lie where the city's would.
    let redis = RedisServer::start("always");
    let () = redis.ask(&["SET", "{3304}m", "another application's"]);
    let url = redis.url();
    let ran = refused(home, &["--store", &url], 1, &["another application", "a Redis of its own"]);
    assert_eq!(ran.err.matches("error: ").count(), 1, "{}", ran.err);
    let still: String = redis.ask(&["GET", "{3304}m"]);
    assert_eq!(still, "another application's", "written over");
    // Of any one of them it is known before anything is written.
    for key in ["{3304}d", "{3304}T", "{3304}l", "{3304}c", "{3304}b", "{3304}k", "{3304}f"] {
        let () = redis.ask(&["FLUSHALL"]);
        let () = redis.ask(&["SET", key, "another application's"]);
        refused(home, &["--store", &url], 1, &["another application", "a Redis of its own"]);
        let all: u32 = redis.ask(&["DBSIZE"]);
        assert_eq!(all, 1, "something was written beside {key}");
    }
    let () = redis.ask(&["FLUSHALL"]);
    let far = format!("{url}/99");
    refused(home, &["--store", &far], 1, &["no database of the number", "leave it out"]);
    let () = redis.ask(&["CONFIG", "SET", "requirepass", "geheim"]);
    refused(home, &["--store", &url], 1, &["asks for a password", "store_password_file"]);
    // Something listens there and says nothing.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", mute.local_addr().unwrap());
    refused(home, &["--store", &url], 1, &["did not answer within", "is it held up, or no Redis?"]);
    // A password that is named twice, or nowhere to be read.
    let nowhere = home.join("no-password");
    let file = ["--store-password-file", nowhere.to_str().unwrap()];
    let words = ["store_password_file", "No such file"];
    refused(home, &[&["--store", "redis://127.0.0.1:1"], &file[..]].concat(), 2, &words);
    std::fs::write(&nowhere, "geheim\n").unwrap();
    let twice = [&["--store", "redis://:x@127.0.0.1:1"], &file[..]].concat();
    let ran = refused(home, &twice, 2, &["name it once"]);
    assert!(!ran.err.contains("geheim"), "{}", ran.err);
}

/// Moves the only order of a store, which nobody serves, to the archive.
fn leave(home: &Path) {
    let cell = "3304".parse().unwrap();
    let archive = Archive::new(home.join("hotline.archive"), cell);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = Embedded::open(&home.join("orders.redb"), cell).unwrap();
        let order = store.scan(None, 2).await.unwrap().remove(0);
        let whole = Whole::of(&*store, order).await.unwrap();
        let leaving = Leaving::of(&whole);
        archive.keep_orders(whole.order.no.date(), vec![whole]).await.unwrap();
        assert_eq!(store.dismiss(&[leaving]).await.unwrap(), 1);
        store.close().await;
    });
}

#[test]
fn a_key_that_is_missing_or_another() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let serve = Serve::start(home, "127.0.0.1:0", "info");
    let file = calls(home, "calls.jsonl", &[matter(1)]);
    let ledger = home.join("ledger.txt");
    serve.run(&["submit", "--file", &file, "--ledger", ledger.to_str().unwrap()]).ends(0);
    let ledger = std::fs::read_to_string(ledger).unwrap();
    serve.run(&["order", "withdraw", ledger.split_whitespace().nth(1).unwrap()]).ends(0);
    drop(serve);
    let store = redb(&home.join("orders.redb"));
    let other = home.join("other.key");
    let with = |key: &Path, words: &[&str]| {
        let key_file = key.to_str().unwrap();
        let ran = refused(home, &["--store", &store, "--key-file", key_file], 1, words);
        assert!(ran.err.contains(key_file), "{}", ran.err);
    };
    with(&other, &["restore the key that sealed this store's contacts"]);
    assert!(!other.exists(), "a new key beside orders locks their contacts away");
    std::fs::write(&other, [0xff; 64]).unwrap();
    with(&other, &["it cannot be read", "name the file that holds the key"]);
    std::fs::write(&other, "short").unwrap();
    with(&other, &["64 hexadecimal digits"]);
    std::fs::write(&other, "0f".repeat(32)).unwrap();
    with(&other, &["it opens no contact of this store"]);
    with(home, &["directory", "name the file that holds the key"]);
    // Also where all orders have left for the archive.
    leave(home);
    with(&other, &["it opens no contact of this store"]);
    let nowhere = home.join("no/such/x.key");
    let fresh = redb(&home.join("fresh.redb"));
    let key_file = nowhere.to_str().unwrap();
    refused(home, &["--store", &fresh, "--key-file", key_file], 1, &["make it first"]);
    // The right one still serves.
    let archive = home.join("hotline.archive");
    let serve = Serve::with(home, &["--archive", archive.to_str().unwrap()]);
    serve.run(&["doctor"]).ends(0);
}

#[test]
fn a_city_a_catalogue_or_a_setting_that_is_wrong() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let store = redb(&home.join("orders.redb"));
    for (args, code, word) in [
        (["--cell", "3301"], 2, "cell = 3301, but the catalogue is of 3304"),
        (["--cell", "33"], 2, "expected the 4 digits of a city"),
        (["--catalogue", "/nowhere/at/all"], 1, "/nowhere/at/all: no such folder"),
        (["--model", "/nowhere.model"], 1, "name a file that `hotline train` made"),
        (["--log", "hotline=loud"], 2, "not a log filter"),
        (["--lease-max", "soon"], 2, "expected a duration"),
        (["--leese-max", "1m"], 2, "--lease-max"),
    ] {
        let ran = run(&[&["serve", "--store", &store], &args[..]].concat()).ends(code);
        assert!(ran.err.contains(word), "{word} is not in {}", ran.err);
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/jiaxing");
    let folder = home.join("catalogue");
    std::fs::create_dir(&folder).unwrap();
    for entry in std::fs::read_dir(source).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    // One broken line in each file in turn: it is named, and nothing else.
    for file in ["divisions", "aliases", "units", "categories", "keywords", "duties"] {
        let path = folder.join(format!("{file}.csv"));
        let whole = std::fs::read_to_string(&path).unwrap();
        let mut lines: Vec<_> = whole.lines().collect();
        let last = lines.len();
        lines.push("\u{7}broken,,");
        std::fs::write(&path, lines.join("\n")).unwrap();
        let said = format!("{file}.csv:{}: ", last + 1);
        let dir = folder.to_str().unwrap();
        refused(home, &["--store", &store, "--catalogue", dir], 1, &[&said]);
        let ran = run(&["catalogue", "check", dir]).ends(1);
        assert!(ran.err.contains(&said), "{}", ran.err);
        std::fs::write(&path, whole).unwrap();
    }
    for (name, word) in [
        ("HOTLINE_LISTENN", "did you mean `listen`?"),
        ("HOTLINE_LEASE_MAX", "expected a duration"),
    ] {
        let ran = hotline().args(["serve", "--store", &store]).env(name, "x").output().unwrap();
        let ran = Ran::of(ran).ends(2);
        assert!(ran.err.contains(&format!("environment {name}")), "{}", ran.err);
        assert!(ran.err.contains(word), "{}", ran.err);
    }
    assert!(!home.join("orders.redb").exists(), "a store was made for what cannot be served");
}
