//! A [`Load`]: a resolved and validated load file.

use super::arrivals::{Arrivals, ParseArrivalsError};
use super::endpoints::LoadCall;
use super::faults::Fault;
use super::threshold::{ParseThresholdError, Threshold, short};
use super::workload::{OnComplete, Workload};
use std::time::Duration;
use vouch_spec::protocol::Realm;
use vouch_spec::text::did_you_mean;

/// A resolved load.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    pub title: String,
    pub workloads: Vec<Workload>,
    /// The names of its journeys; empty for a load of workloads.
    pub journeys: Vec<String>,
    pub arrivals: Arrivals,
    /// The duration of the run, warm-up included.
    pub duration: Duration,
    /// The part at the start that is not measured.
    pub warm_up: Duration,
    /// The number of signed-in installations.
    pub installations: u32,
    /// The number of users, who share the installations.
    pub users: u32,
    /// The number of sign-in tokens that are issued before the run.
    pub tokens: u32,
    pub thresholds: Vec<Threshold>,
    /// The maximum number of connections, over all threads.
    pub connections: u32,
    pub threads: u32,
    /// The timeout of one request.
    pub timeout: Duration,
    pub realm: Realm,
    /// A refresh must return a new refresh token.
    pub requires_rotation: bool,
    /// Created users are not deleted.
    pub keep_users: bool,
    /// Exchanged sign-in tokens are reused.
    pub reuse_tokens: bool,
    /// Only the status of responses is checked, to measure what the checks cost.
    pub unchecked: bool,
    /// The maximum call rate while users, installations and tokens are created, in calls per second.
    pub prepare_rate: Option<f64>,
    pub protocol: Protocol,
    /// What is taken away from the installations, and when.
    pub faults: Vec<Fault>,
    /// The number of times that a call without an answer, or with 429 or 5xx, is made again.
    pub retries: u32,
    /// The share of the arrivals whose calls are traced.
    pub trace_ratio: f64,
    pub seed: u64,
}

/// The version of HTTP.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
    clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    #[default]
    Http1,
    Http2,
}

/// The default number of sign-in tokens for `max`.
const DEFAULT_MAX_TOKENS: u32 = 20_000;

/// The built-in workloads: name, calls, description.
pub const BUILT_IN: [(&str, &[LoadCall], &str); 6] = [
    ("exchange", &[LoadCall::Exchange], "exchanges a sign-in token that was issued before the run"),
    ("refresh", &[LoadCall::Refresh], "refreshes; each installation uses its own latest refresh token"),
    ("issue", &[LoadCall::Issue], "requests a sign-in token, through the backend or with the team's API key"),
    (
        "signIn",
        &[LoadCall::Issue, LoadCall::Exchange],
        "requests a sign-in token and exchanges it: for runs longer than the lifetime of a sign-in token",
    ),
    (
        "launch",
        &[LoadCall::Refresh, LoadCall::Resource],
        "relaunches with an expired access token: a refresh, then an API call",
    ),
    (
        "migration",
        &[LoadCall::Issue, LoadCall::Exchange, LoadCall::Resource],
        "migrates an installation from the API-key scheme: sign-in token, exchange, first API call",
    ),
];

