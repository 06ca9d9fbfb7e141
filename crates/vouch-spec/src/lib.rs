//! The data that Vouch reads, checks and writes: files with source positions, clauses, scenarios, steps, wire profiles and
//! the messages of the adapter protocol. This crate must not know how a scenario is executed: it opens no socket, starts no
//! process and contains no implementation of the scheme.

pub mod base_url;
pub mod duration;
pub mod operation;
pub mod profile;
pub mod protocol;
pub mod scenario;
pub mod step;
pub mod text;
pub mod timestamp;
pub mod vendor_hosts;
