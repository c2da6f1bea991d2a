//! Reading what Redis answers.

use crate::store::StoreError;
use ::redis::Value;

fn odd() -> StoreError {
    StoreError::Damaged("Redis answered in a shape we do not know".to_owned())
}

/// The parts of an answer that has parts; nothing has none.
pub fn items(value: Value) -> Result<Vec<Value>, StoreError> {
    match value {
        Value::Array(items) => Ok(items),
        Value::Nil => Ok(Vec::new()),
        _ => Err(odd()),
    }
}

/// Bytes, if there are any.
pub fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        _ => None,
    }
}

/// Bytes that must be there.
pub fn must(value: &Value) -> Result<&[u8], StoreError> {
    bytes(value).ok_or_else(odd)
}

/// Text of whatever kind; empty for anything else.
pub fn text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) => text.clone(),
        Value::Okay => "OK".to_owned(),
        _ => String::new(),
    }
}

/// A whole number, as such or as text.
pub fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int(n) => Some(*n),
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        _ => None,
    }
}

/// A whole number that must be there.
pub fn must_integer(value: &Value) -> Result<i64, StoreError> {
    integer(value).ok_or_else(odd)
}

/// A field of a hash and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Fields and values of a hash, however the protocol gives them.
pub fn pairs(value: Value) -> Result<Vec<Pair>, StoreError> {
    match value {
        Value::Map(pairs) => {
            let pair = |(field, value)| Ok((must(&field)?.to_vec(), must(&value)?.to_vec()));
            pairs.into_iter().map(pair).collect()
        }
        flat => {
            let items = items(flat)?;
            let pairs = items.chunks_exact(2);
            pairs.map(|pair| Ok((must(&pair[0])?.to_vec(), must(&pair[1])?.to_vec()))).collect()
        }
    }
}

/// Members and whole scores, as `WITHSCORES` gives them.
pub fn scored(value: Value) -> Result<Vec<(Vec<u8>, i64)>, StoreError> {
    let items = items(value)?;
    let pairs = items.chunks_exact(2);
    pairs.map(|pair| Ok((must(&pair[0])?.to_vec(), must_integer(&pair[1])?))).collect()
}
