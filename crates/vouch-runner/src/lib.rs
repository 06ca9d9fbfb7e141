//! Runs scenarios against a system under test and reports which clauses it satisfies.
//!
//! The crate fills the roles app, sdk, backend, api and idp with implementations ([`sut`], [`target_file`], [`target_setup`]),
//! records the wire between them and controls the device around them ([`run`]), checks every step and the invariants of every
//! case ([`invariant`]), decides which failures a team accepts ([`gate`]), judges traffic that was recorded elsewhere ([`recorded_traffic`]), keeps installations of earlier builds ([`museum`]), checks an adapter alone ([`adapter_test`]), says why a target does not come up ([`doctor`]), drives an installed SDK for others ([`installation`]), and reports the findings ([`report`]). It must not know what a particular implementation is or does,
//! nor that exploration and load tests exist.

pub mod adapter_test;
pub mod doctor;
pub mod gate;
pub mod installation;
pub mod invariant;
pub mod museum;
pub mod mutants;
pub mod record;
pub mod recorded_traffic;
pub mod report;
pub mod resource_limits;
pub mod run;
pub mod sut;
pub mod target_file;
pub mod target_setup;
pub mod temporary_folder;
