//! Servers under test that limit how many requests they take.

use hyper::HeaderMap;
use hyper::header::RETRY_AFTER;
use std::time::Duration;

/// How often a request is sent again that a server answers with 429 of its own accord.
pub(super) const PATIENCE: u32 = 4;
/// The longest wait before that, in seconds.
const LONGEST_WAIT: u64 = 5;

/// How long to wait before the same request: what `Retry-After` says in seconds, else one second.
pub(super) fn wait(headers: &HeaderMap) -> Duration {
    let asked = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(1);
    Duration::from_secs(u64::min(asked, LONGEST_WAIT))
}
