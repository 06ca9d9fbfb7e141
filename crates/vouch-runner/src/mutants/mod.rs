//! Mutation testing of the suite: runs it against reference parts with one injected fault each, and checks that a case
//! detects the fault under the right clause.
//!
//! It knows mutants by name, clause and role only; which fault each injects is `vouch-sim`'s matter.

mod kill_matrix;
mod trial;

pub use kill_matrix::{KillMatrix, ScenarioKills, Standing};
pub use trial::{MutantTrials, Trial, TrialScope};
