//! The words of Vouch: files with positions, clauses, scenarios, wire profiles, and the messages of the adapter protocol.
//!
//! Everything here is data that is read, checked and written. This crate must not know how any of it is carried out: it
//! opens no socket, starts no process and knows no implementation.

pub mod operation;
pub mod profile;
pub mod protocol;
pub mod scenario;
pub mod step;
pub mod text;
