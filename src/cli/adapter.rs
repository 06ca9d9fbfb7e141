//! `vouch adapter test`.

use super::stdout::Out;
use super::{CliError, Done, runtime};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use vouch_runner::adapter_test::{CheckReport, Outcome, test};
use vouch_runner::sut::{Deadlines, OrphanReaper, Program, SdkRole};
use vouch_spec::text::OutsideText;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Check an SDK adapter alone against the adapter protocol: each rule that needs no server.
    #[command(after_help = "Examples:
  vouch adapter test -- python3 adapter.py
  vouch adapter test --target vouch.toml

Exit codes: 0 every rule is followed, 1 a rule is broken or the adapter is a template that is not filled in, 2 usage or file error, 3 the adapter cannot be started.")]
    Test(TestArgs),
}

#[derive(clap::Args)]
pub struct TestArgs {
    /// The target file whose [sdk] is checked.
    #[arg(short, long, value_name = "FILE", conflicts_with = "command", required_unless_present = "command")]
    target: Option<PathBuf>,

    /// The adapter's program and its arguments, after `--`.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub fn run(args: Args) -> Done {
    let Command::Test(args) = args.command;
    let (name, role, deadlines) = adapter(&args)?;
    let orphans = OrphanReaper::install();
    let runtime = runtime()?;
    let reports = runtime.block_on(test(&role, deadlines));
    drop(runtime);
    orphans.end_all();
    let reports = reports.map_err(|error| CliError::Environment(error.to_string()))?;
    let count = |of: fn(&Outcome) -> bool| reports.iter().filter(|report| of(&report.outcome)).count();
    let broken = count(|outcome| matches!(outcome, Outcome::Broken(_)));
    let not_filled_in = count(|outcome| matches!(outcome, Outcome::NotFilledIn(_)));
    let written = print(&name, &reports, broken, not_filled_in);
    written.map_err(|error| CliError::Environment(format!("cannot write to standard output: {error}")))?;
    Ok(ExitCode::from(u8::from(broken + not_filled_in > 0)))
}

/// The adapter that the arguments name.
fn adapter(args: &TestArgs) -> Result<(String, SdkRole, Deadlines), CliError> {
    let Some(file) = &args.target else {
        let (program, words) = args.command.split_first().map_or(("", &[][..]), |(program, words)| (program, words));
        let folder = PathBuf::from(".");
        let program = Program { program: program.into(), args: words.to_vec(), folder, environment: vec![] };
        return Ok((args.command.join(" "), SdkRole::Command(program), Deadlines::default()));
    };
    let target = super::target(Some(file))?;
    match target.sdk {
        Some((name, role)) => Ok((name, role, target.deadlines)),
        None => Err(CliError::Usage(format!("{} has no [sdk]; only SDK adapters are checked", file.display()))),
    }
}

fn print(name: &str, reports: &[CheckReport], broken: usize, not_filled_in: usize) -> std::io::Result<()> {
    let mut out = Out;
    writeln!(out, "adapter: {}\n", OutsideText::line(name).as_str())?;
    let mut not_applicable = 0;
    for CheckReport { name, rule, outcome } in reports {
        match outcome {
            Outcome::Followed => writeln!(out, "  ok      {name}")?,
            Outcome::NotApplicable(why) => {
                not_applicable += 1;
                writeln!(out, "  -       {name}: {}", OutsideText::line(why).as_str())?;
            }
            Outcome::NotFilledIn(what) => {
                writeln!(out, "  TO DO   {name}: {}", OutsideText::line_up_to(what, 200).as_str())?;
            }
            Outcome::Broken(what) => {
                writeln!(out, "  BROKEN  {name}")?;
                writeln!(out, "            rule: {rule}")?;
                writeln!(out, "            got:  {}", OutsideText::line_up_to(what, 2000).as_str())?;
            }
        }
    }
    let followed = reports.len() - broken - not_filled_in - not_applicable;
    write!(out, "\n{followed} rules followed, {broken} broken, {not_applicable} not applicable")?;
    match not_filled_in {
        0 => writeln!(out)?,
        count => writeln!(out, ", {count} to do: functions of the template are not filled in")?,
    }
    if broken > 0 {
        writeln!(out, "the rules are in docs/adapter-protocol.md; `vouch schema protocol` prints the messages")?;
    }
    Ok(())
}
