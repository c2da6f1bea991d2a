//! Contacts are sealed before any store sees them, and found without being opened.
//!
//! One key file of 32 random bytes; from it one key each for sealing (XChaCha20-Poly1305),
//! for finding an order by a phone number and for checking its last four digits
//! (HMAC-SHA-256), so that none of the three helps against another. The order's number is
//! sealed with the contact: one that was moved to another order does not open.

use super::SealedContact;
use crate::domain::{Contact, OrderNo, Redacted, normal_phone};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;
use std::io::Write;
use std::path::Path;

type HmacSha256 = Hmac<Sha256>;

const KEY: usize = 32;
const NONCE: usize = 24;
/// Before the three texts inside the seal, so that their form can change.
const FORM: u8 = 1;

/// Why a contact cannot be sealed or opened. Says nothing of what is in it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SealError {
    /// The key file cannot be used.
    #[error("{0}")]
    KeyFile(String),
    /// The contact does not open.
    #[error(
        "the contact of {0} does not open: it was sealed with another key, or is damaged; \
         use the key file it was sealed with, or restore it from a backup"
    )]
    DoesNotOpen(OrderNo),
    /// The system gave no random bytes.
    #[error("the system gives no random bytes: {0}")]
    NoRandom(String),
}

/// Seals and opens contacts. Shows nothing of its keys.
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    phones: HmacSha256,
    tails: HmacSha256,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    /// With the key in a file that [`Sealer::create_key_file`] made.
    pub fn from_key_file(path: &Path) -> Result<Sealer, SealError> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|e| {
            SealError::KeyFile(format!(
                "the key file {shown} cannot be read ({e}); name the file the contacts were \
                 sealed with, or make a new one for a new store"
            ))
        })?;
        let key = from_hex(text.trim()).ok_or_else(|| {
            SealError::KeyFile(format!("{shown} is no key file: it must hold 64 hex digits"))
        })?;
        Ok(Sealer::with_key(&key))
    }

    /// Makes a key file that only its owner can read. Never writes over one: with the old
    /// key gone, no contact would ever open again.
    pub fn create_key_file(path: &Path) -> Result<Sealer, SealError> {
        let mut key = [0; KEY];
        getrandom::fill(&mut key).map_err(|e| SealError::NoRandom(e.to_string()))?;
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let text: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let written = options.open(path).and_then(|mut file| {
            file.write_all(format!("{text}\n").as_bytes())?;
            file.sync_all()
        });
        written.map_err(|e| {
            let shown = path.display();
            SealError::KeyFile(match e.kind() {
                std::io::ErrorKind::AlreadyExists => {
                    format!("{shown} exists and is not written over; use it, or name another file")
                }
                _ => format!("the key file {shown} cannot be made: {e}"),
            })
        })?;
        Ok(Sealer::with_key(&key))
    }

    fn with_key(key: &[u8; KEY]) -> Sealer {
        let derive = |label: &[u8]| -> [u8; KEY] {
            let mut mac = keyed(key);
            mac.update(label);
            mac.finalize().into_bytes().into()
        };
        Sealer {
            cipher: XChaCha20Poly1305::new(&derive(b"hotline contact seal v1").into()),
            phones: keyed(&derive(b"hotline contact phone v1")),
            tails: keyed(&derive(b"hotline contact tail v1")),
        }
    }

    /// Seals the contact of an order.
    pub fn seal(&self, no: OrderNo, contact: &Contact) -> Result<SealedContact, SealError> {
        let mut nonce = [0; NONCE];
        // With 192 random bits no nonce ever comes twice.
        getrandom::fill(&mut nonce).map_err(|e| SealError::NoRandom(e.to_string()))?;
        let Contact { name, phone, address } = contact;
        let mut plain = vec![FORM];
        for text in [name, phone, address] {
            plain.extend_from_slice(&(text.reveal().len() as u32).to_le_bytes());
            plain.extend_from_slice(text.reveal().as_bytes());
        }
        let aad = no.code().to_be_bytes();
        let payload = Payload { msg: &plain, aad: &aad };
        let cipher = self.cipher.encrypt(&XNonce::from(nonce), payload);
        let cipher = cipher.map_err(|_| SealError::DoesNotOpen(no))?;
        let mut sealed = Vec::with_capacity(NONCE + cipher.len());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&cipher);
        let digits = normal_phone(phone.reveal()).unwrap_or_default();
        let tail = self.tail(no, last_four(&digits));
        let mut short = [0; 16];
        short.copy_from_slice(&tail.finalize().into_bytes()[..16]);
        Ok(SealedContact { phone: self.phone_digest(phone.reveal()), tail: short, sealed })
    }

    /// Opens the contact of an order.
    pub fn open(&self, no: OrderNo, contact: &SealedContact) -> Result<Contact, SealError> {
        let closed = SealError::DoesNotOpen(no);
        let (nonce, cipher) =
            contact.sealed.split_first_chunk::<NONCE>().ok_or_else(|| closed.clone())?;
        let aad = no.code().to_be_bytes();
        let payload = Payload { msg: cipher, aad: &aad };
        let plain = self.cipher.decrypt(&XNonce::from(*nonce), payload);
        read(&plain.map_err(|_| closed.clone())?).ok_or(closed)
    }

    /// Whether these are the last four digits of the phone of an order. Takes as long for a
    /// wrong guess as for the right one.
    pub fn tail_matches(&self, no: OrderNo, last4: &str, contact: &SealedContact) -> bool {
        let four = last4.len() == 4 && last4.bytes().all(|b| b.is_ascii_digit());
        let same = self.tail(no, last4).verify_truncated_left(&contact.tail).is_ok();
        four && same
    }

    /// What finds the orders of a phone number, however it is written. The same for every
    /// order; says nothing to whoever lacks the key.
    pub fn phone_digest(&self, phone: &str) -> [u8; 16] {
        let mut mac = self.phones.clone();
        mac.update(normal_phone(phone).as_deref().unwrap_or(phone).as_bytes());
        let mut digest = [0; 16];
        digest.copy_from_slice(&mac.finalize().into_bytes()[..16]);
        digest
    }

    /// With the order's number: equal digits of two callers must not look equal.
    fn tail(&self, no: OrderNo, last4: &str) -> HmacSha256 {
        let mut mac = self.tails.clone();
        mac.update(&no.code().to_be_bytes());
        mac.update(last4.as_bytes());
        mac
    }
}

