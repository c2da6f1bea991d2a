//! Default, file, environment, flag: which wins, and where each value came from.

use super::{Config, ConfigError, SETTINGS, Setting};
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// Variables of the environment that begin like a setting and are none: what clients read,
/// and what tests read.
const OTHER_ENV: [&str; 8] = [
    "HOTLINE_CONFIG",
    "HOTLINE_SERVER",
    "HOTLINE_STAFF",
    "HOTLINE_UNIT",
    "HOTLINE_ROLE",
    "HOTLINE_DATA",
    "HOTLINE_KILLS",
    "HOTLINE_SHOW_WRONG",
];
/// The same by how they begin. Kubernetes writes the first two into every pod beside a
/// service named `hotline`; faults are planted by tests and known to debug builds alone.
const OTHER_PREFIXES: [&str; 3] = ["HOTLINE_SERVICE_", "HOTLINE_PORT", "HOTLINE_FAULT_"];
/// The longest settings file; a longer one is something else.
const MAX_FILE: u64 = 64 * 1024;

/// The longest file that is read as a password.
const MAX_SECRET: u64 = 4 * 1024;

/// Where a value came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A line of the file.
    File(PathBuf, usize),
    /// The environment.
    Env(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => write!(f, "default"),
            Origin::File(path, line) => write!(f, "{}:{line}", path.display()),
            Origin::Env(name) => write!(f, "environment {name}"),
            Origin::Flag(name) => write!(f, "flag --{name}"),
        }
    }
}

/// The settings in force and where each came from.
#[derive(Clone, Debug)]
pub struct Effective {
    /// The settings.
    pub config: Config,
    /// One for each of [`SETTINGS`], in that order.
    pub origins: Vec<Origin>,
}

/// Layers what was given over the defaults and checks the result. `file` is read if named;
/// `env` is the whole environment; `flags` are keys and values.
pub fn load(
    file: Option<&Path>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
    flags: impl IntoIterator<Item = (String, String)>,
) -> Result<Effective, ConfigError> {
    let mut all =
        Effective { config: Config::default(), origins: vec![Origin::Default; SETTINGS.len()] };
    if let Some(path) = file {
        read_file(&mut all, path)?;
    }
    // Sorted, so that of several mistakes the same one is told each time.
    let env = env.into_iter().map(|(name, value)| (name.to_string_lossy().into_owned(), value));
    let mut env: Vec<_> = env.filter(|(name, _)| is_ours(name)).collect();
    env.sort();
    for (name, value) in env {
        let value = value.into_string().map_err(|_| ConfigError::NotText { name: name.clone() })?;
        let key = name["HOTLINE_".len()..].to_ascii_lowercase();
        all.put(&key, &value, Origin::Env(name))?;
    }
    for (key, value) in flags {
        let origin = Origin::Flag(key.replace('_', "-"));
        all.put(&key, &value, origin)?;
    }
    all.read_password()?;
    all.config.check().map_err(ConfigError::Together)?;
    Ok(all)
}

