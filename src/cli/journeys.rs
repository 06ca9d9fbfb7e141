//! `vouch journeys`.

use super::signals::{INTERRUPTED, USERS_LEFT, stop_on_interrupt};
use super::stdout::Out;
use super::{CliError, Done, Selection, runtime, target};
use crate::cli::load::context;
use crate::cli::load::recorder::{RecordArgs, Recorder};
use crate::cli::load::sdk::{FILES_OF_PROCESS, Loaded, SdkUnderLoad, What};
use crate::cli::load::shared::{environment, exit_code, load_error, profile, region, tls};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use vouch_load::arrivals::Arrivals;
use vouch_load::journey::{Journey, JourneyOptions, JourneyRunner, JourneyRunnerParts};
use vouch_load::record::{ClosedModel, LoadRecord, LoadSettings};
use vouch_load::report::ProgressDisplay;
use vouch_load::system::Sampler;
use vouch_load::threshold::Threshold;
use vouch_load::{
    Load, LoadFile, Overrides, PlanError, ProgressEvent, TargetSetup, allow_connections, evaluate, set_up_target,
};
use vouch_runner::report::print_stderr;
use vouch_runner::run::Plan;
use vouch_runner::target_file::Target;
use vouch_spec::profile::{Profile, Rotation};
use vouch_spec::protocol::{Environment, Realm, Region};
use vouch_spec::text::{Diagnostic, Diagnostics};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,

    /// List the scenarios that can be journeys, and the reason for each of the others. Runs nothing.
    #[arg(long)]
    list: bool,

    /// The target file. The load goes to its cloud, and through its backend if it has one; each user drives a process of its
    /// SDK. The first line of the output says what is loaded, and by whom. Default: users with the reference SDK load the
    /// mock cloud, which Vouch starts.
    #[arg(short, long, value_name = "FILE")]
    target: Option<PathBuf>,

    /// Number of concurrent virtual users.
    #[arg(short, long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    users: u32,

    /// Total duration, from the start of the first user.
    #[arg(short, long, value_name = "TIME", default_value = "30s")]
    duration: humantime::Duration,

    /// Pause of a virtual user between two steps: a fixed time such as "2s", or a range such as "1s..3s".
    #[arg(long, value_name = "TIME..TIME", default_value = "1s..3s")]
    think_time: ThinkTime,

    /// Number of users that start per second. Default: all users have started after a tenth of the duration.
    #[arg(long, value_name = "N")]
    spawn_rate: Option<f64>,

    /// A threshold, for example "p99<50ms" or "rotation/refresh errors<1%". May be repeated.
    #[arg(long = "threshold", value_name = "THRESHOLD")]
    thresholds: Vec<Threshold>,

    /// Timeout of one call.
    #[arg(long, value_name = "TIME", default_value = "5s")]
    timeout: humantime::Duration,

    /// The wire profile, if the target file names none: junction, gcip or standard.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// Run only the cases of this environment. Default: the environment of the first case.
    #[arg(long, value_name = "NAME", value_parser = environment)]
    environment: Option<Environment>,

    /// Run only the cases of this region. Default: the region of the first case.
    #[arg(long, value_name = "NAME", value_parser = region)]
    region: Option<Region>,

    /// A PEM file with CA certificates to trust in addition to those of the operating system.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Show no progress while the journeys run.
    #[arg(short, long)]
    quiet: bool,

    /// Write the results as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    #[command(flatten)]
    record: RecordArgs,
}

/// The minimum and the maximum think time.
#[derive(Clone, Debug, PartialEq)]
struct ThinkTime(Duration, Duration);

impl FromStr for ThinkTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = |text: &str| {
            humantime::parse_duration(text.trim())
                .map_err(|_| format!("`{text}` is not a duration; write for example `1s..3s`, or `0s`"))
        };
        let (min, max) = match text.split_once("..") {
            Some((min, max)) => (time(min)?, time(max)?),
            None => (time(text)?, time(text)?),
        };
        if min > max {
            return Err(format!("`{text}`: the minimum is longer than the maximum"));
        }
        Ok(Self(min, max))
    }
}

