//! Contacts are sealed before they are stored, from the first day.
//!
//! One key file of 32 random bytes; from it, by HMAC-SHA256 under labels, the keys to seal
//! (AES-256-GCM, the order's number as associated data, so that no contact can be put under
//! another order) and one to digest (so that a caller is found, and a citizen who knows the
//! last four digits of the phone is believed, without unsealing anything).
//!
//! GCM gives way when a key meets a nonce twice, and its nonces are too short to be drawn at
//! random (NIST SP 800-38D, 8.3). So each process seals with a key of its own, derived for
//! 128 random bits, and counts. What it sealed begins with these bits and the count.

use super::{BodyDigest, SealedContact};
use crate::domain::{Contact, OrderNo, Phone, Redacted, normal_phone};
use aes_gcm::aead::{Aead, AeadInOut, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const KEY: usize = 32;
/// The random bits that name a process.
const PROCESS: usize = 16;
/// These and the count stand before what is sealed.
const HEAD: usize = PROCESS + 8;
/// And what proves it whole behind it.
const TAG: usize = 16;
/// The digits that a citizen is asked for.
const TAIL: usize = 4;

/// Why a contact cannot be sealed or opened. Says nothing of what is in it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SealError {
    /// The key file.
    #[error("{path}: {problem}")]
    KeyFile {
        /// Which.
        path: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// It was sealed by another key or for another order, or it was changed.
    #[error("it does not open: another key sealed it, or it was changed")]
    DoesNotOpen,
}

/// Seals and opens contacts.
pub struct Sealer {
    key: [u8; KEY],
    digest: Hmac<Sha256>,
    process: [u8; PROCESS],
    cipher: Aes256Gcm,
    sealed: AtomicU64,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer [redacted]")
    }
}

impl Sealer {
    /// With the key of a file: 64 hexadecimal digits.
    pub fn from_key_file(path: &Path) -> Result<Sealer, SealError> {
        let fault =
            |problem: String| SealError::KeyFile { path: path.display().to_string(), problem };
        let unread = |e: std::io::Error| {
            format!("it cannot be read ({e}); name the file that holds the key")
        };
        let mut text = String::new();
        // A key file that is a disk image is a mistake, not a key: read no more than it takes.
        let file = OpenOptions::new().read(true).open(path).map_err(|e| match e.kind() {
            ErrorKind::NotFound => fault(
                "there is no such file; restore the key that sealed this store's contacts, or \
                 make one with: openssl rand -hex 32"
                    .to_owned(),
            ),
            ErrorKind::PermissionDenied => fault(
                "this user may not read it; change its owner, which is who serves the city"
                    .to_owned(),
            ),
            _ => fault(unread(e)),
        })?;
        file.take(1_024).read_to_string(&mut text).map_err(|e| fault(unread(e)))?;
        let key = unhex(text.trim()).ok_or_else(|| {
            fault(
                "a key file holds 64 hexadecimal digits; restore the key, or name the right file"
                    .to_owned(),
            )
        })?;
        Sealer::new(&key).map_err(|e| fault(e.to_string()))
    }

    /// With a new random key, written to a file that only its owner can read. Refuses to
    /// write over anything: a lost key is a city's contacts lost.
    pub fn create_key_file(path: &Path) -> Result<Sealer, SealError> {
        use std::os::unix::fs::OpenOptionsExt;
        let fault =
            |problem: String| SealError::KeyFile { path: path.display().to_string(), problem };
        let mut key = [0; KEY];
        getrandom::fill(&mut key).map_err(|e| fault(e.to_string()))?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = options.open(path).map_err(|e| match e.kind() {
            ErrorKind::NotFound => fault("its folder does not exist; make it first".to_owned()),
            ErrorKind::PermissionDenied => fault(
                "this user may not write into its folder; change that one's owner or rights, or \
                 name another file"
                    .to_owned(),
            ),
            ErrorKind::ReadOnlyFilesystem => fault(
                "its disk is mounted read-only; mount it for writing, or name a file elsewhere"
                    .to_owned(),
            ),
            _ => fault(format!("it cannot be made ({e}); name another file")),
        })?;
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(file, "{hex}").and_then(|()| file.sync_all()).map_err(|e| fault(e.to_string()))?;
        Sealer::new(&key).map_err(|e| fault(e.to_string()))
    }

    /// With a key that is kept elsewhere.
    pub fn new(key: &[u8; KEY]) -> Result<Sealer, getrandom::Error> {
        let digesting = mac(key, &[b"hotline contact digest 1"]);
        let mut process = [0; PROCESS];
        getrandom::fill(&mut process)?;
        Ok(Sealer {
            key: *key,
            digest: keyed(&digesting),
            process,
            cipher: cipher(key, &process),
            sealed: AtomicU64::new(0),
        })
    }

