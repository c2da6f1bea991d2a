//! A replica is cut off and promoted, and `hotline doctor` lists from a client's ledger exactly
//! what was lost.

use crate::figures::measured;
use crate::program::{Serve, calls, matter};
use crate::proxy::Proxy;
use crate::server::{RedisServer, eventually};
use std::collections::BTreeSet;

/// Acknowledged before the cut, and after it.
const KEPT: usize = 40;
const LOST: usize = 15;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_lists_what_a_promoted_replica_never_had() {
    let (master, replica) = (RedisServer::start("always"), RedisServer::start("always"));
    let () = replica.ask(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
    eventually("it follows", || replica.follows(&master));
    let way = Proxy::to(master.port()).await;
    let home = tempfile::tempdir().unwrap();
    tokio::task::block_in_place(|| {
        let serve = Serve::on(&way.url(), home.path(), "127.0.0.1:0", "info");
        let ledger = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
        let file = |name: &str, count: usize| {
            let matters: Vec<_> = (0..count).map(matter).collect();
            let file = calls(home.path(), &format!("{name}.jsonl"), &matters);
            serve.run(&["submit", "--file", &file, "--ledger", &ledger(name)]).ends(0);
        };
        file("kept", KEPT);
        eventually("it has everything", || {
            replica.info("replication", "slave_repl_offset")
                == master.info("replication", "master_repl_offset")
        });
        let () = replica.ask(&["REPLICAOF", "NO", "ONE"]);
        file("lost", LOST);
        way.lead_to(replica.port());
        eventually("it serves", || serve.run(&["doctor"]).code == 0);
        // What the replica had is there, and everything agrees.
        let ran = serve.run(&["doctor", "--ledger", &ledger("kept"), "-o", "json"]).ends(0).json();
        assert_eq!((&ran["ok"], &ran["ledger_checked"]), (&true.into(), &KEPT.into()));
        // What it never had is listed, number by number.
        let ran = serve.run(&["doctor", "--ledger", &ledger("lost"), "-o", "json"]).ends(1).json();
        let findings = ran["findings"].as_array().unwrap();
        let listed: BTreeSet<_> = findings
            .iter()
            .map(|finding| {
                let said = finding.as_str().unwrap();
                said.strip_suffix(" was acknowledged and is not there").expect(said).to_owned()
            })
            .collect();
        let lost = std::fs::read_to_string(ledger("lost")).unwrap();
        let lost: BTreeSet<_> =
            lost.lines().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
        assert_eq!(lost.len(), LOST);
        assert_eq!(listed, lost);
        measured(
            "named",
            format!("{LOST} of {LOST} orders lost with a replica cut off and promoted"),
        );
        // Mending makes nothing up.
        let ran = serve.run(&["doctor", "--repair", "-o", "json"]).ends(0).json();
        assert_eq!(ran["mended"], serde_json::json!([]));
        // Filed again with the same request ids they are orders, once.
        let again = home.path().join("lost.jsonl").to_str().unwrap().to_owned();
        serve.run(&["submit", "--file", &again]).ends(0);
        let list = serve.run(&["order", "list", "-o", "json", "--limit", "1000"]).ends(0).json();
        assert_eq!(list.as_array().unwrap().len(), KEPT + LOST);
    });
}