pub fn run(args: Args) -> Done {
    let plan = args.selection.plan()?;
    if args.list {
        return list(&plan);
    }
    let target = target(args.target.as_deref())?;
    let profile = profile(args.profile.as_deref(), &target)?;
    // It must live as long as the processes.
    let runtime = runtime()?;
    let sdk = runtime.block_on(SdkUnderLoad::start(&target, profile.clone()))?;
    let chosen = Chosen::of(&args, &plan, sdk.as_ref())?;
    let load = load(&args, &chosen.journeys, chosen.realm, target.rotation(&profile))?;
    runtime.block_on(execute(args, chosen, sdk, load, target, profile))
}

/// The journeys of a load, and what was said of the others.
struct Chosen {
    journeys: Vec<Arc<Journey>>,
    /// That of all of them.
    realm: Realm,
    /// How many scenarios cannot be played, and why.
    not_played: Option<String>,
}

impl Chosen {
    /// Turns the selected cases into journeys. All are of one realm.
    fn of(args: &Args, plan: &Plan, sdk: Option<&SdkUnderLoad>) -> Result<Self, CliError> {
        let first = plan.cases.first().map(|case| case.given.realm());
        let mut realm = first.ok_or_else(|| CliError::Usage("no case is selected".into()))?;
        realm.environment = args.environment.unwrap_or(realm.environment);
        realm.region = args.region.unwrap_or(realm.region);
        let (mut journeys, mut problems, mut census) = (Vec::new(), Vec::new(), Census::default());
        for case in plan.cases.iter().filter(|case| case.given.realm() == realm) {
            let unclaimed = |journey: &Journey| sdk.and_then(|sdk| sdk.cannot_play(case, journey));
            match Journey::read(case, &plan.clauses).map(|journey| (unclaimed(&journey), journey)) {
                Ok((None, journey)) => {
                    census.count(case.scenario.id(), None);
                    journeys.push(Arc::new(journey));
                }
                Ok((Some(why), _)) => census.count(case.scenario.id(), Some(&why)),
                Err(unfit) => {
                    census.count(case.scenario.id(), Some(unfit.why));
                    problems.extend(unfit.problems);
                }
            }
        }
        if journeys.is_empty() && !problems.is_empty() {
            return Err(CliError::Files(Diagnostics(problems).tidy()));
        }
        if journeys.is_empty() {
            return Err(CliError::Usage(match census.not_played() {
                Some(why) => format!("no selected scenario can be played: {why}"),
                None => format!("no selected case is of {realm}; choose another with --environment and --region"),
            }));
        }
        if journeys.len() > args.users as usize {
            let (users, cases) = (args.users, journeys.len());
            return Err(CliError::Usage(format!(
                "{users} users are too few for {cases} different journeys; give more --users"
            )));
        }
        Ok(Self { journeys, realm, not_played: census.not_played() })
    }
}

/// How many scenarios can be played, and how many cannot, by the kind of reason.
#[derive(Default)]
struct Census {
    /// The scenarios that were counted. The cases of one have the same steps, so the first one decides for all.
    seen: BTreeSet<String>,
    played: usize,
    not: BTreeMap<String, usize>,
}

impl Census {
    fn count(&mut self, scenario: &str, why: Option<&str>) {
        if !self.seen.insert(scenario.to_owned()) {
            return;
        }
        match why {
            None => self.played += 1,
            Some(why) => *self.not.entry(why.to_owned()).or_default() += 1,
        }
    }

    /// The kinds of reasons, the most frequent first.
    fn reasons(&self) -> Vec<(usize, &str)> {
        let mut reasons: Vec<_> = self.not.iter().map(|(why, count)| (*count, why.as_str())).collect();
        reasons.sort_by_key(|(count, why)| (std::cmp::Reverse(*count), *why));
        reasons
    }

    /// One line, if some scenario cannot be played.
    fn not_played(&self) -> Option<String> {
        let reasons: Vec<_> = self.reasons().into_iter().map(|(count, why)| format!("{count}: {why}")).collect();
        let (all, not) = (self.seen.len(), self.seen.len() - self.played);
        (not > 0).then(|| format!("{not} of {all} selected scenarios cannot be journeys ({})", reasons.join("; ")))
    }
}

