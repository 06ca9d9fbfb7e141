//! Judges traffic that was recorded elsewhere, such as a HAR file, by the invariants of a run, as far as the wire alone can show
//! what they ask for.
//!
//! A recording says nothing of the app's calls, of storage, or of when the app was launched. What depends on them is not judged:
//! a pause of a second may hide a relaunch, and an aborted request may have been processed.
//!
//! It knows exchanges. It must not know who recorded them or what was tested.

mod draft;
mod exchanges;
mod har_file;
mod har_writer;
mod hosts;
mod occasions;
mod run_record;
mod secrets;
mod sessions;

pub use draft::draft_har;
pub use har_file::{HarError, LeftOut};
pub use har_writer::har;
pub use hosts::Hosts;
pub use occasions::{ClauseOccasions, HAR_CLAUSES};
pub use run_record::{RecordViolation, judge_record};

use crate::invariant::leaks::preflight_with_secret;
use crate::invariant::{Evidence, Observed, Violation, traffic_alone};
use exchanges::{RecordedEntries, RecordedExchange};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use vouch_sim::clock::ClockMode;
use vouch_sim::wire::redact::{Redacted, Redactor, SecretKind};
use vouch_sim::wire::{Exchange, ExchangeOutcome, Party};
use vouch_spec::profile::Profile;
use vouch_spec::text::lossy;

/// A pause in the traffic of a session in which the app may have been ended and launched again, in milliseconds.
const RELAUNCH_MS: i64 = 1_000;

/// A wire profile, and the hosts that speak it.
pub struct Dialect {
    pub profile: Arc<Profile>,
    pub hosts: Hosts,
}

/// What a file shows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrafficJudgement {
    /// The number of entries of the file.
    pub entries: usize,
    /// The number of exchanges with the vendor that are judged.
    pub exchanges: usize,
    /// The number of sessions, as tokens connect their exchanges.
    pub sessions: usize,
    /// The entries that are not judged: why, and how many.
    pub left_out: BTreeMap<&'static str, usize>,
    /// The exchanges with the identity provider whose request body is missing: their tokens cannot be judged.
    pub without_request_body: usize,
    /// Those whose response body is missing.
    pub without_response_body: usize,
    pub clauses: Vec<ClauseOccasions>,
    /// In the order of the entries that complete them. Of each session, the first of each kind.
    pub findings: Vec<TrafficFinding>,
}

/// A violation that a file shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrafficFinding {
    /// The clause that is violated.
    pub clause: &'static str,
    pub expected: &'static str,
    /// What was found. The numbers are those of [`ShownExchange::number`].
    pub got: Redacted,
    /// The exchanges that show it, the last one last.
    pub exchanges: Vec<ShownExchange>,
}

/// An exchange of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownExchange {
    /// The number of the entry, from 1.
    pub number: usize,
    /// The start, as the file has it.
    pub started: String,
    /// Method, host and path.
    pub request: Redacted,
    /// The status of the response; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// Judges a HAR file. `dialects`: the wire profiles that its traffic may speak.
///
/// # Errors
/// If the file cannot be read as a HAR file.
pub fn judge_har(path: &Path, dialects: &[Dialect]) -> Result<TrafficJudgement, HarError> {
    let entries = har_file::read(path)?;
    let count = entries.len();
    Ok(judge(count, exchanges::of_entries(entries, dialects)))
}

fn judge(entries: usize, of: RecordedEntries) -> TrafficJudgement {
    let RecordedEntries { exchanges: recorded, preflights, left_out } = of;
    let recorded = &recorded[..];
    let redactor = secrets::of(recorded);
    let sessions = sessions::of(recorded);
    let mut findings: Vec<TrafficFinding> = Vec::new();
    for session in &sessions {
        let session: Vec<_> = session.iter().map(|index| &recorded[*index]).collect();
        findings.extend(judge_session(&session, &redactor));
    }
    findings.extend(tokens_over_plain_http(recorded, &redactor));
    findings.extend(secrets_in_preflights(&preflights, &redactor));
    findings.sort_by_key(|finding| finding.exchanges.last().map(|shown| shown.number));
    let at_auth = || recorded.iter().map(|of| &of.exchange).filter(|exchange| exchange.link.to == Party::Auth);
    TrafficJudgement {
        entries,
        exchanges: recorded.len(),
        // The last group has no tokens.
        sessions: sessions.len() - 1,
        left_out: left_out.into_iter().fold(BTreeMap::new(), |mut counts, why| {
            *counts.entry(why.words()).or_default() += 1;
            counts
        }),
        without_request_body: at_auth().filter(|exchange| exchange.request.body.is_empty()).count(),
        without_response_body: at_auth().filter(|of| of.answer().is_some_and(|body| body.is_empty())).count(),
        clauses: occasions::of(recorded, &redactor),
        findings,
    }
}

