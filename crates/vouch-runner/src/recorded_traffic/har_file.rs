//! HAR 1.2 files, as far as they matter here, as browsers and proxies write them: fields may be missing, and may have the wrong
//! type. Source: the HAR 1.2 specification (<http://www.softwareishard.com/blog/har-12-spec/>).
//!
//! The crate `har` was considered: it refuses a file that lacks a field which the specification requires, and browsers leave many
//! out; it drops the fields of their own in which browsers say what came from a cache.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode};
use serde_json::Value;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::Url;
use vouch_spec::text::read_file;

/// The longest file, in bytes.
const MAX_FILE: u64 = 256 << 20;
/// The largest number of entries of a file.
const MAX_ENTRIES: usize = 100_000;

/// Recorders round times. Responses that end this little after a request began do not overlap it, in milliseconds.
const TOLERANCE_MS: i64 = 20;
/// Playwright notes the start of a request when its own process hears of it, which is up to 50 ms late on a busy machine (1.56).
const PLAYWRIGHT_TOLERANCE_MS: i64 = 150;

/// Why a file is not read as a HAR file.
#[derive(Debug, thiserror::Error)]
pub enum HarError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system reports.
        error: std::io::Error,
    },
    /// The file is not JSON. A file that was cut off is not either.
    #[error("{} is not a HAR file: {error}; export it again, a HAR file is one JSON document", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the parser reports.
        error: serde_json::Error,
    },
    /// The JSON has no list of entries.
    #[error("{} is not a HAR file: it has no list `log.entries`", path.display())]
    NoEntries {
        /// The file.
        path: PathBuf,
    },
    /// There are too many entries.
    #[error("{} has {count} entries, and at most {MAX_ENTRIES} are judged; split the recording", path.display())]
    TooMany {
        /// The file.
        path: PathBuf,
        /// The number of its entries.
        count: usize,
    },
}

/// One entry: a request and its response.
pub struct HarEntry {
    /// Its index in `log.entries`, from 0.
    pub index: usize,
    /// The start as the file has it.
    pub started: String,
    /// Milliseconds since 1970.
    pub started_ms: i64,
    /// How far the times of the recorder may be off, in milliseconds.
    pub tolerance_ms: i64,
    /// Time until the head of the response was there, in milliseconds.
    pub head_after_ms: Option<i64>,
    /// Time until the response was complete, in milliseconds.
    pub complete_after_ms: Option<i64>,
    /// The page of a browser that sent it.
    pub page: Option<String>,
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// `None`: the request was aborted, blocked, or failed.
    pub response: Option<HarResponse>,
}

/// The response of an entry.
pub struct HarResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Why an entry is not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// It lacks its time, method or URL.
    Unreadable,
    /// A cache or a service worker of the browser answered: nothing was sent.
    FromCache,
    /// The browser asks by itself before a request to another origin (Fetch Standard, "CORS-preflight request").
    Preflight,
    /// The host is not the vendor's.
    OtherHost,
}

impl LeftOut {
    /// What reports call it.
    pub fn words(self) -> &'static str {
        match self {
            LeftOut::Unreadable => "without a readable time, method or URL",
            LeftOut::FromCache => "answered by the cache or a service worker of the browser",
            LeftOut::Preflight => "CORS preflights",
            LeftOut::OtherHost => "of other hosts",
        }
    }
}

/// Reads the entries of a file, in the order of the file.
///
/// # Errors
/// If the file cannot be read, is not JSON, or has no list of entries.
pub fn read(path: &Path) -> Result<Vec<Result<HarEntry, LeftOut>>, HarError> {
    let bytes = read_file(path, MAX_FILE).map_err(|error| HarError::Io { path: path.to_owned(), error })?;
    // Some tools begin with a byte order mark, which JSON does not have (RFC 8259 section 8.1).
    let json = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let file: Value = serde_json::from_slice(json).map_err(|error| HarError::Json { path: path.to_owned(), error })?;
    let entries = file.pointer("/log/entries").and_then(Value::as_array);
    let entries = entries.ok_or_else(|| HarError::NoEntries { path: path.to_owned() })?;
    if entries.len() > MAX_ENTRIES {
        return Err(HarError::TooMany { path: path.to_owned(), count: entries.len() });
    }
    let of_playwright = file.pointer("/log/creator/name").and_then(Value::as_str) == Some("Playwright");
    let tolerance_ms = if of_playwright { PLAYWRIGHT_TOLERANCE_MS } else { TOLERANCE_MS };
    let with_tolerance = |entry: HarEntry| HarEntry { tolerance_ms, ..entry };
    Ok(entries.iter().enumerate().map(|(index, entry)| entry_of(index, entry).map(with_tolerance)).collect())
}

