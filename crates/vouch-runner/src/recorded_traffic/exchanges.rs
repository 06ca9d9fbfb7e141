//! Makes exchanges of the entries of a HAR file.

use super::Dialect;
use super::har_file::{HarEntry, LeftOut};
use super::hosts::{Destination, path_of};
use crate::invariant::realm_of_token;
use hyper::Method;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use url::Url;
use vouch_sim::wire::{ELSEWHERE, Exchange, ExchangeOutcome, Link, Operation, Party, WireRequest, is_preflight};
use vouch_spec::profile::{IdpCall, Profile, RequestTokens};
use vouch_spec::protocol::Realm;

/// An exchange with the vendor, and where the file has it.
pub struct RecordedExchange {
    pub exchange: Exchange,
    /// The index of the dialect that its host speaks. The hosts of the API belong to the first.
    pub dialect: usize,
    /// Its index in `log.entries`, from 0.
    pub entry: usize,
    /// Its start, as the file has it.
    pub started: String,
    /// When the head of the response was there, or up to the tolerance of the recorder before that, in milliseconds since 1970.
    pub answered_ms: Option<i64>,
    /// The page of a browser that sent it.
    pub page: Option<String>,
    pub host: String,
    /// It went over `http:`.
    pub plain_http: bool,
}

/// What a file has, in the order of time.
pub struct RecordedEntries {
    /// The exchanges with the vendor.
    pub exchanges: Vec<RecordedExchange>,
    /// The CORS preflights that a browser sent to the vendor. They are no exchanges of the SDK.
    pub preflights: Vec<RecordedExchange>,
    /// Why the other entries are left out, and the preflights too.
    pub left_out: Vec<LeftOut>,
}

/// Sorts entries by what they are.
pub fn of_entries(entries: Vec<Result<HarEntry, LeftOut>>, dialects: &[Dialect]) -> RecordedEntries {
    let (mut preflights, mut left_out) = (Vec::new(), Vec::new());
    let mut readable: Vec<_> =
        entries.into_iter().filter_map(|entry| entry.map_err(|why| left_out.push(why)).ok()).collect();
    // Stable: entries of the same millisecond stay in the order of the file.
    readable.sort_by_key(|entry| entry.started_ms);
    let mut redirects = FxHashMap::default();
    let mut exchanges = Vec::new();
    for entry in readable {
        let mut found = dialects.iter().enumerate().filter_map(|(at, of)| Some((at, of, of.hosts.find(&entry.url)?)));
        let destination = found.next();
        if is_preflight(&entry.method, &entry.headers, &entry.body) {
            left_out.push(LeftOut::Preflight);
            preflights.extend(destination.map(|(_, dialect, destination)| to_vendor(entry, destination, dialect)));
            continue;
        }
        let exchange = match (destination, redirects.get(entry.url.as_str())) {
            (Some((at, dialect, destination)), _) => {
                note_redirect(&entry, (destination.realm, &dialect.profile), &mut redirects);
                RecordedExchange { dialect: at, ..to_vendor(entry, destination, dialect) }
            }
            (None, Some((realm, profile))) => elsewhere(entry, *realm, profile.clone()),
            (None, None) => {
                left_out.push(LeftOut::OtherHost);
                continue;
            }
        };
        exchanges.push(exchange);
    }
    for (at, _) in dialects.iter().enumerate().filter(|(_, dialect)| dialect.profile.one_auth_host) {
        let own = exchanges.iter_mut().filter(|of| of.dialect == at && of.exchange.call().is_some());
        place_by_public_key(own.map(|of| &mut of.exchange).collect());
    }
    RecordedEntries { exchanges, preflights, left_out }
}

/// Where the vendor redirected a request to.
fn note_redirect(
    entry: &HarEntry,
    (realm, profile): (Realm, &Arc<Profile>),
    redirects: &mut FxHashMap<String, (Realm, Arc<Profile>)>,
) {
    let response = entry.response.as_ref().filter(|response| response.status.is_redirection());
    let location = response.and_then(|response| response.headers.get("location")?.to_str().ok());
    if let Some(target) = location.and_then(|location| entry.url.join(location).ok()) {
        redirects.insert(Url::into(target), (realm, profile.clone()));
    }
}

