//! Actions with concurrent calls.

use super::InProcess;
use crate::action::{InjectedFault, LastCall, Person, Place};
use crate::state::{Observation, State};
use futures_util::future::join_all;
use vouch_sim::reference::sdk::SdkError;
use vouch_sim::wire::Operation;
use vouch_spec::protocol::ErrorKind::{Cancelled, InvalidUser, Network, NotSignedIn, Unauthorized};

/// Yields to other tasks, so that a call that was started before is in flight.
async fn meanwhile() {
    tokio::task::yield_now().await;
}

impl InProcess {
    async fn sign_out_meanwhile(&self) -> Result<(), SdkError> {
        meanwhile().await;
        self.sdk.sign_out()
    }

    /// Four concurrent calls.
    pub(super) async fn parallel_calls(&self, path: &str) -> Vec<Observation> {
        join_all((0..4).map(|_| self.request(path))).await
    }

    pub(super) async fn sign_out_during_calls(&self, path: &str) -> Vec<Observation> {
        let (first, second, out) = tokio::join!(self.request(path), self.request(path), self.sign_out_meanwhile());
        let out = self.record_sign_out(out);
        if out == Observation::Ok { vec![first, second] } else { vec![out] }
    }

    /// Two calls; the second starts while the first is in flight.
    async fn overlapping_requests(&self, path: &str) -> [Observation; 2] {
        let second = async {
            meanwhile().await;
            self.request(path).await
        };
        tokio::join!(self.request(path), second).into()
    }

    /// Two calls that the vendor refuses. The refusal of one arrives late, and it needs no refresh of its own (REF-3).
    pub(super) async fn late_refusal(&self, of: Person, path: &str) -> Vec<Observation> {
        self.refuse_access_tokens(of);
        *self.network.delayed.lock() = Some(Operation::Api);
        let before = self.network.transcript.len();
        let [late, soon] = self.overlapping_requests(path).await;
        if self.count(Operation::Refresh, before) > 1 { vec![Observation::Unexpected] } else { vec![late, soon] }
    }

    /// Two calls of a deleted user; one waits for the other's refresh.
    pub(super) async fn deleted_while_waiting(&self, of: Person, path: &str) -> Vec<Observation> {
        // The first call gets a new access token, so that the API refuses the next calls.
        match self.request(path).await {
            Observation::Http(200) => {}
            seen => return vec![seen],
        }
        self.network.cloud.set_deleted(self.home, self.id(of), true);
        *self.network.delayed.lock() = Some(Operation::Refresh);
        self.overlapping_requests(path).await.to_vec()
    }

    pub(super) async fn sign_out_during_sign_in(&self, person: Person) -> Vec<Observation> {
        let (seen, out) = tokio::join!(self.sign_in(person, Place::Home), self.sign_out_meanwhile());
        let out = self.record_sign_out(out);
        if out == Observation::Ok { vec![seen] } else { vec![out] }
    }

    pub(super) async fn sign_in_checked_midway(&self, person: Person, state: &State) -> Vec<Observation> {
        let look = async {
            meanwhile().await;
            self.matches(state)
        };
        let (seen, look) = tokio::join!(self.sign_in(person, Place::Home), look);
        vec![if look.is_ok() { seen } else { Observation::Unexpected }]
    }

    /// Signs the next user in while a call of the previous user is in flight, and makes a call. Returns its result, or the first
    /// unexpected one.
    pub(super) async fn next_user(&self, state: &State, next: Person, last_call: LastCall) -> Observation {
        let last = next.other();
        let [theirs, own] = [last, next].map(|person| format!("/v2/user/{}", self.id(person)));
        let on_hold = if last_call == LastCall::Refused { Operation::Api } else { Operation::Refresh };
        debug_assert_eq!(state.user(), Some(last));
        self.refuse_access_tokens(last);
        if last_call == LastCall::Deleted {
            self.network.cloud.set_deleted(self.home, self.id(last), true);
        }
        let come = async {
            let out = self.sign_out_meanwhile().await;
            match self.record_sign_out(out) {
                Observation::Ok => self.sign_in(next, Place::Home).await,
                refused => refused,
            }
        };
        let call = async {
            if matches!(last_call, LastCall::Refreshing | LastCall::RetryTomorrow) {
                self.refuse_access_tokens(next);
            }
            self.request(&own).await
        };
        if last_call == LastCall::RetryTomorrow {
            self.fault(on_hold, InjectedFault::RetryAfter(429, 86_400));
            let reported = self.request(&theirs).await;
            *self.network.fault.lock() = None;
            return match (reported, come.await) {
                (Observation::Refused(Network), Observation::Ok) => call.await,
                (Observation::Refused(Network), other) | (other, _) => other,
            };
        }
        *self.network.delayed.lock() = Some(on_hold);
        let (end, seen) = tokio::join!(self.request(&theirs), async {
            match come.await {
                Observation::Ok => call.await,
                other => other,
            }
        });
        // The previous user's own call may still return its response.
        let may_be = [NotSignedIn, Cancelled, Network].map(Observation::Refused);
        let answered = match last_call {
            LastCall::Refused => {
                &[Observation::Refused(Unauthorized), Observation::Http(401), Observation::Http(200)][..]
            }
            LastCall::Deleted => &[Observation::Refused(InvalidUser)],
            LastCall::Refreshing | LastCall::RetryTomorrow => &[],
        };
        let well = may_be.contains(&end) || answered.contains(&end);
        if well { seen } else { Observation::Unexpected }
    }
}