fn entry_of(index: usize, entry: &Value) -> Result<HarEntry, LeftOut> {
    let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str);
    let readable = || {
        let started = text("/startedDateTime")?;
        let method = text("/request/method")?.parse::<Method>().ok()?;
        Some((started, milliseconds(started)?, method, Url::parse(text("/request/url")?).ok()?))
    };
    let (started, started_ms, method, url) = readable().ok_or(LeftOut::Unreadable)?;
    if is_from_cache(entry, &method) {
        return Err(LeftOut::FromCache);
    }
    let headers = headers(entry.pointer("/request/headers"));
    let (head_after_ms, complete_after_ms) = times(entry);
    Ok(HarEntry {
        index,
        started: started.to_owned(),
        started_ms,
        tolerance_ms: TOLERANCE_MS,
        head_after_ms,
        complete_after_ms,
        page: text("/pageref").map(str::to_owned),
        method,
        url,
        headers,
        body: entry.pointer("/request/postData").map(request_body).unwrap_or_default(),
        response: response(entry),
    })
}

/// RFC 3339, which is the profile of ISO 8601 that the specification shows.
fn milliseconds(time: &str) -> Option<i64> {
    let time = OffsetDateTime::parse(time.trim(), &Rfc3339).ok()?;
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

/// What browsers say in fields of their own. Firefox gives what came from a cache no time at all.
fn is_from_cache(entry: &Value, method: &Method) -> bool {
    let says =
        |pointer: &str| entry.pointer(pointer).is_some_and(|value| !value.is_null() && *value != Value::Bool(false));
    let is_zero = |pointer: &str| entry.pointer(pointer).and_then(Value::as_f64) == Some(0.0);
    let answered = entry.pointer("/response/status").and_then(Value::as_u64).is_some_and(|status| status > 0);
    let not_sent = answered && *method == Method::GET && (is_zero("/response/_transferSize") || is_zero("/time"));
    let worker = says("/_fetchedViaServiceWorker") || says("/response/_fetchedViaServiceWorker");
    says("/_fromCache") || worker || not_sent
}

/// The times to the head and to the end of the response. -1 stands for a time that does not apply.
fn times(entry: &Value) -> (Option<i64>, Option<i64>) {
    let number =
        |pointer: &str| entry.pointer(pointer).and_then(Value::as_f64).filter(|ms| ms.is_finite() && *ms >= 0.0);
    let Some(total) = number("/time") else { return (None, None) };
    let head = total - number("/timings/receive").unwrap_or(0.0).min(total);
    // The cast saturates.
    #[allow(clippy::cast_possible_truncation)]
    (Some(head.floor() as i64), Some(total.ceil() as i64))
}

fn headers(list: Option<&Value>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for header in list.and_then(Value::as_array).into_iter().flatten() {
        let part = |name| header.get(name).and_then(Value::as_str).unwrap_or_default();
        // The pseudo-headers of HTTP/2 have no valid name.
        if let (Ok(name), Ok(value)) = (part("name").parse::<HeaderName>(), HeaderValue::from_str(part("value")))
            && headers.try_append(name, value).is_err()
        {
            break;
        }
    }
    headers
}

fn request_body(data: &Value) -> Bytes {
    let text = data.get("text").and_then(Value::as_str).unwrap_or_default();
    if !text.is_empty() {
        return decoded(text, data.get("encoding"));
    }
    let fields = data.get("params").and_then(Value::as_array).into_iter().flatten();
    let field = |field: &Value| {
        let part = |name| field.get(name).and_then(Value::as_str);
        Some((part("name")?.to_owned(), part("value").unwrap_or_default().to_owned()))
    };
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields.filter_map(field)).finish().into()
}

