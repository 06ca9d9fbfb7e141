//! `vouch steps`.

use super::Done;
use super::stdout::Out;
use std::io::Write;
use std::process::ExitCode;
use vouch_spec::step::KINDS;

#[derive(clap::Args)]
pub struct Args {}

pub fn run(_: &Args) -> Done {
    let mut out = Out;
    for kind in KINDS {
        writeln!(out, "{:<20}{}", kind.name, kind.about)?;
        let needs: Vec<_> = kind.needs.iter().map(|capability| capability.word()).collect();
        if !needs.is_empty() {
            writeln!(out, "{:20}needs {}", "", needs.join(", "))?;
        }
        if kind.has_result {
            writeln!(out, "{:20}takes `expect`", "")?;
        }
    }
    writeln!(out, "\nEvery step also takes `sent` and `clause`. `vouch schema scenario` has all fields.")?;
    Ok(ExitCode::SUCCESS)
}
