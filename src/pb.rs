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
        /// Shows nothing: it holds a citizen's words or contact, or a clerk's words on them.
        impl std::fmt::Debug for $message {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($message), " [redacted]"))
            }
        }
    )*

        #[cfg(test)]
        fn shown() -> Vec<(&'static str, String)> {
            vec![$((stringify!($message), format!("{:?}", $message::default()))),*]
        }
    };
}

silent! {
    AnswerOrderRequest AskInformationRequest BackupResponse CloseBatchRequest Contact
    DecideExtensionRequest DecideReportRequest DecideSuspensionRequest DeclineOrderRequest EscalateOrderRequest Paper
    PlaceClue PreviewOrderRequest ReportOrderRequest RequestExtensionRequest
    RequestSuspensionRequest ReturnOrderRequest SimilarOrder Submission
    SupplementOrderRequest TerminateOrderRequest TrackOrderRequest TriageItem
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;
    use prost_types::FileDescriptorSet;

    /// Fields that hold what a citizen said or who that is.
    const TELLING: [&str; 9] =
        ["image", "text", "title", "body", "phone", "phone_last4", "name", "address", "words"];
    /// Their words are the program's or the catalogue's own: what the doctor found, what a counter
    /// or a unit is called, how an order's story is told.
    const OURS: [&str; 10] = [
        "Finding",
        "Tally",
        "UnpulledUnit",
        "Indicators",
        "ClockStory",
        "ExplainOrderResponse",
        "Holding",
        "NextStep",
        "Passage",
        "Reason",
    ];

    #[test]
    fn every_message_with_a_citizens_word_is_silent() {
        let all = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
        let ours = all.file.iter().filter(|file| file.package() == "hotline.v1");
        let telling = ours.flat_map(|file| &file.message_type).filter(|message| {
            message.field.iter().any(|field| TELLING.contains(&field.name()))
                && !OURS.contains(&message.name())
        });
        let mut telling: Vec<_> = telling.map(|message| message.name().to_owned()).collect();
        telling.sort();
        let silent: Vec<_> = shown().into_iter().map(|(name, _)| name).collect();
        assert_eq!(silent, telling);
        for (name, text) in shown() {
            assert_eq!(text, format!("{name} [redacted]"));
        }
    }

    #[test]
    fn what_holds_a_silent_message_does_not_tell_either() {
        let contact = Some(Contact { phone: "13812345678".into(), ..Contact::default() });
        let submission = Some(Submission {
            text: "王阿姨".into(),
            contact: contact.clone(),
            ..Default::default()
        });
        let request = SubmitOrderRequest { submission, ..Default::default() };
        let answer = GetContactResponse { contact };
        let shown = format!("{request:?} {answer:?}");
        assert!(!shown.contains("138") && !shown.contains("王"), "{shown}");
    }
}
