//! One spelling for names, keywords and texts, so that they can be compared byte by byte.

use super::variants::{is_traditional, plain};
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// What a character asks of the folding.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// Stands as it is.
    Plain,
    /// A space that may stand inside a word.
    Space,
    /// Has another form, under NFKC or as a variant, and the form could matter to a word.
    Other,
}

/// Full-width punctuation has another form too, but stands in every Chinese sentence and in
/// no keyword: folding it would cost every text a copy and win nothing.
fn sort(code: u32) -> Sort {
    match code {
        0x4e00..=0x9fff if is_traditional(code) => Sort::Other,
        0x4e00..=0x9fff => Sort::Plain,
        0x20 | 0x9 | 0xa | 0xd | 0x3000 | 0xa0 | 0x200b..=0x200f => Sort::Space,
        0..=0x7f => Sort::Plain,
        0x3001..=0x3029 | 0x2010..=0x2023 => Sort::Plain,
        0xff01..=0xff0f | 0xff1a..=0xff20 => Sort::Plain,
        _ => Sort::Other,
    }
}

/// Of a character of three bytes.
fn code(a: u8, b: u8, c: u8) -> u32 {
    u32::from(a & 0xf) << 12 | u32::from(b & 0x3f) << 6 | u32::from(c & 0x3f)
}

/// The text without white space that stands beside a Chinese character; in NFKC where that
/// changes a letter or a digit; traditional characters simplified, letters of other alphabets
/// that look like Latin ones made Latin. Nearly every text is borrowed as it is.
pub fn fold(text: &str) -> Cow<'_, str> {
    let mut spaced = false;
    let mut rest = text.as_bytes();
    loop {
        // One and three bytes are nearly all there is; by hand, for every text goes this way.
        let (code, length) = match rest {
            [] => break,
            [a @ 0..=0x7f, ..] => (u32::from(*a), 1),
            [a @ 0xe0..=0xef, b, c, ..] => (code(*a, *b, *c), 3),
            [0xc2, 0xa0, ..] => (0xa0, 2),
            _ => return Cow::Owned(squeeze(text.len(), text.nfkc().map(plain))),
        };
        rest = &rest[length..];
        match sort(code) {
            Sort::Plain => {}
            Sort::Space => spaced = true,
            Sort::Other => return Cow::Owned(squeeze(text.len(), text.nfkc().map(plain))),
        }
    }
    match spaced {
        true => Cow::Owned(squeeze(text.len(), text.chars())),
        false => Cow::Borrowed(text),
    }
}

/// A letter or digit in the same spelling, small where it is Latin; none for white space and
/// punctuation. For who compares letters and needs no copy: where NFKC makes several characters
/// of one, the first counts.
pub fn letter(c: char) -> Option<char> {
    match c {
        '\u{4e00}'..='\u{9fff}' if is_traditional(c as u32) => Some(plain(c)),
        '\u{4e00}'..='\u{9fff}' | 'a'..='z' | '0'..='9' => Some(c),
        'A'..='Z' => Some(c.to_ascii_lowercase()),
        '\0'..='\u{7f}' | '\u{2000}'..='\u{206f}' | '\u{3000}'..='\u{3020}' => None,
        // The same in full width.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).and_then(letter),
        _ => {
            let c = plain(std::iter::once(c).nfkc().next()?);
            c.is_alphanumeric().then(|| c.to_ascii_lowercase())
        }
    }
}

/// Keeps one space where it parts two Latin words or numbers, and none elsewhere. What comes out
/// is seldom longer than `length`.
fn squeeze(length: usize, chars: impl Iterator<Item = char>) -> String {
    let mut out = String::with_capacity(length);
    let mut last = '\u{4e00}';
    let mut space = false;
    for c in chars {
        if sort(c as u32) == Sort::Space {
            space = true;
            continue;
        }
        if space && last.is_ascii_alphanumeric() && c.is_ascii_alphanumeric() {
            out.push(' ');
        }
        space = false;
        last = c;
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_those_of_the_folded_text() {
        let all = "３号楼 停 水，ＥＴＣ坏了！Wi Fi…新\u{200b}塍镇 小區沒電 ЕТС ⼩区⾨口 北ロ路 “乾隆”【年間】😀·a_b";
        let folded = fold(all);
        let plain = folded.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_ascii_lowercase());
        assert!(all.chars().filter_map(letter).eq(plain), "{folded}");
        // What is one character here and two there.
        assert_eq!((letter('㎡'), fold("㎡").as_ref()), (Some('m'), "m2"));
    }

    #[test]
    fn folds_what_matters_and_borrows_the_rest() {
        for (text, folded) in [
            ("小区停水，怎么办？", "小区停水，怎么办？"),
            ("３号楼 停 水", "3号楼停水"),
            ("ＥＴＣ坏了", "ETC坏了"),
            ("\u{3000}\u{3000}你好\n家里停电", "你好家里停电"),
            ("Wi Fi 没信号", "Wi Fi没信号"),
            ("新\u{200b}塍镇", "新塍镇"),
            ("㎡", "m2"),
            ("小區沒電電梯壞了", "小区没电电梯坏了"),
            ("乾隆年間", "乾隆年间"),
            ("ЕТС坏了", "ETC坏了"),
            ("⼩区⾨口", "小区门口"),
            ("北ロ路", "北口路"),
            ("", ""),
        ] {
            assert_eq!(fold(text), folded);
        }
        assert!(matches!(fold("路灯坏了（已三天）。"), Cow::Borrowed(_)));
    }
}
