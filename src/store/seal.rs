//! To come.
use super::SealedContact;
use crate::domain::{Contact, OrderNo};
/// x
pub struct Sealer;
impl Sealer {
    /// x
    pub fn seal(&self, _: OrderNo, _: &Contact) -> SealedContact {
        SealedContact { phone: [0; 16], tail: [0; 16], sealed: Vec::new() }
    }
    /// x
    pub fn open(&self, _: OrderNo, _: &SealedContact) -> Result<Contact, String> {
        Ok(Contact::default())
    }
    /// x
    pub fn tail_matches(&self, _: OrderNo, _: &str, _: &SealedContact) -> bool {
        false
    }
}