fn is_ours(name: &str) -> bool {
    name.starts_with("HOTLINE_")
        && !OTHER_ENV.contains(&name)
        && !OTHER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

impl Effective {
    /// Puts the password that a file holds into the store's URL. What is wrong is said without it.
    fn read_password(&mut self) -> Result<(), ConfigError> {
        const KEY: &str = "store_password_file";
        let Some(path) = &self.config.store_password_file else { return Ok(()) };
        let at = SETTINGS.iter().position(|s| s.key == KEY);
        let wrong = |problem: String| ConfigError::BadValue {
            origin: at.map_or(Origin::Default, |at| self.origins[at].clone()),
            key: KEY,
            value: format!("{:?}", path.display().to_string()),
            problem,
        };
        let unread = |e: std::io::Error| wrong(format!("{e}; name a file that can be read"));
        let size = std::fs::metadata(path).map_err(unread)?.len();
        if size > MAX_SECRET {
            return Err(wrong(format!("{size} bytes are no password; at most {MAX_SECRET}")));
        }
        let text = std::fs::read_to_string(path).map_err(unread)?;
        // The line break that an editor leaves is no part of it.
        let password = text.trim_end_matches(['\r', '\n']);
        if password.trim().is_empty() || password.contains(['\r', '\n']) {
            return Err(wrong("expected one line, the password".to_owned()));
        }
        self.config.store = self.config.store.with_password(password).map_err(wrong)?;
        Ok(())
    }

    fn put(&mut self, key: &str, value: &str, origin: Origin) -> Result<(), ConfigError> {
        let Some(at) = SETTINGS.iter().position(|s| s.key == key) else {
            return Err(unknown(key, origin));
        };
        let setting = &SETTINGS[at];
        (setting.set)(&mut self.config, value).map_err(|problem| {
            // What fails to parse as a store may yet hold its password.
            let shown = if setting.key == "store" { "***" } else { value };
            let value = format!("{shown:?}");
            ConfigError::BadValue { origin: origin.clone(), key: setting.key, value, problem }
        })?;
        self.origins[at] = origin;
        Ok(())
    }

    /// Each setting with its effective value and origin.
    pub fn rows(&self) -> impl Iterator<Item = (&'static Setting, String, &Origin)> {
        SETTINGS.iter().zip(&self.origins).map(|(s, origin)| (s, s.show(&self.config), origin))
    }
}

fn unknown(key: &str, origin: Origin) -> ConfigError {
    let keys = || SETTINGS.iter().map(|s| s.key);
    let nearest = keys().map(|k| (distance(key, k), k)).min();
    let nearest = match nearest {
        // Further away it is a guess that misleads.
        Some((far, near)) if far <= 3 => format!(" (did you mean `{near}`?)"),
        Some(_) | None => String::new(),
    };
    let allowed = keys().collect::<Vec<_>>().join(", ");
    ConfigError::UnknownKey { origin, key: key.to_owned(), nearest, allowed }
}

fn read_file(all: &mut Effective, path: &Path) -> Result<(), ConfigError> {
    let wrong = |problem: String| ConfigError::File { path: path.display().to_string(), problem };
    let unread = |e: std::io::Error| wrong(format!("{e}; name a file that can be read"));
    let size = std::fs::metadata(path).map_err(unread)?.len();
    if size > MAX_FILE {
        return Err(wrong(format!("{size} bytes are too many; at most {MAX_FILE} are read")));
    }
    let text = std::fs::read_to_string(path).map_err(unread)?;
    let line = |at: usize| 1 + text[..at.min(text.len())].matches('\n').count();
    let table = DeTable::parse(&text).map_err(|e| ConfigError::File {
        path: format!("{}:{}", path.display(), e.span().map_or(1, |span| line(span.start))),
        problem: format!("{}; a setting is written  key = \"value\"", e.message()),
    })?;
    let mut rows: Vec<_> = table.get_ref().iter().collect();
    rows.sort_by_key(|(key, _)| key.span().start);
    for (key, value) in rows {
        let origin = Origin::File(path.to_owned(), line(key.span().start));
        let written = match value.get_ref() {
            DeValue::String(s) => s.to_string(),
            DeValue::Integer(n) => n.to_string(),
            DeValue::Boolean(b) => b.to_string(),
            DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                return match SETTINGS.iter().find(|s| s.key == key.get_ref().as_ref()) {
                    None => Err(unknown(key.get_ref(), origin)),
                    Some(setting) => Err(ConfigError::BadValue {
                        origin,
                        key: setting.key,
                        value: value.get_ref().type_str().to_owned(),
                        problem: "expected a string, a whole number, true or false".to_owned(),
                    }),
                };
            }
        };
        all.put(key.get_ref(), &written, origin)?;
    }
    Ok(())
}

