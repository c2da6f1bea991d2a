//! Prost on the wire, with a status that says what is wrong with a message that cannot be
//! read. tonic's own codec answers INTERNAL, as if the server were at fault.

use prost::Message;
use std::marker::PhantomData;
use tonic::codec::{BufferSettings, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The codec of every generated client and server.
pub struct Codec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Codec<T, U> {
        Codec(PhantomData)
    }
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = Writer<T>;
    type Decoder = Reader<U>;

    fn encoder(&mut self) -> Writer<T> {
        Writer(PhantomData)
    }

    fn decoder(&mut self) -> Reader<U> {
        Reader(PhantomData)
    }
}

/// Writes messages.
pub struct Writer<T>(PhantomData<T>);

impl<T: Message> Encoder for Writer<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, buf: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buf).map_err(|e| Status::internal(e.to_string()))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

/// Reads messages.
pub struct Reader<U>(PhantomData<U>);

impl<U: Message + Default> Decoder for Reader<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        U::decode(buf).map(Some).map_err(|e| malformed(&e))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

/// Prost names the message and the field (`Submission.text`) and never what was sent.
fn malformed(error: &prost::DecodeError) -> Status {
    let message = error.to_string();
    let (reason, allowed, zh) = if message.contains("UTF-8") {
        ("INVALID_UTF8", "text in valid UTF-8", "文本须为有效的 UTF-8 编码。")
    } else {
        ("MALFORMED_MESSAGE", "a message of the package hotline.v1", "请求无法解析。")
    };
    let metadata = [("detail".to_owned(), message.clone())];
    let mut details = ErrorDetails::with_error_info(reason, "hotline", metadata);
    details.add_bad_request_violation(field(&message), allowed);
    details.set_localized_message("zh-CN", zh);
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// The path of prost's `…: Inner.field: Outer.inner: what is wrong`, innermost first.
fn field(message: &str) -> String {
    let named = message.split(": ").filter(|part| part.contains('.') && !part.contains(' '));
    let names: Vec<_> = named.filter_map(|part| part.rsplit('.').next()).collect();
    names.into_iter().rev().collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb;

    #[test]
    fn invalid_utf8_names_the_field() {
        // SubmitOrderRequest { submission: 2 → Submission { text: 4 → "\xff" } }
        let wire = [0x12, 0x03, 0x22, 0x01, 0xff];
        let error = pb::SubmitOrderRequest::decode(&wire[..]).unwrap_err();
        assert_eq!(field(&error.to_string()), "submission.text", "{error}");
        assert!(error.to_string().contains("UTF-8"), "{error}");
    }
}
