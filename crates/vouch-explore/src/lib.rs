//! Exploration: random walks through the scheme, held against a small model and all invariants.
//!
//! A walk knows actions, states and outcomes. In memory it knows nothing of scenarios but how to write one down; a walk from
//! outside is a scenario, and the runner's to play.

pub mod action;
mod action_list;
mod backend_requests;
mod checks;
mod client_requests;
pub mod exhaustive_check;
pub mod external;
mod fault_model;
mod in_process;
mod memory_network;
mod memory_storage;
pub mod model;
mod planned_walk;
pub mod scenario;
mod shrink;
pub mod state;
mod sut;
mod walk;

pub use action::Action;
pub use action_list::all_actions;
pub use planned_walk::PlannedWalk;
pub use sut::{Mismatch, Parts};
pub use walk::{Coverage, Possible, Step, Walked, random_walk, reachable, shrink, walk_along, words};

/// The clauses that walks are about: the suite's.
pub const CLAUSES: &str = include_str!("../../../scenarios/clauses.yaml");
