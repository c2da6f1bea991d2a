//! Reads Rust just well enough: blanks out comments, strings and test code, keeping every
//! line where it was.

/// The source with the content of comments, strings and characters replaced by blanks.
pub fn code_only(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => line_end(bytes, at),
            b'/' if bytes[at..].starts_with(b"/*") => block_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' if is_start(bytes, at) => match raw_string_end(bytes, at) {
                Some(end) => end,
                None => at,
            },
            b'\'' => char_end(bytes, at),
            _ => at,
        };
        if end == at {
            at += 1;
            continue;
        }
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    // What was blanked may have cut a character in two; none of it is looked at again.
    String::from_utf8_lossy(&out).into_owned()
}

/// [`code_only`] without what is compiled for tests alone.
pub fn shipped_code(source: &str) -> String {
    let mut code = code_only(source).into_bytes();
    let mark = b"#[cfg(test)]";
    let mut from = 0;
    while let Some(found) = code[from..].windows(mark.len()).position(|w| w == mark) {
        let start = from + found;
        let end = item_end(&code, start + mark.len());
        for byte in &mut code[start..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        from = end;
    }
    String::from_utf8_lossy(&code).into_owned()
}

/// The line of a place, from 1.
pub fn line_of(code: &str, at: usize) -> usize {
    1 + code.as_bytes()[..at].iter().filter(|b| **b == b'\n').count()
}

/// Every place where `word` stands by itself, not within a longer name or path.
pub fn places(code: &str, word: &str) -> Vec<usize> {
    let part = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    let bytes = code.as_bytes();
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(|at| {
            let before = at.checked_sub(1).map(|i| bytes[i]);
            let after = bytes.get(at + word.len()).copied();
            let ends_open = word.ends_with(|c: char| !c.is_alphanumeric());
            !part(before) && before != Some(b':') && (ends_open || !part(after))
        })
        .collect()
}

fn is_start(bytes: &[u8], at: usize) -> bool {
    at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| at + n)
}

fn block_end(bytes: &[u8], at: usize) -> usize {
    let mut depth = 0;
    let mut i = at;
    while i < bytes.len() {
        if bytes[i..].starts_with(b"/*") {
            depth += 1;
            i += 2;
        } else if bytes[i..].starts_with(b"*/") {
            depth -= 1;
            i += 2;
            if depth == 0 {
                return i;
            }
        } else {
            i += 1;
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut i = at + 1;
    while i < bytes.len() {
        match bytes[i] {
            b'\\' => i += 2,
            b'"' => return i + 1,
            _ => i += 1,
        }
    }
    bytes.len()
}

fn raw_string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes[at + 1..].iter().take_while(|b| **b == b'#').count();
    if bytes.get(at + 1 + hashes) != Some(&b'"') {
        return None;
    }
    let close = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    let body = at + 2 + hashes;
    let found = bytes[body..].windows(close.len()).position(|w| w == close)?;
    Some(body + found + close.len())
}

/// The end of a character; `at` itself for a lifetime.
fn char_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at + 1..];
    if rest.first() == Some(&b'\\') {
        let skip = 2;
        return rest[skip..].iter().position(|b| *b == b'\'').map_or(at, |n| at + 1 + skip + n + 1);
    }
    // One character of up to four bytes, then the quote.
    let length = match rest.first() {
        Some(b) if *b < 0x80 => 1,
        Some(b) if *b >= 0xf0 => 4,
        Some(b) if *b >= 0xe0 => 3,
        Some(_) => 2,
        None => return at,
    };
    if rest.get(length) == Some(&b'\'') { at + length + 2 } else { at }
}

/// Where the item that begins at `at` ends: its `;` or its last brace.
fn item_end(code: &[u8], at: usize) -> usize {
    let mut depth = 0;
    for (i, byte) in code.iter().enumerate().skip(at) {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return i + 1;
                }
            }
            b';' if depth == 0 => return i + 1,
            _ => {}
        }
    }
    code.len()
}