    /// Seals a contact for an order.
    pub fn seal(&self, no: OrderNo, contact: &Contact) -> Result<SealedContact, SealError> {
        let count = self.sealed.fetch_add(1, Relaxed).to_be_bytes();
        let phone = normal_phone(contact.phone.reveal());
        let phone = phone.as_ref().map_or("", Phone::digits);
        let texts = [contact.name.reveal(), contact.phone.reveal(), contact.address.reveal()];
        let mut sealed = Vec::with_capacity(HEAD + packed_len(texts) + TAG);
        sealed.extend(self.process);
        sealed.extend(count);
        pack(texts, &mut sealed);
        let (nonce, aad) = (nonce(count), no.code().to_be_bytes());
        let tag = self.cipher.encrypt_inout_detached(&nonce, &aad, (&mut sealed[HEAD..]).into());
        sealed.extend(tag.map_err(|_| SealError::DoesNotOpen)?);
        let tail = phone.len().checked_sub(TAIL).map_or("", |at| &phone[at..]);
        Ok(SealedContact {
            phone: self.phone_digest(phone),
            tail: self.tail_digest(no, tail),
            sealed,
        })
    }

    /// Opens the contact of an order.
    pub fn open(&self, no: OrderNo, contact: &SealedContact) -> Result<Contact, SealError> {
        let split = || {
            let (process, rest) = contact.sealed.split_first_chunk::<PROCESS>()?;
            let (count, sealed) = rest.split_first_chunk::<8>()?;
            Some((process, *count, sealed))
        };
        let (process, count, msg) = split().ok_or(SealError::DoesNotOpen)?;
        let payload = Payload { msg, aad: &no.code().to_be_bytes() };
        let plain = match *process == self.process {
            true => self.cipher.decrypt(&nonce(count), payload),
            false => cipher(&self.key, process).decrypt(&nonce(count), payload),
        };
        let plain = plain.map_err(|_| SealError::DoesNotOpen)?;
        let [name, phone, address] = unpack(&plain).ok_or(SealError::DoesNotOpen)?;
        Ok(Contact {
            name: Redacted::new(name),
            phone: Redacted::new(phone),
            address: Redacted::new(address),
        })
    }

    /// Whether the phone of an order ends in these four digits. Compares digests in constant
    /// time; an order without a phone has no tail that matches.
    pub fn tail_matches(&self, no: OrderNo, last_four: &str, contact: &SealedContact) -> bool {
        if last_four.len() != TAIL || !last_four.bytes().all(|b| b.is_ascii_digit()) {
            return false;
        }
        let given = self.tail_digest(no, last_four);
        given.iter().zip(contact.tail).fold(0, |wrong, (a, b)| wrong | (a ^ b)) == 0
    }

    /// The digest that finds a caller, of a phone number in its normal form.
    pub fn phone_digest(&self, normal: &str) -> [u8; 16] {
        self.digested(&[b"phone", normal.as_bytes()])
    }

    /// What is remembered of a request's body, of its digest: without the key nobody can try
    /// out on the store which phone somebody gave.
    pub fn body_digest(&self, plain: &BodyDigest) -> BodyDigest {
        self.digested(&[b"body", plain])
    }

    /// Tells this key from any other, and nothing about it.
    pub fn fingerprint(&self) -> [u8; 16] {
        self.digested(&[b"fingerprint"])
    }

    fn tail_digest(&self, no: OrderNo, tail: &str) -> [u8; 16] {
        self.digested(&[b"tail", &no.code().to_be_bytes(), tail.as_bytes()])
    }

    fn digested(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut digest = self.digest.clone();
        parts.iter().for_each(|part| digest.update(part));
        let full: [u8; 32] = digest.finalize().into_bytes().into();
        let mut half = [0; 16];
        half.copy_from_slice(&full[..16]);
        half
    }
}

/// What a process seals with.
fn cipher(key: &[u8; KEY], process: &[u8; PROCESS]) -> Aes256Gcm {
    Aes256Gcm::new(&mac(key, &[b"hotline contact seal 2", process]).into())
}

fn nonce(count: [u8; 8]) -> Nonce<aes_gcm::aead::consts::U12> {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&count);
    nonce.into()
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    <Hmac<Sha256> as KeyInit>::new(&hmac::digest::Key::<Hmac<Sha256>>::from({
        // HMAC pads a key to its block of 64 bytes (RFC 2104).
        let mut block = [0; 64];
        block[..32].copy_from_slice(key);
        block
    }))
}

