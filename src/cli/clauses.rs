//! `vouch clauses`.

use super::stdout::Out;
use super::{Done, Selection};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,

    /// Exit with 1 when a clause has no scenario.
    #[arg(long)]
    require_all: bool,
}

pub fn run(args: &Args) -> Done {
    let plan = args.selection.plan()?;
    let mut tested_by: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for case in &plan.cases {
        for clause in case.scenario.proves() {
            *tested_by.entry(clause).or_default().entry(case.scenario.id()).or_default() += 1;
        }
    }
    let mut out = Out;
    let mut group = "";
    for clause in plan.clauses.iter() {
        if clause.group != group {
            group = &clause.group;
            writeln!(out, "\n{group}")?;
        }
        writeln!(out, "  {:<7}{:<7}{}", clause.id, clause.level.word(), clause.text)?;
        if let Some(source) = &clause.source {
            writeln!(out, "                {source}")?;
        }
        match tested_by.get(clause.id.as_str()) {
            Some(scenarios) => {
                for (id, cases) in scenarios {
                    let times = if *cases > 1 { format!(" ({cases} cases)") } else { String::new() };
                    writeln!(out, "                · {id}{times}")?;
                }
            }
            None => writeln!(out, "                no scenario tests this clause")?,
        }
    }
    let uncovered = plan.uncovered();
    let total = plan.clauses.iter().count();
    writeln!(out, "\n{} of {total} clauses have a scenario", total - uncovered.len())?;
    if uncovered.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "without a scenario: {}", uncovered.join(" "))?;
    Ok(ExitCode::from(u8::from(args.require_all)))
}
