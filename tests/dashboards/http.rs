//! As much of HTTP as it takes to ask a service of this machine.

use hotline::clock::tick;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What stands at a path; an error while nobody answers.
pub fn get(port: u16, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split_whitespace().nth(1) {
        Some("200") => Ok(body.to_owned()),
        _ => Err(std::io::Error::other(answer)),
    }
}

/// A value of a query string.
pub fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        match byte.is_ascii_alphanumeric() {
            true => all.push(char::from(byte)),
            false => _ = write!(all, "%{byte:02X}"),
        }
        all
    })
}

/// Looks until there is an answer; what was missing last, if there is none in time.
pub fn awaited<T>(most: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let began = tick();
    loop {
        match look() {
            Ok(found) => return found,
            Err(missing) => assert!(began.elapsed() < most, "not within {most:?}: {missing}"),
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
