//! The command line: one file a subcommand.

mod adapter;
mod bug_report;
mod capture;
mod certificate_views;
mod certify;
mod check;
mod clauses;
mod compatible;
mod completions;
mod connection;
mod diff;
mod doctor;
#[cfg(feature = "explore")]
mod explore;
#[cfg(feature = "forecast")]
mod forecast;
mod history;
mod init;
mod journeys;
mod judge;
mod keygen;
mod kill_matrix;
mod list;
mod load;
mod man;
mod matrix;
mod merge;
mod mock_cloud;
mod mutants;
mod output_paths;
mod proxied_app;
mod record_path;
mod reference_sdk;
mod rejudge;
mod report;
mod reports;
mod run;
mod schema;
mod shell_word;
mod show;
mod signals;
mod stdout;
mod steps;
mod suite;
mod verify;
mod worker;

use crate::{Error, Suite};
use clap::{Parser, Subcommand};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vouch_runner::report::{print_stderr, print_stderr_styled};
use vouch_runner::run::Plan;
use vouch_runner::target_file::Target;
use vouch_runner::target_setup::TargetError;
use vouch_sim::mutant::{self, Mutant};
use vouch_sim::wire::redact::Redactor;
use vouch_spec::protocol::Role;
use vouch_spec::text::{Diagnostics, OutsideText, Source, did_you_mean};

/// Tests whether an SDK, app, backend or cloud conforms to the sign-in-token scheme.
///
/// Vouch runs scripted sign-in lifecycles against your build, with everything around it simulated: the vendor's cloud, the
/// network between, the device and its storage. For each failure it reports the requirement clause that is violated and the
/// HTTP exchanges that show it. It also puts token exchange and refresh under load.
///
/// `vouch run` tests the built-in reference parts; `vouch run --target vouch.toml` tests your build, which the target file
/// describes (docs/targets.md). The suite is bundled with this program.
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
    /// Write a target file, an adapter to fill in and a CI step for your build: the way to the first verdict.
    Init(init::Args),
    /// Run scenarios against a build and report whether it conforms.
    Run(run::Args),
    /// Show a run record as `vouch run` showed the run.
    Show(show::Args),
    /// Make reports of a run record.
    Report(report::Args),
    /// Join the records of the shards of a run (`vouch run --shard`) into the record of the whole run.
    Merge(merge::Args),
    /// Compare the run record of a new build with that of an old one. Exit code 1 if the new build breaks a case.
    Diff(diff::Args),
    /// Show run records side by side: the status of each clause in each build.
    Matrix(matrix::Args),
    /// Show the history of builds in a folder of run records: trends, what broke each clause, flaky cases.
    History(history::Args),
    /// Check whether certified parts fit: app, SDK, backend and cloud, each by its run record. Exit code 1 if they do not.
    Compatible(compatible::Args),
    /// Judge a run record again, and show the verdicts that change.
    Rejudge(rejudge::Args),
    /// Judge recorded traffic (HAR files) or run records by the invariants of a run, as far as the wire alone shows them.
    Judge(judge::Args),
    /// Store what a build leaves on its device, for tests of updates from it.
    Capture(capture::Args),
    /// Make a key pair for certificates.
    Keygen(keygen::Args),
    /// Make a signed certificate of a run record.
    Certify(certify::Args),
    /// Verify a certificate against its run record.
    Verify(verify::Args),
    /// List the cases that would run.
    List(list::Args),
    /// Validate scenario, target and load files; run nothing.
    Check(check::Args),
    /// Say why a target does not come up: checks this machine, and what the target file needs of it.
    Doctor(doctor::Args),
    /// Check an adapter alone, before any scenario.
    Adapter(adapter::Args),
    /// Show which scenarios prove each clause.
    Clauses(clauses::Args),
    /// Write the bundled suite into a folder.
    Suite(suite::Args),
    /// Inject faults into the built-in parts, one at a time, and check that the suite detects each.
    Mutants(mutants::Args),
    /// Run random sequences of actions, and check each against a model and all invariants.
    #[cfg(feature = "explore")]
    Explore(explore::Args),
    /// Forecast how often users are signed out against their will, under a provider policy, in virtual months.
    #[cfg(feature = "forecast")]
    Forecast(forecast::Args),
    /// Run a load test of token exchange and refresh: every answer is checked, results are compared with thresholds.
    Load(Box<load::args::Args>),
    /// Run a load test of scenarios: many users at once, with think time between the steps.
    Journeys(Box<journeys::Args>),
    /// Join a Locust master as a worker, and run the users that it assigns.
    Worker(worker::Args),
    /// Serve the simulated vendor cloud, for load tests and for manual tests.
    MockCloud(mock_cloud::Args),
    /// Run a hook of the target file that `vouch mock-cloud` writes.
    #[command(hide = true)]
    MockCloudHook(mock_cloud::hook::Args),
    /// Serve the adapter protocol for a build that nobody changed: commands act in the place of its user, and it reaches the
    /// mock cloud through an intercepting proxy.
    ProxiedApp(proxied_app::Args),
    /// Serve the reference SDK over the adapter protocol on standard input and output.
    ReferenceSdk(reference_sdk::Args),
    /// Print a JSON Schema: of scenario files, target files, or the adapter protocol.
    Schema(schema::Args),
    /// Show every step that a scenario can have.
    Steps(steps::Args),
    /// Print a completion script for a shell.
    Completions(completions::Args),
    /// Write the man pages into a folder: one for the program and one for each command.
    Man(man::Args),
}

