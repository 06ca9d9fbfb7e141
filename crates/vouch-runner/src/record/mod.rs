//! The run record: everything that a run did and found, in one file. Every report is a view of it.
//!
//! A record is a zstd-compressed file of JSON lines, one [`RunEvent`](crate::run::event::RunEvent) each: `started`, one
//! `caseFinished` a case, `finished`. `vouch schema record` prints the JSON Schema of a line. All texts in it are redacted.

mod case_record;
mod context;
mod digest;
mod file;
pub mod judge;
mod lines;
mod merge;
pub mod seconds;

pub use case_record::{
    Answer, CaseRecord, HeaderRecord, RecordedResult, StepOutcome, StepRecord, StoredItem, WireRecord,
};
pub use context::{Host, RunContext, SuiteInfo};
pub use digest::{BuildDigest, DigestError, hex, of_bytes as sha256, of_path as build_digest};
pub use file::{RecordError, RecordWriter, RunRecord};
pub use lines::{LineReader, LineWriter};
pub use merge::{MergeError, NamedRecord, merge};

/// The version of the record's format, raised on every incompatible change.
///
/// 2: verdicts of waived and known failures. 3: the status of clauses that known failures violate.
pub const FORMAT: u32 = 3;
/// The earliest version that this one reads.
const EARLIEST_FORMAT: u32 = 1;