/// A load that cannot be run.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PlanError {
    #[error("there is no workload `{name}`; {help}")]
    UnknownWorkload { name: String, help: String },
    #[error(transparent)]
    Arrivals(#[from] ParseArrivalsError),
    #[error(transparent)]
    Threshold(#[from] ParseThresholdError),
    #[error("the warm-up takes {warm_up} of the {load} of the run: nothing would be measured")]
    OnlyWarmUp { warm_up: humantime::FormattedDuration, load: humantime::FormattedDuration },
    #[error("`{arrivals}` sends nothing in {duration}")]
    NoArrivals { arrivals: Arrivals, duration: humantime::FormattedDuration },
    #[error("the spike ends at {spike}, after the end of the load at {load}; use a longer duration")]
    SpikeTooLong { spike: humantime::FormattedDuration, load: humantime::FormattedDuration },
    #[error("the fault `{fault}` ends after the end of the load at {load}; use a longer duration")]
    FaultTooLate { fault: Fault, load: humantime::FormattedDuration },
    #[error("the fault `{fault}` hits no call of this load; its calls are {calls}")]
    FaultHitsNothing { fault: Fault, calls: String },
    #[error(
        "`max` sends whenever a connection is free, and cannot have faults or retries; give a rate, for example `100/s`"
    )]
    FaultsWithoutSchedule,
    #[error(
        "`--unchecked` measures the generator with the workload `exchange` alone: other calls need what a response holds"
    )]
    CannotBeUnchecked,
    #[error("with a timeout of 0 no request can succeed")]
    ZeroTimeout,
    #[error("a load cannot last longer than a century")]
    TooLong,
    #[error("`{field}` is {value}; it must be {min} to {max}")]
    OutOfRange { field: &'static str, value: u32, min: u32, max: u32 },
    #[error("`{threshold}` refers to `{series}`, which this load does not have; {help}")]
    UnknownSeries { threshold: Threshold, series: String, help: String },
    #[error("`{threshold}` can never hold: the arrival rate is at most {peak}/s")]
    ImpossibleRate { threshold: Threshold, peak: String },
    #[error("a workload that refreshes needs at least one installation")]
    NoInstallations,
    #[error("`max` over {connections} connections needs at least {minimum} installations")]
    TooFewInstallations { connections: u32, minimum: u32 },
    #[error(
        "a workload that starts with `exchange` needs `tokens`: the number of sign-in tokens to issue before the run"
    )]
    NoTokens,
}

/// The most calls of one workload.
const MAX_CALLS: usize = 1_000;

/// A number of a load: its name, its value, the least and the most that it may be.
pub type Range = (&'static str, fn(&Load) -> u32, u32, u32);

/// The ranges of the numbers of a load. An installation takes a kilobyte, a connection some more.
pub const RANGES: [Range; 6] = [
    ("threads", |load| load.threads, 1, 256),
    // How many this machine can open is checked against its limit on open files.
    ("connections", |load| load.connections, 1, 10_000_000),
    ("installations", |load| load.installations, 0, 10_000_000),
    ("users", |load| load.users, 1, 10_000_000),
    ("tokens", |load| load.tokens, 0, 100_000_000),
    ("retries", |load| load.retries, 0, 100),
];

/// A sequence of calls that is not a valid workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    #[error("a workload needs at least one call")]
    Empty,
    #[error("a workload has {0} calls; it may have {MAX_CALLS}")]
    TooManyCalls(usize),
    #[error("`{0}` cannot be part of a workload: users are created before the run")]
    UserManagement(LoadCall),
    #[error("`exchange` needs a sign-in token: put `issue` before it")]
    NoSignInToken,
    #[error("`{0}` needs a signed-in installation: put `exchange` before it")]
    NotSignedIn(LoadCall),
}

/// Finds a workload by name: a custom one of the load file, or a built-in one.
pub fn workload(name: &str, weight: u32, own_workloads: &[(String, Vec<LoadCall>)]) -> Result<Workload, PlanError> {
    let found = own_workloads.iter().find(|(known, _)| known == name).map(|(_, calls)| calls.clone());
    let built_in = || BUILT_IN.iter().find(|(known, ..)| *known == name).map(|(_, calls, _)| calls.to_vec());
    let calls = found.or_else(built_in).ok_or_else(|| {
        let names =
            own_workloads.iter().map(|(known, _)| known.as_str()).chain(BUILT_IN.iter().map(|(known, ..)| *known));
        PlanError::UnknownWorkload { name: name.to_owned(), help: did_you_mean(name, names) }
    })?;
    Ok(Workload { name: name.to_owned(), calls, weight, on_complete: OnComplete::Return })
}

