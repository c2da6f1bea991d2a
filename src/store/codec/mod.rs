//! How records look as bytes: by hand, compact, checked, and able to grow.
//!
//! Every record is `format byte · content · CRC-32`. The checksum starts from the record's
//! kind, so a record of one kind never reads as another. The order's content is its number
//! in eight plain bytes (so that a damaged one can be named) and then fields of
//! `tag · length · bytes`: a newer version adds a field by a new tag, and an older one
//! carries it through unread in [`Order::carried`](crate::domain::Order). Whole numbers are
//! varints, signed ones zigzag; an order's times count from when the citizen was heard, its
//! units and divisions from its city. Bytes of enums are those of `domain`.
//!
//! Nothing here may change for a format that has been written: the golden test says so.

mod bytes;
mod event;
mod life;
mod mode;
mod order;
mod record;
mod terms;
#[cfg(test)]
mod tests;
mod what;

pub use event::{EVENT, decode_events, encode_events, encode_events_behind};
pub use mode::{decode_mode, encode_mode};
pub use order::{SNAPSHOT, decode_order, encode_order, encode_order_behind};
pub use record::{
    decode_contact, decode_paper, decode_remembered, encode_contact, encode_contact_behind,
    encode_paper, encode_paper_behind, encode_remembered,
};

/// The newest format this program reads, and the one it writes.
pub const FORMAT: u8 = 1;
