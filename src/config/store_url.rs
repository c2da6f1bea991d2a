//! Stores are named by URL.

use std::fmt;
use std::path::PathBuf;

/// Where a store is. Shows no password, neither in `Display` nor in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// `redb:PATH`: one file on this machine.
    Redb(PathBuf),
    /// `redis://[user:password@]host[:port][/db]`, or `redis+sentinel://host:port,…/master` or
    /// `redis+cluster://host:port,…`; where the master is, is found out from it.
    Redis(String),
}

impl StoreUrl {
    /// From what was written; the error says what is allowed and never repeats a password.
    pub fn parse(text: &str) -> Result<StoreUrl, String> {
        const ALLOWED: &str = "expected redb:PATH, redis://HOST:PORT, \
                               redis+sentinel://HOST:PORT,HOST:PORT/MASTER or \
                               redis+cluster://HOST:PORT,HOST:PORT";
        let is_host = |rest: &str| rest.strip_prefix("//").is_some_and(|host| !host.is_empty());
        match text.split_once(':') {
            Some(("redb", path)) if !path.is_empty() => {
                // `redb://x` is what habit writes; nobody means the host `x`.
                Ok(StoreUrl::Redb(PathBuf::from(path.strip_prefix("//").unwrap_or(path))))
            }
            Some(("redis" | "redis+cluster", rest)) if is_host(rest) => {
                Ok(StoreUrl::Redis(text.to_owned()))
            }
            Some(("redis+sentinel", rest)) if is_host(rest) && rest[2..].contains('/') => {
                Ok(StoreUrl::Redis(text.to_owned()))
            }
            Some((tls, _)) if tls.starts_with("rediss") => {
                Err(format!("TLS to Redis is not built in; {ALLOWED}, or a TLS tunnel"))
            }
            Some(_) | None => Err(ALLOWED.to_owned()),
        }
    }

    /// The whole URL, password and all. Whoever calls this answers for where it goes.
    pub fn reveal(&self) -> String {
        match self {
            StoreUrl::Redb(path) => format!("redb:{}", path.display()),
            StoreUrl::Redis(url) => url.clone(),
        }
    }
}

/// Hides the password between the scheme and the last `@`.
fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let Some((user_info, host)) = rest.rsplit_once('@') else { return url.to_owned() };
    let user = user_info.split_once(':').map_or("", |(user, _)| user);
    format!("{scheme}://{user}:***@{host}")
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreUrl::Redb(path) => write!(f, "redb:{}", path.display()),
            StoreUrl::Redis(url) => f.write_str(&masked(url)),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_named_by_url() {
        for (text, shown) in [
            ("redb:a/b.redb", "redb:a/b.redb"),
            ("redb:///var/lib/h.redb", "redb:/var/lib/h.redb"),
            ("redis://127.0.0.1:6379", "redis://127.0.0.1:6379"),
            ("redis://:geheim@db:6379/0", "redis://:***@db:6379/0"),
            ("redis://geheim@db:6379/0", "redis://:***@db:6379/0"),
            ("redis://hotline:ge@heim@db", "redis://hotline:***@db"),
            ("redis+sentinel://:geheim@a:1,b:2/city", "redis+sentinel://:***@a:1,b:2/city"),
            ("redis+cluster://a:1,b:2", "redis+cluster://a:1,b:2"),
        ] {
            let url = StoreUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
        }
        for bad in [
            "",
            "redb:",
            "redis:",
            "redis://",
            "hotline.redb",
            "postgres://x",
            "redis+sentinel://a:1",
            "redis+cluster:a",
        ] {
            assert!(StoreUrl::parse(bad).unwrap_err().contains("redb:PATH"), "{bad}");
        }
        for tls in ["rediss://:geheim@db", "rediss+cluster://:geheim@db"] {
            let said = StoreUrl::parse(tls).unwrap_err();
            assert!(said.contains("TLS") && !said.contains("geheim"), "{said}");
        }
    }
}
