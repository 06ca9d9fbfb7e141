//! `vouch run`.

use super::connection;
use super::reports::{self, ReportFile};
use super::shell_word::shell_word;
use super::signals::interrupts;
use super::stdout::Out;
use super::{CliError, Done, RoleName, Selection, argument_texts, record_path, runtime};
use crate::{Error, Snapshots, Suite};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vouch_report::{Console, Detail};
use vouch_runner::gate::updated;
use vouch_runner::record::{RecordWriter, RunRecord};
use vouch_runner::report::{Listener, print_stderr};
use vouch_runner::resource_limits::raise_open_file_limit;
use vouch_runner::run::Shard;
use vouch_runner::run::event::RunEvent;
use vouch_runner::sut::OrphanReaper;
use vouch_runner::temporary_folder;
use vouch_spec::text::OutsideText;

#[derive(clap::Args)]
#[command(after_help = "Examples:
  vouch run --target vouch.toml --report junit=junit.xml --report html=report.html
  vouch run --target vouch.toml --waivers waivers.toml
  vouch run --target vouch.toml --known-failures known.txt --write-known-failures   (once, then without the last option)")]
pub struct Args {
    #[command(flatten)]
    selection: Selection,

    /// The target file, which describes your build. Without it, the built-in reference parts are tested.
    #[arg(short, long, value_name = "FILE")]
    target: Option<PathBuf>,

    /// Wait for an SDK that dials in: listen on this loopback address and print its URL. In place of a target file; see
    /// docs/connections.md.
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:9778",
          conflicts_with_all = ["target", "connect", "mutant", "variant"], value_parser = connection::loopback)]
    listen: Option<SocketAddr>,

    /// Connect to an SDK at this address: tcp://HOST:PORT, ws://HOST:PORT/PATH or http://HOST:PORT/PATH. In place of a target
    /// file.
    #[arg(long, value_name = "URL", conflicts_with_all = ["target", "mutant", "variant"], value_parser = connection::address)]
    connect: Option<String>,

    /// Test only this role: sdk, app, backend, api or idp. Needed where the target file fills several. May be repeated.
    #[arg(long, value_name = "ROLE")]
    role: Vec<RoleName>,

    /// The wire profile: junction, gcip, standard, or custom (the mapping in the target file).
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// Make a report beside the console's: a format (docs/reports.md lists them), and a file or `-` for standard output. May be repeated.
    #[arg(long = "report", value_name = "FORMAT=FILE")]
    reports: Vec<ReportFile>,

    /// Write the run record here. By default it goes to target/vouch in a Cargo project, else to the user's state folder.
    #[arg(long, value_name = "FILE", conflicts_with = "no_record")]
    record: Option<PathBuf>,

    /// Write no run record.
    #[arg(long)]
    no_record: bool,

    /// The build under test, for the record: a file, a folder, or an image as oci:NAME@sha256:DIGEST. By default what the
    /// target file names as `build`.
    #[arg(long, value_name = "BUILD")]
    build: Option<String>,

    /// Waivers (TOML): findings that do not fail the run, each with a clause or case, a reason, an owner and a last day. By
    /// default what the target file names as `waivers`.
    #[arg(long, value_name = "FILE")]
    waivers: Option<PathBuf>,

    /// A list of cases that a legacy build is known to fail, one a line. New failures fail the run, and so does a listed case
    /// that passes.
    #[arg(long, value_name = "FILE")]
    known_failures: Option<PathBuf>,

    /// Write the failures of this run into the file of --known-failures. Comments, and cases that did not run, stay.
    #[arg(long, requires = "known_failures", conflicts_with_all = ["ci", "shard"])]
    write_known_failures: bool,

    /// Violations of `should` clauses fail the build too.
    #[arg(long)]
    strict: bool,

    /// Accept the recorded HTTP exchanges of this run as the wire snapshots.
    #[arg(long, conflicts_with = "ci")]
    update_snapshots: bool,

    /// Write no pending snapshots. The default where the variable CI is set.
    #[arg(long)]
    ci: bool,

    /// How many cases run at once. By default, four a core, fewer if the build is slow to start.
    #[arg(short, long, value_name = "N")]
    jobs: Option<std::num::NonZeroUsize>,

    /// Real time with short token lifetimes, even for an SDK that claims `clock`.
    #[arg(long)]
    real_time: bool,

    /// Inject a fault into a built-in part, by its name in `vouch mutants`, to see how the suite reports it.
    #[arg(long, value_name = "NAME", conflicts_with = "target")]
    mutant: Option<String>,

    /// Replace a built-in part by a legitimate variant, by its name in `vouch mutants`: the suite must not complain.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["target", "mutant"])]
    variant: Option<String>,

    /// Run one of N shards of the chosen cases, for example 1/4. Run each shard with the same arguments, then join their
    /// records with `vouch merge`: the verdict on the build follows from all of them.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,

    /// Run every case this many times.
    #[arg(long, value_name = "N")]
    repeat: Option<std::num::NonZeroUsize>,

    /// Run the cases in random order. The report shows the seed, which gives the same order again.
    #[arg(long, value_name = "SEED", num_args = 0..=1)]
    shuffle: Option<Option<u64>>,

    /// Draw what scenarios leave open, for each case: token lifetimes and sizes, the device's clock, TZ and LANG, user ids,
    /// header case. The report shows the seed, which draws the same again, and what was drawn.
    #[arg(long, value_name = "SEED", num_args = 0..=1)]
    vary: Option<Option<u64>>,

    /// Exit with 4 when a `must` clause of the selected scenarios was not tested, for example because the SDK lacks a
    /// capability.
    #[arg(long)]
    require_all: bool,

    /// Start no case after the first failure.
    #[arg(long)]
    fail_fast: bool,

    /// Report every case, also those that pass.
    #[arg(short, long)]
    verbose: bool,

    /// Show every finding in full. By default, of the findings with the same cause only the first is shown in full.
    #[arg(long)]
    full: bool,
}

