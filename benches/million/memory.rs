//! What a pending timer costs Redis: its memory with all of them once more, and without.

use crate::server::RedisServer;

/// Every deadline of Jiaxing: `store/redis/keys.rs`.
pub const DUE: &str = "{3304}d";
const COPY: &str = "{3304}copy";

pub fn measure(redis: &RedisServer) {
    let used = || redis.info("memory", "used_memory").parse::<f64>().unwrap();
    let timers: f64 = redis.ask(&["ZCARD", DUE]);
    let (all, before) = (used() / timers, used());
    let copied: u8 = redis.ask(&["COPY", DUE, COPY]);
    assert_eq!(copied, 1);
    let each = (used() - before) / timers;
    let () = redis.ask(&["DEL", COPY]);
    println!(
        "MEASURED pending timers: {timers} cost Redis {each:.0} B each (goal: at most 200), of \
         {all:.0} B for the whole open order"
    );
}
