//! Judges the exchanges of a run record by the invariants of today.
//!
//! In a record, secrets are replaced by their names, and each name stands for one secret of its case: that suffices to see where
//! it is used again. When an exchange ended is not recorded, so what depends on it is not judged.

use crate::invariant::{Evidence, Observed, traffic_alone};
use crate::record::{Answer, CaseRecord, HeaderRecord, RunRecord, WireRecord};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode};
use regex::Regex;
use std::sync::Arc;
use std::sync::LazyLock;
use vouch_sim::wire::redact::{Redactor, SecretKind};
use vouch_sim::wire::{Exchange, ExchangeOutcome, Link, Party, WireRequest};
use vouch_spec::profile::Profile;
use vouch_spec::protocol::Realm;

/// A violation that the exchanges of a case show and that the record does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordViolation {
    /// The id of the case.
    pub case: String,
    pub clause: &'static str,
    pub expected: &'static str,
    pub got: String,
}

/// Judges the exchanges of every case. `None` if the record names a wire profile whose mapping it does not have.
pub fn judge_record(record: &RunRecord) -> Option<Vec<RecordViolation>> {
    let profile = Profile::built_in(&record.started.profile)?;
    let mut found = Vec::new();
    for case in &record.cases {
        let Some(of_case) = case.record.as_deref().filter(|of_case| !has_previous_build(of_case)) else { continue };
        let known = |clause: &str| case.verdict.findings().iter().any(|of| of.clauses.iter().any(|id| id == clause));
        let new = violations(of_case, &profile).into_iter().filter(|violation| !known(violation.clause));
        found.extend(new.map(|violation| RecordViolation { case: case.id.clone(), ..violation }));
    }
    Some(found)
}

/// What the previous build of an app does wrong is not the fault of the build under test.
fn has_previous_build(case: &CaseRecord) -> bool {
    case.steps.iter().any(|step| matches!(step.step.as_str(), "update" | "downgrade"))
}

fn violations(case: &CaseRecord, profile: &Arc<Profile>) -> Vec<RecordViolation> {
    let Some(exchanges) = case.wire.iter().map(|of| exchange(of, profile)).collect::<Option<Vec<_>>>() else {
        return vec![];
    };
    let redactor = Redactor::default();
    case.wire.iter().for_each(|of| note_names(of, &redactor));
    let sdk = Observed::default();
    let evidence = Evidence::of_traffic(&redactor, &sdk, &exchanges);
    let violation = |of: crate::invariant::Violation| RecordViolation {
        case: String::new(),
        clause: of.clause,
        expected: of.expected,
        got: of.got,
    };
    traffic_alone(&evidence).into_iter().map(violation).collect()
}

/// The exchange, without its times. `None` if a word in it is not one that this version writes.
fn exchange(of: &WireRecord, profile: &Arc<Profile>) -> Option<Exchange> {
    let link = Link { from: party(&of.from)?, to: party(&of.to)?, realm: realm(&of.realm)? };
    let request = WireRequest {
        method: of.method.parse::<Method>().ok()?,
        path: of.path.as_str().to_owned(),
        headers: headers(&of.headers),
        body: of.body.as_str().to_owned().into(),
    };
    let outcome = match &of.answer {
        Answer::Answered { status, headers: map, body } => ExchangeOutcome::Answered {
            status: StatusCode::from_u16(*status).ok()?,
            headers: headers(map),
            body: body.as_str().to_owned().into(),
        },
        Answer::Pending => ExchangeOutcome::Pending,
        Answer::Lost { processed } => ExchangeOutcome::Lost { processed: *processed },
        Answer::Abandoned => ExchangeOutcome::Abandoned,
        Answer::NoNetwork => ExchangeOutcome::NoNetwork,
    };
    let recognised = profile.recognise(&request.method, &request.path, &request.body);
    let tokens = recognised.filter(|_| link.to == Party::Auth).map(|(_, tokens)| tokens).unwrap_or_default();
    Some(Exchange {
        link,
        operation: of.operation,
        request,
        outcome,
        fault: of.fault.clone(),
        tokens,
        completed_at: None,
        completed_ms: None,
        at_ms: 0,
        profile: profile.clone(),
    })
}

fn party(word: &str) -> Option<Party> {
    [Party::App, Party::Sdk, Party::Client, Party::Backend, Party::Api, Party::Auth]
        .into_iter()
        .find(|party| party.word() == word)
}

