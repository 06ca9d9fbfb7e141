//! Checks for secrets in the wrong place (EXC-2, EXC-3, ISS-4, REF-1).

use super::storage::Stored;
use super::{Evidence, Violation};
use hyper::HeaderMap;
use std::sync::Arc;
use vouch_sim::wire::redact::{KnownSecret, Redactor, SecretKind};
use vouch_sim::wire::{ELSEWHERE, Exchange, ExchangeOutcome, Operation, Party, WireRequest};
use vouch_spec::text::lossy;

/// The clause that is violated when a secret of this kind leaks.
fn clause(kind: SecretKind) -> &'static str {
    match kind {
        SecretKind::SignInToken => "EXC-2",
        SecretKind::ApiKey => "ISS-4",
        // Client secrets are not searched for.
        SecretKind::AccessToken | SecretKind::RefreshToken | SecretKind::AppCredential | SecretKind::ClientSecret => {
            "EXC-3"
        }
    }
}

/// The exchanges that a party sent, from index `first` on, with their indices.
fn from<'a>(party: Party, first: usize, evidence: &'a Evidence<'_>) -> impl Iterator<Item = (usize, &'a Exchange)> {
    evidence.exchanges.iter().enumerate().skip(first).filter(move |(_, exchange)| exchange.link.from == party)
}

fn head(headers: &HeaderMap) -> String {
    let mut out = String::new();
    for value in headers.values() {
        out.push_str(&lossy(value.as_bytes()));
        // A space, because the redactor searches a text with line breaks twice.
        out.push(' ');
    }
    out
}

/// A URL contains no secret: servers and proxies log URLs.
pub(super) fn in_urls(first: usize, evidence: &Evidence<'_>) -> Option<Violation> {
    for (index, exchange) in from(Party::Sdk, first, evidence) {
        if let Some(known) = evidence.redactor.secrets_in(&exchange.request.path).first() {
            return Some(Violation {
                clause: clause(known.kind),
                expected: "no secret in a URL",
                got: format!("the {} in the URL of exchange {}", known.name, evidence.number(index)),
                exchanges: vec![evidence.number(index)],
            });
        }
    }
    None
}

/// No CORS preflight contains a secret.
pub(super) fn in_preflights(evidence: &Evidence<'_>) -> Option<Violation> {
    evidence.preflights.iter().find_map(|preflight| preflight_with_secret(preflight, evidence.redactor))
}

/// A browser repeats the URL of a request in its preflight: neither it nor a header contains a secret.
pub fn preflight_with_secret(preflight: &WireRequest, redactor: &Redactor) -> Option<Violation> {
    let text = head(&preflight.headers) + &preflight.path;
    let known = redactor.secrets_in(&text).into_iter().next()?;
    Some(Violation {
        clause: clause(known.kind),
        expected: "no secret in a CORS preflight",
        got: format!("the {} in the preflight OPTIONS {}", known.name, preflight.path),
        exchanges: vec![],
    })
}

/// A response of a backend to the app contains no API key, neither in its headers nor in its body (ISS-4).
pub(super) fn to_app(first: usize, evidence: &Evidence<'_>) -> Option<Violation> {
    for (index, exchange) in from(Party::App, first, evidence) {
        let ExchangeOutcome::Answered { headers, body, .. } = &exchange.outcome else { continue };
        let text = head(headers) + &lossy(body);
        if let Some(key) =
            evidence.redactor.secrets_in(&text).into_iter().find(|known| known.kind == SecretKind::ApiKey)
        {
            return Some(Violation {
                clause: "ISS-4",
                expected: "no API key in a response to the app",
                got: format!("the {} in the response of exchange {}", key.name, evidence.number(index)),
                exchanges: vec![evidence.number(index)],
            });
        }
    }
    None
}

/// A backend follows no redirect to another host with the API key (ISS-4).
pub(super) fn to_other_host(first: usize, evidence: &Evidence<'_>) -> Option<Violation> {
    for (index, exchange) in from(Party::Backend, first, evidence) {
        let request = &exchange.request;
        if !request.path.starts_with(ELSEWHERE) {
            continue;
        }
        let text = head(&request.headers) + &request.path + &lossy(&request.body);
        let secrets = evidence.redactor.secrets_in(&text);
        if let Some(key) = secrets.into_iter().find(|known| known.kind == SecretKind::ApiKey) {
            return Some(Violation {
                clause: "ISS-4",
                expected: "no API key at the host that the vendor redirects to",
                got: format!("the {} in exchange {}", key.name, evidence.number(index)),
                exchanges: vec![evidence.number(index)],
            });
        }
    }
    None
}

