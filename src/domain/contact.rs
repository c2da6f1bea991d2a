//! Whom to call back. Kept apart from the order, sealed, and silent in every log.

use std::fmt;

/// A value that shows nothing of itself in `Debug` and has no `Display`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Redacted<T>(T);

impl<T> Redacted<T> {
    /// From here on it is silent.
    pub fn new(value: T) -> Redacted<T> {
        Redacted(value)
    }

    /// The value itself. Whoever calls this answers for where it goes.
    pub fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The caller: name, phone and the exact address, down to the door.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Contact {
    /// As the citizen gave it; may be empty.
    pub name: Redacted<String>,
    /// Digits, with an optional leading `+`.
    pub phone: Redacted<String>,
    /// As the citizen gave it.
    pub address: Redacted<String>,
}

/// A phone number in the one form that is compared and digested: digits only, without the
/// country's prefix. 3 to 15 digits (ITU-T E.164 gives the upper bound; 3 for short codes).
/// Spaces, dashes and brackets are what people write between digits, and are dropped.
pub fn normal_phone(written: &str) -> Option<String> {
    let mut digits = String::with_capacity(15);
    for (i, c) in written.trim().chars().enumerate() {
        match c {
            '0'..='9' => digits.push(c),
            '０'..='９' => digits.push((b'0' + (c as u32 - '０' as u32) as u8) as char),
            '+' if i == 0 => {}
            ' ' | '-' | '(' | ')' | '（' | '）' => {}
            _ => return None,
        }
    }
    let national = match written.trim_start().strip_prefix('+') {
        Some(_) => digits.strip_prefix("86").unwrap_or(&digits),
        None => &digits,
    };
    (3..=15).contains(&national.len()).then(|| national.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_shows_nothing() {
        let contact = Contact {
            name: Redacted::new("王阿姨".into()),
            phone: Redacted::new("13812345678".into()),
            address: Redacted::new("5幢801".into()),
        };
        let shown = format!("{contact:?}");
        for secret in ["王阿姨", "138", "801"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn phones_are_compared_in_one_form() {
        let table = [
            ("13812345678", Some("13812345678")),
            ("+86 138-1234-5678", Some("13812345678")),
            ("(0573) 8888 8888", Some("057388888888")),
            ("１３８１２３４５６７８", Some("13812345678")),
            ("110", Some("110")),
            ("12", None),
            ("1234567890123456", None),
            ("not a phone", None),
            ("138+12345678", None),
            ("", None),
        ];
        for (written, normal) in table {
            assert_eq!(normal_phone(written).as_deref(), normal, "{written}");
        }
    }
}
