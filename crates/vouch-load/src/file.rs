//! Load files: YAML with workload, arrivals, duration and thresholds. See `docs/load-testing.md`.

use super::arrivals::Arrivals;
use super::endpoints::LoadCall;
use super::faults::{DEFAULT_RETRIES, FaultEntry};
use super::plan::{self, Load, PlanError, Protocol};
use super::seed::Seed;
use super::threshold::Threshold;
use super::workload::Workload;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use vouch_spec::duration::{self, DurationError};
use vouch_spec::profile::Rotation;
use vouch_spec::protocol::{Environment, Realm, Region};
use vouch_spec::scenario::references;
use vouch_spec::text::{Decoder, Diagnostic, Node, OutsideText, Source, Spanned, yaml};

/// A load file. Every field has a default; options of the command line take precedence.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LoadFile {
    /// The title in reports.
    pub title: Option<String>,
    /// The workload: `exchange`, `refresh`, `issue`, `signIn`, `launch`, `migration`, or one of `workloads`.
    pub workload: Option<Spanned<String>>,
    /// Several workloads with their weights, instead of `workload`.
    pub mix: BTreeMap<String, Spanned<u32>>,
    /// Custom workloads: the calls that one installation makes in sequence.
    pub workloads: BTreeMap<String, Spanned<Vec<LoadCall>>>,
    /// When requests start: `constant 500/s`, `poisson 500/s`, `ramp 10/s to 500/s`, `steps 100/s 200/s`,
    /// `spike 10000 at 2s within 5s over 100/s`, or `max`.
    pub arrivals: Option<Spanned<String>>,
    /// The duration of the run, warm-up included, for example `30s`. Default: 10s.
    pub duration: Option<Spanned<String>>,
    /// The part at the start of the run that is not measured. Default: none.
    pub warm_up: Option<Spanned<String>>,
    /// The number of signed-in installations. Default: 1000.
    pub installations: Option<Spanned<u32>>,
    /// The number of users, who share the installations. Default: as many as installations, at most 1000.
    pub users: Option<Spanned<u32>>,
    /// The number of sign-in tokens that are issued before the run. Default: as many as the arrivals need.
    pub tokens: Option<Spanned<u32>>,
    /// Pass criteria: `p99<50ms`, `errors<0.1%`, `refresh rate>=5000/s`.
    pub thresholds: Vec<Spanned<String>>,
    /// The maximum number of connections. Default: 64.
    pub connections: Option<Spanned<u32>>,
    /// The number of sending threads. Default: the number of cores less one.
    pub threads: Option<Spanned<u32>>,
    /// The timeout of one request. Default: 5s.
    pub timeout: Option<Spanned<String>>,
    pub environment: Option<Environment>,
    pub region: Option<Region>,
    pub protocol: Option<Protocol>,
    /// Whether a refresh must return a new refresh token. Default: what the target file or the wire profile says, else
    /// `required`.
    pub rotation: Option<Rotation>,
    /// Keep the created users. Default: they are deleted after the run.
    pub keep_users: Option<bool>,
    /// The maximum call rate while users and tokens are created, for example `50/s`.
    pub prepare_rate: Option<Spanned<String>>,
    /// Faults during the load: answers that are lost, delayed, cut off or replaced by a refusal.
    pub faults: Vec<FaultEntry>,
    /// How many times an installation makes a call again that had no answer, or 429 or 5xx. Default: 2 in a load with faults,
    /// else none.
    pub retries: Option<Spanned<u32>>,
    /// Random seed. Default: 1.
    pub seed: Option<Seed>,
}

/// Options of the command line, which take precedence over the load file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    pub workload: Option<String>,
    pub arrivals: Option<Arrivals>,
    pub duration: Option<Duration>,
    pub warm_up: Option<Duration>,
    pub installations: Option<u32>,
    pub users: Option<u32>,
    pub tokens: Option<u32>,
    pub thresholds: Vec<Threshold>,
    pub connections: Option<u32>,
    pub threads: Option<u32>,
    pub timeout: Option<Duration>,
    pub environment: Option<Environment>,
    pub region: Option<Region>,
    pub protocol: Option<Protocol>,
    pub seed: Option<u64>,
    pub reuse_tokens: bool,
    /// Only the status of responses is checked.
    pub unchecked: bool,
    /// The share of the arrivals whose calls are traced.
    pub trace_ratio: f64,
}

impl Overrides {
    /// Rejects numbers that would mean the default.
    fn check(&self) -> Result<(), PlanError> {
        for (field, number) in [("connections", self.connections), ("users", self.users)] {
            if number == Some(0) {
                return Err(PlanError::OutOfRange { field, value: 0, min: 1, max: 10_000_000 });
            }
        }
        Ok(())
    }
}

