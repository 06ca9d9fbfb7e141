//! Acts in which something happens while a call goes on.

use super::Direct;
use crate::act::{Parting, Person, Place, Strike};
use crate::ether::lock;
use crate::state::{Seen, State};
use vouch_spec::protocol::ErrorKind::{Cancelled, InvalidUser, Network, NotSignedIn, Unauthorized};
use vouch_sim::reference::sdk::SdkError;
use vouch_sim::wire::Operation;
use futures_util::future::join_all;

/// Others get their turn: by then a call that was begun before is under way.
async fn meanwhile() {
    tokio::task::yield_now().await;
}

impl Direct {
    async fn out_meanwhile(&self) -> Result<(), SdkError> {
        meanwhile().await;
        self.sdk.sign_out()
    }

    /// Four calls at once.
    pub(super) async fn crowd(&self, path: &str) -> Vec<Seen> {
        join_all((0..4).map(|_| self.request(path))).await
    }

    pub(super) async fn crowd_sign_out(&self, path: &str) -> Vec<Seen> {
        let (first, second, out) = tokio::join!(self.request(path), self.request(path), self.out_meanwhile());
        let out = self.note_sign_out(out);
        if out == Seen::Ok { vec![first, second] } else { vec![out] }
    }

    /// Two calls, of which the second begins while the first goes on.
    async fn one_after_the_other(&self, path: &str) -> [Seen; 2] {
        let second = async {
            meanwhile().await;
            self.request(path).await
        };
        tokio::join!(self.request(path), second).into()
    }

    /// Two calls that the vendor refuses; one hears of it late, and needs no refresh of its own then (REF-3).
    pub(super) async fn late_refusal(&self, of: Person, path: &str) -> Vec<Seen> {
        self.refuse_access_tokens(of);
        *lock(&self.ether.slow) = Some(Operation::Api);
        let before = self.ether.transcript.len();
        let [late, soon] = self.one_after_the_other(path).await;
        if self.count(Operation::Refresh, before) > 1 { vec![Seen::Http(0)] } else { vec![late, soon] }
    }

    /// Two calls of a deleted user, of which one waits for the other's refresh.
    pub(super) async fn wait_deleted(&self, of: Person, path: &str) -> Vec<Seen> {
        // Now its access token is fresh, and the API is what refuses it.
        match self.request(path).await {
            Seen::Http(200) => {}
            seen => return vec![seen],
        }
        self.ether.cloud.set_deleted(self.home, self.id(of), true);
        *lock(&self.ether.slow) = Some(Operation::Refresh);
        self.one_after_the_other(path).await.to_vec()
    }

    pub(super) async fn sign_in_sign_out(&self, who: Person) -> Vec<Seen> {
        let (seen, out) = tokio::join!(self.sign_in(who, Place::Home), self.out_meanwhile());
        let out = self.note_sign_out(out);
        if out == Seen::Ok { vec![seen] } else { vec![out] }
    }

    pub(super) async fn sign_in_watched(&self, who: Person, state: &State) -> Vec<Seen> {
        let look = async {
            meanwhile().await;
            self.matches(state)
        };
        let (seen, look) = tokio::join!(self.sign_in(who, Place::Home), look);
        vec![if look.is_ok() { seen } else { Seen::Http(0) }]
    }

    /// Signs the next user in while the last one's call goes on, and makes a call; how that one ends, unless something else
    /// was not as it must be.
    pub(super) async fn next_user(&self, state: &State, next: Person, parting: Parting) -> Seen {
        let last = next.other();
        let [theirs, own] = [last, next].map(|who| format!("/v2/user/{}", self.id(who)));
        let held = if parting == Parting::Refused { Operation::Api } else { Operation::Refresh };
        debug_assert_eq!(state.user(), Some(last));
        self.refuse_access_tokens(last);
        if parting == Parting::Deleted {
            self.ether.cloud.set_deleted(self.home, self.id(last), true);
        }
        let come = async {
            let out = self.out_meanwhile().await;
            match self.note_sign_out(out) {
                Seen::Ok => self.sign_in(next, Place::Home).await,
                refused => refused,
            }
        };
        let call = async {
            if matches!(parting, Parting::Refreshing | Parting::ToldToWait) {
                self.refuse_access_tokens(next);
            }
            self.request(&own).await
        };
        if parting == Parting::ToldToWait {
            self.strike(held, Strike::Busy(429, 86_400));
            let told = self.request(&theirs).await;
            *lock(&self.ether.strike) = None;
            return match (told, come.await) {
                (Seen::Refused(Network), Seen::Ok) => call.await,
                (Seen::Refused(Network), other) | (other, _) => other,
            };
        }
        *lock(&self.ether.slow) = Some(held);
        let (end, seen) = tokio::join!(self.request(&theirs), async {
            match come.await {
                Seen::Ok => call.await,
                other => other,
            }
        });
        // An answer to the last user's own call may still reach who made it.
        let may_be = [NotSignedIn, Cancelled, Network].map(Seen::Refused);
        let answered = match parting {
            Parting::Refused => &[Seen::Refused(Unauthorized), Seen::Http(401), Seen::Http(200)][..],
            Parting::Deleted => &[Seen::Refused(InvalidUser)],
            Parting::Refreshing | Parting::ToldToWait => &[],
        };
        let well = may_be.contains(&end) || answered.contains(&end);
        if well { seen } else { Seen::Http(0) }
    }
}
