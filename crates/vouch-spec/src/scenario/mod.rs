//! Scenario files: what they may say, and reading them. See `docs/writing-scenarios.md`.
//!
//! This layer reads files and expands matrices. It knows no step: steps stay trees until the plan gives them meaning.

mod advice;
pub mod clause;
mod matrix;
mod model;
mod parse;
mod suite;
mod suite_files;
mod variables;

pub use advice::Advice;
pub use clause::{Clause, ClauseSource, Clauses, Level, SourceKind};
pub use matrix::{Combination, Matrix};
pub use model::{CloudGiven, Given, Header, OwnProfile, PreviousProfile, RefreshTokens, WireCheck};
pub use parse::{Scenario, SnapshotStore};
pub use suite::{Suite, SuiteError};
pub use suite_files::{EmbeddedFile, SuiteFiles};
pub use variables::{Text, check_variables, references};
