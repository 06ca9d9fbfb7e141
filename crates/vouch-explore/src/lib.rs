//! Exploration: random walks through the scheme, held against a small model and all invariants.
//!
//! A walk knows acts, states and outcomes. In memory it knows nothing of scenarios but how to write one down; a walk from
//! outside is a scenario, and the runner's to play.

pub mod act;
mod acts;
mod adversity;
mod asks;
mod direct;
mod draft;
mod ether;
mod memory;
pub mod model;
pub mod outside;
pub mod scenario;
pub mod scheme;
mod shorten;
pub mod state;
mod subject;
mod tries;
mod walk;
mod witness;

pub use act::Act;
pub use acts::all_acts;
pub use draft::Draft;
pub use subject::{Cast, Mismatch};
pub use walk::{Coverage, Possible, Step, Walked, random_walk, reachable, shrink, walk_along, words};

/// The clauses that walks are about: the suite's.
pub const CLAUSES: &str = include_str!("../../../scenarios/clauses.yaml");