fn list(plan: &Plan) -> Done {
    let mut out = Out;
    let (mut census, mut last) = (Census::default(), "");
    for case in &plan.cases {
        if case.scenario.id() == last {
            continue;
        }
        last = case.scenario.id();
        match Journey::read(case, &plan.clauses) {
            Ok(journey) => {
                census.count(last, None);
                let calls: Vec<_> = journey.calls.iter().map(|call| call.name()).collect();
                writeln!(out, "✓ {last:<32} {}", calls.join(", "))?;
            }
            Err(unfit) => {
                census.count(last, Some(unfit.why));
                let short = |text: &str| text.replace(" makes this scenario unfit as a journey", "");
                let first =
                    unfit.problems.first().map(|p: &Diagnostic| format!("{}: {}", p.place(), short(&p.message)));
                writeln!(out, "  {last:<32} {}", first.unwrap_or_default())?;
            }
        }
    }
    let (fit, all) = (census.played, census.seen.len());
    writeln!(out, "\n{fit} of {all} scenarios can be journeys")?;
    if fit < all {
        writeln!(out, "{} cannot:", all - fit)?;
    }
    for (count, why) in census.reasons() {
        writeln!(out, "{count:>5}  {why}")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The load that the target set-up and the reports need.
/// `rotation`: what target file or wire profile say of it.
fn load(args: &Args, journeys: &[Arc<Journey>], realm: Realm, rotation: Option<Rotation>) -> Result<Load, CliError> {
    let users = (0..args.users as usize).map(|user| journeys[user % journeys.len()].people.len()).sum::<usize>();
    let overrides = Overrides {
        workload: Some("issue".into()),
        arrivals: Some(Arrivals::Max),
        duration: Some(args.duration.into()),
        timeout: Some(args.timeout.into()),
        environment: Some(realm.environment),
        region: Some(realm.region),
        users: Some(u32::try_from(users).unwrap_or(u32::MAX)),
        ..Overrides::default()
    };
    let mut load =
        LoadFile::default().resolve(&overrides, rotation).map_err(|error| CliError::Usage(error.to_string()))?;
    let names: Vec<String> = journeys.iter().flat_map(|journey| journey.series()).collect();
    for threshold in &args.thresholds {
        if let Some(of) = threshold.of.as_ref().filter(|of| !names.contains(of)) {
            return Err(CliError::Usage(PlanError::unknown_series(threshold, of, &names).to_string()));
        }
    }
    load.thresholds.clone_from(&args.thresholds);
    load.title = journeys.iter().map(|journey| journey.id.as_str()).collect::<Vec<_>>().join(", ");
    load.connections = args.users;
    load.journeys = journeys.iter().filter_map(|journey| journey.series().into_iter().next()).collect();
    Ok(load)
}

fn options(args: &Args) -> Result<JourneyOptions, CliError> {
    let duration = Duration::from(args.duration);
    let by_default = (10.0 * f64::from(args.users) / duration.as_secs_f64().max(1.0)).ceil();
    let spawn_rate = args.spawn_rate.unwrap_or(by_default);
    if !(spawn_rate.is_finite() && spawn_rate > 0.0) {
        return Err(CliError::Usage("--spawn-rate is a number of users per second, above 0".into()));
    }
    let ThinkTime(min, max) = args.think_time;
    Ok(JourneyOptions { users: args.users, spawn_rate, think_time: (min, max), duration, timeout: args.timeout.into() })
}

async fn execute(
    args: Args,
    chosen: Chosen,
    sdk: Option<SdkUnderLoad>,
    mut load: Load,
    target: Target,
    profile: Arc<Profile>,
) -> Done {
    let options = options(&args)?;
    let Chosen { journeys, not_played, .. } = chosen;
    let about =
        What { loaded: Loaded { target: &target, file: args.target.as_deref() }, users: args.users, sdk: sdk.as_ref() }
            .to_string();
    writeln!(Out, "Loaded: {about}.")?;
    if let Some(sdk) = &sdk
        && let Some(room) = sdk.check_room(args.users, load.realm).await?
    {
        writeln!(Out, "{room}")?;
    }
    if let Some(why) = &not_played {
        writeln!(Out, "{why}")?;
    }
    writeln!(Out)?;
    let notes = not_played.into_iter().chain(left_out(&journeys)).collect();
    let mut recorder = Recorder::prepare(&args.record, &[args.json.as_deref()])?;
    let tls = tls(args.ca.as_deref(), &target, &["http/1.1"])?;
    allow_connections(args.users.saturating_mul(if sdk.is_some() { FILES_OF_PROCESS } else { 2 }))
        .map_err(|error| CliError::Usage(format!("{error}, or use fewer --users")))?;
    // Goose installs a Ctrl-C handler of its own, which ends the process without a report, unless one exists already.
    ctrlc::set_handler(|| {}).map_err(|error| CliError::Environment(format!("cannot listen for Ctrl-C: {error}")))?;
    let stop = stop_on_interrupt(Some(USERS_LEFT));
    let TargetSetup { load_target, users, token_place, services, name, system } =
        set_up_target(&load, &target, profile, &super::program()?).await.map_err(load_error)?;
    let closed_model = ClosedModel::new(&options, notes);
    let settings = LoadSettings::of(
        &load,
        context(name, Some(about), args.target.as_deref(), system.description),
        Some(closed_model),
    );
    let parts = JourneyRunnerParts {
        journeys,
        load_target,
        users,
        token_place,
        tls,
        options,
        requires_rotation: load.requires_rotation,
        processes: sdk.map(|sdk| sdk.processes),
    };
    let runner = JourneyRunner::new(parts).map_err(load_error)?;
    let mut console = ProgressDisplay::new(load.duration, true, !args.quiet);
    let mut on_event = |event: ProgressEvent<'_>| console.on_event(&event);
    let prepared = runner.prepare(&stop, &mut on_event).await;
    let mut usage = None;
    let round = match prepared {
        // Not before: until the target has answered, an older record stays.
        Ok(()) => match recorder.start(&settings) {
            Ok(()) => {
                let sampler = system.probe.map(|probe| Sampler::start(probe, None));
                let round = runner.run(&stop, &mut on_event).await;
                if let Some(sampler) = sampler {
                    usage = Some(sampler.finish().await);
                }
                Ok(round)
            }
            Err(error) => Err(error),
        },
        Err(load_error) => Ok(Err(load_error)),
    };
    let undeleted_users = runner.clean_up(&mut on_event).await;
    console.end();
    drop(services);
    let round = match round? {
        Err(error) if error.interrupted => {
            print_stderr(format!("vouch: {}", error.what));
            return Ok(ExitCode::from(INTERRUPTED));
        }
        round => round.map_err(load_error)?,
    };
    let only_warned = runner.only_warned();
    load.journeys.retain(|journey| !only_warned.contains(journey));
    let mut evaluation = evaluate(&load, &round);
    evaluation.generator_limits.extend(runner.limit(round.measured));
    evaluation.notes.extend(runner.notes());
    let record = LoadRecord::new(settings, round, evaluation, undeleted_users);
    let mut record = record.with_system(usage).with_sdk_memory(runner.sdk_memory());
    // The first line said it, before the load.
    let loaded = record.settings.loaded.take();
    let written = record.write_summary(&mut Out, console::colors_enabled());
    record.settings.loaded = loaded;
    let recorded = recorder.finish(&record);
    if let Some(path) = &args.json {
        let write_error = |error| CliError::Environment(format!("cannot write {}: {error}", path.display()));
        std::fs::write(path, record.json()).map_err(write_error)?;
    }
    recorded?;
    written?;
    Ok(exit_code(&record))
}

/// A note for the report about the steps that were left out.
fn left_out(journeys: &[Arc<Journey>]) -> Vec<String> {
    let mut names: Vec<&str> =
        journeys.iter().flat_map(|journey| journey.left_out.keys()).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return vec![];
    }
    vec![format!(
        "steps that inspect the SDK or a token were left out ({}); `vouch run` performs them",
        names.join(", ")
    )]
}
