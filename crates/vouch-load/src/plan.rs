//! What a load file says, settled: a [`Load`] that can be carried out.

use super::arrivals::Arrivals;
use super::endpoints::LoadCall;
use super::scheduler::{After, Workload};
use super::threshold::Threshold;
use std::time::Duration;
use vouch_spec::protocol::Realm;
use vouch_spec::text::did_you_mean;

/// A load that can be carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    pub title: String,
    pub workloads: Vec<Workload>,
    /// The journeys that its users live through, instead of workloads.
    pub journeys: Vec<String>,
    pub arrivals: Arrivals,
    /// Of the measured time and the warm-up together.
    pub duration: Duration,
    /// At the start; not measured.
    pub warm_up: Duration,
    /// Signed-in installations.
    pub fleet: u32,
    /// Users that they belong to.
    pub users: u32,
    /// Sign-in tokens that are made before the clock starts.
    pub tokens: u32,
    pub thresholds: Vec<Threshold>,
    /// Connections at once, over all threads.
    pub connections: u32,
    pub threads: u32,
    /// For one request.
    pub timeout: Duration,
    pub realm: Realm,
    /// A refresh must bring another refresh token.
    pub rotates: bool,
    /// Users that the load made stay.
    pub keeps_users: bool,
    /// Exchanged sign-in tokens are used again.
    pub recycles: bool,
    /// The most calls a second while the fleet is made.
    pub prepare_rate: Option<f64>,
    pub protocol: Protocol,
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

/// Tokens for a max, where nobody says how many.
const FLOOD_TOKENS: u32 = 20_000;

/// The workloads that need no definition.
pub const BUILT_IN: [(&str, &[LoadCall], &str); 6] = [
    ("exchange", &[LoadCall::Exchange], "a sign-in token that was made before the clock started, for tokens"),
    ("refresh", &[LoadCall::Refresh], "a refresh; each installation has a chain of tokens of its own"),
    ("issue", &[LoadCall::Issue], "a sign-in token, through the backend on the role, or by the team's API key"),
    (
        "signIn",
        &[LoadCall::Issue, LoadCall::Exchange],
        "a sign-in token and its exchange: for runs longer than such a token lives",
    ),
    (
        "launch",
        &[LoadCall::Refresh, LoadCall::Resource],
        "a relaunch after the access token's time: a refresh, then an API call",
    ),
    (
        "migration",
        &[LoadCall::Issue, LoadCall::Exchange, LoadCall::Resource],
        "an installation of the API-key scheme moves over: sign-in token, exchange, first API call",
    ),
];

/// Finds a workload by name: one of the file's own, or a built-in one.
pub fn workload(name: &str, weight: u32, own: &[(String, Vec<LoadCall>)]) -> Result<Workload, String> {
    let found = own.iter().find(|(known, _)| known == name).map(|(_, calls)| calls.clone());
    let built_in = || BUILT_IN.iter().find(|(known, ..)| *known == name).map(|(_, calls, _)| calls.to_vec());
    let calls = found.or_else(built_in).ok_or_else(|| {
        let names = own.iter().map(|(known, _)| known.as_str()).chain(BUILT_IN.iter().map(|(known, ..)| *known));
        format!("there is no workload `{name}`; {}", did_you_mean(name, names))
    })?;
    Ok(Workload { name: name.to_owned(), calls, weight, after: After::Return })
}

/// Why a chain of calls makes no workload.
pub fn check_chain(calls: &[LoadCall]) -> Option<String> {
    let (mut token, mut signed_in) = (false, false);
    match calls.first() {
        None => return Some("a workload makes at least one call".into()),
        Some(LoadCall::Exchange) => token = true,
        Some(LoadCall::Refresh | LoadCall::Resource) => signed_in = true,
        Some(_) => {}
    }
    for call in calls {
        match call {
            LoadCall::CreateUser | LoadCall::DeleteUser => {
                return Some(format!("`{call}` is no call of a workload: users are made before the clock starts"));
            }
            LoadCall::Issue => token = true,
            LoadCall::Exchange if !token => {
                return Some("`exchange` needs a sign-in token: put `issue` before it".into());
            }
            LoadCall::Exchange => (token, signed_in) = (false, true),
            LoadCall::Refresh | LoadCall::Resource if !signed_in => {
                return Some(format!("`{call}` needs a signed-in installation: put `exchange` before it"));
            }
            LoadCall::Refresh | LoadCall::Resource => {}
        }
    }
    None
}

impl Load {
    /// The names that thresholds can be about.
    pub fn series(&self) -> Vec<String> {
        self.workloads.iter().flat_map(Workload::series).collect()
    }

