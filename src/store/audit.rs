//! To come.
use super::{Store, StoreError};
/// x
#[derive(Debug)]
pub struct Finding;
/// x
pub async fn audit(_: &dyn Store) -> Result<Vec<Finding>, StoreError> {
    Ok(Vec::new())
}
