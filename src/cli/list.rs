//! `vouch list`.

use super::out::Out;
use super::{Done, Selection, plan};
use std::io::Write;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,

    /// Only cases that try this seat.
    #[arg(long, value_name = "SEAT")]
    seat: Vec<super::SeatName>,
}

pub fn run(args: &Args) -> Done {
    let mut plan = plan(&args.selection)?;
    if !args.seat.is_empty() {
        let seats: Vec<_> = args.seat.iter().map(|seat| seat.0).collect();
        plan.keep_seats(&seats);
    }
    let mut out = Out;
    for case in &plan.cases {
        let proves: Vec<_> = case.scenario.proves().collect();
        writeln!(out, "{:<15} {:<52} {}", case.scenario.chapter, case.id, proves.join(" "))?;
    }
    let scenarios: std::collections::BTreeSet<_> = plan.cases.iter().map(|case| case.scenario.id()).collect();
    writeln!(out, "{} cases of {} scenarios", plan.cases.len(), scenarios.len())?;
    Ok(ExitCode::SUCCESS)
}