/// The first preflight with a secret.
fn secrets_in_preflights(preflights: &[RecordedExchange], redactor: &Redactor) -> Option<TrafficFinding> {
    preflights.iter().find_map(|of| {
        let violation = preflight_with_secret(&of.exchange.request, redactor)?;
        let got = redactor.scrub(&violation.got);
        let Violation { clause, expected, .. } = violation;
        Some(TrafficFinding { clause, expected, got, exchanges: vec![shown(of, redactor)] })
    })
}

/// The violations of one session.
fn judge_session(session: &[&RecordedExchange], redactor: &Redactor) -> Vec<TrafficFinding> {
    let completed_before = |of: &RecordedExchange| {
        let until = of.answered_ms?;
        Some(session.partition_point(|other| other.exchange.at_ms < until))
    };
    let exchanges: Vec<Exchange> =
        session.iter().map(|of| Exchange { completed_at: completed_before(of), ..of.exchange.clone() }).collect();
    let numbers: Vec<_> = session.iter().map(|of| of.entry + 1).collect();
    let sdk = Observed { launches: possible_launches(session), ..Observed::default() };
    let evidence =
        Evidence { mode: ClockMode::Real, numbers: Some(&numbers), ..Evidence::of_traffic(redactor, &sdk, &exchanges) };
    let shown = |violation: Violation| {
        let of = |number: &usize| session.iter().find(|of| of.entry + 1 == *number);
        let exchanges = violation.exchanges.iter().filter_map(of).map(|of| shown(of, redactor)).collect();
        let got = redactor.scrub(&violation.got);
        TrafficFinding { clause: violation.clause, expected: violation.expected, got, exchanges }
    };
    traffic_alone(&evidence).into_iter().map(shown).collect()
}

/// The indices before which the app may have been launched again: another page of a browser, or a pause.
fn possible_launches(session: &[&RecordedExchange]) -> Vec<usize> {
    let is_launch = |index: &usize| {
        let Some(before) = index.checked_sub(1).and_then(|before| session.get(before)) else { return true };
        let of = session[*index];
        let since =
            before.exchange.completed_ms.filter(|end| *end <= of.exchange.at_ms).unwrap_or(before.exchange.at_ms);
        of.page != before.page || of.exchange.at_ms - since >= RELAUNCH_MS
    };
    (0..session.len()).filter(is_launch).collect()
}

fn shown(of: &RecordedExchange, redactor: &Redactor) -> ShownExchange {
    let request = &of.exchange.request;
    ShownExchange {
        number: of.entry + 1,
        started: of.started.clone(),
        request: redactor.scrub(&format!("{} {}{}", request.method, of.host, request.path)),
        status: of.exchange.status().map(|status| status.as_u16()),
    }
}

/// Tokens are confidential in transit (EXC-3; RFC 6749 sections 10.3 and 10.4). A redirection, such as the one that a browser
/// makes by itself for a host with HSTS, is no answer of the vendor.
fn tokens_over_plain_http(recorded: &[RecordedExchange], redactor: &Redactor) -> Option<TrafficFinding> {
    recorded.iter().filter(|of| of.plain_http).find_map(|of| {
        let ExchangeOutcome::Answered { status, body, .. } = &of.exchange.outcome else { return None };
        let request = &of.exchange.request;
        let text = [request.bearer().unwrap_or_default().into(), lossy(&request.body), lossy(body)].join(" ");
        let is_token = |kind| matches!(kind, SecretKind::AccessToken | SecretKind::RefreshToken);
        let token = redactor.secrets_in(&text).into_iter().find(|known| is_token(known.kind))?;
        (!status.is_redirection()).then(|| TrafficFinding {
            clause: "EXC-3",
            expected: "access and refresh tokens over HTTPS only",
            got: redactor.scrub(&format!("the {} over plain HTTP in exchange {}", token.name, of.entry + 1)),
            exchanges: vec![shown(of, redactor)],
        })
    })
}

#[cfg(test)]
mod tests;
