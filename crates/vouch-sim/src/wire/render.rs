//! The transcript as people read it, without secrets.

use super::recording_proxy::REASON;
use super::redact::{Redacted, Redactor};
use super::transcript::{Exchange, ExchangeOutcome, WireRequest};
use hyper::HeaderMap;
use hyper::header::CONTENT_TYPE;

/// The headers that matter to the scheme.
const SHOWN_REQUEST: [&str; 2] = ["authorization", "x-vital-api-key"];
const SHOWN_ANSWER: [&str; 4] = [REASON, "retry-after", "location", "cache-control"];

/// One exchange in two to five lines. `number` counts from 1.
pub fn exchange(number: usize, exchange: &Exchange, redactor: &Redactor) -> Redacted {
    let request = &exchange.request;
    let mut out = format!(
        "{number:>3}  {}  {} {}  ({})\n",
        exchange.link,
        request.method,
        request.path,
        exchange.operation.words()
    );
    out.push_str(&headers(&request.headers, &SHOWN_REQUEST));
    if !request.body.is_empty() {
        out.push_str(&format!("       {}\n", request_body(request)));
    }
    if let Some(fault) = &exchange.fault {
        out.push_str(&format!("     ! fault: {fault}\n"));
    }
    match &exchange.outcome {
        ExchangeOutcome::Pending => out.push_str("     ← not answered yet\n"),
        ExchangeOutcome::NoNetwork => out.push_str("     ← no network\n"),
        ExchangeOutcome::Abandoned => out.push_str("     ← the caller went away before the answer\n"),
        ExchangeOutcome::Lost { processed: true } => {
            out.push_str("     ← answer lost (the server had done its part)\n");
        }
        ExchangeOutcome::Lost { processed: false } => out.push_str("     ← connection lost (the server did nothing)\n"),
        ExchangeOutcome::Answered { status, headers: answer, body } => {
            out.push_str(&format!("     ← {} {}\n", status.as_u16(), cut(&String::from_utf8_lossy(body))));
            out.push_str(&headers(answer, &SHOWN_ANSWER));
        }
    }
    redactor.scrub(&out)
}

fn headers(map: &HeaderMap, shown: &[&str]) -> String {
    let mut out = String::new();
    for name in shown {
        for value in map.get_all(*name) {
            out.push_str(&format!("       {name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
        }
    }
    out
}

fn request_body(request: &WireRequest) -> String {
    let is_form =
        request.headers.get(CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"application/x-www-form"));
    if is_form {
        let fields = request.form().into_iter().map(|(key, value)| format!("{key}={value}"));
        return fields.collect::<Vec<_>>().join("  ");
    }
    cut(&String::from_utf8_lossy(&request.body))
}

/// A body as one line of text; a very long one is cut.
pub fn body_text(body: &[u8]) -> String {
    cut(&String::from_utf8_lossy(body))
}

/// Long and many-lined bodies, short and in one line. Redaction comes after, so tokens are not cut.
fn cut(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() <= 4000 {
        line
    } else {
        format!("{}… ({} bytes)", line.chars().take(200).collect::<String>(), text.len())
    }
}

/// One exchange as snapshots keep it: no times, fields of forms and JSON in a fixed order.
pub fn stable(number: usize, exchange: &Exchange, redactor: &Redactor) -> Redacted {
    let request = &exchange.request;
    let mut out = format!("{number}. {}: {} {}\n", exchange.link, request.method, request.path);
    out.push_str(&headers(&request.headers, &SHOWN_REQUEST));
    if let Some(json) = sorted_json(&request.body) {
        out.push_str(&format!("       {json}\n"));
    } else if !request.body.is_empty() {
        let mut fields: Vec<_> = request.form().into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        fields.sort();
        out.push_str(&format!("       {}\n", fields.join("  ")));
    }
    if let Some(fault) = &exchange.fault {
        out.push_str(&format!("     ! {fault}\n"));
    }
    match &exchange.outcome {
        ExchangeOutcome::Answered { status, body, .. } => {
            let body = sorted_json(body).unwrap_or_else(|| cut(&String::from_utf8_lossy(body)));
            out.push_str(&format!("     ← {} {body}\n", status.as_u16()));
        }
        ExchangeOutcome::Pending => out.push_str("     ← not answered\n"),
        ExchangeOutcome::NoNetwork => out.push_str("     ← no network\n"),
        ExchangeOutcome::Lost { .. } => out.push_str("     ← lost\n"),
        ExchangeOutcome::Abandoned => out.push_str("     ← the caller went away\n"),
    }
    redactor.scrub(&out)
}

fn sorted_json(body: &[u8]) -> Option<String> {
    let mut value: std::collections::BTreeMap<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
    // A length of time that depends on whether the run's time is virtual.
    value.entry("expires_in".into()).and_modify(|seconds| *seconds = "[lifetime]".into());
    serde_json::to_string(&value).ok()
}