/// Checks that each call of a workload has what it needs.
pub fn check_chain(calls: &[LoadCall]) -> Result<(), ChainError> {
    if calls.len() > MAX_CALLS {
        return Err(ChainError::TooManyCalls(calls.len()));
    }
    let (mut token, mut signed_in) = (false, false);
    match calls.first() {
        None => return Err(ChainError::Empty),
        Some(LoadCall::Exchange) => token = true,
        Some(LoadCall::Refresh | LoadCall::Resource) => signed_in = true,
        Some(_) => {}
    }
    for call in calls {
        match call {
            LoadCall::CreateUser | LoadCall::DeleteUser => {
                return Err(ChainError::UserManagement(*call));
            }
            LoadCall::Issue => token = true,
            LoadCall::Exchange if !token => {
                return Err(ChainError::NoSignInToken);
            }
            LoadCall::Exchange => (token, signed_in) = (false, true),
            LoadCall::Refresh | LoadCall::Resource if !signed_in => {
                return Err(ChainError::NotSignedIn(*call));
            }
            LoadCall::Refresh | LoadCall::Resource => {}
        }
    }
    Ok(())
}

impl PlanError {
    /// A threshold that refers to a series which is not in `names`.
    pub fn unknown_series(threshold: &Threshold, series: &str, names: &[String]) -> Self {
        let help = did_you_mean(series, names.iter().map(String::as_str));
        Self::UnknownSeries { threshold: threshold.clone(), series: series.to_owned(), help }
    }
}

impl Load {
    /// The names of the series that thresholds can refer to.
    pub fn series(&self) -> Vec<String> {
        self.workloads.iter().flat_map(Workload::series).collect()
    }

    /// The measured time.
    pub fn measured(&self) -> Duration {
        self.duration.saturating_sub(self.warm_up)
    }

    /// The share of arrivals of the workloads with a property, from 0 to 1.
    pub fn share(&self, of: impl Fn(&Workload) -> bool) -> f64 {
        let total: f64 = self.workloads.iter().map(|workload| f64::from(workload.weight)).sum();
        let these: f64 =
            self.workloads.iter().filter(|workload| of(workload)).map(|workload| f64::from(workload.weight)).sum();
        these / total.max(1.0)
    }

    /// The number of sign-in tokens that a round needs.
    pub fn tokens_for(&self, arrivals: &Arrivals, duration: Duration) -> u32 {
        let share = self.share(Workload::needs_tokens);
        let expected = arrivals.expected(duration);
        if share == 0.0 {
            return 0;
        }
        if expected.is_infinite() {
            return if self.tokens > 0 { self.tokens } else { DEFAULT_MAX_TOKENS };
        }
        // Random arrivals may exceed the expected number, and each thread has its own tokens.
        let needed = expected * share;
        let chance = share < 1.0 || matches!(arrivals, Arrivals::Poisson(_));
        let spare = if chance { 6.0 * needed.sqrt() + 8.0 } else { 1.0 };
        let count = needed + f64::from(self.threads) * spare;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded just before")]
        let count = count.ceil().clamp(1.0, f64::from(u32::MAX)) as u32;
        count
    }

    fn check_faults(&self) -> Result<(), PlanError> {
        if self.arrivals == Arrivals::Max && !(self.faults.is_empty() && self.retries == 0) {
            return Err(PlanError::FaultsWithoutSchedule);
        }
        let mut calls: Vec<LoadCall> =
            self.workloads.iter().flat_map(|workload| workload.calls.iter().copied()).collect();
        calls.sort_unstable();
        calls.dedup();
        for fault in &self.faults {
            if fault.until > self.duration {
                let load = humantime::format_duration(self.duration);
                return Err(PlanError::FaultTooLate { fault: fault.clone(), load });
            }
            if !calls.iter().any(|call| fault.hits(*call)) {
                let calls: Vec<_> = calls.iter().map(|call| call.name()).collect();
                return Err(PlanError::FaultHitsNothing { fault: fault.clone(), calls: calls.join(", ") });
            }
        }
        Ok(())
    }

