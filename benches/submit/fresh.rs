//! h2load sends the same bytes every time, and the same request id twice is one order; and a
//! hundred thousand calls from one phone are nobody's day. So the server under measurement
//! stamps a fresh id and phone over those in each message, in place, before anything reads
//! it, and does the same for the echo: a copy of the frame at both servers' expense.

use hotline::pb::{Channel, Contact, Submission, SubmitOrderRequest};
use prost::Message;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use tonic::body::Body;
use tonic::codegen::{Body as HttpBody, Bytes, Service, http};
use uuid::Uuid;

/// The frame's prefix, the field's tag and its length.
const ID_AT: usize = PREFIX + 2;
const ID_LEN: usize = 36;
/// So many digits of the phone are stamped over.
const PHONE_DIGITS: usize = 8;
/// The message's last field; before it, its tag and length, and before these the phone.
const ADDRESS: &str = "浙江省嘉兴市南湖区大桥镇中华村3幢1204室";
const BEHIND_PHONE: usize = 2 + ADDRESS.len();

/// A gRPC frame's prefix: not compressed, and how long the message is.
pub const PREFIX: usize = 5;

/// A gRPC frame with a SubmitOrderRequest; the text is cut so that the message is of so many
/// bytes, or nearly: a character of three bytes fits or does not.
pub fn request(text: &str, bytes: Option<usize>) -> Vec<u8> {
    let mut text = text.trim().to_owned();
    while bytes.is_some_and(|bytes| framed(&text).len() > PREFIX + bytes) && text.pop().is_some() {}
    framed(&text)
}

fn framed(text: &str) -> Vec<u8> {
    let submission = Submission {
        channel: Channel::Phone.into(),
        title: "电梯频繁故障困人".into(),
        text: text.into(),
        contact: Some(Contact {
            name: "张三".into(),
            phone: "13800001234".into(),
            address: ADDRESS.into(),
        }),
        ..Submission::default()
    };
    let request_id = Uuid::nil().hyphenated().to_string();
    let message =
        SubmitOrderRequest { request_id, submission: Some(submission), skip_repeats: false }
            .encode_to_vec();
    let mut frame = vec![0];
    frame.extend((message.len() as u32).to_be_bytes());
    frame.extend(message);
    frame
}

/// Stamps every message that passes.
#[derive(Clone)]
pub struct Fresh<S> {
    inner: S,
    base: u128,
    next: std::sync::Arc<AtomicU64>,
}

impl<S> Fresh<S> {
    pub fn over(inner: S) -> Fresh<S> {
        let base = Uuid::new_v4().as_u128() >> 64 << 64;
        Fresh { inner, base, next: Default::default() }
    }
}

impl<S: Service<http::Request<Body>>> Service<http::Request<Body>> for Fresh<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> S::Future {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let id = Uuid::from_u128(self.base | u128::from(n));
        let path = request.uri().path();
        let is_measured = path.ends_with("/SubmitOrder") || path.ends_with("/Echo");
        self.inner.call(request.map(|body| match is_measured {
            true => Body::new(Stamped { body, id: Some(id) }),
            false => body,
        }))
    }
}

struct Stamped {
    body: Body,
    id: Option<Uuid>,
}

impl HttpBody for Stamped {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, tonic::Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let id = self.id.take();
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| match id {
                Some(id) => frame.map_data(|data| {
                    let mut data = Vec::from(data);
                    let place = &mut data[ID_AT..ID_AT + ID_LEN];
                    id.hyphenated().encode_lower(place);
                    let digits = format!("{:0PHONE_DIGITS$}", id.as_u128() % 100_000_000);
                    let at = data.len() - BEHIND_PHONE - PHONE_DIGITS;
                    data[at..at + PHONE_DIGITS].copy_from_slice(digits.as_bytes());
                    Bytes::from(data)
                }),
                None => frame,
            })
        }))
    }
}
