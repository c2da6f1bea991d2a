//! What is wrong with a Redis that answers.

use super::RedisStore;
use super::greeting::{LIBRARY, SOURCE, dangers};
use super::reads::ask;
use super::value::{bytes, items, text};
use super::wire::line;
use crate::store::StoreError;
use crate::store::audit::Finding;
use ::redis::{Value, cmd};

/// What the names of our libraries begin with; a number follows.
const OURS: &str = "hotline_v";

impl RedisStore {
    /// Its function library against ours, and what loses orders.
    pub(super) async fn read_ailments(&self) -> Result<Vec<Finding>, StoreError> {
        let mut list = cmd("FUNCTION");
        list.arg("LIST").arg("LIBRARYNAME").arg(format!("{OURS}*")).arg("WITHCODE");
        let there: Result<Vec<_>, _> =
            items(ask(&self.read, &list).await?)?.into_iter().map(library).collect();
        let info = text(&ask(&self.read, cmd("INFO").arg("persistence").arg("memory")).await?);
        let mut found = libraries(&there?);
        if !self.opening.allow_unsafe() {
            let dangers = dangers(line(&info, "aof_enabled:"), line(&info, "maxmemory_policy:"));
            found
                .extend(dangers.into_iter().map(|why| of(format!("Redis may lose orders: {why}"))));
        }
        if line(&info, "aof_last_write_status:") == "err" {
            let what = "Redis could not write its append-only file the last time it tried: see its \
                        log, and the free space on its disk";
            found.push(of(what.to_owned()));
        }
        Ok(found)
    }
}

fn of(what: String) -> Finding {
    Finding { order: None, name: "redis", mended: false, what }
}

/// A library's name and code, however the protocol gives them.
fn library(value: Value) -> Result<(String, Vec<u8>), StoreError> {
    let fields: Vec<(Value, Value)> = match value {
        Value::Map(fields) => fields,
        flat => {
            let mut flat = items(flat)?.into_iter();
            std::iter::from_fn(|| Some((flat.next()?, flat.next()?))).collect()
        }
    };
    let (mut name, mut code) = (String::new(), Vec::new());
    for (field, value) in fields {
        match text(&field).as_str() {
            "library_name" => name = text(&value),
            "library_code" => code = bytes(&value).unwrap_or_default().to_vec(),
            _ => {}
        }
    }
    Ok((name, code))
}

/// What is wrong with the libraries that are there. Older ones are no trouble: they are what an
/// upgrade leaves, and two versions can serve one cell.
fn libraries(there: &[(String, Vec<u8>)]) -> Vec<Finding> {
    let number = |name: &str| name.strip_prefix(OURS).and_then(|n| n.parse::<u32>().ok());
    let of = |what: String| Finding { order: None, name: "library", mended: false, what };
    let mut found = Vec::new();
    match there.iter().find(|(name, _)| name == LIBRARY) {
        None => found.push(of(format!(
            "Redis lacks this program's function library {LIBRARY}, which the next change sends \
             again: if this comes back, stop whatever runs FUNCTION FLUSH or FUNCTION DELETE there"
        ))),
        Some((_, code)) if code != SOURCE.as_bytes() => found.push(of(format!(
            "Redis has another {LIBRARY} than this program's: processes of two builds serve this \
             city, so run the same program everywhere and restart this one"
        ))),
        Some(_) => {}
    }
    let newest = there.iter().max_by_key(|(name, _)| number(name));
    if let Some((name, _)) = newest.filter(|(name, _)| number(name) > number(LIBRARY)) {
        found.push(of(format!(
            "Redis has the function library {name} of a newer program, this one's is {LIBRARY}: \
             finish the upgrade by replacing this process, too"
        )));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_ours_or_told_of() {
        let source = SOURCE.as_bytes();
        for (there, said) in [
            (&[(LIBRARY, source)][..], &[][..]),
            (&[("hotline_v3", b"old"), (LIBRARY, source)], &[]),
            (&[], &["lacks"]),
            (&[(LIBRARY, b"another")], &["two builds"]),
            (&[(LIBRARY, source), ("hotline_v99", b"new")], &["hotline_v99 of a newer"]),
            (&[("hotline_v99", b"new")], &["lacks", "newer"]),
        ] {
            let there: Vec<_> = there.iter().map(|(n, c)| ((*n).to_owned(), c.to_vec())).collect();
            let found = libraries(&there);
            assert_eq!(found.len(), said.len(), "{found:?}");
            assert!(found.iter().zip(said).all(|(f, said)| f.what.contains(said)), "{found:?}");
        }
    }
}
