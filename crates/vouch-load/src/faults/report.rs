//! What the faults of a load led to.

use super::Fault;
use crate::check::ResponseCheck;
use crate::failure::Failure;
use crate::record::seconds;
use crate::threshold::show_duration as show;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const NOT_SENT: &str = "simulated by the generator: the server did not see these calls";

/// What the faults of a load led to, and what its installations did about failed calls.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FaultReport {
    /// In the order of the load file.
    pub faults: Vec<FaultOutcome>,
    pub retries: RetryOutcome,
}

/// What one fault led to. None of it counts as a failure of the server, apart from `failures`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FaultOutcome {
    /// When, which share of which answers, and what happened to them.
    pub description: String,
    /// What happened, after a number: `answers lost`.
    pub happened: String,
    /// The server has seen the calls: their answers were taken away after it had acted.
    pub sent: bool,
    /// No call reached the identity provider.
    pub outage: bool,
    #[serde(rename = "fromSeconds", with = "seconds")]
    #[schemars(with = "f64")]
    pub from: Duration,
    #[serde(rename = "untilSeconds", with = "seconds")]
    #[schemars(with = "f64")]
    pub until: Duration,
    /// The calls that it hit.
    pub injected: u64,
    /// Calls that were made again because of it.
    pub retries: u64,
    /// Refreshes with a refresh token whose successor it took away. The installation does not know that the token is used.
    pub used_token_refreshes: u64,
    /// Of these: the server accepted the token again.
    pub accepted: u64,
    /// Of these: the server refused the token, as reuse of a token.
    pub reuse_refusals: u64,
    /// Installations that were signed out by it.
    pub signed_out: u64,
    /// Sign-ins that failed. An exchange is not retried: its sign-in token may be used up.
    pub failed_sign_ins: u64,
    /// Calls that had no answer in any of their attempts. The installation stays as it was.
    pub gave_up: u64,
    /// Calls that waited for their next attempt when the load ended.
    pub unfinished: u64,
    /// Calls that had their answer in a later attempt.
    pub recovered: u64,
    /// When the last of them had it, after the end of the fault.
    #[serde(rename = "lastRecoverySeconds", with = "seconds")]
    #[schemars(with = "f64")]
    pub last_recovery: Duration,
    /// Later attempts that failed at the server. They count as its failures.
    pub failures: u64,
}

/// What installations did about calls that failed at the server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RetryOutcome {
    /// Calls that were made again.
    pub retries: u64,
    /// Calls that failed in every attempt.
    pub gave_up: u64,
    /// Calls that waited for their next attempt when the load ended.
    pub unfinished: u64,
    /// Answers of the server with status 429 or 503.
    pub refusals: u64,
    /// Of these: with `Retry-After`. The installation waited as long.
    pub with_retry_after: u64,
    #[serde(rename = "longestRetryAfterSeconds", with = "seconds")]
    #[schemars(with = "f64")]
    pub longest_retry_after: Duration,
}

/// A number of a [`FaultOutcome`], as metrics name it.
pub struct FaultCount {
    /// For example `hit_calls`.
    pub name: &'static str,
    /// What is counted, as a unit of UCUM: an annotation in braces.
    pub unit: &'static str,
    pub help: &'static str,
    pub of: fn(&FaultOutcome) -> u64,
}

/// The counts of a fault. Later ones are parts or consequences of earlier ones, so each is a metric of its own: their sum means
/// nothing.
pub const FAULT_COUNTS: [FaultCount; 11] = [
    count("hit_calls", "{call}", "Calls that the fault hit.", |fault| fault.injected),
    count("retries", "{call}", "Calls that were made again because of the fault.", |fault| fault.retries),
    count(
        "used_token_refreshes",
        "{call}",
        "Refreshes with a refresh token whose successor the fault took away.",
        |fault| fault.used_token_refreshes,
    ),
    count("accepted_reuses", "{call}", "Refreshes with a used token that the server accepted.", |fault| fault.accepted),
    count("reuse_refusals", "{call}", "Refreshes with a used token that the server refused.", |fault| {
        fault.reuse_refusals
    }),
    count("signed_out_installations", "{installation}", "Installations that the fault signed out.", |fault| {
        fault.signed_out
    }),
    count("failed_sign_ins", "{call}", "Sign-ins that the fault made fail.", |fault| fault.failed_sign_ins),
    count("given_up_calls", "{call}", "Calls that had no answer in any attempt.", |fault| fault.gave_up),
    count("unfinished_calls", "{call}", "Calls that waited for their next attempt when the load ended.", |fault| {
        fault.unfinished
    }),
    count("recovered_calls", "{call}", "Calls that had their answer in a later attempt.", |fault| fault.recovered),
    count("failed_attempts", "{call}", "Later attempts that failed at the server.", |fault| fault.failures),
];

