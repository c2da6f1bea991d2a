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

/// The most digits of a phone number (ITU-T E.164).
const MAX_DIGITS: usize = 15;
/// The fewest: short codes.
const MIN_DIGITS: usize = 3;
/// The country's prefix.
const COUNTRY: &[u8] = b"86";

/// A phone number in the one form that is compared and digested: digits only, without the
/// country's prefix; 3 to 15 of them. Shows nothing of itself in `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Phone {
    digits: [u8; MAX_DIGITS],
    length: usize,
}

impl Phone {
    /// The digits.
    pub fn digits(&self) -> &str {
        // They are ASCII: see `normal_phone`, which alone makes any.
        std::str::from_utf8(&self.digits[..self.length]).unwrap_or_default()
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Reads a phone number. Spaces, dashes and brackets are what people write between digits, and
/// are dropped.
pub fn normal_phone(written: &str) -> Option<Phone> {
    let mut digits = [0; COUNTRY.len() + MAX_DIGITS];
    let mut length = 0;
    let written = written.trim();
    for (i, c) in written.chars().enumerate() {
        let digit = match c {
            '0'..='9' => c as u32 - '0' as u32,
            '０'..='９' => c as u32 - '０' as u32,
            '+' if i == 0 => continue,
            ' ' | '-' | '(' | ')' | '（' | '）' => continue,
            _ => return None,
        };
        *digits.get_mut(length)? = b'0' + digit as u8;
        length += 1;
    }
    let all = &digits[..length];
    let national = match written.starts_with('+') {
        true => all.strip_prefix(COUNTRY).unwrap_or(all),
        false => all,
    };
    let length = national.len();
    let mut phone = Phone { digits: [0; MAX_DIGITS], length };
    phone.digits.get_mut(..length)?.copy_from_slice(national);
    (length >= MIN_DIGITS).then_some(phone)
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
        let shown = format!("{shown} {:?}", normal_phone("13812345678"));
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
            ("+86123456789012345", Some("123456789012345")),
            ("1234567890123456", None),
            ("+861234567890123456", None),
            ("not a phone", None),
            ("138+12345678", None),
            ("", None),
        ];
        for (written, normal) in table {
            let phone = normal_phone(written);
            assert_eq!(phone.as_ref().map(Phone::digits), normal, "{written}");
        }
    }
}