/// Each request carries the credential of its kind: a sign-in token for an exchange, a refresh token for a refresh, one access
/// token or API key for an API call.
pub(super) fn with_wrong_credential(first: usize, evidence: &Evidence<'_>) -> Option<Violation> {
    for (index, exchange) in from(Party::Sdk, first, evidence) {
        let request = &exchange.request;
        let text = head(&request.headers) + &lossy(&request.body);
        let secrets = evidence.redactor.secrets_in(&text);
        let has = |kind| secrets.iter().find(|known| known.kind == kind);
        let violation = |clause, expected, name: &str| {
            let number = evidence.number(index);
            let got = format!("the {name} in exchange {number}");
            Some(Violation { clause, expected, got, exchanges: vec![number] })
        };
        if exchange.operation == Operation::Api {
            if let Some(token) = has(SecretKind::SignInToken) {
                return violation("REF-1", "API calls with the access token, never the sign-in token", &token.name);
            }
            if let Some(token) = has(SecretKind::RefreshToken) {
                return violation("REF-1", "API calls with the access token, never the refresh token", &token.name);
            }
            if let (Some(key), Some(_)) = (has(SecretKind::ApiKey), has(SecretKind::AccessToken)) {
                return violation("REF-1", "API calls with one credential", &key.name);
            }
        } else if let Some(key) = has(SecretKind::ApiKey) {
            return violation("ISS-4", "no API key at the identity provider", &key.name);
        } else if exchange.operation == Operation::Refresh
            && let Some(token) = has(SecretKind::SignInToken)
        {
            return violation("EXC-2", "the sign-in token sent in its exchange only", &token.name);
        }
    }
    None
}

/// The log and the standard error of the SDK contain no secret.
pub(super) fn in_logs(evidence: &Evidence<'_>) -> Option<Violation> {
    let known = evidence.redactor.secrets_in(evidence.written).into_iter().next()?;
    let line = evidence.written.lines().find(|line| known.is_in(line)).unwrap_or_default();
    Some(Violation {
        clause: clause(known.kind),
        expected: "no secret in the SDK's log or standard error",
        got: format!("the {} in the line: {line}", known.name),
        exchanges: vec![],
    })
}

/// The output of a backend contains no API key (ISS-4).
pub fn in_backend_log(log: &str, redactor: &Redactor) -> Option<Violation> {
    let known = redactor.secrets_in(log).into_iter().find(|known| known.kind == SecretKind::ApiKey)?;
    let line = log.lines().find(|line| known.is_in(line)).unwrap_or_default();
    let got = format!("the {} in the line: {line}", known.name);
    Some(Violation {
        clause: "ISS-4",
        expected: "no API key in the log or standard error of the backend",
        got,
        exchanges: vec![],
    })
}

/// The text of an error contains no secret.
pub(super) fn in_errors(evidence: &Evidence<'_>) -> Option<Violation> {
    let known =
        evidence.sdk.error_texts.iter().find_map(|text| evidence.redactor.secrets_in(text).into_iter().next())?;
    Some(Violation {
        clause: "EXC-3",
        expected: "no secret in the text of an error",
        got: format!("the {} in the text of an error that the SDK reported", known.name),
        exchanges: vec![],
    })
}

/// Tokens are stored only in the areas that the adapter declares for them. The sign-in token is not stored at all.
pub(super) fn in_storage(evidence: &Evidence<'_>, all: &[Stored<'_>]) -> Option<Violation> {
    for (item, secrets) in all {
        for known in secrets {
            let (expected, forbidden) = match known.kind {
                SecretKind::SignInToken => ("a sign-in token that is not stored", true),
                _ => ("secrets in secure storage only", !evidence.token_storage.contains(&item.area)),
            };
            if forbidden {
                // The guide says of API keys only that the token scheme keeps none (MIG-6, checked by `storage::one_scheme`).
                if known.kind == SecretKind::ApiKey {
                    continue;
                }
                let clause = clause(known.kind);
                return Some(Violation {
                    clause,
                    expected,
                    got: format!("the {} in the {} item `{}`", known.name, item.area.word(), item.key),
                    exchanges: vec![],
                });
            }
        }
    }
    in_parts(evidence, all)
}

/// No token is stored in parts in several items outside the declared areas.
fn in_parts(evidence: &Evidence<'_>, all: &[Stored<'_>]) -> Option<Violation> {
    let items = || all.iter().map(|(item, _)| item).filter(|item| !evidence.token_storage.contains(&item.area));
    items().nth(1)?;
    let text: Vec<_> = items().map(|item| item.value.as_str()).collect();
    let secrets = evidence.redactor.secrets_in(&text.join(" "));
    let known = secrets.iter().find(|known| known.kind != SecretKind::ApiKey)?;
    let keys: Vec<_> = items().map(|item| format!("`{}`", item.key)).collect();
    Some(Violation {
        clause: clause(known.kind),
        expected: "secrets in secure storage only",
        got: format!("the {} in parts in the items {}", known.name, keys.join(", ")),
        exchanges: vec![],
    })
}

/// No token leaves the folders that the SDK was given.
pub(super) fn in_outside_files(evidence: &Evidence<'_>) -> Option<Violation> {
    evidence.sdk.outside.iter().find_map(|file| {
        let is_token = |known: &Arc<KnownSecret>| !matches!(known.kind, SecretKind::ApiKey | SecretKind::AppCredential);
        let known = evidence.redactor.secrets_in(&file.value).into_iter().find(is_token)?;
        Some(Violation {
            clause: clause(known.kind),
            expected: "no token in a file outside the folders of the device",
            got: format!("the {} in the file `{}`", known.name, file.key),
            exchanges: vec![],
        })
    })
}
