//! A conformance test of an SDK adapter, as a `#[test]` in the adapter's own repository would have it.
//!
//! `cargo test --example conformance_test` runs the test; `cargo run --example conformance_test` prints the clauses.

use std::path::PathBuf;
use vouch::{ClauseStatus, Error, Suite};

/// The target file of the adapter: here, of the Python example in this repository.
fn target() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("adapters/python/vouch.toml")
}

fn main() -> Result<(), Error> {
    let report = Suite::bundled()?.target(target())?.filter("MIG").run()?;
    for clause in report.clauses().iter().filter(|clause| clause.status != ClauseStatus::NotApplicable) {
        println!("{:<8}{:?}: {}", clause.id, clause.status, clause.text);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_sdk_migrates_as_the_scheme_asks() -> Result<(), Error> {
        Suite::bundled()?.target(target())?.filter("MIG").strict().run()?.assert_conforms();
        Ok(())
    }
}
