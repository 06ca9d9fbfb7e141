//! The views of run records: each is valid by the schema of its format, and hostile text has no effect in it.

mod ci_services;
mod common;
mod compare;
mod console;
mod ctrf;
mod excuses;
mod history;
mod junit;
mod mistakes;
mod sarif;
