//! Stores are named by URL.

use std::fmt;
use std::path::PathBuf;

/// Where a store is. Shows no password, neither in `Display` nor in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// `redb:PATH`: one file on this machine.
    Redb(PathBuf),
    /// `redis://[user:password@]host[:port][/db]`.
    Redis(String),
}

impl StoreUrl {
    /// From what was written; the error says what is allowed and never repeats a password.
    pub fn parse(text: &str) -> Result<StoreUrl, String> {
        const ALLOWED: &str = "expected redb:PATH or redis://HOST:PORT";
        match text.split_once(':') {
            Some(("redb", path)) if !path.is_empty() => {
                // `redb://x` is what habit writes; nobody means the host `x`.
                Ok(StoreUrl::Redb(PathBuf::from(path.strip_prefix("//").unwrap_or(path))))
            }
            Some(("redis", rest)) if rest.len() > 2 && rest.starts_with("//") => {
                Ok(StoreUrl::Redis(text.to_owned()))
            }
            Some(("rediss", _)) => {
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
        ] {
            let url = StoreUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
        }
        for bad in ["", "redb:", "redis:", "redis://", "hotline.redb", "postgres://x"] {
            assert!(StoreUrl::parse(bad).unwrap_err().contains("redb:PATH"), "{bad}");
        }
        let said = StoreUrl::parse("rediss://:geheim@db").unwrap_err();
        assert!(said.contains("TLS") && !said.contains("geheim"), "{said}");
    }
}