/// Where the scenarios are, and which of them to use.
#[derive(Default, clap::Args)]
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
    fn suite(&self) -> Result<Suite, Error> {
        let suite = if self.paths.is_empty() { Suite::bundled()? } else { Suite::load(&self.paths)? };
        let suite = self.with.iter().try_fold(suite, super::suite::Suite::with_folder)?;
        Ok(self.filter.iter().fold(suite, super::suite::Suite::filter))
    }

    /// The selected cases.
    fn plan(&self) -> Result<Plan, Error> {
        self.suite()?.filtered_plan()
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
    /// What the parser of arguments says: exit code 2.
    NotUnderstood(String),
    /// The harness or its environment: exit code 3.
    Environment(String),
    /// The build cannot be tested, by its own fault: exit code 1.
    NotReady(String),
    /// The user ended it before it could say anything: exit code 130.
    Interrupted,
}

impl CliError {
    /// What it says, without styles.
    fn text(&self) -> String {
        match self {
            CliError::Files(problems) => problems.render(false),
            CliError::Usage(what)
            | CliError::NotUnderstood(what)
            | CliError::Environment(what)
            | CliError::NotReady(what) => what.clone(),
            CliError::Interrupted => "interrupted".into(),
        }
    }

    fn report(self) -> ExitCode {
        match self {
            CliError::Files(problems) => {
                print_stderr_styled(problems.render(console::colors_enabled_stderr()).trim_end());
                ExitCode::from(2)
            }
            CliError::Usage(what) => {
                print_stderr(format!("vouch: {what}"));
                ExitCode::from(2)
            }
            CliError::NotUnderstood(what) => {
                print_stderr(what.trim_end());
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
            CliError::Interrupted => ExitCode::from(signals::INTERRUPTED),
        }
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        CliError::Environment(format!("cannot write the output: {error}"))
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        match error {
            Error::Mistakes(mistakes) => CliError::Files(mistakes),
            Error::Target(error) | Error::NotStarted { error, .. } => error.into(),
            Error::TooFewFiles(_) | Error::Runtime(_) => CliError::Environment(error.to_string()),
            Error::Interrupted => CliError::Interrupted,
            _ => CliError::Usage(OutsideText::line(&error.to_string()).into_string()),
        }
    }
}

impl From<TargetError> for CliError {
    fn from(error: TargetError) -> Self {
        let TargetError::NotReady { error: sut, .. } = &error else {
            return CliError::Environment(OutsideText::line(&error.to_string()).into_string());
        };
        let redactor = Redactor::default();
        let mut what = OutsideText::line(redactor.scrub(&error.to_string()).as_str()).into_string();
        if !sut.stderr.trim().is_empty() {
            let _ = write!(what, "\nits standard error ends with:\n{}", redactor.scrub(&sut.stderr));
        }
        CliError::NotReady(what)
    }
}

type Done = Result<ExitCode, CliError>;

/// The stack of the thread that runs a command, in bytes: the usual one of a main thread.
const STACK: usize = 8 << 20;

/// Parses the command line and runs the subcommand. A panic is a fault of this program: exit code 3.
///
/// It runs on a thread of its own: the stack of the main thread is as small as `ulimit -s` says, and the parser of arguments alone
/// overflows one of 400 kB.
pub fn main() -> ExitCode {
    bug_report::install();
    signals::fail_writes_beyond_the_limit();
    match std::thread::Builder::new().name("command".into()).stack_size(STACK).spawn(without_panics) {
        Ok(command) => command.join().unwrap_or_else(|_| ExitCode::from(bug_report::EXIT_CODE)),
        // Where no thread can be had, the main thread may do.
        Err(_) => without_panics(),
    }
}

fn without_panics() -> ExitCode {
    std::panic::catch_unwind(run_command).unwrap_or_else(|_| ExitCode::from(bug_report::EXIT_CODE))
}

/// The arguments. What is wrong with them is shown without what a terminal would obey.
fn arguments() -> Result<Cli, CliError> {
    Cli::try_parse().map_err(|error| {
        let text = error.render().to_string();
        if !error.use_stderr() || OutsideText::block(&text).as_str() == text {
            error.exit();
        }
        CliError::NotUnderstood(text)
    })
}

fn run_command() -> ExitCode {
    let cli = match arguments() {
        Ok(cli) => cli,
        Err(error) => return error.report(),
    };
    // The HTTP library panics at each answer before 1970.
    if vouch_spec::timestamp::of(std::time::SystemTime::now()).is_none() {
        let what = "the clock of this machine is before 1970 or after the year 9999; set it".to_owned();
        return CliError::Environment(what).report();
    }
    let done = match cli.command {
        Command::Init(args) => init::run(&args),
        Command::Run(args) => run::run(args),
        Command::Show(args) => show::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Merge(args) => merge::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Matrix(args) => matrix::run(&args),
        Command::History(args) => history::run(&args),
        Command::Compatible(args) => compatible::run(&args),
        Command::Rejudge(args) => rejudge::run(&args),
        Command::Judge(args) => judge::run(&args),
        Command::Capture(args) => capture::run(&args),
        Command::Keygen(args) => keygen::run(&args),
        Command::Certify(args) => certify::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::List(args) => list::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Clauses(args) => clauses::run(&args),
        Command::Suite(args) => suite::run(&args),
        Command::Mutants(args) => mutants::run(&args),
        #[cfg(feature = "explore")]
        Command::Explore(args) => explore::run(&args),
        #[cfg(feature = "forecast")]
        Command::Forecast(args) => forecast::run(&args),
        Command::Load(args) => load::run(*args),
        Command::Journeys(args) => journeys::run(*args),
        Command::Worker(args) => worker::run(&args),
        Command::MockCloud(args) => mock_cloud::run(&args),
        Command::MockCloudHook(args) => mock_cloud::hook::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Adapter(args) => adapter::run(args),
        Command::ProxiedApp(args) => proxied_app::run(&args),
        Command::ReferenceSdk(args) => reference_sdk::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Steps(args) => steps::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    };
    match done {
        Ok(code) => code,
        Err(error) => error.report(),
    }
}

/// Reads a target file, or takes the built-in target.
fn target(path: Option<&Path>) -> Result<Target, CliError> {
    let Some(path) = path else { return Ok(Target::default()) };
    let source = Source::read(path).map_err(|error| CliError::Usage(error.to_string()))?;
    Target::parse(&source).map_err(|problems| CliError::Files(Diagnostics(problems).tidy()))
}

/// Finds a mutant by its name.
fn mutant(name: &str) -> Result<Mutant, CliError> {
    Ok(mutant::named(name).ok_or_else(|| Error::unknown_mutant(name))?)
}

/// A runtime with a thread a core.
fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    // The number of threads is given, because tokio panics at a wrong value of TOKIO_WORKER_THREADS.
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let built = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    built.map_err(|error| CliError::Environment(format!("cannot start: {error}")))
}

/// The arguments of the command line, for a record. What is not UTF-8 in them is replaced.
fn argument_texts() -> Vec<String> {
    std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect()
}

/// This program, which serves the mock cloud of a load in a process of its own.
fn program() -> Result<PathBuf, CliError> {
    std::env::current_exe().map_err(|error| CliError::Environment(format!("cannot find this program: {error}")))
}
