//! The rows of a file of matters: one JSON object per line.

use crate::domain::Timestamp;
use crate::pb;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The longest line that is read; the server takes far shorter texts and says so.
const MAX_LINE: u64 = 2 << 20;
/// What is said of the last line of a spool that is none.
const CUT_SHORT: &str = "cut short, as by a crash: it was never said to be kept, and nothing else is \
                         missing; see whom it names, then delete the line";
/// What a row may hold.
const FIELDS: &str = "request_id, channel, text; and, if there is any, title, address, caller_phone, \
     caller_name, heard_at, kind, category, urgency, division; all of them strings";

/// A matter as it is written in a file; what is empty was not given.
#[derive(Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    /// A UUID: the client's identity for it.
    pub(super) request_id: String,
    /// phone, web, wechat, app or paper.
    pub(super) channel: String,
    /// The citizen's words.
    pub(super) text: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) address: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) caller_phone: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) caller_name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) heard_at: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) category: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) urgency: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) division: String,
}

/// One matter to be filed.
pub(in crate::cli) struct Row {
    /// Which line it stands in, from 1.
    pub(in crate::cli) line: u64,
    /// The client's identity for it.
    pub(in crate::cli) request_id: String,
    /// The matter.
    pub(in crate::cli) submission: pb::Submission,
}

/// A line that is no row. Says what is wrong and never what was written: that may be a
/// citizen's number.
#[derive(Debug)]
pub(in crate::cli) struct BadRow {
    path: PathBuf,
    line: u64,
    problem: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.problem)
    }
}

/// Reads row after row; blank lines are none.
pub(in crate::cli) struct Rows {
    path: PathBuf,
    from: BufReader<File>,
    line: u64,
    /// It cannot be read further.
    broken: bool,
    /// Request ids that are passed over.
    done: HashSet<String>,
    /// It is a file of a spool.
    spooled: bool,
    /// How far it has read, in bytes.
    pub(in crate::cli) read: u64,
    /// How much there is, in bytes.
    pub(in crate::cli) size: u64,
}

impl Rows {
    pub(in crate::cli) fn open(path: &Path) -> io::Result<Rows> {
        let name = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        let file = File::open(path).map_err(name)?;
        let about = file.metadata().map_err(name)?;
        if about.is_dir() {
            return Err(name(io::ErrorKind::IsADirectory.into()));
        }
        let size = about.len();
        let from = BufReader::with_capacity(1 << 16, file);
        Ok(Rows {
            path: path.to_owned(),
            from,
            line: 0,
            broken: false,
            done: HashSet::new(),
            spooled: false,
            read: 0,
            size,
        })
    }

    /// The same of a spool, without the rows of these request ids.
    pub(super) fn without(self, done: HashSet<String>) -> Rows {
        Rows { done, spooled: true, ..self }
    }

    pub(super) fn bad(&self, problem: impl Into<String>) -> BadRow {
        BadRow { path: self.path.clone(), line: self.line, problem: problem.into() }
    }

    /// A disk that fails once fails again: nothing more is read.
    fn unreadable(&mut self, error: &io::Error) -> BadRow {
        self.broken = true;
        self.bad(format!("not readable: {error}; nothing from here on was sent"))
    }

    /// Skips to the end of a line that is too long.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.from.fill_buf()?;
            let end = buffer.iter().position(|b| *b == b'\n').map(|at| at + 1);
            let used = end.unwrap_or(buffer.len());
            self.from.consume(used);
            self.read += used as u64;
            if end.is_some() || used == 0 {
                return Ok(());
            }
        }
    }
}

impl Rows {
    /// The next line that is not blank, as it is written.
    fn next_line(&mut self) -> Option<Result<Vec<u8>, BadRow>> {
        while !self.broken {
            let mut bytes = Vec::new();
            self.line += 1;
            match (&mut self.from).take(MAX_LINE).read_until(b'\n', &mut bytes) {
                Err(error) => return Some(Err(self.unreadable(&error))),
                Ok(0) => return None,
                Ok(read) => self.read += read as u64,
            }
            if bytes.len() as u64 == MAX_LINE && !bytes.ends_with(b"\n") {
                let problem = format!("longer than {MAX_LINE} bytes");
                let skipped = self.skip_line();
                return Some(Err(match skipped {
                    Ok(()) => self.bad(problem),
                    Err(error) => self.unreadable(&error),
                }));
            }
            // A file written on Windows may begin with a mark.
            if bytes.starts_with(b"\xef\xbb\xbf") {
                bytes.drain(..3);
            }
            if !bytes.iter().all(u8::is_ascii_whitespace) {
                return Some(Ok(bytes));
            }
        }
        None
    }

