//! A master with two replicas, watched by three Sentinels: real processes, gone with the test.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::server::{RedisServer, eventually};

/// What the Sentinels call the master.
pub const NAME: &str = "city";

/// The six processes.
pub struct Trio {
    /// The first is the master to begin with.
    pub nodes: Vec<RedisServer>,
    /// Three of them.
    pub sentinels: Vec<RedisServer>,
}

impl Trio {
    /// Starts them and waits until all know each other.
    pub fn start() -> Trio {
        let settings =
            ["--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0"];
        let nodes: Vec<_> = (0..3).map(|_| RedisServer::with(&settings)).collect();
        let master = nodes[0].port().to_string();
        for replica in &nodes[1..] {
            let () = replica.ask(&["REPLICAOF", "127.0.0.1", &master]);
        }
        let sentinels: Vec<_> = (0..3)
            .map(|_| {
                RedisServer::in_folder(|folder| {
                    let file = folder.join("sentinel.conf");
                    let watch = format!(
                        "sentinel monitor {NAME} 127.0.0.1 {master} 2\n\
                         sentinel down-after-milliseconds {NAME} 1500\n\
                         sentinel failover-timeout {NAME} 5000\n\
                         sentinel parallel-syncs {NAME} 2\n"
                    );
                    std::fs::write(&file, watch).unwrap();
                    vec![file.to_str().unwrap().to_owned(), "--sentinel".to_owned()]
                })
            })
            .collect();
        let trio = Trio { nodes, sentinels };
        trio.settled();
        trio
    }

    /// Waits until every Sentinel knows the others and both replicas, and these follow.
    pub fn settled(&self) {
        // They look at the nodes every 10 s; nobody wants to wait for that here.
        self.look_every("500");
        eventually("the Sentinels know everybody", || {
            self.sentinels.iter().all(|sentinel| {
                let line = sentinel.info("sentinel", "master0");
                line.contains("status=ok") && line.contains("slaves=2,sentinels=3")
            })
        });
        eventually("the replicas follow", || {
            let linked =
                |node: &&RedisServer| node.info("replication", "master_link_status") == "up";
            self.nodes.iter().filter(linked).count() == 2
        });
        self.look_every("10000");
    }

    fn look_every(&self, milliseconds: &str) {
        for sentinel in &self.sentinels {
            let () = sentinel.ask(&["SENTINEL", "DEBUG", "INFO-PERIOD", milliseconds]);
        }
    }

    /// How a store is told of them.
    pub fn url(&self) -> String {
        let ports: Vec<_> =
            self.sentinels.iter().map(|s| format!("127.0.0.1:{}", s.port())).collect();
        format!("redis+sentinel://{}/{NAME}", ports.join(","))
    }

    /// Which node the first Sentinel calls the master.
    pub fn master(&self) -> usize {
        let address: Vec<String> =
            self.sentinels[0].ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]);
        let port: u16 = address[1].parse().unwrap();
        self.nodes.iter().position(|node| node.port() == port).unwrap()
    }
}
