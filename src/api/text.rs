//! What text may be: long enough, short enough, and without characters that lie to a reader.

use super::status::Fault;
use crate::domain::{Contact, Redacted, normal_phone};
use crate::pb;

/// The longest title, in characters.
pub const MAX_TITLE: usize = 200;
/// The longest of a citizen's messages, in characters; real ones go to 12,240.
pub const MAX_TEXT: usize = 20_000;
/// The longest report, return or rejection, in characters.
pub const MAX_WORDS: usize = 5_000;
/// The longest name of a caller, in characters.
pub const MAX_NAME: usize = 100;
/// The longest address, in characters.
pub const MAX_ADDRESS: usize = 500;
/// So many bytes are looked at together.
const BLOCK: usize = 64;

/// Text that may be empty.
pub(super) fn optional(field: &str, text: &str, most: usize) -> Result<(), Fault> {
    check(text, most).map_err(|reason| {
        let allowed = match reason {
            "CONTROL_CHARACTER" => "no control characters but tab and line breaks".to_owned(),
            "BIDI_CHARACTER" => {
                "no bidirectional overrides or isolates (U+202A-202E, U+2066-2069)".to_owned()
            }
            _ => format!("at most {most} characters"),
        };
        Fault::field(reason, field, allowed)
    })
}

/// Text that must say something.
pub(super) fn required(field: &str, text: &str, most: usize) -> Result<(), Fault> {
    optional(field, text, most)?;
    if text.trim().is_empty() {
        let allowed = format!("1 to {most} characters that are not all blanks");
        return Err(Fault::field("TEXT_EMPTY", field, allowed));
    }
    Ok(())
}

fn check(text: &str, most: usize) -> Result<(), &'static str> {
    // Forbidden characters are told by their bytes, and few blocks hold any byte that could
    // begin one.
    let suspicious = |b: u8| b < b' ' || matches!(b, 0x7f | 0xc2 | 0xe2);
    let bytes = text.as_bytes();
    for (block, at) in bytes.chunks(BLOCK).zip((0..).step_by(BLOCK)) {
        if !block.iter().fold(false, |any, b| any | suspicious(*b)) {
            continue;
        }
        for (i, _) in block.iter().enumerate().filter(|(_, b)| suspicious(**b)) {
            match bytes[at + i..] {
                [b'\n' | b'\r' | b'\t', ..] => {}
                [..=0x1f | 0x7f, ..] | [0xc2, 0x80..=0x9f, ..] => return Err("CONTROL_CHARACTER"),
                [0xe2, 0x80, 0xaa..=0xae, ..] | [0xe2, 0x81, 0xa6..=0xa9, ..] => {
                    return Err("BIDI_CHARACTER");
                }
                _ => {}
            }
        }
    }
    if text.chars().count() > most { Err("TEXT_TOO_LONG") } else { Ok(()) }
}

/// Whom to call back; every part may be empty, but a phone that is given must be one.
pub(super) fn contact(contact: Option<pb::Contact>) -> Result<Contact, Fault> {
    let pb::Contact { name, phone, address } = contact.unwrap_or_default();
    optional("name", &name, MAX_NAME)?;
    optional("address", &address, MAX_ADDRESS)?;
    Ok(Contact {
        name: Redacted::new(name),
        phone: Redacted::new(self::phone(phone)?),
        address: Redacted::new(address),
    })
}

/// Digits, with a `+` only before another country's.
pub(super) fn phone(written: String) -> Result<String, Fault> {
    let trimmed = written.trim();
    if trimmed.is_empty() {
        return Ok(String::new());
    }
    let phone = normal_phone(trimmed).ok_or_else(|| {
        Fault::field("INVALID_PHONE", "phone", "3 to 15 digits with an optional leading +")
    })?;
    let digits = phone.digits();
    let abroad = trimmed.starts_with('+') && !trimmed.starts_with("+86");
    Ok(match abroad {
        true => format!("+{digits}"),
        // Nearly every number comes as it is kept.
        false if written == digits => written,
        false => digits.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_bounded_and_honest() {
        let long = "长".repeat(MAX_TEXT);
        let longer = "长".repeat(100_000);
        for (text, reason) in [
            ("路灯不亮\n\t请修\r\n", None),
            ("零宽\u{200b}空格", None),
            (long.as_str(), None),
            (longer.as_str(), Some("TEXT_TOO_LONG")),
            ("", Some("TEXT_EMPTY")),
            (" \n\u{3000}", Some("TEXT_EMPTY")),
            ("a\0b", Some("CONTROL_CHARACTER")),
            ("a\u{1b}[2Jb", Some("CONTROL_CHARACTER")),
            ("a\u{85}b", Some("CONTROL_CHARACTER")),
            ("a\u{202e}b", Some("BIDI_CHARACTER")),
            ("a\u{2066}b", Some("BIDI_CHARACTER")),
            ("\u{202a}", Some("BIDI_CHARACTER")),
            ("\u{2069}", Some("BIDI_CHARACTER")),
            ("\u{7f}", Some("CONTROL_CHARACTER")),
            ("“引号”—…‰\u{2065}\u{206a}\u{a0}\u{2028}", None),
        ] {
            let found = required("text", text, MAX_TEXT).err().map(|f| f.reason());
            assert_eq!(found, reason, "{:?}", text.chars().take(9).collect::<String>());
        }
    }

    #[test]
    fn phones_keep_only_what_is_dialled() {
        for (written, kept) in [
            (" 138-1234 5678 ", Some("13812345678")),
            ("+86 138 1234 5678", Some("13812345678")),
            ("+852 2345 6789", Some("+85223456789")),
            ("", Some("")),
            ("李女士", None),
            ("12", None),
        ] {
            assert_eq!(phone(written.into()).ok().as_deref(), kept, "{written}");
        }
    }
}
