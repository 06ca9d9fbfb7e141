//! Secrets where they must not be (EXC-2, EXC-3, ISS-4).

use super::Breach;
use crate::protocol::message::{Area, Item};
use crate::wire::redact::{Ledger, SecretKind};
use crate::wire::{Exchange, Fate, Party};

/// The clause that forbids a kind of secret outside its place.
fn clause(kind: SecretKind) -> &'static str {
    match kind {
        SecretKind::SignInToken => "EXC-2",
        SecretKind::ApiKey => "ISS-4",
        SecretKind::AccessToken | SecretKind::RefreshToken | SecretKind::AppCredential => "EXC-3",
    }
}

/// No secret in a URL: servers and proxies log them.
pub(super) fn in_urls(first: usize, exchanges: &[Exchange], ledger: &Ledger) -> Option<Breach> {
    let from_sdk = exchanges.iter().enumerate().skip(first).filter(|(_, exchange)| exchange.link.from == Party::Sdk);
    for (index, exchange) in from_sdk {
        if let Some(known) = ledger.secrets_in(&exchange.request.path).first() {
            return Some(Breach {
                clause: clause(known.kind),
                expected: "no secret in a URL",
                got: format!("the {} in the URL of exchange {}", known.name, index + 1),
            });
        }
    }
    None
}

/// No API key in what a backend answers the app: body, headers, redirect, error (ISS-4).
pub(super) fn to_app(first: usize, exchanges: &[Exchange], ledger: &Ledger) -> Option<Breach> {
    for (index, exchange) in exchanges.iter().enumerate().skip(first).filter(|(_, e)| e.link.from == Party::App) {
        let Fate::Answered { headers, body, .. } = &exchange.fate else { continue };
        let head: Vec<_> = headers.values().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let text = format!("{}\n{}", head.join("\n"), String::from_utf8_lossy(body));
        if let Some(key) = ledger.secrets_in(&text).into_iter().find(|known| known.kind == SecretKind::ApiKey) {
            return Some(Breach {
                clause: "ISS-4",
                expected: "no API key in an answer to the app",
                got: format!("the {} in the answer of exchange {}", key.name, index + 1),
            });
        }
    }
    None
}

/// No secret in what the SDK logs or writes to standard error.
pub(super) fn in_logs(written: &str, ledger: &Ledger) -> Option<Breach> {
    let known = ledger.secrets_in(written).into_iter().next()?;
    let line = written.lines().find(|line| known.is_in(line)).unwrap_or_default();
    Some(Breach {
        clause: clause(known.kind),
        expected: "no secret in the SDK's log or standard error",
        got: format!("the {} in the line: {line}", known.name),
    })
}

/// Tokens rest in secure storage only; the sign-in token rests nowhere.
pub(super) fn in_storage(items: &[Item], ledger: &Ledger) -> Option<Breach> {
    for item in items {
        for known in ledger.secrets_in(&format!("{}={}", item.key, item.value)) {
            let (expected, forbidden) = match known.kind {
                SecretKind::SignInToken => ("the sign-in token stored nowhere", true),
                _ => ("secrets in secure storage only", item.area != Area::Secure),
            };
            if forbidden {
                let clause = if known.kind == SecretKind::ApiKey { "EXC-3" } else { clause(known.kind) };
                return Some(Breach {
                    clause,
                    expected,
                    got: format!("the {} in the {} item `{}`", known.name, item.area.word(), item.key),
                });
            }
        }
    }
    None
}
