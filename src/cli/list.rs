//! `vouch list`.

use super::stdout::Out;
use super::{Done, Selection};
use std::io::Write;
use std::process::ExitCode;
use vouch_runner::run::Shard;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,

    /// Only cases that test this role.
    #[arg(long, value_name = "ROLE")]
    role: Vec<super::RoleName>,

    /// Only the cases that `vouch run --shard` runs with the same selection and roles, for example 1/4.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
}

pub fn run(args: &Args) -> Done {
    let mut plan = args.selection.plan()?;
    if !args.role.is_empty() {
        let roles: Vec<_> = args.role.iter().map(|role| role.0).collect();
        plan.keep_roles(&roles);
    }
    if let Some(shard) = args.shard {
        plan.keep_shard(shard);
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
