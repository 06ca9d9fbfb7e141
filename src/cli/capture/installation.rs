//! `vouch capture installation`.

use crate::Error;
use crate::cli::signals::interrupts;
use crate::cli::stdout::Out;
use crate::cli::{CliError, Done, runtime, target};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use vouch_report::wrapped;
use vouch_runner::museum::{self, Captured, Description, FORMAT};
use vouch_runner::resource_limits::raise_open_file_limit;
use vouch_runner::run::{CaptureError, NotCaptured, capture, wanted};
use vouch_runner::sut::OrphanReaper;
use vouch_runner::target_setup::{ResolvedTarget, TargetOptions};
use vouch_sim::wire::redact::Redactor;
use vouch_spec::profile::Profile;
use vouch_spec::protocol::message::SdkName;
use vouch_spec::protocol::{Environment, Realm, Region, Role};
use vouch_spec::text::{OutsideText, did_you_mean};

#[derive(clap::Args)]
#[command(
    after_help = "Example: store release 1.4 from its own target file, and test the update from it without that release:
  vouch capture installation museum/1.4 --target release-1.4/vouch.toml --note \"format 1\"
  [sdk.previous]
  stored = \"museum/1.4\"

Exit codes: 0 stored, 1 the build cannot be brought into the states, 2 usage or file error, 3 the environment failed."
)]
pub struct Args {
    /// The folder to write, which must be new or empty.
    folder: PathBuf,

    /// The target file whose [sdk] is the build to store.
    #[arg(short, long, value_name = "FILE")]
    target: PathBuf,

    /// A note about the build, for example the format of its storage.
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,

    /// The wire profile, in place of the target file's: junction, gcip or standard.
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,

    /// The environment of the user: production, sandbox or dev.
    #[arg(long, value_name = "ENVIRONMENT", default_value = "production", value_parser = environment)]
    environment: Environment,

    /// The region of the user: us or eu.
    #[arg(long, value_name = "REGION", default_value = "us", value_parser = region)]
    region: Region,
}

fn environment(text: &str) -> Result<Environment, String> {
    Environment::parse(text).ok_or_else(|| did_you_mean(text, Environment::WORDS.iter().copied()))
}

fn region(text: &str) -> Result<Region, String> {
    Region::parse(text).ok_or_else(|| did_you_mean(text, Region::WORDS.iter().copied()))
}

pub fn run(args: &Args) -> Done {
    let target = target(Some(&args.target))?;
    if target.sdk.is_none() {
        return Err(CliError::Usage(format!("{} has no [sdk]: there is no build to store", args.target.display())));
    }
    if std::fs::read_dir(&args.folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(CliError::Usage(format!("{} has files already; choose a new folder", args.folder.display())));
    }
    let named = |name: &String| Profile::built_in(name).ok_or_else(|| Error::UnknownProfile(name.clone()));
    let profile = args.profile.as_ref().map(named).transpose()?;
    raise_open_file_limit();
    let orphans = OrphanReaper::install();
    let runtime = runtime()?;
    let realm = Realm { environment: args.environment, region: args.region };
    let captured = runtime.block_on(async {
        let mut interrupted = interrupts();
        let work = async {
            let options = TargetOptions { roles: vec![Role::Sdk], profile, real_time: false };
            let resolved = ResolvedTarget::resolve(target, options).await?;
            let (captured, missing) = capture(&resolved.roles, realm).await.map_err(not_captured)?;
            Ok(Stored { build: resolved.build, profile: resolved.roles.profile.name.clone(), captured, missing })
        };
        tokio::select! {
            captured = work => captured,
            () = wanted(&mut interrupted) => Err(CliError::Interrupted),
        }
    });
    drop(runtime);
    orphans.end_all();
    captured?.write(args, realm)
}

/// What was captured of a build.
struct Stored {
    build: SdkName,
    profile: String,
    captured: Vec<Captured>,
    missing: Vec<NotCaptured>,
}

impl Stored {
    fn write(self, args: &Args, realm: Realm) -> Done {
        let description = Description {
            format: FORMAT,
            build: self.build,
            note: args.note.clone(),
            captured_at: vouch_spec::timestamp::now(),
            vouch: env!("CARGO_PKG_VERSION").into(),
            profile: self.profile,
            environment: realm.environment,
            region: realm.region,
            states: BTreeMap::new(),
        };
        let written = museum::write(&args.folder, description, &self.captured).map_err(|error| {
            CliError::Environment(format!("cannot store the installation in {}: {error}", args.folder.display()))
        })?;
        let SdkName { name, version, .. } = &written.build;
        let states: Vec<_> = written.states.keys().map(|state| state.word()).collect();
        let text = format!("{name} {version} is stored in {}: {}", args.folder.display(), states.join(", "));
        print(&text)?;
        for NotCaptured { state, why } in &self.missing {
            print(&format!("not stored, {state}: {why}"))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn not_captured(error: CaptureError) -> CliError {
    CliError::NotReady(safe(&error.to_string()))
}

/// A text of the build without secrets, and without what a terminal obeys.
fn safe(text: &str) -> String {
    OutsideText::line(Redactor::default().scrub(text).as_str()).into_string()
}

fn print(text: &str) -> std::io::Result<()> {
    writeln!(Out, "{}", wrapped(&safe(text), "", "  "))
}