    /// The measured time.
    pub fn measured(&self) -> Duration {
        self.duration.saturating_sub(self.warm_up)
    }

    /// The share of arrivals that the workloads with this property have.
    pub fn share(&self, of: impl Fn(&Workload) -> bool) -> f64 {
        let total: f64 = self.workloads.iter().map(|workload| f64::from(workload.weight)).sum();
        let these: f64 =
            self.workloads.iter().filter(|workload| of(workload)).map(|workload| f64::from(workload.weight)).sum();
        these / total.max(1.0)
    }

    /// How many sign-in tokens a round needs.
    pub fn tokens_for(&self, arrivals: &Arrivals, duration: Duration) -> u32 {
        let share = self.share(Workload::needs_tokens);
        let expected = arrivals.expected(duration);
        if share == 0.0 {
            return 0;
        }
        if expected.is_infinite() {
            return if self.tokens > 0 { self.tokens } else { FLOOD_TOKENS };
        }
        // Chance may want more than its share, and each thread has a stock of its own.
        let needed = expected * share;
        let chance = share < 1.0 || matches!(arrivals, Arrivals::Poisson(_));
        let spare = if chance { 6.0 * needed.sqrt() + 8.0 } else { 1.0 };
        let count = needed + f64::from(self.threads) * spare;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded just before")]
        let count = count.ceil().clamp(1.0, f64::from(u32::MAX)) as u32;
        count
    }

    /// What cannot be carried out, and what to do.
    pub fn check(&self) -> Result<(), String> {
        if self.measured().is_zero() {
            return Err("the warm-up is as long as the run: nothing would be measured".into());
        }
        if self.arrivals.expected(self.duration) < 1.0 {
            return Err(format!("`{}` sends nothing in {}", self.arrivals, humantime::format_duration(self.duration)));
        }
        if let Some(end) = self.arrivals.spike_end().filter(|end| *end > self.duration) {
            let [end, duration] = [end, self.duration].map(humantime::format_duration);
            return Err(format!("the spike ends at {end}, and the load at {duration}: give a longer one"));
        }
        if self.timeout.is_zero() {
            return Err("with a timeout of 0 nothing can be answered".into());
        }
        let names = self.series();
        for threshold in &self.thresholds {
            if let Some(of) = threshold.of.as_ref().filter(|of| !names.contains(of)) {
                let help = did_you_mean(of, names.iter().map(String::as_str));
                return Err(format!("`{threshold}` is about `{of}`, which this load has not; {help}"));
            }
            let share = threshold.of.as_ref().map_or(1.0, |of| self.share(|workload| workload.series().contains(of)));
            if let Some(why) = threshold.impossible_at(self.arrivals.peak() * share) {
                return Err(why);
            }
        }
        let max = self.arrivals == Arrivals::Max;
        let uses_fleet = self.workloads.iter().any(Workload::needs_fleet);
        if uses_fleet && self.fleet == 0 {
            return Err("a workload that refreshes needs a fleet of at least one installation".into());
        }
        if max && uses_fleet && self.fleet < self.connections.saturating_mul(2) {
            let least = self.connections.saturating_mul(2);
            return Err(format!("a max over {} connections needs a fleet of at least {least}", self.connections));
        }
        if self.workloads.iter().any(Workload::needs_tokens) && self.tokens == 0 {
            return Err(
                "a workload that exchanges tokens from stock needs `tokens`: how many to make before the clock starts"
                    .into(),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_must_make_sense() {
        for (_, calls, _) in BUILT_IN {
            assert_eq!(check_chain(calls), None, "{calls:?}");
        }
        for (calls, part) in [
            (&[][..], "at least one"),
            (&[LoadCall::Issue, LoadCall::Refresh], "signed-in"),
            (&[LoadCall::Refresh, LoadCall::Exchange], "sign-in token"),
            (&[LoadCall::CreateUser], "before the clock"),
            (&[LoadCall::Issue, LoadCall::Exchange, LoadCall::Exchange], "sign-in token"),
        ] {
            assert!(check_chain(calls).is_some_and(|why| why.contains(part)), "{calls:?}");
        }
    }

    #[test]
    fn an_unknown_workload_is_told_with_the_nearest() {
        assert!(workload("refesh", 1, &[]).expect_err("none").contains("refresh"));
        let own = vec![("morning".to_owned(), vec![LoadCall::Refresh])];
        assert_eq!(workload("morning", 3, &own).map(|w| (w.calls, w.weight)), Ok((vec![LoadCall::Refresh], 3)));
    }
}
