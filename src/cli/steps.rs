//! `vouch steps`.

use super::stdout::Out;
use super::{CliError, Done, Selection};
use crate::Error;
use schemars::SchemaGenerator;
use serde_json::Value;
use std::io::{self, Write};
use std::process::ExitCode;
use vouch_spec::step::{KINDS, ScenarioStep, StepKind};
use vouch_spec::text::did_you_mean;

#[derive(clap::Args)]
pub struct Args {
    /// Show the fields of this step.
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

pub fn run(args: &Args) -> Done {
    match &args.name {
        None => list()?,
        Some(name) => match KINDS.iter().find(|kind| kind.name == name) {
            Some(kind) => show(kind)?,
            None => {
                let help = did_you_mean(name, KINDS.iter().map(|kind| kind.name));
                return Err(CliError::Usage(format!("there is no step `{name}`; {help}")));
            }
        },
    }
    Ok(ExitCode::SUCCESS)
}

fn list() -> io::Result<()> {
    let mut out = Out;
    for kind in KINDS {
        writeln!(out, "{:<20}{}", kind.name, kind.about)?;
    }
    writeln!(out, "\n`vouch steps NAME` shows the fields of a step. Every step also takes `sent` and `clause`.")
}

fn show(kind: &StepKind) -> Result<(), CliError> {
    let mut out = Out;
    writeln!(out, "{}: {}", kind.name, kind.about)?;
    let schema = kind.schema(&mut SchemaGenerator::default()).to_value();
    let required: Vec<_> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let fields = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    for (number, (name, field)) in fields.enumerate() {
        let about = field.get("description").and_then(Value::as_str).unwrap_or_default().replace('\n', " ");
        let needed = if required.contains(&name.as_str()) { "required" } else { "optional" };
        let short = if number == 0 { "; a bare value stands for this field" } else { "" };
        writeln!(out, "  {name:<20}{needed}{short}")?;
        if !about.is_empty() {
            writeln!(out, "  {:20}{about}", "")?;
        }
    }
    if kind.has_result {
        writeln!(
            out,
            "  {:<20}optional; the results that are right: ok, an error, an HTTP status, or a list",
            "expect"
        )?;
    }
    writeln!(out, "  {:<20}optional; what must go over the wire during the step", "sent")?;
    writeln!(out, "  {:<20}optional; the clause that a failure of this step violates", "clause")?;
    let needs: Vec<_> = kind.needs.iter().map(|capability| capability.word()).collect();
    if !needs.is_empty() {
        writeln!(out, "The SDK must claim: {}", needs.join(", "))?;
    }
    writeln!(out, "Example:\n  - {}", example(kind)?.replace('\n', "\n    "))?;
    Ok(())
}

/// The step as a scenario of the bundled suite has it.
fn example(kind: &StepKind) -> Result<String, Error> {
    let plan = Selection::default().plan()?;
    let mut steps =
        plan.cases.iter().flat_map(|case| &case.steps).flat_map(|step| std::iter::once(step).chain(step.step.inner()));
    Ok(steps
        .find(|step| step.step.kind().name == kind.name)
        .map_or_else(|| kind.name.to_owned(), ScenarioStep::to_yaml))
}
