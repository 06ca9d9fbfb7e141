//! The command line: one file a subcommand.

mod check;
mod clauses;
mod completions;
mod explore;
mod journeys;
mod kill_matrix;
mod list;
pub mod load;
mod mock_cloud;
mod mock_cloud_hook;
mod mutants;
mod reference_sdk;
mod run;
mod schema;
mod signals;
mod stdout;
mod steps;
mod suite;
mod worker;

use crate::bundled;
use clap::{Parser, Subcommand};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vouch_runner::report::print_stderr;
use vouch_runner::resource_limits::TooFewFiles;
use vouch_runner::run::{Filter, Plan};
use vouch_runner::target_file::Target;
use vouch_runner::target_setup::TargetError;
use vouch_sim::mutant::{self, Mutant};
use vouch_sim::wire::redact::Redactor;
use vouch_spec::protocol::Role;
use vouch_spec::scenario::{Suite, SuiteError, SuiteFiles};
use vouch_spec::text::{Diagnostics, Source, did_you_mean, suggest};

/// Says whether an SDK keeps to the sign-in-token scheme, clause by clause.
///
/// Exit codes: 0 conforms, 1 does not, 2 usage or file error, 3 the harness or environment failed, 4 inconclusive,
/// 130 interrupted.
#[derive(Parser)]
#[command(name = "vouch", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run scenarios against a target and judge it.
    Run(run::Args),
    /// List the cases that would run.
    List(list::Args),
    /// Validate scenario and target files; run nothing.
    Check(check::Args),
    /// Show which scenarios prove which clause, and which clauses none.
    Clauses(clauses::Args),
    /// Plant faults in the reference parts, one at a time, and show that the suite catches each.
    Mutants(mutants::Args),
    /// Walk randomly through the scheme, and hold what happens against a small model and all invariants.
    Explore(explore::Args),
    /// Put exchange and refresh under load, check every answer, and hold the figures against thresholds.
    Load(Box<load::args::Args>),
    /// Serve the simulated vendor cloud, for load tests and for trying things by hand.
    MockCloud(mock_cloud::Args),
    /// Do a hook of the target file that `vouch mock-cloud` writes.
    #[command(hide = true)]
    MockCloudHook(mock_cloud_hook::Args),
    /// Let many users at once live through scenarios, with time to think between the steps.
    Journeys(Box<journeys::Args>),
    /// Join a Locust master, and be the users that it asks for.
    Worker(worker::Args),
    /// Print a JSON Schema: of scenario files, target files, or the adapter protocol.
    Schema(schema::Args),
    /// Write the bundled suite into a folder.
    Suite(suite::Args),
    /// Show every step that a scenario can have.
    Steps(steps::Args),
    /// Serve the reference SDK over the adapter protocol on standard input and output.
    ReferenceSdk(reference_sdk::Args),
    /// Print a completion script for a shell.
    Completions(completions::Args),
}

/// Where the scenarios are, and which of them to use.
#[derive(clap::Args)]
struct Selection {
    /// Scenario files or folders, in place of the suite that is bundled with this program. A `clauses.yaml` must be in the
    /// folder or above it.
    paths: Vec<PathBuf>,

    /// Add the scenarios of this folder. Its own `clauses.yaml`, if it has one, adds clauses. May be repeated.
    #[arg(long, value_name = "DIR")]
    with: Vec<PathBuf>,

    /// Only cases of this group, clause (MIG-5) or clause group (MIG), or with this word in their id. May be repeated.
    #[arg(short, long, value_name = "WORD")]
    filter: Vec<String>,
}

impl Selection {
    fn is_bundled(&self) -> bool {
        self.paths.is_empty()
    }

    fn files(&self) -> Result<SuiteFiles, SuiteError> {
        let mut files = if self.is_bundled() { bundled::files() } else { SuiteFiles::read(&self.paths)? };
        self.with.iter().try_for_each(|folder| files.add_folder(folder))?;
        Ok(files)
    }
}

impl From<SuiteError> for CliError {
    fn from(error: SuiteError) -> Self {
        match error {
            SuiteError::Io(what) => CliError::Usage(what),
            SuiteError::Diagnostics(mistakes) => CliError::Files(mistakes),
        }
    }
}