fn mac(key: &[u8; KEY], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = keyed(key);
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn packed_len(texts: [&String; 3]) -> usize {
    texts.iter().map(|text| 4 + text.len()).sum()
}

/// Three texts, each behind its length.
fn pack(texts: [&String; 3], out: &mut Vec<u8>) {
    for text in texts {
        out.extend((text.len() as u32).to_be_bytes());
        out.extend(text.as_bytes());
    }
}

fn unpack(mut packed: &[u8]) -> Option<[String; 3]> {
    let mut text = || {
        let (len, rest) = packed.split_first_chunk::<4>()?;
        let (text, rest) = rest.split_at_checked(u32::from_be_bytes(*len) as usize)?;
        packed = rest;
        String::from_utf8(text.to_vec()).ok()
    };
    Some([text()?, text()?, text()?])
}

fn unhex(text: &str) -> Option<[u8; KEY]> {
    if text.len() != 2 * KEY || !text.is_ascii() {
        return None;
    }
    let mut key = [0; KEY];
    for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Date;

    fn no(seq: u32) -> OrderNo {
        OrderNo::new("3304".parse().unwrap(), Date { year: 2026, month: 3, day: 14 }, seq)
    }

    fn caller() -> Contact {
        Contact {
            name: Redacted::new("王阿姨".into()),
            phone: Redacted::new("+86 138-1234-5678".into()),
            address: Redacted::new("嘉兴市南湖区5幢801".into()),
        }
    }

    #[test]
    fn what_is_sealed_opens_for_its_order_alone() {
        let sealer = Sealer::new(&[7; KEY]).unwrap();
        let sealed = sealer.seal(no(1), &caller()).unwrap();
        assert_eq!(sealer.open(no(1), &sealed).unwrap(), caller());
        assert_eq!(sealer.open(no(2), &sealed).unwrap_err(), SealError::DoesNotOpen);
        let restarted = Sealer::new(&[7; KEY]).unwrap();
        assert_eq!(restarted.open(no(1), &sealed).unwrap(), caller());
        let other = Sealer::new(&[8; KEY]).unwrap();
        assert_eq!(other.open(no(1), &sealed).unwrap_err(), SealError::DoesNotOpen);
        for at in 0..sealed.sealed.len() {
            let mut changed = sealed.clone();
            changed.sealed[at] ^= 1;
            assert!(sealer.open(no(1), &changed).is_err(), "byte {at}");
        }
        let nothing = SealedContact { sealed: Vec::new(), ..sealed.clone() };
        assert!(sealer.open(no(1), &nothing).is_err());
        let bytes = [&sealed.sealed[..], &sealed.phone, &sealed.tail].concat();
        for secret in ["王阿姨", "1234", "801"] {
            let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
            assert!(!found, "{secret} shows");
        }
        assert_eq!(format!("{sealer:?}"), "Sealer [redacted]");
    }

    #[test]
    fn the_same_caller_has_one_digest_and_no_two_seals_are_alike() {
        let sealer = Sealer::new(&[7; KEY]).unwrap();
        let (a, b) =
            (sealer.seal(no(1), &caller()).unwrap(), sealer.seal(no(2), &caller()).unwrap());
        assert_eq!(a.phone, b.phone);
        assert_eq!(a.phone, sealer.phone_digest("13812345678"));
        let (body, other) = ([9; 16], Sealer::new(&[8; KEY]).unwrap());
        assert_eq!(sealer.body_digest(&body), sealer.body_digest(&body));
        assert_ne!(sealer.body_digest(&body), other.body_digest(&body));
        assert_ne!(a.tail, b.tail, "four digits are few: the digest is the order's own");
        assert_ne!(a.sealed, b.sealed);
    }

    #[test]
    fn the_last_four_digits() {
        let sealer = Sealer::new(&[7; KEY]).unwrap();
        let sealed = sealer.seal(no(1), &caller()).unwrap();
        let table =
            [("5678", true), ("5679", false), ("678", false), ("15678", false), ("", false)];
        for (tail, matches) in table {
            assert_eq!(sealer.tail_matches(no(1), tail, &sealed), matches, "{tail}");
        }
        let nobody = sealer.seal(no(1), &Contact::default()).unwrap();
        assert!(!sealer.tail_matches(no(1), "0000", &nobody));
    }

    #[test]
    fn the_key_file_is_made_once_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("contacts.key");
        let missing = Sealer::from_key_file(&path).unwrap_err().to_string();
        assert!(missing.contains("no such file"), "{missing}");
        let sealed = Sealer::create_key_file(&path).unwrap().seal(no(1), &caller()).unwrap();
        assert!(Sealer::create_key_file(&path).is_err(), "never written over");
        let again = Sealer::from_key_file(&path).unwrap();
        assert_eq!(again.open(no(1), &sealed).unwrap(), caller());
        for bad in ["", "abc", &"g".repeat(64), &"é".repeat(32)] {
            std::fs::write(&path, bad).unwrap();
            let error = Sealer::from_key_file(&path).unwrap_err().to_string();
            assert!(error.contains("64 hexadecimal digits"), "{error}");
        }
    }
}