const fn count(name: &'static str, unit: &'static str, help: &'static str, of: fn(&FaultOutcome) -> u64) -> FaultCount {
    FaultCount { name, unit, help, of }
}

impl FaultReport {
    /// A report of no events yet.
    pub fn new(faults: &[Fault]) -> Self {
        let outcome = |fault: &Fault| FaultOutcome {
            description: fault.to_string(),
            happened: fault.kind.happened().to_owned(),
            sent: fault.kind.is_sent(),
            outage: fault.is_outage(),
            from: fault.from,
            until: fault.until,
            ..FaultOutcome::default()
        };
        Self { faults: faults.iter().map(outcome).collect(), retries: RetryOutcome::default() }
    }

    /// Adds the report of another worker.
    pub fn merge(&mut self, other: &FaultReport) {
        for (into, from) in self.faults.iter_mut().zip(&other.faults) {
            into.merge(from);
        }
        let (into, from) = (&mut self.retries, &other.retries);
        into.retries += from.retries;
        into.gave_up += from.gave_up;
        into.unfinished += from.unfinished;
        into.refusals += from.refusals;
        into.with_retry_after += from.with_retry_after;
        into.longest_retry_after = into.longest_retry_after.max(from.longest_retry_after);
    }

    /// The installations that its faults signed out.
    pub fn signed_out(&self) -> u64 {
        self.faults.iter().map(|fault| fault.signed_out).sum()
    }
}

impl FaultOutcome {
    fn merge(&mut self, other: &FaultOutcome) {
        self.injected += other.injected;
        self.retries += other.retries;
        self.used_token_refreshes += other.used_token_refreshes;
        self.accepted += other.accepted;
        self.reuse_refusals += other.reuse_refusals;
        self.signed_out += other.signed_out;
        self.failed_sign_ins += other.failed_sign_ins;
        self.gave_up += other.gave_up;
        self.unfinished += other.unfinished;
        self.recovered += other.recovered;
        self.last_recovery = self.last_recovery.max(other.last_recovery);
        self.failures += other.failures;
    }

    /// The consequences of the fault for readers, each of which follows from the one before it.
    pub fn steps(&self) -> Vec<String> {
        let mut steps = vec![format!("{} {}", self.injected, self.happened)];
        if !self.sent {
            steps[0].push_str(&format!(" ({NOT_SENT})"));
        }
        if self.failed_sign_ins > 0 {
            steps.push(format!("{} sign-ins failed: an exchange is not retried", self.failed_sign_ins));
        }
        if self.used_token_refreshes > 0 {
            let accepted = match self.accepted {
                0 => String::new(),
                accepted => format!(", {accepted} of them accepted"),
            };
            steps.push(format!("{} retries with a used refresh token{accepted}", self.used_token_refreshes));
            steps.push(format!("{} reuse detections", self.reuse_refusals));
            steps.push(format!("{} installations signed out", self.signed_out));
        } else if self.retries > 0 {
            steps.push(format!("{} retries", self.retries));
        }
        if self.recovered > 0 && self.used_token_refreshes == 0 {
            let last = show(self.last_recovery);
            steps.push(format!(
                "{} calls had their answer in a later attempt, the last {last} after the end of the fault",
                self.recovered
            ));
        }
        let left = [(self.gave_up, "calls gave up"), (self.unfinished, "calls still waited at the end of the load")];
        for (count, what) in left.into_iter().filter(|(count, _)| *count > 0) {
            steps.push(format!("{count} {what}"));
        }
        if self.failures > 0 {
            steps.push(format!("{} later attempts failed at the server; they count as its failures", self.failures));
        }
        steps
    }

    /// Records the answer to a refresh with a token whose successor this fault took away. Returns whether it ends the session.
    pub fn record_used_token(&mut self, check: &ResponseCheck) -> bool {
        self.used_token_refreshes += 1;
        match check {
            Ok(()) => self.accepted += 1,
            // A refusal without an error code is a wrong response, and stays one.
            Err((Failure::Status(400 | 401 | 403), _)) => {
                self.reuse_refusals += 1;
                self.signed_out += 1;
                return true;
            }
            Err(_) => {}
        }
        false
    }
}
