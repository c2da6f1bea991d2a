//! Compiles the protos with protox (there is no protoc to install) and keeps their
//! descriptors for reflection.

use protox::prost::Message;
use std::path::PathBuf;
use std::{env, error, fs};

const PROTOS: [&str; 6] = [
    "hotline/v1/order.proto",
    "hotline/v1/intake_service.proto",
    "hotline/v1/work_order_service.proto",
    "hotline/v1/command_service.proto",
    "hotline/v1/feed_service.proto",
    "hotline/v1/admin_service.proto",
];

/// Messages that hold a citizen's words or contact, or a clerk's words on them: `pb.rs` gives
/// them a `Debug` that shows nothing, so that no log line can.
const SILENT: [&str; 23] = [
    ".hotline.v1.AnswerOrderRequest",
    ".hotline.v1.AskInformationRequest",
    ".hotline.v1.BackupResponse",
    ".hotline.v1.CloseBatchRequest",
    ".hotline.v1.Contact",
    ".hotline.v1.DecideExtensionRequest",
    ".hotline.v1.DecideReportRequest",
    ".hotline.v1.DecideSuspensionRequest",
    ".hotline.v1.DeclineOrderRequest",
    ".hotline.v1.EscalateOrderRequest",
    ".hotline.v1.Paper",
    ".hotline.v1.PlaceClue",
    ".hotline.v1.PreviewOrderRequest",
    ".hotline.v1.ReportOrderRequest",
    ".hotline.v1.RequestExtensionRequest",
    ".hotline.v1.RequestSuspensionRequest",
    ".hotline.v1.ReturnOrderRequest",
    ".hotline.v1.SimilarOrder",
    ".hotline.v1.Submission",
    ".hotline.v1.SupplementOrderRequest",
    ".hotline.v1.TerminateOrderRequest",
    ".hotline.v1.TrackOrderRequest",
    ".hotline.v1.TriageItem",
];

fn main() -> Result<(), Box<dyn error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("hotline_descriptor.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .codec_path("crate::pb::codec::Codec")
        .skip_debug(SILENT)
        .compile_fds(descriptors)?;
    Ok(())
}
