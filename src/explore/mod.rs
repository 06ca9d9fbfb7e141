//! Exploration: random walks through the scheme, held against a small model and all invariants.
//!
//! A walk knows acts, states and outcomes. It knows nothing of scenarios but how to write one down.

mod act;
mod asks;
mod direct;
mod ether;
mod memory;
pub mod model;
pub mod scenario;
mod subject;
mod tries;
mod walk;
mod witness;

pub use subject::{Cast, Mismatch};
pub use walk::{Coverage, Step, Walked, all_acts, random_walk, reachable, shrink, walk_along, words};