/// Levenshtein's distance, for "did you mean".
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let cost = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn vars(list: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        list.iter().map(|(k, v)| (k.into(), v.into())).collect()
    }

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hotline.toml");
        std::fs::write(&path, text).unwrap();
        (dir, path)
    }

    #[test]
    fn the_later_layer_wins_and_says_so() {
        let (_dir, path) =
            file("# ours\nlease_max = \"2m\"\nlong_poll_max = \"5s\"\ncell = 3301\n");
        let env = vars(&[
            ("HOTLINE_LEASE_MAX", "3m"),
            ("HOTLINE_LOG", "debug"),
            ("HOTLINE_SERVER", "http://x"),
            ("HOTLINE_SERVICE_HOST", "10.0.0.1"),
            ("HOTLINE_PORT_12345_TCP", "tcp://10.0.0.1:12345"),
            ("PATH", "/bin"),
        ]);
        let flags = pairs(&[("lease_max", "4m")]);
        let all = load(Some(&path), env, flags).unwrap();
        assert_eq!(all.config.lease_max, Duration::from_secs(240));
        assert_eq!(all.config.long_poll_max, Duration::from_secs(5));
        assert_eq!(all.config.cell.to_string(), "3301");
        assert_eq!(all.config.log, "debug");
        let origin = |key: &str| {
            all.rows().find(|(s, _, _)| s.key == key).map(|(_, _, o)| o.to_string()).unwrap()
        };
        assert_eq!(origin("lease_max"), "flag --lease-max");
        assert_eq!(origin("long_poll_max"), format!("{}:3", path.display()));
        assert_eq!(origin("log"), "environment HOTLINE_LOG");
        assert_eq!(origin("listen"), "default");
    }

    #[test]
    fn an_unknown_key_is_refused_wherever_it_is_written() {
        let (_dir, path) = file("cell = \"3304\"\nleese_max = \"2m\"\n");
        let said = load(Some(&path), [], []).unwrap_err().to_string();
        assert!(said.contains("hotline.toml:2: there is no setting `leese_max`"), "{said}");
        assert!(said.contains("did you mean `lease_max`?"), "{said}");
        assert!(said.contains("allowed: store, store_password_file, cell,"), "{said}");
        let said = load(None, vars(&[("HOTLINE_LISTENN", "x")]), []).unwrap_err().to_string();
        assert!(said.contains("environment HOTLINE_LISTENN"), "{said}");
        // What is no text is refused as well: it must not pass for not being set.
        use std::os::unix::ffi::OsStringExt;
        let env = [("HOTLINE_LISTEN".into(), OsString::from_vec(vec![0xff]))];
        let said = load(None, env, []).unwrap_err().to_string();
        assert!(said.contains("environment HOTLINE_LISTEN: not valid UTF-8"), "{said}");
        let (_dir, path) = file("[server]\nlisten = \"x\"\n");
        let said = load(Some(&path), [], []).unwrap_err().to_string();
        assert!(said.contains(":1: there is no setting `server`"), "{said}");
    }

    #[test]
    fn a_wrong_value_names_its_place() {
        for (text, said) in [
            ("lease_max = \"soon\"", "hotline.toml:1: lease_max = \"soon\": expected a duration"),
            ("lease_max = 1.5", "hotline.toml:1: lease_max = float: expected a string"),
            ("store = \"redis//:geheim@x\"", "store = \"***\": expected redb:PATH"),
            ("\n\nlog = ", "hotline.toml:3: "),
            ("lease_max = \"30s\"", "lease_default = 1m is longer than lease_max = 30s"),
        ] {
            let (_dir, path) = file(text);
            let error = load(Some(&path), [], []).unwrap_err().to_string();
            assert!(error.contains(said) && !error.contains("geheim"), "{error}");
        }
        let said = load(Some(Path::new("/nowhere/h.toml")), [], []).unwrap_err().to_string();
        assert!(said.contains("/nowhere/h.toml"), "{said}");
    }

    #[test]
    fn a_password_is_read_from_its_file_and_never_shown() {
        let (_dir, path) = file("geheim\n");
        let name = path.to_str().unwrap();
        let flags = |store: &str| pairs(&[("store", store), ("store_password_file", name)]);
        let all = load(None, [], flags("redis://db")).unwrap();
        assert_eq!(all.config.store.reveal(), "redis://:geheim@db");
        let shown: String = all.rows().map(|(_, value, _)| value).collect();
        assert!(!shown.contains("geheim"), "{shown}");
        for (text, said) in [("", "one line"), (" \n", "one line"), ("geheim\nx\n", "one line")] {
            std::fs::write(&path, text).unwrap();
            let error = load(None, [], flags("redis://db")).unwrap_err().to_string();
            assert!(error.contains(said) && !error.contains("geheim"), "{error}");
            assert!(error.contains("flag --store-password-file"), "{error}");
        }
        let env = vars(&[("HOTLINE_STORE_PASSWORD_FILE", "/nowhere/pw")]);
        let error = load(None, env, []).unwrap_err().to_string();
        assert!(error.contains("HOTLINE_STORE_PASSWORD_FILE") && error.contains("No such file"));
    }

    #[test]
    fn distances() {
        for (a, b, d) in [("", "abc", 3), ("lease", "lease", 0), ("leese", "lease", 1)] {
            assert_eq!(distance(a, b), d);
        }
    }
}
