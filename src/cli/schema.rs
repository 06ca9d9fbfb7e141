//! `vouch schema`.

use super::Done;
use super::stdout::Out;
use clap::ValueEnum;
use std::io::Write;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    /// What to describe.
    #[arg(value_enum, default_value_t = What::Scenario)]
    what: What,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// Scenario files.
    Scenario,
    /// Target files.
    Target,
    /// Lines of a run record.
    Record,
    /// Lines of the record of a load.
    LoadRecord,
    /// Messages of the adapter protocol.
    Protocol,
}

pub fn run(args: &Args) -> Done {
    let schema = match args.what {
        What::Scenario => vouch_spec::step::scenario_schema(),
        What::Target => schemars::schema_for!(vouch_runner::target_file::TargetFile).to_value(),
        What::Record => schemars::schema_for!(vouch_runner::run::event::RunEvent).to_value(),
        What::LoadRecord => schemars::schema_for!(vouch_load::record::LoadEvent).to_value(),
        What::Protocol => vouch_spec::protocol::schema(),
    };
    writeln!(Out, "{schema:#}")?;
    Ok(ExitCode::SUCCESS)
}
