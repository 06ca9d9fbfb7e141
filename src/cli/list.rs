//! `vouch list`.

use super::stdout::Out;
use super::{Done, Selection};
use std::io::Write;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,

    /// Only cases that test this role.
    #[arg(long, value_name = "ROLE")]
    role: Vec<super::RoleName>,
}

pub fn run(args: &Args) -> Done {
    let mut plan = args.selection.plan()?;
    if !args.role.is_empty() {
        let roles: Vec<_> = args.role.iter().map(|role| role.0).collect();
        plan.keep_roles(&roles);
    }
    let mut out = Out;
    for case in &plan.cases {
        let proves: Vec<_> = case.scenario.proves().collect();
        writeln!(out, "{:<15} {:<52} {}", case.scenario.group, case.id, proves.join(" "))?;
    }
    let scenarios: std::collections::BTreeSet<_> = plan.cases.iter().map(|case| case.scenario.id()).collect();
    writeln!(out, "{} cases of {} scenarios", plan.cases.len(), scenarios.len())?;
    Ok(ExitCode::SUCCESS)
}