/// The duration of a load that does not say.
const DEFAULT_DURATION: Duration = Duration::from_secs(10);
/// The longest title and name, in characters.
const MAX_TITLE: usize = 200;

type ParseDuration = fn(&str) -> Result<Duration, DurationError>;

const BUILT_IN_HELP: &str = "built-in workloads are exchange, refresh, issue, signIn, launch and migration";

impl LoadFile {
    /// Parses a load file. Returns all problems at once.
    pub fn parse(source: &Source) -> Result<Self, Vec<Diagnostic>> {
        let (tree, mut problems) = yaml::parse(source);
        let decoder = Decoder::new(source);
        let file: Option<LoadFile> =
            tree.as_ref().filter(|_| problems.is_empty()).and_then(|tree| decoder.decode(tree));
        if let Some(tree) = &tree {
            check_no_variables(tree, &decoder);
        }
        if let Some(file) = &file {
            file.check(&decoder);
        } else if tree.is_none() && problems.is_empty() {
            return Ok(Self::default());
        }
        problems.extend(decoder.finish());
        // What else is wrong with a variable says nothing.
        let is_variable = |problem: &Diagnostic| problem.message.starts_with("undefined variable");
        let variables: Vec<_> = problems.iter().filter(|p| is_variable(p)).map(|problem| problem.span).collect();
        problems.retain(|problem| is_variable(problem) || !variables.contains(&problem.span));
        file.filter(|_| problems.is_empty()).ok_or(problems)
    }

    /// Validates each field.
    fn check(&self, decoder: &Decoder) {
        let own_workloads = self.own_workloads();
        if let Some(text) = &self.arrivals
            && let Err(why) = text.value.parse::<Arrivals>()
        {
            decoder.wrong(text.span, why.to_string(), "rates are in arrivals per second");
        }
        for text in &self.thresholds {
            if let Err(why) = text.value.parse::<Threshold>() {
                decoder.wrong(
                    text.span,
                    why.to_string(),
                    "a threshold is [WORKLOAD] METRIC BOUND, for example `p99<50ms`",
                );
            }
        }
        self.check_times(decoder);
        self.check_numbers(decoder);
        FaultEntry::check_all(&self.faults, decoder);
        if let Some(text) = self.prepare_rate.as_ref().filter(|text| rate(&text.value).is_none()) {
            decoder.wrong(text.span, format!("`{}` is not a rate", text.value), "write for example `50/s`");
        }
        for (name, calls) in &self.workloads {
            if shown(name) != *name {
                let help = "use letters, digits and `-`";
                decoder.wrong(calls.span, format!("`{name}` is not a valid name for a workload"), help);
            } else if name.contains(['/', '#']) {
                let help = "thresholds and reports use / and # in the names of calls: WORKLOAD/CALL#NUMBER";
                decoder.wrong(
                    calls.span,
                    format!("`{name}` is not a valid name for a workload: it contains / or #"),
                    help,
                );
            }
            if let Err(why) = plan::check_chain(&calls.value) {
                decoder.wrong(calls.span, why.to_string(), "the calls are issue, exchange, refresh and resource");
            }
        }
        if let Some(name) = &self.workload
            && let Err(why) = plan::workload(&name.value, 1, &own_workloads)
        {
            decoder.wrong(name.span, why.to_string(), BUILT_IN_HELP);
        }
        for (name, weight) in &self.mix {
            if let Err(why) = plan::workload(name, weight.value, &own_workloads) {
                decoder.wrong(weight.span, why.to_string(), BUILT_IN_HELP);
            } else if weight.value == 0 {
                decoder.wrong(
                    weight.span,
                    format!("`{name}` has weight 0: it would never run"),
                    "remove it, or set a weight of 1 or more",
                );
            }
        }
        if let (Some(name), false) = (&self.workload, self.mix.is_empty()) {
            decoder.wrong(name.span, "`workload` and `mix` exclude each other", "remove one of them");
        }
    }

    fn check_times(&self, decoder: &Decoder) {
        let positive = [&self.duration, &self.timeout].map(|text| (text, duration::parse_positive as ParseDuration));
        for (text, parse) in positive.into_iter().chain([(&self.warm_up, duration::parse as ParseDuration)]) {
            if let Some(text) = text
                && let Err(why) = parse(&text.value)
            {
                decoder.wrong(text.span, why.to_string(), "use the units d, h, m, s and ms");
            }
        }
    }

    fn own_workloads(&self) -> Vec<(String, Vec<LoadCall>)> {
        self.workloads.iter().map(|(name, calls)| (name.clone(), calls.value.clone())).collect()
    }

