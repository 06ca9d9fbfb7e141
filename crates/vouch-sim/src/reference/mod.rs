//! The reference parts that fill a role when nobody else does: SDK, backend, app.

pub mod adapter;
pub mod app;
pub mod backend;
pub mod sdk;