/// A role, as the command line names it.
#[derive(Clone, Copy)]
struct RoleName(Role);

impl std::str::FromStr for RoleName {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Role::parse(word)
            .map(Self)
            .ok_or_else(|| format!("there is no such role; {}", did_you_mean(word, Role::WORDS.iter().copied())))
    }
}

/// Why a command ends without a verdict.
enum CliError {
    /// The user's files or arguments: exit code 2.
    Files(Diagnostics),
    Usage(String),
    /// The harness or its environment: exit code 3.
    Environment(String),
    /// The build cannot be tested, by its own fault: exit code 1.
    NotReady(String),
}

impl CliError {
    fn tell(self) -> ExitCode {
        match self {
            CliError::Files(problems) => {
                print_stderr(problems.render(console::colors_enabled_stderr()).trim_end());
                ExitCode::from(2)
            }
            CliError::Usage(what) => {
                print_stderr(format!("vouch: {what}"));
                ExitCode::from(2)
            }
            CliError::Environment(what) => {
                print_stderr(format!("vouch: {what}"));
                ExitCode::from(3)
            }
            CliError::NotReady(what) => {
                print_stderr(what);
                ExitCode::from(1)
            }
        }
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        CliError::Environment(format!("cannot write the output: {error}"))
    }
}

impl From<TargetError> for CliError {
    fn from(error: TargetError) -> Self {
        let TargetError::NotReady { error: sut, .. } = &error else {
            return CliError::Environment(error.to_string());
        };
        let redactor = Redactor::default();
        let mut what = redactor.scrub(&error.to_string()).to_string();
        if !sut.stderr.trim().is_empty() {
            let _ = write!(what, "\nits standard error ends with:\n{}", redactor.scrub(&sut.stderr));
        }
        CliError::NotReady(what)
    }
}

impl From<TooFewFiles> for CliError {
    fn from(error: TooFewFiles) -> Self {
        CliError::Environment(error.to_string())
    }
}

type Done = Result<ExitCode, CliError>;

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Run(args) => run::run(args),
        Command::List(args) => list::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Clauses(args) => clauses::run(&args),
        Command::Mutants(args) => mutants::run(&args),
        Command::Explore(args) => explore::run(&args),
        Command::Load(args) => load::run(*args),
        Command::MockCloud(args) => mock_cloud::run(&args),
        Command::MockCloudHook(args) => mock_cloud_hook::run(&args),
        Command::Journeys(args) => journeys::run(*args),
        Command::Worker(args) => worker::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Suite(args) => suite::run(&args),
        Command::Steps(args) => steps::run(&args),
        Command::ReferenceSdk(args) => reference_sdk::run(&args),
        Command::Completions(args) => completions::run(&args),
    };
    match done {
        Ok(code) => code,
        Err(stop) => stop.tell(),
    }
}

/// Loads the selected scenarios and plans their cases.
fn plan(selection: &Selection) -> Result<Plan, CliError> {
    let (suite, problems) = Suite::parse(&selection.files()?)?;
    let mut plan = Plan::build(&suite, problems).map_err(CliError::Files)?;
    plan.keep(&Filter(selection.filter.clone()));
    if plan.cases.is_empty() {
        return Err(CliError::Usage(format!(
            "no case matches {}; `vouch list` shows what there is",
            selection.filter.join(", ")
        )));
    }
    Ok(plan)
}

/// Reads a target file, or takes the built-in target.
fn target(path: Option<&Path>) -> Result<Target, CliError> {
    let Some(path) = path else { return Ok(Target::default()) };
    let source = Source::read(path).map_err(|error| CliError::Usage(error.to_string()))?;
    Target::parse(&source).map_err(|problems| CliError::Files(Diagnostics(problems).tidy()))
}

/// Finds a mutant by its name.
fn mutant(name: &str) -> Result<Mutant, CliError> {
    mutant::named(name).ok_or_else(|| {
        let all = mutant::all();
        let near = suggest(name, all.iter().map(|mutant| mutant.name));
        let help = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        CliError::Usage(format!("there is no mutant `{name}`; {help}`vouch mutants` lists all {}", all.len()))
    })
}

/// A runtime with a thread a core.
fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|error| CliError::Environment(format!("cannot start: {error}")))
}
