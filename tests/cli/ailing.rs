//! What the doctor says of a process and its store: each one sentence with cause and remedy,
//! exit code 1, and nothing more once it is mended.

use crate::program::{Serve, calls, hotline, matter, run};
use crate::redis::RedisServer;
use std::path::Path;

/// The doctor's findings must be these: kind and a part of the words, each.
#[track_caller]
fn ails(serve: &Serve, expected: &[(&str, &str)]) {
    let ran = serve.run(&["doctor", "-o", "json"]).ends(i32::from(!expected.is_empty()));
    let json = ran.json();
    let words: Vec<_> = json["findings"].as_array().unwrap().iter().collect();
    assert_eq!(words.len(), expected.len(), "{json:#}");
    for ((kind, part), words) in expected.iter().zip(words) {
        let words = words.as_str().unwrap();
        assert!(words.contains(part), "{part} is not in {words}");
        assert!(json["kinds"][kind].as_u64() >= Some(1), "{kind} is not in {json:#}");
        assert!(!words.contains('\n') && !words.ends_with('.'), "no sentence: {words}");
    }
}

fn file(serve: &Serve, home: &Path, n: usize) {
    let calls = calls(home, &format!("call-{n}.jsonl"), &[matter(n)]);
    serve.run(&["submit", "--file", &calls]).ends(0);
}

#[test]
fn a_redis_that_ails() {
    let home = tempfile::tempdir().unwrap();
    let mut redis = RedisServer::start("always");
    let serve = Serve::on(&redis.url(), home.path(), "127.0.0.1:0", "info");
    file(&serve, home.path(), 1);
    ails(&serve, &[]);

    let _: String = redis.ask(&["FUNCTION", "FLUSH"]);
    ails(&serve, &[("library", "which the next change sends again")]);
    file(&serve, home.path(), 2);
    ails(&serve, &[]);
    let another = |name: &str| {
        format!("#!lua name={name}\nredis.register_function('{name}_x', function() return 1 end)")
    };
    let _: String = redis.ask(&["FUNCTION", "LOAD", &another("hotline_v99")]);
    ails(&serve, &[("library", "hotline_v99 of a newer program")]);
    let _: String = redis.ask(&["FUNCTION", "DELETE", "hotline_v99"]);
    let _: String = redis.ask(&["FUNCTION", "LOAD", &another("hotline_v1")]);
    ails(&serve, &[]);

    let () = redis.ask(&["CONFIG", "SET", "appendonly", "no"]);
    let () = redis.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    ails(&serve, &[("redis", "set appendonly yes"), ("redis", "set maxmemory-policy noeviction")]);
    let () = redis.ask(&["CONFIG", "SET", "appendonly", "yes"]);
    let () = redis.ask(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    ails(&serve, &[]);

    redis.kill();
    let part = format!("at 127.0.0.1:{}", redis.port());
    ails(&serve, &[("store", &part)]);
}

#[test]
fn two_keys_in_one_city() {
    let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let redis = RedisServer::start("everysec");
    // Both begin on an empty store, and each makes a key of its own.
    let first = Serve::on(&redis.url(), home.path(), "127.0.0.1:0", "info");
    let second = Serve::on(&redis.url(), other.path(), "127.0.0.1:0", "info");
    file(&first, home.path(), 1);
    ails(&first, &[]);
    file(&second, other.path(), 2);
    let part = "of 2 contacts that were tried 1 do not open with this process's key";
    ails(&first, &[("key", part)]);
    ails(&second, &[("key", part)]);
}

/// Jiaxing's catalogue in a folder, its version line replaced by this.
fn catalogue(home: &Path, version: &str) -> String {
    let folder = home.join("catalogue");
    std::fs::create_dir_all(&folder).unwrap();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/jiaxing")).unwrap()
    {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    let settings = folder.join("catalogue.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replacen("version = 1", version, 1)).unwrap();
    folder.to_str().unwrap().to_owned()
}

#[test]
fn two_catalogues_in_one_city() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let redis = RedisServer::start("everysec");
    let first = Serve::on(&redis.url(), home, "127.0.0.1:0", "info");
    ails(&first, &[]);
    let folder = catalogue(home, "# ours\nversion = 1");
    let second = Serve::on_with(&redis.url(), home, &["--catalogue", &folder]);
    let at = |serve: &Serve, by: &str| format!("({}) by version {by}", serve.address);
    let other = "1 too, but with other contents";
    ails(&first, &[("catalogue", &at(&second, other))]);
    ails(&second, &[("catalogue", &at(&first, other))]);
    catalogue(home, "version = 2");
    second.signal("-HUP");
    second.says("reloaded the catalogue", 1);
    ails(&second, &[("catalogue", &at(&first, "1:"))]);
    ails(&first, &[("catalogue", &at(&second, "2:"))]);
}

#[test]
fn a_process_that_goes_by_an_older_catalogue() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let folder = catalogue(home, "version = 2");
    let newer = Serve::with(home, &["--catalogue", &folder]);
    file(&newer, home, 1);
    ails(&newer, &[]);
    drop(newer);
    let older = Serve::with(home, &[]);
    ails(&older, &[("catalogue", "stamped with version 2 of the catalogue")]);
}

#[test]
fn a_store_that_is_later_than_the_clock() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    // Orders live 3,600 times faster there: it writes down what is hours ahead.
    let keep = home.to_str().unwrap();
    let dev = ["dev", "--headless", "--for", "2s", "--speed", "3600", "--keep", keep];
    let dev = hotline()
        .args(dev)
        .args(["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    assert!(dev.status.success(), "{}", String::from_utf8_lossy(&dev.stderr));
    let store = std::fs::read_dir(home).unwrap().map(|entry| entry.unwrap().path());
    let store = store.into_iter().find(|p| p.extension().is_some_and(|e| e == "redb")).unwrap();
    let key = std::fs::read_dir(home).unwrap().map(|entry| entry.unwrap().path());
    let key = key.into_iter().find(|p| p.extension().is_some_and(|e| e == "key")).unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"];
    let url = format!("redb:{}", store.display());
    let more = ["--store", &url, "--key-file", key.to_str().unwrap()];
    let ran = run(&[&serve[..], &more].concat()).ends(1);
    for word in ["error: clock: the clock says ", "set the clock right", "allow_clock_behind"] {
        assert_eq!(ran.err.matches(word).count(), 1, "{word}, once, in {}", ran.err);
    }
    std::fs::rename(&store, home.join("orders.redb")).unwrap();
    std::fs::rename(&key, home.join("contacts.key")).unwrap();
    let serve = Serve::with(home, &["--allow-clock-behind"]);
    serve.says("stands still until that time comes", 1);
    ails(&serve, &[("clock", "set this machine's clock right")]);
}