fn decoded(text: &str, encoding: Option<&Value>) -> Bytes {
    let in_base64 = encoding.and_then(Value::as_str) == Some("base64");
    let bytes = if in_base64 { STANDARD.decode(text).ok() } else { None };
    bytes.unwrap_or_else(|| text.as_bytes().to_vec()).into()
}

fn response(entry: &Value) -> Option<HarResponse> {
    let response = entry.get("response")?;
    // An aborted or blocked request has the status 0.
    let status = response.get("status").and_then(Value::as_u64)?;
    let status = StatusCode::from_u16(u16::try_from(status).ok()?).ok()?;
    let content = response.get("content");
    let text = content.and_then(|content| content.get("text")).and_then(Value::as_str).unwrap_or_default();
    let body = decoded(text, content.and_then(|content| content.get("encoding")));
    Some(HarResponse { status, headers: headers(response.get("headers")), body })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_read_with_any_offset_and_fraction() {
        for time in ["2026-01-01T00:00:00.250Z", "2026-01-01T02:00:00.250+02:00", "2025-12-31T19:00:00.2500000-05:00"] {
            assert_eq!(milliseconds(time), Some(1_767_225_600_250), "{time}");
        }
        assert_eq!((milliseconds("yesterday"), milliseconds("")), (None, None));
    }

    #[test]
    fn what_was_not_sent_or_cannot_be_read_is_left_out_with_the_reason() {
        let entry = |changes: Value| {
            let mut entry = json!({
                "startedDateTime": "2026-01-01T00:00:00Z",
                "time": 12,
                "request": { "method": "GET", "url": "https://api.us.junction.com/v2/user/1", "headers": [] },
                "response": { "status": 200 },
            });
            for (pointer, value) in changes.as_object().expect("changes") {
                let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
                entry.pointer_mut(parent).expect("there")[name] = value.clone();
            }
            entry_of(0, &entry).err()
        };
        assert_eq!(entry(json!({})), None);
        for (changes, reason) in [
            (json!({ "/_fromCache": "disk" }), LeftOut::FromCache),
            (json!({ "/_fetchedViaServiceWorker": true }), LeftOut::FromCache),
            (json!({ "/response/_transferSize": 0 }), LeftOut::FromCache),
            (json!({ "/time": 0 }), LeftOut::FromCache),
            (json!({ "/startedDateTime": 7 }), LeftOut::Unreadable),
            (json!({ "/request/url": "here" }), LeftOut::Unreadable),
            (json!({ "/request": null }), LeftOut::Unreadable),
        ] {
            assert_eq!(entry(changes.clone()), Some(reason), "{changes}");
        }
    }

    #[test]
    fn an_entry_with_half_of_its_fields_is_read_as_far_as_it_goes() {
        let entry = entry_of(
            3,
            &json!({
                "startedDateTime": "2026-01-01T00:00:00Z",
                "time": -1,
                "request": {
                    "method": "POST",
                    "url": "https://auth.us.junction.com/v1/token",
                    "headers": [{ "name": ":authority", "value": "x" }, { "name": "X", "value": "1" }, 5],
                    "postData": { "params": [{ "name": "a", "value": "1+2" }, { "value": "nameless" }] },
                },
                "response": { "status": 200, "content": { "encoding": "base64", "text": "e30=" } },
            }),
        );
        let entry = entry.unwrap_or_else(|reason| panic!("it is left out: {}", reason.words()));
        assert_eq!((entry.index, entry.headers.len(), &*entry.body), (3, 1, &b"a=1%2B2"[..]));
        assert_eq!((entry.head_after_ms, entry.complete_after_ms), (None, None));
        assert_eq!(entry.response.map(|response| response.body), Some(Bytes::from_static(b"{}")));
    }
}
