//! The views of a run: each is a pure function of a run record, made at the end of the run or any time later.
//!
//! The crate knows the record ([`RunRecord`](vouch_runner::record::RunRecord)) only. It must not know how a run works, and it
//! reads no other file. The console report is the exception: it shows the events of a run as they happen.

mod compare;
mod console;
mod ctrf;
mod excuse_text;
mod format;
mod github;
mod gitlab;
mod html;
mod json;
mod junit;
mod markdown;
mod mistakes;
mod outside_text;
mod run_text;
mod sarif;

pub use compare::{CaseChange, Diff, History, Matrix, MatrixFormat, diff};
pub use console::{Console, Detail, wrapped};
pub use format::{Format, ViewError};