    /// The next row as it is written, known to be one.
    pub(super) fn next_written(&mut self) -> Option<Result<Written, BadRow>> {
        let bytes = match self.next_line()? {
            Ok(bytes) => bytes,
            Err(bad) => return Some(Err(bad)),
        };
        let read = written(&bytes).and_then(|written| {
            row(self.line, written.clone())?;
            Ok(written)
        });
        Some(read.map_err(|problem| self.bad(problem)))
    }
}

impl Iterator for Rows {
    type Item = Result<Row, BadRow>;

    fn next(&mut self) -> Option<Result<Row, BadRow>> {
        loop {
            let bytes = match self.next_line()? {
                Ok(bytes) => bytes,
                Err(bad) => return Some(Err(bad)),
            };
            match written(&bytes).and_then(|written| row(self.line, written)) {
                Ok(row) if self.done.contains(&row.request_id) => {}
                Ok(row) => return Some(Ok(row)),
                Err(_) if self.spooled && !bytes.ends_with(b"\n") => {
                    return Some(Err(self.bad(CUT_SHORT)));
                }
                Err(problem) => return Some(Err(self.bad(problem))),
            }
        }
    }
}

fn written(bytes: &[u8]) -> Result<Written, String> {
    let text = std::str::from_utf8(bytes.trim_ascii_end()).map_err(|e| {
        format!("not UTF-8 (byte {}); convert the file to UTF-8", e.valid_up_to() + 1)
    })?;
    let mut written: Written = serde_json::from_str(text).map_err(|e| problem(&e))?;
    let request_id = written.request_id.parse::<Uuid>();
    let request_id = request_id.map_err(|_| "request_id: expected a UUID".to_owned())?;
    written.request_id = request_id.to_string();
    Ok(written)
}

pub(super) fn row(line: u64, written: Written) -> Result<Row, String> {
    let of =
        |field: &str, name: &str, prefix: &str, allowed: &str, known: fn(&str) -> Option<i32>| {
            if name.is_empty() {
                return Ok(0);
            }
            let number = known(&format!("{prefix}{}", name.to_ascii_uppercase()));
            number.filter(|n| *n != 0).ok_or_else(|| format!("{field}: expected one of {allowed}"))
        };
    if written.channel.is_empty() {
        return Err("channel: expected one of phone, web, wechat, app, paper".to_owned());
    }
    let channel =
        of("channel", &written.channel, "CHANNEL_", "phone, web, wechat, app, paper", |n| {
            pb::Channel::from_str_name(n).map(i32::from)
        })?;
    let kinds = "inquiry, request, complaint, tip, suggestion, praise";
    let kind =
        of("kind", &written.kind, "KIND_", kinds, |n| pb::Kind::from_str_name(n).map(i32::from))?;
    let urgency = of("urgency", &written.urgency, "URGENCY_", "normal, urgent, critical", |n| {
        pb::Urgency::from_str_name(n).map(i32::from)
    })?;
    let submission = pb::Submission {
        channel,
        heard_at: heard_at(&written.heard_at)?,
        title: written.title,
        text: written.text,
        contact: Some(pb::Contact {
            name: written.caller_name,
            phone: written.caller_phone,
            address: written.address,
        }),
        kind,
        category: written.category,
        urgency,
        division: written.division,
        ..pb::Submission::default()
    };
    Ok(Row { line, request_id: written.request_id, submission })
}

fn heard_at(text: &str) -> Result<Option<prost_types::Timestamp>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong =
        || "heard_at: expected a moment in UTC, for example 2022-03-14T00:40:00Z".to_owned();
    humantime::parse_rfc3339(text).map(|at| Some(at.into())).map_err(|_| wrong())
}