    fn selected_workloads(&self, overrides: &Overrides) -> Result<Vec<Workload>, PlanError> {
        let own_workloads = self.own_workloads();
        if let Some(name) = &overrides.workload {
            return Ok(vec![plan::workload(name, 1, &own_workloads)?]);
        }
        if !self.mix.is_empty() {
            return self.mix.iter().map(|(name, weight)| plan::workload(name, weight.value, &own_workloads)).collect();
        }
        let name = self.workload.as_ref().map_or("refresh", |name| name.value.as_str());
        Ok(vec![plan::workload(name, 1, &own_workloads)?])
    }

    /// Combines file and command line into a load. `declared`: what the target file or the wire profile says of rotation.
    pub fn resolve(&self, overrides: &Overrides, declared: Option<Rotation>) -> Result<Load, PlanError> {
        let workloads = self.selected_workloads(overrides)?;
        let arrivals = match (&overrides.arrivals, &self.arrivals) {
            (Some(arrivals), _) => arrivals.clone(),
            (None, Some(text)) => text.value.parse()?,
            (None, None) => Arrivals::Constant(100.0),
        };
        overrides.check()?;
        let number = |number: &Option<Spanned<u32>>| number.as_ref().map(|number| number.value);
        let time = |text: &Option<Spanned<String>>| text.as_ref().and_then(|text| duration::parse(&text.value).ok());
        let or = |wish: Option<Duration>, text: &Option<Spanned<String>>, default: Duration| {
            wish.or_else(|| time(text)).unwrap_or(default)
        };
        let mut thresholds = Vec::new();
        for text in &self.thresholds {
            thresholds.push(text.value.parse()?);
        }
        thresholds.extend(overrides.thresholds.iter().cloned());
        let cores = std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(1));
        let threads = overrides.threads.or(number(&self.threads)).unwrap_or(cores.saturating_sub(1).clamp(1, 256));
        let connections = overrides.connections.or(number(&self.connections)).unwrap_or(64).max(threads);
        let duration = or(overrides.duration, &self.duration, DEFAULT_DURATION);
        let max = arrivals == Arrivals::Max;
        let minimum = if max { connections.saturating_mul(2) } else { 1 };
        let installations = overrides.installations.or(number(&self.installations)).unwrap_or(1000.max(minimum));
        let users = overrides.users.or(number(&self.users)).unwrap_or(installations.min(1000)).max(1);
        let mut load = Load {
            journeys: vec![],
            title: self.title.as_deref().map_or_else(
                || workloads.iter().map(|workload| workload.name.as_str()).collect::<Vec<_>>().join(", "),
                shown,
            ),
            workloads,
            arrivals,
            duration,
            warm_up: or(overrides.warm_up, &self.warm_up, Duration::ZERO),
            installations,
            users,
            tokens: 0,
            thresholds,
            connections,
            threads,
            timeout: or(overrides.timeout, &self.timeout, Duration::from_secs(5)),
            realm: Realm {
                environment: overrides.environment.or(self.environment).unwrap_or(Environment::Production),
                region: overrides.region.or(self.region).unwrap_or(Region::Us),
            },
            requires_rotation: self.rotation.or(declared).is_none_or(|rotation| rotation == Rotation::Required),
            keep_users: self.keep_users.unwrap_or(false),
            reuse_tokens: overrides.reuse_tokens,
            unchecked: overrides.unchecked,
            prepare_rate: self.prepare_rate.as_ref().and_then(|text| rate(&text.value)),
            protocol: overrides.protocol.or(self.protocol).unwrap_or_default(),
            faults: self.faults.iter().filter_map(FaultEntry::resolve).collect(),
            retries: number(&self.retries).unwrap_or(if self.faults.is_empty() { 0 } else { DEFAULT_RETRIES }),
            trace_ratio: overrides.trace_ratio,
            seed: overrides.seed.or(self.seed.map(|seed| seed.0)).unwrap_or(1),
        };
        load.tokens =
            overrides.tokens.or(number(&self.tokens)).unwrap_or_else(|| load.tokens_for(&load.arrivals, load.duration));
        load.check()?;
        Ok(load)
    }
}

/// A text of the file as reports show it.
fn shown(text: &str) -> String {
    OutsideText::line_up_to(text, MAX_TITLE).into_string()
}

/// Reports variables, which a load file does not have. A title may contain what it likes.
fn check_no_variables(tree: &Node, decoder: &Decoder) {
    let fields = tree.as_map().unwrap_or_default().iter().filter(|(key, _)| key.name != "title");
    for (_, value) in fields {
        value.each_text(&mut |text, span| {
            if let Some((name, _)) = references(text).iter().find(|(name, _)| !name.is_empty()) {
                decoder.wrong(
                    span,
                    format!("undefined variable `${name}`"),
                    "a load file has no variables; write the value itself",
                );
            }
        });
    }
}