pub fn run(args: Args) -> Done {
    let reports = args.reports.clone();
    let done = run_suite(args);
    if let Err(CliError::Files(mistakes)) = &done {
        // A run that cannot start leaves its reports, where their format can show why.
        reports::write_mistakes(&reports, mistakes, None)?;
    }
    done
}

fn run_suite(args: Args) -> Done {
    let suite = suite(&args)?;
    let record = args.record.as_deref().map(|path| ("--record", path));
    reports::check_distinct(&[], record.as_slice(), &args.reports)?;
    reports::check_writable(&args.reports)?;
    if let Some(address) = args.listen {
        connection::announce(address);
    }
    raise_open_file_limit();
    temporary_folder::sweep();
    let orphans = OrphanReaper::install();
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        let mut console = (!args.reports.iter().any(ReportFile::is_stdout)).then(|| console(&args));
        let mut recorder = recorder(&args)?;
        let mut written = Ok(());
        let run = suite.run_until(interrupts(), |event| {
            if let (Some(console), true) = (&mut console, written.is_ok()) {
                written = console.on_event(event);
            }
            recorder.on_event(event);
        });
        let (report, failed) = match run.await {
            Ok(report) => (Box::new(report), None),
            Err(Error::NotStarted { error, report }) => {
                (report, Some(with_doctor(error.into(), args.target.as_deref())))
            }
            Err(error) => return Err(error.into()),
        };
        // Whatever cannot be written, all else is.
        let reports = reports::write(&args.reports, report.record());
        recorder.finish()?;
        reports?;
        written?;
        if let Some(error) = failed {
            return Err(error);
        }
        write_known_failures(&args, report.record())?;
        Ok(ExitCode::from(report.outcome().exit_code()))
    });
    // Nothing waits for the processes of the run any more.
    drop(runtime);
    orphans.end_all();
    done
}

/// Names the command that says why a target does not come up.
fn with_doctor(error: CliError, target: Option<&Path>) -> CliError {
    let Some(target) = target else { return error };
    let target = shell_word(&OutsideText::line(&target.display().to_string()).into_string());
    let add = |what: String| format!("{what}\nto see why: vouch doctor --target {target}");
    match error {
        CliError::Environment(what) => CliError::Environment(add(what)),
        CliError::NotReady(what) => CliError::NotReady(add(what)),
        other => other,
    }
}

/// Writes the list of known failures, if the arguments ask for it. An interrupted run knows only some of them.
fn write_known_failures(args: &Args, record: &RunRecord) -> Result<(), CliError> {
    let Some(path) = args.known_failures.as_ref().filter(|_| args.write_known_failures) else { return Ok(()) };
    if record.summary().interrupted {
        print_stderr(format!("vouch: the run was interrupted; {} stays as it was", path.display()));
        return Ok(());
    }
    let failed = |error| CliError::Environment(format!("cannot write the known failures {}: {error}", path.display()));
    let before = if path.exists() { Some(std::fs::read_to_string(path).map_err(failed)?) } else { None };
    std::fs::write(path, updated(before.as_deref(), &record.cases)).map_err(failed)?;
    print_stderr(format!("known failures: {}", path.display()));
    Ok(())
}

