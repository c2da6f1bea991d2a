//! The wire: what the protos of `proto/hotline/v1` compile to. Their comments are its manual.

pub mod codec;

/// Package `hotline.v1`.
#[allow(missing_docs, clippy::all, reason = "generated")]
pub mod v1 {
    tonic::include_proto!("hotline.v1");
}

pub use v1::*;

/// The descriptors of every proto, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hotline_descriptor.bin"));

macro_rules! silent {
    ($($message:ident)*) => { $(
        /// Shows nothing: it holds a citizen's words or contact.
        impl std::fmt::Debug for $message {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($message), " [redacted]"))
            }
        }
    )* };
}

silent! { Contact Paper PreviewOrderRequest Submission TrackOrderRequest TriageItem }