/// A moment as rows have it.
pub(super) fn moment(at: Timestamp) -> String {
    let since = std::time::Duration::from_millis(u64::try_from(at.0).unwrap_or(0));
    humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + since).to_string()
}

/// Serde's words where they name fields; never where they quote values.
fn problem(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let named = ["unknown field", "missing field", "duplicate field"];
    match said.split(" at line ").next() {
        Some(_) if error.is_eof() => "not JSON: the line ends too early".to_owned(),
        Some(said) if named.iter().any(|n| said.starts_with(n)) => {
            let said = said.split(", expected").next().unwrap_or(said);
            format!("{said}; a row has {FIELDS}")
        }
        Some(_) | None if error.is_data() => {
            format!(
                "a value of the wrong kind before column {}; a row has {FIELDS}",
                error.column()
            )
        }
        Some(_) | None => {
            format!("not JSON from column {} on; one object per line", error.column())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "6350b6f5-3c43-5d84-8020-f1f70f8ca13f";

    fn read(content: &[u8]) -> Vec<Result<Row, String>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("calls.jsonl");
        std::fs::write(&path, content).unwrap();
        Rows::open(&path).unwrap().map(|row| row.map_err(|bad| bad.to_string())).collect()
    }

    #[test]
    fn rows_are_read_and_blank_lines_are_none() {
        let line = format!(
            r#"{{"request_id":"{ID}","channel":"phone","caller_phone":"1","text":"t","kind":"tip"}}"#
        );
        let rows = read(format!("\u{feff}{line}\r\n\n{line}").as_bytes());
        assert_eq!(rows.len(), 2);
        let last = rows.into_iter().next_back().unwrap().unwrap();
        assert_eq!((last.line, last.request_id.as_str()), (3, ID));
        assert_eq!(last.submission.channel, i32::from(pb::Channel::Phone));
        assert_eq!(last.submission.kind, i32::from(pb::Kind::Tip));
    }

    #[test]
    fn a_bad_line_names_file_and_line_and_no_citizen() {
        for (line, said) in [
            (r#"{"request_id":"x","channel":"phone","text":"t"}"#.to_owned(), "a UUID"),
            (format!(r#"{{"request_id":"{ID}","text":"t"}}"#), "missing field `channel`"),
            (format!(r#"{{"request_id":"{ID}","channel":"fax","text":"t"}}"#), "phone, web"),
            (format!(r#"{{"request_id":"{ID}","chanel":"fax"}}"#), "unknown field `chanel`"),
            (
                format!(
                    r#"{{"request_id":"{ID}","channel":"web","text":"t","caller_phone":13812345678}}"#
                ),
                "wrong kind",
            ),
            ("13812345678".to_owned(), "wrong kind"),
            ("{".to_owned(), "the line ends too early"),
            ("{x".to_owned(), "not JSON from column 2 on"),
            ("王阿姨 13812345678".to_owned(), "not JSON"),
        ] {
            let rows = read(format!("\n{line}\n").as_bytes());
            let Some(Err(bad)) = rows.into_iter().next() else { panic!("{line} was read") };
            assert!(bad.contains("calls.jsonl:2: ") && bad.contains(said), "{bad}");
            assert!(!bad.contains("13812345678") && !bad.contains("王阿姨"), "{bad}");
        }
        let rows = read(b"{\"text\": \"\xff\"}\n");
        assert!(rows[0].as_ref().err().unwrap().contains("not UTF-8"));
    }

    #[test]
    fn an_endless_line_is_passed_over() {
        let mut content = vec![b'x'; MAX_LINE as usize * 2];
        content.extend_from_slice(
            format!("\n{{\"request_id\":\"{ID}\",\"channel\":\"web\",\"text\":\"t\"}}\n")
                .as_bytes(),
        );
        let rows = read(&content);
        assert_eq!(rows.len(), 2);
        assert!(rows[0].as_ref().err().unwrap().contains("longer than"));
        assert_eq!(rows[1].as_ref().ok().unwrap().line, 2);
    }
}
