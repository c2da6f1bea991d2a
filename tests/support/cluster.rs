//! A Redis Cluster of three masters with a replica each: real processes, gone with the test.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::server::{RedisServer, eventually, free_port};

/// How long a node may be silent before the others call it failing, in milliseconds.
const NODE_TIMEOUT: &str = "2000";
/// A key of the tests' cell.
const KEY: &str = "{3304}m";

/// The six nodes; the first three were the masters.
pub struct Cluster {
    pub nodes: Vec<RedisServer>,
    buses: Vec<u16>,
}

impl Cluster {
    /// Starts them and waits until the Cluster is whole.
    pub fn start() -> Cluster {
        Cluster::of(|bus| {
            let settings = [
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
                "--repl-diskless-sync-delay",
                "0",
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                NODE_TIMEOUT,
                "--cluster-port",
                bus,
            ];
            RedisServer::with(&settings)
        })
    }

    /// Joins six nodes; `start` is given the port for what they tell each other.
    pub fn of(start: impl Fn(&str) -> RedisServer) -> Cluster {
        let buses: Vec<_> = (0..6).map(|_| free_port()).collect();
        let nodes = buses.iter().map(|bus| start(&bus.to_string())).collect();
        let cluster = Cluster { nodes, buses };
        cluster.join();
        cluster
    }

    fn join(&self) {
        let nodes = &self.nodes;
        for (node, range) in nodes.iter().zip([[0, 5_460], [5_461, 10_922], [10_923, 16_383]]) {
            let [from, to] = range.map(|slot| slot.to_string());
            let () = node.ask(&["CLUSTER", "ADDSLOTSRANGE", &from, &to]);
        }
        for (i, node) in nodes.iter().enumerate() {
            let () = node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &(i + 1).to_string()]);
        }
        for (node, bus) in nodes.iter().zip(&self.buses).skip(1) {
            let (port, bus) = (node.port().to_string(), bus.to_string());
            let () = nodes[0].ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        let known = |node: &RedisServer| {
            let info: String = node.ask(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:6")
        };
        eventually("the nodes know each other", || nodes.iter().all(known));
        for (master, replica) in nodes[..3].iter().zip(&nodes[3..]) {
            let id: String = master.ask(&["CLUSTER", "MYID"]);
            eventually("a replica knows its master", || {
                replica.try_ask::<()>(&["CLUSTER", "REPLICATE", &id]).is_ok()
            });
        }
        eventually("the replicas follow", || {
            nodes[..3].iter().zip(&nodes[3..]).all(|(master, replica)| replica.follows(master))
        });
        // Everybody must know who may take whose place.
        eventually("everybody knows the replicas", || {
            nodes.iter().all(|node| {
                let map: String = node.ask(&["CLUSTER", "NODES"]);
                map.lines().filter(|line| line.contains("slave")).count() == 3
            })
        });
    }

    /// How a store is told of some of them.
    pub fn url(&self) -> String {
        let some: Vec<_> =
            self.nodes[1..4].iter().map(|n| format!("127.0.0.1:{}", n.port())).collect();
        format!("redis+cluster://{}", some.join(","))
    }

    /// The slot of the tests' cell.
    pub fn slot(&self) -> String {
        let slot: u32 = self.nodes[0].ask(&["CLUSTER", "KEYSLOT", KEY]);
        slot.to_string()
    }

    /// Which node is the master of the cell's slot, by its own word.
    pub fn master(&self) -> usize {
        let serves = |node: &RedisServer| node.try_ask::<i64>(&["EXISTS", KEY]).is_ok();
        self.nodes.iter().position(serves).expect("a master of the slot")
    }
}
