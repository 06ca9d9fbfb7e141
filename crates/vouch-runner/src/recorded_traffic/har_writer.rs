//! Writes exchanges that the intercepting proxy recorded as a HAR file, with the vendor's real host names.

use hyper::HeaderMap;
use serde_json::{Value, json};
use vouch_sim::wire::{Exchange, ExchangeOutcome, Party};
use vouch_spec::profile::Profile;
use vouch_spec::text::lossy;
use vouch_spec::vendor_hosts::{HostPart, VendorHosts};

/// The HAR file of exchanges. What got no answer has the status 0.
pub fn har(exchanges: &[Exchange], profile: &Profile) -> Value {
    let hosts = VendorHosts::of(profile);
    let entries: Vec<_> = exchanges.iter().map(|exchange| entry(exchange, &hosts, profile)).collect();
    json!({
        "log": {
            "version": "1.2",
            "creator": { "name": "vouch", "version": env!("CARGO_PKG_VERSION") },
            "entries": entries,
        }
    })
}

fn entry(exchange: &Exchange, hosts: &VendorHosts, profile: &Profile) -> Value {
    let request = &exchange.request;
    let time = exchange.completed_ms.map_or(-1, |end| (end - exchange.at_ms).max(1));
    let body = lossy(&request.body);
    let mut sent = json!({
        "method": request.method.as_str(),
        "url": format!("https://{}{}", host(exchange, hosts, profile), request.path),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(&request.headers),
        "queryString": [],
        "headersSize": -1,
        "bodySize": request.body.len(),
    });
    if !body.is_empty() {
        sent["postData"] = json!({ "mimeType": request.header("content-type").unwrap_or_default(), "text": body });
    }
    json!({
        "startedDateTime": started(exchange.at_ms),
        "time": time,
        "request": sent,
        "response": response(&exchange.outcome),
        "cache": {},
        "timings": { "send": 0, "wait": time, "receive": 0 },
    })
}

/// The name that a client knows the other end by. Where one provider serves all realms, the call tells which of its hosts it is.
fn host(exchange: &Exchange, hosts: &VendorHosts, profile: &Profile) -> String {
    let part = if exchange.link.to == Party::Auth { HostPart::Auth } else { HostPart::Api };
    if part == HostPart::Auth && profile.one_auth_host {
        let refresh = exchange.request.path_only() == profile.refresh.path;
        let name = if refresh { profile.auth_hosts.last() } else { profile.auth_hosts.first() };
        return name.cloned().unwrap_or_default();
    }
    let mut names = hosts.names().filter(|name| hosts.find(name) == Some((exchange.link.realm, part)));
    names.find(|name| name.ends_with("junction.com")).unwrap_or_default().to_owned()
}

fn started(at_ms: i64) -> String {
    let at = u64::try_from(at_ms).map(std::time::Duration::from_millis).unwrap_or_default();
    humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + at).to_string()
}

fn headers(map: &HeaderMap) -> Vec<Value> {
    map.iter().map(|(name, value)| json!({ "name": name.as_str(), "value": lossy(value.as_bytes()) })).collect()
}

fn response(outcome: &ExchangeOutcome) -> Value {
    let (status, headers, body) = match outcome {
        ExchangeOutcome::Answered { status, headers: map, body } => (status.as_u16(), headers(map), lossy(body)),
        _ => (0, vec![], String::new().into()),
    };
    json!({
        "status": status,
        "statusText": "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers,
        "content": { "size": body.len(), "mimeType": "", "text": body },
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": -1,
    })
}