/// HMAC takes keys of any length, so this cannot fail; 32 bytes are its full strength.
fn keyed(key: &[u8; KEY]) -> HmacSha256 {
    let mut block = hmac::digest::Key::<HmacSha256>::default();
    block[..KEY].copy_from_slice(key);
    <HmacSha256 as hmac::KeyInit>::new(&block)
}

fn last_four(digits: &str) -> &str {
    digits.get(digits.len().saturating_sub(4)..).unwrap_or_default()
}

fn read(plain: &[u8]) -> Option<Contact> {
    let (form, mut rest) = plain.split_first()?;
    let mut text = || -> Option<Redacted<String>> {
        let (len, after) = rest.split_first_chunk::<4>()?;
        let (text, after) = after.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        rest = after;
        Some(Redacted::new(String::from_utf8(text.to_vec()).ok()?))
    };
    let contact = Contact { name: text()?, phone: text()?, address: text()? };
    (*form == FORM && rest.is_empty()).then_some(contact)
}

fn from_hex(text: &str) -> Option<[u8; KEY]> {
    let mut key = [0; KEY];
    if text.len() != 2 * KEY || !text.is_ascii() {
        return None;
    }
    for (i, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Date;

    fn number(seq: u32) -> OrderNo {
        OrderNo::new("3304".parse().unwrap(), Date { year: 2026, month: 11, day: 23 }, seq)
    }

    fn caller() -> Contact {
        Contact {
            name: Redacted::new("王阿姨".to_owned()),
            phone: Redacted::new("+86 138-1234-5678".to_owned()),
            address: Redacted::new("南湖区5幢801室".to_owned()),
        }
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_file_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contact.key");
        let made = Sealer::create_key_file(&path).unwrap();
        let sealed = made.seal(number(1), &caller()).unwrap();
        let read = Sealer::from_key_file(&path).unwrap();
        assert_eq!(read.open(number(1), &sealed), Ok(caller()));
        assert_ne!(made.seal(number(1), &caller()).unwrap().sealed, sealed.sealed);
        let other = Sealer::create_key_file(&folder.path().join("other.key")).unwrap();
        assert_eq!(other.open(number(1), &sealed), Err(SealError::DoesNotOpen(number(1))));
        assert_eq!(read.open(number(2), &sealed), Err(SealError::DoesNotOpen(number(2))));
    }

    #[test]
    fn every_tampered_byte_keeps_it_closed() {
        let sealer = Sealer::with_key(&[7; KEY]);
        let sealed = sealer.seal(number(1), &caller()).unwrap();
        for at in 0..sealed.sealed.len() {
            let mut other = sealed.clone();
            other.sealed[at] ^= 1;
            assert!(sealer.open(number(1), &other).is_err(), "byte {at}");
        }
        for len in 0..sealed.sealed.len() {
            let cut = SealedContact { sealed: sealed.sealed[..len].to_vec(), ..sealed.clone() };
            assert!(sealer.open(number(1), &cut).is_err(), "cut to {len}");
        }
    }

    #[test]
    fn a_key_file_is_private_and_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contact.key");
        Sealer::create_key_file(&path).unwrap();
        let before = std::fs::read_to_string(&path).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let error = Sealer::create_key_file(&path).unwrap_err().to_string();
        assert!(error.contains("not written over"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
        std::fs::write(&path, "not a key, 13812345678").unwrap();
        let error = Sealer::from_key_file(&path).unwrap_err().to_string();
        assert!(error.contains("64 hex digits") && !error.contains("138"), "{error}");
        let error = Sealer::from_key_file(&folder.path().join("none")).unwrap_err().to_string();
        assert!(error.contains("cannot be read"), "{error}");
    }

    #[test]
    fn digests_find_without_opening() {
        let sealer = Sealer::with_key(&[7; KEY]);
        let sealed = sealer.seal(number(1), &caller()).unwrap();
        for written in ["13812345678", "138 1234 5678", "+8613812345678"] {
            assert_eq!(sealer.phone_digest(written), sealed.phone, "{written}");
        }
        assert_ne!(sealer.phone_digest("13812345679"), sealed.phone);
        assert_ne!(Sealer::with_key(&[8; KEY]).phone_digest("13812345678"), sealed.phone);
        assert!(sealer.tail_matches(number(1), "5678", &sealed));
        for (no, tail) in [(1, "5679"), (1, ""), (1, "45678"), (1, "abcd"), (2, "5678")] {
            assert!(!sealer.tail_matches(number(no), tail, &sealed), "{no} {tail}");
        }
        // Who gave no phone is not found by giving none.
        let silent = sealer.seal(number(3), &Contact::default()).unwrap();
        assert!(!sealer.tail_matches(number(3), "", &silent));
    }

    #[test]
    fn nothing_of_it_shows() {
        let sealer = Sealer::with_key(&[7; KEY]);
        let sealed = sealer.seal(number(1), &caller()).unwrap();
        let opened = sealer.open(number(1), &sealed).unwrap();
        let error = sealer.open(number(2), &sealed).unwrap_err();
        let shown = format!("{sealer:?} {opened:?} {error:?} {error}");
        for secret in ["王", "138", "5678", "801", "7, 7", "0707"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        // What is stored holds no piece of what was said.
        for secret in ["王阿姨", "1234", "801室"] {
            let mut windows = sealed.sealed.windows(secret.len());
            assert!(!windows.any(|window| window == secret.as_bytes()));
        }
    }

    /// The keyed digests are kept for years: what they are must not change.
    #[test]
    fn digests_stay_what_they_are() {
        let digest = Sealer::with_key(&[7; KEY]).phone_digest("13812345678");
        let shown: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(shown, "2131985ae16e3b672a567043a3274315");
    }
}