    /// Validates the load.
    pub fn check(&self) -> Result<(), PlanError> {
        for (field, value, min, max) in RANGES {
            let value = value(self);
            if !(min..=max).contains(&value) {
                return Err(PlanError::OutOfRange { field, value, min, max });
            }
        }
        if self.duration.max(self.timeout) > vouch_spec::duration::LONGEST {
            return Err(PlanError::TooLong);
        }
        if self.measured().is_zero() {
            let [warm_up, load] = [self.warm_up, self.duration].map(humantime::format_duration);
            return Err(PlanError::OnlyWarmUp { warm_up, load });
        }
        if self.arrivals.expected(self.duration) < 1.0 {
            let duration = humantime::format_duration(self.duration);
            return Err(PlanError::NoArrivals { arrivals: self.arrivals.clone(), duration });
        }
        if let Some(end) = self.arrivals.spike_end().filter(|end| *end > self.duration) {
            let [spike, load] = [end, self.duration].map(humantime::format_duration);
            return Err(PlanError::SpikeTooLong { spike, load });
        }
        if self.timeout.is_zero() {
            return Err(PlanError::ZeroTimeout);
        }
        if self.unchecked && !self.workloads.iter().all(|workload| workload.calls == [LoadCall::Exchange]) {
            return Err(PlanError::CannotBeUnchecked);
        }
        self.check_faults()?;
        let names = self.series();
        for threshold in &self.thresholds {
            if let Some(of) = threshold.of.as_ref().filter(|of| !names.contains(of)) {
                return Err(PlanError::unknown_series(threshold, of, &names));
            }
            let share = threshold.of.as_ref().map_or(1.0, |of| self.share(|workload| workload.series().contains(of)));
            let peak = self.arrivals.peak() * share;
            if threshold.is_impossible_at(peak) {
                return Err(PlanError::ImpossibleRate { threshold: threshold.clone(), peak: short(peak) });
            }
        }
        let max = self.arrivals == Arrivals::Max;
        let uses_installations = self.workloads.iter().any(Workload::needs_installation);
        if uses_installations && self.installations == 0 {
            return Err(PlanError::NoInstallations);
        }
        if max && uses_installations && self.installations < self.connections.saturating_mul(2) {
            let minimum = self.connections.saturating_mul(2);
            return Err(PlanError::TooFewInstallations { connections: self.connections, minimum });
        }
        if self.workloads.iter().any(Workload::needs_tokens) && self.tokens == 0 {
            return Err(PlanError::NoTokens);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_of_a_workload_needs_what_an_earlier_one_provides() {
        for (_, calls, _) in BUILT_IN {
            assert_eq!(check_chain(calls), Ok(()), "{calls:?}");
        }
        for (calls, part) in [
            (&[][..], "at least one"),
            (&[LoadCall::Issue, LoadCall::Refresh], "signed-in"),
            (&[LoadCall::Refresh, LoadCall::Exchange], "sign-in token"),
            (&[LoadCall::CreateUser], "before the run"),
            (&[LoadCall::Issue, LoadCall::Exchange, LoadCall::Exchange], "sign-in token"),
        ] {
            assert!(check_chain(calls).is_err_and(|why| why.to_string().contains(part)), "{calls:?}");
        }
    }

    #[test]
    fn an_unknown_workload_is_reported_with_the_nearest_name() {
        assert!(workload("refesh", 1, &[]).expect_err("unknown").to_string().contains("refresh"));
        let own_workloads = vec![("morning".to_owned(), vec![LoadCall::Refresh])];
        let found = workload("morning", 3, &own_workloads).expect("a custom workload");
        assert_eq!((found.calls, found.weight), (vec![LoadCall::Refresh], 3));
    }
}
