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

    /// The same with a password that was kept elsewhere; the error says why it has no place.
    pub fn with_password(&self, password: &str) -> Result<StoreUrl, String> {
        let StoreUrl::Redis(url) = self else {
            return Err("a redb store has no password; leave this out".to_owned());
        };
        let (scheme, rest) = url.split_once("://").unwrap_or(("redis", url));
        let (user, host) = rest.rsplit_once('@').unwrap_or(("", rest));
        if user.contains(':') {
            return Err("the store's URL has a password, too; name it once".to_owned());
        }
        // RFC 3986: what is not plain is written by its bytes.
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        let written = password.bytes().map(|b| match plain(b) {
            true => char::from(b).to_string(),
            false => format!("%{b:02X}"),
        });
        Ok(StoreUrl::Redis(format!("{scheme}://{user}:{}@{host}", written.collect::<String>())))
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
    fn a_password_of_a_file_goes_into_the_url() {
        for (url, whole) in [
            ("redis://db:6379/0", "redis://:g%40h%20%E5%AF%86@db:6379/0"),
            ("redis://hotline@db", "redis://hotline:g%40h%20%E5%AF%86@db"),
            ("redis+sentinel://a:1,b:2/city", "redis+sentinel://:g%40h%20%E5%AF%86@a:1,b:2/city"),
        ] {
            let with = StoreUrl::parse(url).unwrap().with_password("g@h 密").unwrap();
            assert_eq!(with.reveal(), whole);
            assert!(!with.to_string().contains("g%40h"), "{with}");
        }
        for (url, said) in [("redis://:x@db", "name it once"), ("redb:x", "no password")] {
            let error = StoreUrl::parse(url).unwrap().with_password("g").unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }

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
