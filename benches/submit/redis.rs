//! What an order costs Redis.

#[path = "../../tests/support/redis.rs"]
mod server;

pub use server::RedisServer;

/// Memory and processor time per order, as Redis itself counts them.
pub fn cost(redis: &RedisServer, orders: u64) -> String {
    let value = |section: &str, key: &str| -> f64 {
        let info: String = redis.ask(&["INFO", section]);
        let line = info.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or(f64::NAN)
    };
    let memory = value("memory", "used_memory") - value("memory", "used_memory_startup");
    let time = value("cpu", "used_cpu_user_main_thread") + value("cpu", "used_cpu_sys_main_thread");
    format!(
        "redis: {:.0} B of memory and {:.1} us of its main thread per order ({orders} orders)",
        memory / orders as f64,
        time * 1e6 / orders as f64
    )
}
