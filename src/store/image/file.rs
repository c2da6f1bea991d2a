//! How an image lies in a file: `hotline backup`, a line feed and two bytes of version; then
//! blocks of `type (1) · length (4) · content · CRC-32`, whole numbers big-endian.
//!
//! The checksum of a block goes on from that of the block before it, the first from the file's
//! head. So a byte that changed, a block that is missing, and one that came from another file
//! are all noticed at that place; and the last block's checksum stands for the whole file.
//!
//! | type | content |
//! |---|---|
//! | 1, the first | city (2), when it was begun (8), fingerprint of the key (16, or zeros) |
//! | 2 | rows: kind (1), length of the key (1), length of the value (4), key, value |
//! | 3, the last | the moment: epoch, sequence, claims, time (8 each); then each kind (1) and how many rows (8) |
//!
//! It is not compressed: nothing that is linked in would do it, and a file system or `zstd` does.

use super::{Kind, Moment, Row, Tallied};
use crate::domain::{Cell, Timestamp};
use std::io::{ErrorKind, Read};

const MAGIC: &[u8] = b"hotline backup\n";
/// The format that is written, and the newest that is read.
pub const FORMAT: u16 = 1;
/// No block is larger: a length beyond it is no length.
const MAX_BLOCK: u32 = 64 << 20;

const HEAD: u8 = 1;
const ROWS: u8 = 2;
const END: u8 = 3;

/// What a file says before its rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// Which city.
    pub cell: Cell,
    /// When it was begun.
    pub began: Timestamp,
    /// The fingerprint of the key that sealed its contacts; `None` if there are none.
    pub key: Option<[u8; 16]>,
}

