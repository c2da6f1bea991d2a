//! The city's mode row.

use super::bytes::{Bad, In, Kind, Out};
use crate::domain::{Mode, Timestamp};
use crate::store::{ModeRow, RequestId, Restamping, StoreError};

/// Writes the row.
pub fn encode_mode(row: &ModeRow) -> Vec<u8> {
    let ModeRow { revision, mode, version, since, request, restamping } = row;
    let mut out = Out::new(64);
    out.number(u64::from(*revision));
    out.byte(mode.byte());
    out.number(u64::from(*version));
    out.signed(since.0);
    out.raw(&request.0.to_be_bytes());
    if let Some(Restamping { after, looked, restamped, failed, done_at }) = restamping {
        out.number(*looked);
        out.number(*restamped);
        out.byte(u8::from(after.is_some()) | u8::from(done_at.is_some()) << 1);
        if let Some(no) = after {
            out.order_no(*no);
        }
        if let Some(at) = done_at {
            out.signed(at.0);
        }
        if *failed > 0 {
            out.number(*failed);
        }
    }
    out.finish(Kind::Mode)
}

/// Reads the row.
pub fn decode_mode(bytes: &[u8]) -> Result<ModeRow, StoreError> {
    let mut content = In::open(Kind::Mode, bytes)?;
    let read = |f: &mut In<'_>| -> Result<ModeRow, Bad> {
        let (revision, mode) = (f.small()?, f.named(Mode::from_byte)?);
        let (version, since) = (f.small()?, Timestamp(f.signed()?));
        let request = RequestId(u128::from_be_bytes(f.array()?));
        let restamping = if f.is_empty() { None } else { Some(restamping(f)?) };
        f.end()?;
        Ok(ModeRow { revision, mode, version, since, request, restamping })
    };
    read(&mut content).map_err(|bad| In::damaged(Kind::Mode, bytes, bad))
}

fn restamping(f: &mut In<'_>) -> Result<Restamping, Bad> {
    let (looked, restamped, has) = (f.number()?, f.number()?, f.byte()?);
    let after = if has & 1 != 0 { Some(f.order_no()?) } else { None };
    let done_at = if has & 2 != 0 { Some(Timestamp(f.signed()?)) } else { None };
    let failed = if f.is_empty() { 0 } else { f.number()? };
    Ok(Restamping { after, looked, restamped, failed, done_at })
}