fn to_vendor(entry: HarEntry, destination: Destination, Dialect { profile, hosts }: &Dialect) -> RecordedExchange {
    let call = profile.recognise(&entry.method, &destination.path, &entry.body);
    let to = match destination.to {
        Party::Auth if hosts.shares_address(&destination) && call.is_none() => Party::Api,
        Party::Api if hosts.shares_address(&destination) && call.is_some() => Party::Auth,
        to => to,
    };
    let path = destination.path.split('?').next().unwrap_or_default();
    let (from, operation, tokens) = match (to, call) {
        (Party::Auth, Some((IdpCall::Exchange, tokens))) => (Party::Sdk, Operation::Exchange, tokens),
        (Party::Auth, Some((IdpCall::Refresh, tokens))) => (Party::Sdk, Operation::Refresh, tokens),
        (Party::Auth, None) => (Party::Sdk, Operation::Stray, RequestTokens::default()),
        _ => {
            let (from, operation) = api_call(&entry.method, path);
            (from, operation, RequestTokens::default())
        }
    };
    let link = Link { from, to, realm: destination.realm };
    recorded(entry, (link, profile.clone()), operation, tokens, destination.path, destination.plain_http)
}

/// Calls that only a backend has reason to make. Source: wire facts, "API".
fn api_call(method: &Method, path: &str) -> (Party, Operation) {
    match *method {
        Method::POST if path == "/v2/user" => (Party::Backend, Operation::CreateUser),
        Method::POST if path.ends_with("/sign_in_token") => (Party::Backend, Operation::Issuance),
        Method::GET if path.starts_with("/v2/user/resolve/") => (Party::Backend, Operation::FindUser),
        _ => (Party::Sdk, Operation::Api),
    }
}

/// A request to a host that the vendor redirected to.
fn elsewhere(entry: HarEntry, realm: Realm, profile: Arc<Profile>) -> RecordedExchange {
    let link = Link { from: Party::Backend, to: Party::Api, realm };
    let path = format!("{ELSEWHERE}{}", path_of(&entry.url));
    recorded(entry, (link, profile), Operation::Stray, RequestTokens::default(), path, false)
}

fn recorded(
    entry: HarEntry,
    (link, profile): (Link, Arc<Profile>),
    operation: Operation,
    tokens: RequestTokens,
    path: String,
    plain_http: bool,
) -> RecordedExchange {
    let after = |ms: Option<i64>| ms.map(|ms| entry.started_ms.saturating_add(ms));
    let (answered_ms, completed_ms) = (after(entry.head_after_ms), after(entry.complete_after_ms));
    let answered_ms = answered_ms.map(|ms| ms - entry.tolerance_ms);
    let outcome = match entry.response {
        Some(response) => {
            ExchangeOutcome::Answered { status: response.status, headers: response.headers, body: response.body }
        }
        // Nobody knows whether the server did its part.
        None => ExchangeOutcome::Abandoned,
    };
    let exchange = Exchange {
        link,
        operation,
        request: WireRequest { method: entry.method, path, headers: entry.headers, body: entry.body },
        outcome,
        fault: None,
        tokens,
        completed_at: None,
        completed_ms,
        at_ms: entry.started_ms,
        profile,
    };
    RecordedExchange {
        exchange,
        dialect: 0,
        entry: entry.index,
        started: entry.started,
        answered_ms,
        page: entry.page,
        host: entry.url.host_str().unwrap_or_default().to_owned(),
        plain_http,
    }
}

/// Where one identity provider serves all realms, the public key tells them apart, and the exchange says which key is whose.
/// A request whose realm stays unknown gets that of its session, so that it does not seem to go astray.
fn place_by_public_key(mut exchanges: Vec<&mut Exchange>) {
    let mut of_key: FxHashMap<String, Option<Realm>> = FxHashMap::default();
    for exchange in &exchanges {
        let home = exchange.tokens.token.as_deref().and_then(realm_of_token);
        let accepted = exchange.status().is_some_and(|status| status.is_success());
        if let (Some(key), Some(home), true) = (&exchange.tokens.public_key, home, accepted) {
            let realm = of_key.entry(key.clone()).or_insert(Some(home));
            // A key of several realms says nothing.
            *realm = realm.filter(|realm| *realm == home);
        }
    }
    let mut of_refresh_token: FxHashMap<String, Realm> = FxHashMap::default();
    for exchange in &mut exchanges {
        let tokens = &exchange.tokens;
        let by_key = tokens.public_key.as_ref().and_then(|key| of_key.get(key).copied().flatten());
        let own = tokens.token.as_deref().and_then(realm_of_token);
        let home = own.or_else(|| of_refresh_token.get(tokens.refresh_token.as_ref()?).copied());
        if let Some(realm) = by_key.or(home) {
            exchange.link.realm = realm;
        }
        if let (Some(home), Some(grant)) = (home, exchange.granted()) {
            of_refresh_token.insert(grant.refresh_token, home);
        }
    }
}
