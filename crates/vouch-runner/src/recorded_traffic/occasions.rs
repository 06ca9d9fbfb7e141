//! How often a recording gave occasion to judge a clause: without one, that nothing was found says nothing.

use super::exchanges::RecordedExchange;
use rustc_hash::FxHashSet;
use serde::Serialize;
use vouch_sim::wire::redact::Redactor;
use vouch_sim::wire::{ExchangeOutcome, Operation, Party};

/// What a HAR file can show of a clause.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClauseOccasions {
    pub clause: &'static str,
    /// What is judged of it.
    pub judged: &'static str,
    /// The number of exchanges that could have violated it.
    pub occasions: usize,
}

/// The clauses of which a HAR file can show a violation, and what of them. No file can show that a clause is satisfied.
pub const HAR_CLAUSES: [(&str, &str); 10] = [
    ("ISS-4", "no API key at the identity provider, in a URL, or at a host that the vendor redirects to"),
    ("EXC-2", "a sign-in token is exchanged once, and sent in its exchange only"),
    ("EXC-3", "no access or refresh token in a URL or over plain HTTP"),
    ("EXC-8", "tokens go to their own environment and region"),
    ("REF-1", "API calls carry one credential: an access token or an API key"),
    ("REF-2", "no access token after its expiry"),
    ("REF-4", "one refresh in flight, where no relaunch can lie between"),
    ("REF-5", "no refresh token after its successor was used"),
    ("REF-9", "no refresh before the time of Retry-After, where no relaunch can lie between"),
    ("KEY-1", "API keys go to the environment and region that their prefix names"),
];

/// The occasions of a recording.
pub fn of(recorded: &[RecordedExchange], redactor: &Redactor) -> Vec<ClauseOccasions> {
    let granted = recorded.iter().filter_map(|of| of.exchange.granted());
    let granted: FxHashSet<_> = granted.map(|grant| grant.access_token).collect();
    let is_granted = |bearer: &str| granted.contains(bearer);
    let of_known_token = |of: &RecordedExchange| of.exchange.request.bearer().is_some_and(is_granted);
    let operation = |wanted: Operation| move |of: &RecordedExchange| of.exchange.operation == wanted;
    let has_retry_after = |of: &RecordedExchange| {
        let is_refresh = of.exchange.operation == Operation::Refresh;
        matches!(&of.exchange.outcome, ExchangeOutcome::Answered { headers, .. } if is_refresh && headers.contains_key("retry-after"))
    };
    let has_key = |of: &RecordedExchange| of.exchange.request.headers.contains_key("x-vital-api-key");
    let from_sdk = |of: &RecordedExchange| of.exchange.link.from == Party::Sdk;
    let knows_key = recorded.iter().any(has_key);
    let count = |clause: &str| {
        let fits: Box<dyn Fn(&RecordedExchange) -> bool + '_> = match clause {
            "ISS-4" => Box::new(|of| knows_key && from_sdk(of)),
            "EXC-2" => Box::new(operation(Operation::Exchange)),
            "EXC-3" => Box::new(|of| from_sdk(of) && carries_secret(of, redactor)),
            "EXC-8" => Box::new(|of| operation(Operation::Exchange)(of) || of_known_token(of)),
            "REF-1" => Box::new(operation(Operation::Api)),
            "REF-2" => Box::new(of_known_token),
            "REF-4" | "REF-5" => Box::new(operation(Operation::Refresh)),
            "REF-9" => Box::new(has_retry_after),
            _ => Box::new(has_key),
        };
        recorded.iter().filter(|of| fits(of)).count()
    };
    HAR_CLAUSES.iter().map(|(clause, judged)| ClauseOccasions { clause, judged, occasions: count(clause) }).collect()
}

fn carries_secret(of: &RecordedExchange, redactor: &Redactor) -> bool {
    let request = &of.exchange.request;
    of.exchange.call().is_some() || request.bearer().is_some() || !redactor.secrets_in(&request.path).is_empty()
}
