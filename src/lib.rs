//! Vouch tests whether an implementation of the sign-in-token scheme (an SDK, an app, a backend or a cloud) conforms to the
//! scheme: it runs scripted sign-in lifecycles against it and reports which requirement clauses it satisfies or violates.
//!
//! This crate is what `vouch run` calls, for tests of your own:
//!
//! ```no_run
//! #[test]
//! fn our_sdk_conforms() -> Result<(), vouch::Error> {
//!     vouch::Suite::bundled()?.target("vouch.toml")?.run()?.assert_conforms();
//!     Ok(())
//! }
//! ```
//!
//! The target file `vouch.toml` names the program under test, for example `[sdk] name = "ours"`, `command = ["./adapter"]`.
//! Everything around it (app, backend, vendor cloud, device) is simulated in this process. Choose a part of the suite with
//! [`Suite::filter`], follow the run with [`Suite::on_event`], and read the result from the [`Report`]:
//!
//! ```
//! # fn main() -> Result<(), vouch::Error> {
//! // A mutant is a built-in part with a fault: this SDK sends a token to another region than the token's own.
//! let report = vouch::Suite::bundled()?.filter("MIG-5").mutant("region-ignored")?.run()?;
//! assert!(!report.conforms());
//! let (case, finding) = report.findings().next().expect("a finding");
//! println!("{}: expected {}, got {}", case.id, finding.expected, finding.got);
//! # Ok(())
//! # }
//! ```
//!
//! The crate keeps no global state: runs are independent, and several may go on at once. The features `cli` (the program),
//! `load` and `explore` are on by default; without them the crate contains the conformance suite only.

// Both panic when the reader is gone; `cli::stdout::Out` and `report::print_stderr` do not.
#![cfg_attr(not(test), warn(clippy::print_stdout, clippy::print_stderr))]
#![warn(missing_docs)]

mod bundled;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod error;
mod report;
mod suite;

pub use bundled::{Existing, ExportError, export};
pub use error::Error;
pub use report::Report;
pub use suite::{Snapshots, Suite};
pub use vouch_report::{Format, ViewError};
pub use vouch_runner::record::{RecordError, RunRecord};
pub use vouch_runner::run::Shard;
pub use vouch_runner::run::event::{RunEvent, Started};
pub use vouch_runner::run::summary::{ClauseResult, ClauseStatus, Outcome, Summary};
pub use vouch_runner::run::verdict::{CaseReport, Finding, Verdict};
pub use vouch_spec::protocol::Role;