/// What a whole file holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Summary {
    /// What it says first.
    pub head: Head,
    /// And last.
    pub moment: Moment,
    /// Its rows.
    pub tallied: Tallied,
    /// How long it is.
    pub bytes: u64,
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The disk's fault.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// Something else.
    #[error("is no backup of hotline's")]
    NotOne,
    /// By a newer program.
    #[error("has format {found}, this program reads up to {FORMAT}: run a newer hotline")]
    TooNew {
        /// What is there.
        found: u16,
    },
    /// By a newer program, too.
    #[error("holds rows of a kind ({kind}) that this program does not know: run a newer hotline")]
    UnknownKind {
        /// Which.
        kind: u8,
    },
    /// It is not what was written.
    #[error("is damaged at byte {at}: {why}; take another backup, or another copy of this one")]
    Damaged {
        /// Where the block begins that is not whole.
        at: u64,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// Makes rows into bytes.
pub struct Encoder {
    head: Head,
    chain: u32,
    tallied: Tallied,
    bytes: u64,
}

impl Encoder {
    /// Of a file that begins so.
    pub fn new(head: Head) -> Encoder {
        Encoder { head, chain: 0, tallied: Tallied::default(), bytes: 0 }
    }

    /// What was written so far.
    pub fn tallied(&self) -> &Tallied {
        &self.tallied
    }

    /// The first bytes.
    pub fn begin(&mut self) -> Vec<u8> {
        let mut bytes = [MAGIC, &FORMAT.to_be_bytes()].concat();
        self.chain = crc32fast::hash(&bytes);
        self.bytes = bytes.len() as u64;
        let Head { cell, began, key } = &self.head;
        let mut content = cell.code().to_be_bytes().to_vec();
        content.extend_from_slice(&began.0.to_be_bytes());
        content.extend_from_slice(&key.unwrap_or_default());
        bytes.extend(self.block(HEAD, &content));
        bytes
    }

    /// The bytes of some rows.
    pub fn rows(&mut self, rows: &[Row]) -> Vec<u8> {
        let mut content = Vec::with_capacity(rows.iter().map(|row| row.weight() + 6).sum());
        for row in rows {
            self.tallied.add(row);
            content.extend_from_slice(&[row.kind as u8, row.key.len() as u8]);
            content.extend_from_slice(&(row.value.len() as u32).to_be_bytes());
            content.extend_from_slice(&row.key);
            content.extend_from_slice(&row.value);
        }
        self.block(ROWS, &content)
    }

    /// The last bytes, and what the whole is.
    pub fn end(mut self, moment: Moment) -> (Vec<u8>, Summary) {
        let Moment { epoch, sequence, claims, at } = moment;
        let mut content = Vec::new();
        for number in [epoch, sequence, claims, at.0 as u64] {
            content.extend_from_slice(&number.to_be_bytes());
        }
        content.extend_from_slice(&counts(&self.tallied));
        let bytes = self.block(END, &content);
        let Encoder { head, tallied, bytes: length, chain: _ } = self;
        (bytes, Summary { head, moment, tallied, bytes: length })
    }

    fn block(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(content.len() + 9);
        bytes.push(kind);
        bytes.extend_from_slice(&(content.len() as u32).to_be_bytes());
        bytes.extend_from_slice(content);
        let mut hasher = crc32fast::Hasher::new_with_initial(self.chain);
        hasher.update(&bytes);
        self.chain = hasher.finalize();
        bytes.extend_from_slice(&self.chain.to_be_bytes());
        self.bytes += bytes.len() as u64;
        bytes
    }
}

/// Each kind there is, and how many rows.
fn counts(tallied: &Tallied) -> Vec<u8> {
    let mut bytes = Vec::new();
    for kind in Kind::ALL.iter().filter(|kind| tallied.count(**kind) > 0) {
        bytes.push(*kind as u8);
        bytes.extend_from_slice(&tallied.count(*kind).to_be_bytes());
    }
    bytes
}

/// What comes next in a file.
#[derive(Debug)]
pub enum Block {
    /// Rows.
    Rows(Vec<Row>),
    /// Nothing more.
    End(Box<Summary>),
}

/// Makes bytes into rows. Nothing is given out that its checksum does not vouch for.
pub struct Reader<R> {
    blocks: Blocks<R>,
    head: Head,
    tallied: Tallied,
}

impl<R: Read> Reader<R> {
    /// Reads how the file begins.
    pub fn open(mut source: R) -> Result<Reader<R>, ImageError> {
        let mut begin = [0; MAGIC.len() + 2];
        source.read_exact(&mut begin).map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof => ImageError::NotOne,
            _ => ImageError::Unreadable(e),
        })?;
        let (magic, version) = begin.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(ImageError::NotOne);
        }
        let found = u16::from_be_bytes([version[0], version[1]]);
        if found > FORMAT {
            return Err(ImageError::TooNew { found });
        }
        let begins = begin.len() as u64;
        let mut blocks = Blocks { source, chain: crc32fast::hash(&begin), at: begins };
        let (kind, content) = blocks.read()?;
        let head = if kind == HEAD { head(&content) } else { None };
        let head = head.ok_or(damaged(begins, "its head is none"))?;
        Ok(Reader { blocks, head, tallied: Tallied::default() })
    }

    /// What it says first.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// How far it was read.
    pub fn at(&self) -> u64 {
        self.blocks.at
    }

    /// What comes next.
    pub fn read(&mut self) -> Result<Block, ImageError> {
        let begins = self.blocks.at;
        let (kind, content) = self.blocks.read()?;
        match kind {
            ROWS => {
                let rows = rows(&content, begins)?;
                rows.iter().for_each(|row| self.tallied.add(row));
                Ok(Block::Rows(rows))
            }
            END => self.end(&content, begins),
            _ => Err(damaged(begins, "a block in it is none")),
        }
    }

    fn end(&mut self, content: &[u8], begins: u64) -> Result<Block, ImageError> {
        let said = content.split_first_chunk::<32>();
        let (numbers, counted) = said.ok_or(damaged(begins, "its end is none"))?;
        let (numbers, _) = numbers.as_chunks::<8>();
        if counted != counts(&self.tallied) {
            return Err(damaged(begins, "it has other rows than it says"));
        }
        if self.blocks.source.read(&mut [0])? != 0 {
            return Err(damaged(self.blocks.at, "something follows its end"));
        }
        let number = |i: usize| u64::from_be_bytes(numbers[i]);
        Ok(Block::End(Box::new(Summary {
            head: self.head.clone(),
            moment: Moment {
                epoch: number(0),
                sequence: number(1),
                claims: number(2),
                at: Timestamp(number(3) as i64),
            },
            tallied: std::mem::take(&mut self.tallied),
            bytes: self.blocks.at,
        })))
    }
}

/// The blocks of a file, each checked.
struct Blocks<R> {
    source: R,
    chain: u32,
    at: u64,
}

impl<R: Read> Blocks<R> {
    /// Type and content of the next one.
    fn read(&mut self) -> Result<(u8, Vec<u8>), ImageError> {
        let begins = self.at;
        let mut begin = [0; 5];
        self.exactly(&mut begin, begins)?;
        let [kind, length @ ..] = begin;
        let length = u32::from_be_bytes(length);
        if length > MAX_BLOCK {
            return Err(damaged(begins, "a block in it is longer than any"));
        }
        let mut content = vec![0; length as usize];
        self.exactly(&mut content, begins)?;
        let mut sum = [0; 4];
        self.exactly(&mut sum, begins)?;
        let mut hasher = crc32fast::Hasher::new_with_initial(self.chain);
        hasher.update(&begin);
        hasher.update(&content);
        let chain = hasher.finalize();
        if chain.to_be_bytes() != sum {
            return Err(damaged(begins, "a checksum does not match"));
        }
        self.chain = chain;
        Ok((kind, content))
    }

