//! To come.
use super::{Store, StoreError};
/// x
#[derive(Debug)]
pub struct Finding;
/// x
pub async fn audit(_: &dyn Store) -> Result<Vec<Finding>, StoreError> {
    Ok(Vec::new())
}
impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "x")
    }
}
