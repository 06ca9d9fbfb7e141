//! Model-based exploration: random walks through the sign-in-token scheme, checked against a small model and all invariants.
//!
//! A walk is a sequence of [`Action`]s. [`model`] says for each state and action what may be observed and which states may
//! follow. There are two ways to execute a walk: in process, on the reference parts or mutants of them ([`random_walk`]), and
//! against an external SDK ([`external`]), where each walk is a scenario that the runner executes. A failing walk is shrunk
//! and saved as a scenario.
//!
//! This crate must not know the command line, target files or the bundled suite: roles, parts and clauses are passed in. It
//! does not judge scenarios; the runner does. In-process walks use scenarios only to save a failing walk.

pub mod action;
mod action_list;
mod backend_requests;
mod checks;
mod client_requests;
mod device_model;
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
pub use in_process::ended_in_time;
pub use memory_network::{http_response, wire_request};
pub use memory_storage::{Disk, MemoryStorage};
pub use planned_walk::PlannedWalk;
pub use shrink::shrink_parts;
pub use sut::{Mismatch, Parts};
pub use walk::{Coverage, Possible, Step, Walked, random_walk, reachable, shrink, walk_along, words};