    fn exactly(&mut self, bytes: &mut [u8], begins: u64) -> Result<(), ImageError> {
        self.source.read_exact(bytes).map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof => damaged(begins, "it ends too soon"),
            _ => ImageError::Unreadable(e),
        })?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}

fn damaged(at: u64, why: &'static str) -> ImageError {
    ImageError::Damaged { at, why }
}

fn head(content: &[u8]) -> Option<Head> {
    let (cell, rest) = content.split_first_chunk()?;
    let (began, rest) = rest.split_first_chunk()?;
    let (key, _) = rest.split_first_chunk::<16>()?;
    Some(Head {
        cell: format!("{:04}", u16::from_be_bytes(*cell)).parse().ok()?,
        began: Timestamp(i64::from_be_bytes(*began)),
        key: (*key != [0; 16]).then_some(*key),
    })
}

fn rows(mut content: &[u8], begins: u64) -> Result<Vec<Row>, ImageError> {
    let odd = || damaged(begins, "a row in it is none");
    let mut rows = Vec::new();
    while let Some((begin, rest)) = content.split_first_chunk::<6>() {
        let [kind, key, a, b, c, d] = *begin;
        let (key, rest) = rest.split_at_checked(usize::from(key)).ok_or_else(odd)?;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        let (value, rest) = rest.split_at_checked(length).ok_or_else(odd)?;
        let kind = Kind::from_byte(kind).ok_or(ImageError::UnknownKind { kind })?;
        rows.push(Row::new(kind, key, value));
        content = rest;
    }
    if content.is_empty() { Ok(rows) } else { Err(odd()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Vec<u8> {
        let head = Head { cell: "3304".parse().unwrap(), began: Timestamp(7), key: Some([9; 16]) };
        let mut encoder = Encoder::new(head);
        let mut bytes = encoder.begin();
        bytes.extend(encoder.rows(&[
            Row::new(Kind::Tally, *b"open", *b"12345678"),
            Row::new(Kind::Mode, [], *b"row"),
        ]));
        bytes.extend(encoder.rows(&[Row::new(Kind::Number, [1, 2], [0; 4])]));
        let moment = Moment { epoch: 1, sequence: 2, claims: 3, at: Timestamp(-4) };
        let (last, summary) = encoder.end(moment);
        bytes.extend(last);
        assert_eq!(summary.bytes, bytes.len() as u64);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<(Vec<Row>, Summary), ImageError> {
        let mut reader = Reader::open(bytes)?;
        let mut all = Vec::new();
        loop {
            match reader.read()? {
                Block::Rows(rows) => all.extend(rows),
                Block::End(summary) => return Ok((all, *summary)),
            }
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let (rows, summary) = read(&written()).unwrap();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0], Row::new(Kind::Tally, *b"open", *b"12345678"));
        assert_eq!(summary.head.key, Some([9; 16]));
        assert_eq!(summary.moment.at, Timestamp(-4));
        assert_eq!(summary.tallied.count(Kind::Number), 1);
    }

    #[test]
    fn no_byte_changes_and_none_is_missing_unseen() {
        let whole = written();
        for len in 0..whole.len() {
            let error = read(&whole[..len]).unwrap_err();
            let known = matches!(error, ImageError::Damaged { .. } | ImageError::NotOne);
            assert!(known, "cut to {len}: {error}");
        }
        for at in 0..whole.len() {
            for flip in [1, 0x80] {
                let mut other = whole.clone();
                other[at] ^= flip;
                assert!(read(&other).is_err(), "byte {at}");
            }
        }
        let mut more = whole.clone();
        more.push(0);
        let said = read(&more).unwrap_err().to_string();
        assert!(said.contains(&format!("at byte {}", whole.len())), "{said}");
    }

    #[test]
    fn a_damage_is_said_where_it_is() {
        let mut bytes = written();
        let first = MAGIC.len() + 2;
        let length = u32::from_be_bytes(bytes[first + 1..first + 5].try_into().unwrap());
        let second = first + 9 + length as usize;
        bytes[second + 12] ^= 1;
        let said = read(&bytes).unwrap_err().to_string();
        assert!(said.contains(&format!("at byte {second}: a checksum")), "{said}");
    }

    #[test]
    fn what_a_newer_program_wrote_is_refused_and_says_so() {
        let mut newer = written();
        newer[MAGIC.len() + 1] = 2;
        let said = read(&newer).unwrap_err().to_string();
        assert!(said.contains("format 2") && said.contains("newer hotline"), "{said}");
        let unknown = [200, 1, 0, 0, 0, 0, 7];
        let said = rows(&unknown, 0).unwrap_err().to_string();
        assert!(said.contains("(200)") && said.contains("newer hotline"), "{said}");
        assert!(matches!(read(b"PK"), Err(ImageError::NotOne)));
        assert!(matches!(read(&[b'x'; 200]), Err(ImageError::NotOne)));
    }
}
