//! Records the API requests that the app makes through the SDK, for the invariants.

use super::world::World;
use crate::invariant::{ApiRequest, ApiRequestEnd};
use vouch_spec::protocol::ErrorKind;

impl World {
    /// Records the start of a request and returns its index.
    pub(super) fn note_request(&self, method: &str, path: &str) -> usize {
        let started_at = self.transcript.len();
        let request = ApiRequest { method: method.to_owned(), path: path.to_owned(), started_at, end: None };
        self.note_observed(|observed| {
            observed.api_requests.push(request);
            observed.api_requests.len() - 1
        })
    }

    /// Records how a request ended.
    pub(super) fn note_request_ended(&self, index: usize, error: Option<ErrorKind>) {
        let end = ApiRequestEnd { at: self.transcript.len(), at_ms: self.clock.now_ms(), error };
        self.note_observed(|observed| {
            if let Some(request) = observed.api_requests.get_mut(index) {
                request.end = Some(end);
            }
        });
    }
}