fn console(args: &Args) -> Console<Out> {
    let detail = Detail { every_case: args.verbose, every_finding: args.full };
    Console::new(Out, detail, console::colors_enabled()).with_progress()
}

/// Writes the record. A record that cannot be written is a warning, unless its path was given: the verdict is known without.
struct Recorder {
    writer: Option<RecordWriter>,
    wanted: bool,
    failed: Option<CliError>,
}

fn recorder(args: &Args) -> Result<Recorder, CliError> {
    let wanted = args.record.is_some();
    let path = if args.no_record { None } else { args.record.clone().or_else(|| record_path::default_path("run")) };
    let mut recorder = Recorder { writer: None, wanted, failed: None };
    if let Some(path) = path {
        match RecordWriter::create(&path) {
            Ok(writer) => recorder.writer = Some(writer),
            Err(error) => recorder.fail(&path, &error),
        }
    }
    recorder.failed.take().map_or(Ok(recorder), Err)
}

impl Recorder {
    fn on_event(&mut self, event: &RunEvent) {
        let Some(writer) = &mut self.writer else { return };
        if let Err(error) = writer.on_event(event) {
            let path = writer.path().to_owned();
            self.writer = None;
            self.fail(&path, &error);
        }
    }

    fn fail(&mut self, path: &Path, error: &std::io::Error) {
        let what = format!("cannot write the run record {}: {error}", path.display());
        if self.wanted {
            self.failed = Some(CliError::Environment(what));
        } else {
            print_stderr(format!("vouch: {what}; the run goes on without"));
        }
    }

    fn finish(self) -> Result<(), CliError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if let Some(writer) = &self.writer {
            print_stderr(format!("run record: {}", writer.path().display()));
        }
        Ok(())
    }
}

/// The run that the arguments describe.
fn suite(args: &Args) -> Result<Suite, Error> {
    let mut suite = args.selection.suite()?;
    if let Some(file) = &args.target {
        suite = suite.target(file)?;
    }
    if let Some(text) = connection::target_text(args.listen, args.connect.as_deref()) {
        suite = suite.target_text(&text, ".")?;
    }
    if let Some(name) = &args.profile {
        suite = suite.profile(name);
    }
    if let Some(name) = &args.mutant {
        suite = suite.mutant(name)?;
    }
    if let Some(name) = &args.variant {
        suite = suite.variant(name)?;
    }
    if let Some(jobs) = args.jobs {
        suite = suite.jobs(jobs);
    }
    if let Some(shard) = args.shard {
        suite = suite.shard(shard);
    }
    if let Some(times) = args.repeat {
        suite = suite.repeat(times);
    }
    if let Some(seed) = args.shuffle {
        suite = suite.shuffle(seed.unwrap_or_else(rand::random));
    }
    if let Some(seed) = args.vary {
        suite = suite.vary(seed.unwrap_or_else(rand::random));
    }
    type Switch = (bool, fn(Suite) -> Suite);
    let switches: [Switch; 4] = [
        (args.strict, Suite::strict),
        (args.real_time, Suite::real_time),
        (args.require_all, Suite::require_all),
        (args.fail_fast, Suite::fail_fast),
    ];
    let suite = switches.into_iter().filter(|(on, _)| *on).fold(suite, |suite, (_, turn_on)| turn_on(suite));
    let suite = args.role.iter().fold(suite, |suite, role| suite.role(role.0));
    let suite = match &args.waivers {
        Some(file) => suite.waivers(file),
        None => suite,
    };
    let suite = match (&args.known_failures, args.write_known_failures) {
        (Some(file), true) => suite.writing_known_failures(file),
        (Some(file), false) => suite.known_failures(file),
        (None, _) => suite,
    };
    let suite = match &args.build {
        Some(build) => suite.build(build),
        None => suite,
    };
    // Arguments can have secrets only where a user writes them there; paths and words are what this command takes.
    Ok(suite.snapshots(snapshots(args)).arguments(argument_texts()).record_cases_in_events())
}

fn snapshots(args: &Args) -> Snapshots {
    let in_ci = args.ci || std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    match (args.update_snapshots, in_ci) {
        (true, _) => Snapshots::Update,
        (false, true) => Snapshots::Check,
        (false, false) => Snapshots::Propose,
    }
}
