//! Comparisons of run records: what a new build changed, and builds side by side.

mod diff;
mod diff_text;
mod matrix;
mod wire;

pub use diff::{CaseChange, Diff, diff};
pub use matrix::{Matrix, MatrixFormat};
