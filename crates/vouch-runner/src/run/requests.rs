//! The API calls that the app asks for, noted for what must hold in every run.

use super::world::World;
use crate::invariant::{Asked, AskedEnd};
use vouch_spec::protocol::ErrorKind;

impl World {
    /// Notes that a call begins; the answer is its number.
    pub(super) fn note_request(&self, method: &str, path: &str) -> usize {
        let began = self.transcript.len();
        let asked = Asked { method: method.to_owned(), path: path.to_owned(), began, end: None };
        self.note_observed(|observed| {
            observed.requests.push(asked);
            observed.requests.len() - 1
        })
    }

    /// Notes how a call ended.
    pub(super) fn note_request_ended(&self, number: usize, refused: Option<ErrorKind>) {
        let end = AskedEnd { at: self.transcript.len(), at_ms: self.clock.now_ms(), refused };
        self.note_observed(|observed| {
            if let Some(asked) = observed.requests.get_mut(number) {
                asked.end = Some(end);
            }
        });
    }
}
