//! Comparisons of run records: what a new build changed, builds side by side, and the history of builds.

mod diff;
mod diff_text;
mod history;
mod matrix;
mod table;
mod wire;

pub use diff::{CaseChange, Diff, diff};
pub use history::History;
pub use matrix::{Matrix, MatrixFormat};
