//! `vouch doctor`.

use super::signals::interrupts;
use super::stdout::Out;
use super::{CliError, Done, runtime, target};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use vouch_report::wrapped;
use vouch_runner::doctor::{Diagnosis, State, examine};
use vouch_runner::report::print_stderr;
use vouch_runner::resource_limits::raise_open_file_limit;
use vouch_runner::run::wanted;
use vouch_runner::sut::{OrphanReaper, SdkRole, Transport};
use vouch_runner::target_file::Target;
use vouch_sim::wire::redact::Redactor;
use vouch_spec::text::OutsideText;

/// The longest text that is shown of a diagnosis, in characters.
const LONGEST: usize = 1000;

/// Where the text of a diagnosis begins: behind the word of its state.
const INDENT: &str = "         ";

#[derive(clap::Args)]
#[command(after_help = "Examples:
  vouch doctor                          (this machine)
  vouch doctor --target vouch.toml      (this machine, and what the target needs of it)

Each check says `ok`, `warning` or `problem`, what was found, and what to do. Programs of the target are started, and ended again;
no scenario is run.

Exit codes: 0 no problem (there may be warnings), 1 a problem was found, 2 usage or file error, 3 the checks themselves failed.")]
pub struct Args {
    /// The target file that does not come up.
    #[arg(short, long, value_name = "FILE")]
    target: Option<PathBuf>,

    /// The checks as JSON, instead of text.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Done {
    let target = args.target.as_deref().map(|path| target(Some(path))).transpose()?;
    raise_open_file_limit();
    let orphans = OrphanReaper::install();
    let runtime = runtime()?;
    let mut report = Report { json: args.json, checks: vec![], written: Ok(()) };
    report.add(terminal());
    if let (Some(path), Some(target)) = (&args.target, &target) {
        report.add(file(path, target));
        announce(target);
    }
    let finished = runtime.block_on(async {
        let mut interrupted = interrupts();
        tokio::select! {
            () = examine(target.as_ref(), |diagnosis| report.add(diagnosis)) => true,
            () = wanted(&mut interrupted) => false,
        }
    });
    drop(runtime);
    orphans.end_all();
    if finished { report.finish() } else { Err(CliError::Interrupted) }
}

/// Says where Vouch waits for an app that a person starts.
fn announce(target: &Target) {
    if let Some((_, SdkRole::Remote(remote))) = &target.sdk
        && let Transport::Listen(address) = remote.spec.transport
        && !remote.starts_program()
    {
        print_stderr(format!("vouch: when the other checks are done, an app must dial in at ws://{address}"));
    }
}

fn file(path: &std::path::Path, target: &Target) -> Diagnosis {
    let roles: Vec<_> = target.roles().into_iter().flatten().map(|role| role.word()).collect();
    let fills = if roles.is_empty() { "no role".to_owned() } else { roles.join(", ") };
    let found = format!("{} has no mistakes; it fills {fills}", path.display());
    Diagnosis { check: "target file", found, state: State::Ok }
}

/// Where the output goes, which decides on colours, progress and questions.
fn terminal() -> Diagnosis {
    let on = |is_terminal: bool| if is_terminal { "a terminal" } else { "no terminal" };
    let found = format!(
        "input: {}, output: {}, colours: {}",
        on(std::io::stdin().is_terminal()),
        on(std::io::stdout().is_terminal()),
        if console::colors_enabled() { "yes" } else { "no" }
    );
    Diagnosis { check: "terminal", found, state: State::Ok }
}

/// Prints the checks as they come, or all of them as JSON.
struct Report {
    json: bool,
    checks: Vec<Diagnosis>,
    written: std::io::Result<()>,
}

impl Report {
    fn add(&mut self, diagnosis: Diagnosis) {
        let diagnosis = safe(diagnosis);
        if !self.json && self.written.is_ok() {
            self.written = print(&diagnosis);
        }
        self.checks.push(diagnosis);
    }

    fn finish(self) -> Done {
        self.written?;
        let count = |word: &str| self.checks.iter().filter(|check| check.state.word() == word).count();
        let (problems, warnings) = (count("problem"), count("warning"));
        if self.json {
            let checks: Vec<Value> = self.checks.iter().map(as_json).collect();
            let report = json!({ "schema": 1, "problems": problems, "warnings": warnings, "checks": checks });
            writeln!(Out, "{report:#}")?;
        } else {
            let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
            writeln!(Out, "\n{}, {}", plural(problems, "problem"), plural(warnings, "warning"))?;
        }
        Ok(ExitCode::from(u8::from(problems > 0)))
    }
}

/// A diagnosis without secrets, and without what a terminal obeys.
fn safe(diagnosis: Diagnosis) -> Diagnosis {
    let redactor = Redactor::default();
    let clean = |text: String| OutsideText::line_up_to(redactor.scrub(&text).as_str(), LONGEST).into_string();
    let state = match diagnosis.state {
        State::Ok => State::Ok,
        State::Warning { advice } => State::Warning { advice: clean(advice) },
        State::Problem { advice } => State::Problem { advice: clean(advice) },
    };
    Diagnosis { found: clean(diagnosis.found), state, ..diagnosis }
}

fn print(Diagnosis { check, found, state }: &Diagnosis) -> std::io::Result<()> {
    let style = match state {
        State::Ok => console::Style::new().green(),
        State::Warning { .. } => console::Style::new().yellow(),
        State::Problem { .. } => console::Style::new().red().bold(),
    };
    let mut out = Out;
    let lines = wrapped(&format!("{check}: {found}"), INDENT, INDENT);
    let rest = lines.get(state.word().len()..).unwrap_or_default();
    writeln!(out, "{}{rest}", style.apply_to(state.word()))?;
    if let Some(advice) = state.advice() {
        writeln!(out, "{}", wrapped(&format!("→ {advice}"), INDENT, &format!("{INDENT}  ")))?;
    }
    out.flush()
}

fn as_json(Diagnosis { check, found, state }: &Diagnosis) -> Value {
    json!({ "check": check, "state": state.word(), "found": found, "advice": state.advice() })
}