/// The lowest accepted rate, in calls per second: about four per hour.
const MIN_PREPARE_RATE: f64 = 0.001;

fn rate(text: &str) -> Option<f64> {
    let rate = text.trim().strip_suffix("/s")?.parse::<f64>().ok()?;
    (rate.is_finite() && rate >= MIN_PREPARE_RATE).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<LoadFile, Vec<String>> {
        let described = |problems: Vec<Diagnostic>| {
            problems.into_iter().map(|problem| format!("{} {}", problem.place(), problem.message))
        };
        LoadFile::parse(&Source::new("load.yaml", text)).map_err(|problems| described(problems).collect())
    }

    fn resolve(text: &str) -> Result<Load, PlanError> {
        parse(text).expect("a valid file").resolve(&Overrides::default(), None)
    }

    #[test]
    fn a_load_file_resolves_to_a_load() {
        let load = resolve(
            "title: Monday\nmix: {refresh: 8, morning: 2}\nworkloads: {morning: [issue, exchange, resource]}\n\
             arrivals: ramp 10/s to 100/s\nduration: 20s\nwarmUp: 5s\nthresholds: [p99<50ms, morning/exchange errors<1%]\n",
        )
        .expect("a load");
        assert_eq!((load.title.as_str(), load.workloads.len(), load.measured().as_secs()), ("Monday", 2, 15));
        assert_eq!(load.series(), ["morning", "morning/issue", "morning/exchange", "morning/resource", "refresh"]);
        assert_eq!(load.thresholds.len(), 2);
        let again = resolve("workload: day\nworkloads: {day: [refresh, resource, resource]}\n").expect("a load");
        assert_eq!(again.series(), ["day", "day/refresh", "day/resource", "day/resource#2"]);
        assert!(!resolve("{}").expect("defaults").thresholds.iter().any(|_| true));
    }

    #[test]
    fn every_mistake_is_reported_at_its_place() {
        let problems = parse(
            "workload: refesh\narrivals: fast\nthresholds: [p99, errors<1%]\nduration: soon\nworkloads: {odd: [refresh, exchange]}\n",
        )
        .expect_err("mistakes");
        let expected = ["load.yaml:1:11", "load.yaml:2:11", "load.yaml:3:14", "load.yaml:4:11", "load.yaml:5:18"];
        assert_eq!(problems.len(), expected.len(), "{problems:#?}");
        for place in expected {
            assert!(problems.iter().any(|problem| problem.starts_with(place)), "{place}: {problems:#?}");
        }
        assert!(parse("lenght: 3s\n").expect_err("a typo")[0].contains("lenght"));
        assert!(parse("workload: refresh\nmix: {issue: 1}\n").is_err());
        assert!(parse("workloads: {launch/refresh: [refresh]}\n").expect_err("a name")[0].contains("it contains /"));
        assert!(parse("prepareRate: 1e-18/s\n").is_err());
        for (text, part) in [
            ("timeout: 0s\n", "longer than zero"),
            ("duration: 0s\n", "longer than zero"),
            ("duration: 101y\n", "longer than a century"),
            ("warmUp: -1s\n", "is not a duration"),
            ("workload: $name\n", "undefined variable `$name`"),
        ] {
            assert!(parse(text).expect_err(text)[0].contains(part), "{text}");
        }
        assert!(parse("title: $5 a day\nwarmUp: 0s\n").is_ok());
    }

    #[test]
    fn an_impossible_load_is_rejected_before_it_starts() {
        for (text, part) in [
            ("thresholds: [rate>=500/s]\narrivals: 100/s\n", "can never hold"),
            ("thresholds: [exchange p99<1s]\n", "which this load does not have"),
            ("arrivals: max\ninstallations: 10\n", "needs at least"),
            ("warmUp: 10s\n", "nothing would be measured"),
            ("installations: 0\n", "at least one installation"),
            ("arrivals: spike 10 at 9s within 2s over 1/s\n", "the spike ends at 11s"),
        ] {
            let why = resolve(text).expect_err(text);
            assert!(why.to_string().contains(part), "{text}: {why}");
        }
    }

    #[test]
    fn every_arrival_has_a_sign_in_token() {
        let load = resolve("workload: exchange\narrivals: 50/s\nduration: 4s\nthreads: 2\n").expect("a load");
        assert!((200..210).contains(&load.tokens), "{}", load.tokens);
        let inconsistent_claims =
            resolve("mix: {exchange: 1, refresh: 1}\narrivals: 50/s\nduration: 4s\n").expect("a load");
        assert!((100..250).contains(&inconsistent_claims.tokens), "{}", inconsistent_claims.tokens);
        assert_eq!(resolve("workload: refresh\n").expect("a load").tokens, 0);
    }
}