fn realm(words: &str) -> Option<Realm> {
    Realm::all().find(|realm| realm.to_string() == words)
}

fn headers(records: &[HeaderRecord]) -> HeaderMap {
    let header =
        |of: &HeaderRecord| Some((of.name.parse::<HeaderName>().ok()?, HeaderValue::from_str(of.value.as_str()).ok()?));
    records.iter().filter_map(header).collect()
}

/// How the redactor writes the name of a secret.
static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\[((?:sign-in token|access token|refresh token|API key|app credential) [A-Za-z0-9 ]+)\]").ok()
});

fn note_names(of: &WireRecord, redactor: &Redactor) {
    let (answer, answer_headers) = match &of.answer {
        Answer::Answered { headers, body, .. } => (body.as_str(), headers.as_slice()),
        _ => ("", [].as_slice()),
    };
    let values = of.headers.iter().chain(answer_headers).map(|header| header.value.as_str());
    for text in values.chain([of.path.as_str(), of.body.as_str(), answer]) {
        for found in NAME.iter().flat_map(|pattern| pattern.captures_iter(text)) {
            let (name, value) = (&found[1], &found[0]);
            let known = redactor.secrets_in(value).iter().any(|known| known.is(value));
            if let Some(kind) = kind(name).filter(|_| !known) {
                redactor.named_secret(kind, value, name.to_owned());
            }
        }
    }
}

fn kind(name: &str) -> Option<SecretKind> {
    use SecretKind::{AccessToken, ApiKey, AppCredential, ClientSecret, RefreshToken, SignInToken};
    [SignInToken, AccessToken, RefreshToken, ApiKey, AppCredential, ClientSecret]
        .into_iter()
        .find(|kind| name.starts_with(kind.words()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn auth(number: usize, body: &str, answer: Value) -> Value {
        json!({
            "number": number, "atMs": 0, "from": "sdk", "to": "auth", "realm": "production us", "operation": "refresh",
            "method": "POST", "path": "/v1/token", "body": body, "answer": answer,
        })
    }

    fn granted(number: usize) -> Value {
        let tokens = json!({
            "access_token": format!("[access token {number}]"),
            "refresh_token": format!("[refresh token {number}]"),
            "expires_in": 3600,
        });
        json!({ "kind": "answered", "status": 200, "body": tokens.to_string() })
    }

    fn clauses(wire: Value) -> Vec<&'static str> {
        let case = json!({ "steps": [], "plannedSteps": 0, "wire": wire, "storageAtStart": [] });
        let case: CaseRecord = serde_json::from_value(case).expect("a case");
        violations(&case, &Profile::junction()).iter().map(|violation| violation.clause).collect()
    }

    #[test]
    fn tokens_are_followed_through_a_record_by_their_names() {
        let refresh = |used: usize| format!("grant_type=refresh_token&refresh_token=[refresh token {used}]");
        let two = [auth(1, &refresh(1), granted(2)), auth(2, &refresh(2), granted(3))];
        assert_eq!(clauses(json!(two)), Vec::<&str>::new());
        let again =
            [auth(1, &refresh(1), granted(2)), auth(2, &refresh(2), granted(3)), auth(3, &refresh(1), granted(4))];
        assert_eq!(clauses(json!(again)), ["REF-5"]);
    }

    #[test]
    fn a_lost_answer_and_a_key_in_the_wrong_place_are_seen_in_a_record() {
        let exchange = "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token_type=urn:junction:sign-in-token\
                        &subject_token=[sign-in token 1]";
        let lost = |number: usize| {
            let mut lost = auth(number, exchange, json!({ "kind": "lost", "processed": true }));
            lost["operation"] = "exchange".into();
            lost
        };
        assert_eq!(clauses(json!([lost(1)])), Vec::<&str>::new());
        assert_eq!(clauses(json!([lost(1), lost(2)])), ["EXC-9"]);
        let mut with_key = auth(1, "grant_type=refresh_token&refresh_token=[refresh token 1]", granted(2));
        with_key["headers"] = json!([{ "name": "x-vital-api-key", "value": "[API key of production us]" }]);
        assert_eq!(clauses(json!([with_key])), ["ISS-4"]);
        let mut odd = auth(1, "", granted(1));
        odd["from"] = "a newer word".into();
        assert_eq!(clauses(json!([odd])), Vec::<&str>::new());
    }
}
