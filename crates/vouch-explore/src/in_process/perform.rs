//! Performs actions.

use super::InProcess;
use crate::action::{Action, FaultTarget, InjectedFault, Person, Place};
use crate::state::{Observation, State};
use std::sync::atomic::Ordering;
use std::time::Duration;
use vouch_sim::reference::sdk::ports::WriteFault;
use vouch_sim::sign_in_token::forge;
use vouch_sim::wire::Operation;
use vouch_spec::protocol::ErrorKind;
use vouch_spec::protocol::message::Area;
use vouch_spec::step::Forgery;

/// [`Action::Days`].
const LONG: Duration = Duration::from_secs(3 * 24 * 3600);

impl InProcess {
    #[expect(clippy::too_many_lines, reason = "one arm an action")]
    /// Performs one action; `state` is the state before it.
    pub async fn perform(&mut self, action: Action, state: &State) -> Vec<Observation> {
        let hour = self.network.cloud.lifetimes().access_token + Duration::from_secs(1);
        let user = state.user().unwrap_or(Person::Ada);
        let own = format!("/v2/user/{}", self.id(user));
        let ok = vec![Observation::Ok];
        match action {
            Action::SignIn(person, place) => vec![self.sign_in(person, place).await],
            Action::SignInWithFault(person, fault) => {
                self.fault(Operation::Exchange, fault);
                let before = self.network.transcript.len();
                let seen = in_time(self.sign_in(person, Place::Home)).await;
                *self.network.fault.lock() = None;
                match fault {
                    InjectedFault::RetryAfter(_, seconds)
                        if self.ignores_retry_after(Operation::Exchange, before, seconds) =>
                    {
                        vec![Observation::Unexpected]
                    }
                    _ => vec![seen],
                }
            }
            Action::SignInForged(how) => vec![self.sign_in_forged(how).await],
            Action::SignInExpiredToken(person) => vec![self.sign_in_with_expired_token(person).await],
            Action::SignInOtherCase(person) => {
                let token = self.issue_written(person, Place::Home, !self.conditions.capital_user_id);
                vec![self.sign_in_if_issued(token).await]
            }
            Action::SignInElsewhere(person, place) => vec![self.sign_in_elsewhere(person, place).await],
            Action::ParallelSignIns => {
                let (ada, bob) =
                    tokio::join!(self.sign_in(Person::Ada, Place::Home), self.sign_in(Person::Bob, Place::Home));
                vec![ada, bob]
            }
            Action::SignOutDuringSignIn(person) => self.sign_out_during_sign_in(person).await,
            Action::SignInCheckedMidway(person) => self.sign_in_checked_midway(person, state).await,
            Action::NextUser(next, last_call) => vec![self.next_user(state, next, last_call).await],
            Action::CallTwice => {
                let first = self.request(&own).await;
                let before = self.network.transcript.len();
                let second = self.request(&own).await;
                if self.count(Operation::Refresh, before) > 0 {
                    vec![Observation::Unexpected]
                } else {
                    vec![first, second]
                }
            }
            Action::LockedCall => {
                self.clock.advance(hour).await;
                vec![self.locked_call(&own).await]
            }
            Action::LockedSignOut => vec![self.locked_sign_out()],
            Action::Client(what) => vec![self.attempt(what).await],
            Action::Backend(ask) => self.backend.perform(ask, &self.redactor).await,
            Action::UseForeignKey(place) => {
                let done = self.sdk.configure(&self.key(place), self.home);
                vec![self.record(done.map(|()| Observation::Ok))]
            }
            Action::SetUserWithoutKey => {
                let done = self.sdk.set_user_id(self.id(Person::Ada));
                vec![self.record(done.map(|()| Observation::Ok))]
            }
            Action::CallTeam => vec![self.request("/v2/user").await],
            Action::LockedLaunch => vec![self.locked_launch(state)],
            Action::Identify(person) => vec![self.identify(person).await],
            Action::SignOut => vec![self.sign_out()],
            Action::UseKey(person) => {
                self.record_session_start();
                let both = self
                    .sdk
                    .configure(&self.key(Place::Home), self.home)
                    .and_then(|()| self.sdk.set_user_id(self.id(person)));
                vec![self.record(both.map(|()| Observation::Ok))]
            }
            Action::SetUser(person) => {
                let done = self.sdk.set_user_id(self.id(person));
                vec![self.record(done.map(|()| Observation::Ok))]
            }
            Action::Call => vec![self.read(&own).await],
            Action::CallSummary => vec![self.read(&own.replace("/v2/user/", "/v2/summary/sleep/")).await],
            Action::CallOther => {
                let other = self.id(user.other()).to_owned();
                vec![self.request(&format!("/v2/user/{other}")).await]
            }
            Action::CallWithFault(on, fault) => {
                if on == FaultTarget::Refresh {
                    self.clock.advance(hour).await;
                }
                self.call_with_fault(&own, on, fault).await
            }
            Action::ParallelCalls => {
                self.clock.advance(hour).await;
                self.parallel_calls(&own).await
            }
            Action::ParallelCallsRefused => {
                self.refuse_access_tokens(user);
                *self.network.delayed.lock() = Some(Operation::Refresh);
                self.parallel_calls(&own).await
            }
            Action::LateRefusal => self.late_refusal(user, &own).await,
            Action::DeletedWhileWaiting => self.deleted_while_waiting(user, &own).await,
            Action::SignOutDuringCalls => {
                self.clock.advance(hour).await;
                self.sign_out_during_calls(&own).await
            }
            Action::Refresh => {
                let refreshed = self.sdk.refresh().await;
                vec![self.record(refreshed.map(|()| Observation::Ok))]
            }
            Action::Relaunch | Action::Kill => {
                self.relaunch();
                ok
            }
            Action::Reboot => {
                self.disk.lock().retain(|(area, _), _| *area != Area::Volatile);
                self.relaunch();
                ok
            }
            Action::UpdatedSignIn(_)
            | Action::UpdatedKey(_)
            | Action::CrashInUpdate(..)
            | Action::Restore(_)
            | Action::SecondProcessCall
            | Action::SecondProcessSignOut
            | Action::SecondProcessSignIn(_)
            | Action::WokenAndKilled
            | Action::WokenWhileLocked
            | Action::OpenedAfterWake => self.device_event(action, state).await,
            Action::CorruptStorage(area) => vec![self.corrupt_storage(area, state)],
            Action::Reinstall => {
                self.life.end();
                self.disk.lock().retain(|(area, _), _| *area == Area::Secure);
                self.relaunch();
                ok
            }
            Action::CrashInSignIn(person, write) => {
                self.life.fail_at_write(write, WriteFault::End);
                let seen = self.sign_in(person, Place::Home).await;
                vec![self.after_crash(seen)]
            }
            Action::CrashInCall(write) => {
                self.clock.advance(hour).await;
                self.life.fail_at_write(write, WriteFault::End);
                let seen = self.request(&own).await;
                vec![self.after_crash(seen)]
            }
            Action::CrashInSignOut(write) => {
                self.life.fail_at_write(write, WriteFault::End);
                let seen = self.sign_out();
                vec![self.after_crash(seen)]
            }
            Action::Offline | Action::Online => {
                self.network.online.store(action == Action::Online, Ordering::Relaxed);
                ok
            }
            Action::ExpireAccessToken | Action::AdvanceDays => {
                self.clock.advance(if action == Action::AdvanceDays { LONG } else { hour }).await;
                ok
            }
            Action::Delete(person) | Action::UndoDelete(person) => {
                self.network.cloud.set_deleted(self.home, self.id(person), matches!(action, Action::Delete(_)));
                ok
            }
            Action::Revoke => {
                self.network.cloud.revoke(self.home, self.id(user));
                ok
            }
            Action::RefuseAccessTokens => {
                self.refuse_access_tokens(user);
                ok
            }
            Action::AppUser(person) => {
                self.app_user = person;
                ok
            }
            Action::Reconcile => vec![self.reconcile().await],
        }
    }

    pub(super) fn refuse_access_tokens(&self, of: Person) {
        self.network.cloud.store().refuse_access_tokens(self.home, self.id(of));
    }

    /// The API key of the team at a place.
    pub(super) fn key(&self, place: Place) -> String {
        self.network.cloud.store().team(self.place(place)).key.clone()
    }

    async fn sign_in_forged(&self, how: Forgery) -> Observation {
        let forged = self.issue(Person::Ada, Place::Home).and_then(|good| forge(&good, how));
        let before = self.network.transcript.len();
        let Some(token) = forged else { return Observation::Refused(ErrorKind::Network) };
        let done = self.sdk.sign_in(&token).await;
        let sent = self.network.transcript.len() - before;
        // A malformed token is refused without a call (EXC-6).
        if sent > 0 && how != Forgery::BadSignature {
            return Observation::Unexpected;
        }
        self.record(done.map(|()| Observation::Ok))
    }

    async fn sign_in_with_expired_token(&self, person: Person) -> Observation {
        let Some(token) = self.issue(person, Place::Home) else { return Observation::Refused(ErrorKind::Network) };
        self.clock.advance(self.network.cloud.lifetimes().sign_in_token + Duration::from_secs(1)).await;
        self.sign_in_with(&token).await
    }

    async fn sign_in_elsewhere(&self, person: Person, place: Place) -> Observation {
        match self.sign_in(person, place).await {
            Observation::Ok => {}
            refused => return refused,
        }
        let seen = self.request(&format!("/v2/user/{}", self.id(person))).await;
        match self.sign_out() {
            Observation::Ok => seen,
            refused => refused,
        }
    }

    /// Overwrites all items of an area, launches, and signs out.
    fn corrupt_storage(&mut self, area: Area, state: &State) -> Observation {
        self.life.end();
        let garbage = |((of, _), value): (&(Area, String), &mut Vec<u8>)| {
            if *of == area {
                *value = b"\x00\xff{]garbage".to_vec();
            }
        };
        self.disk.lock().iter_mut().for_each(garbage);
        self.relaunch();
        if area == Area::Secure
            && let Err(_) = self.matches(&state.nobody())
        {
            return Observation::Unexpected;
        }
        let reported = self.sdk.status().map(|_| Observation::Ok);
        match self.record(reported) {
            Observation::Ok => self.sign_out(),
            refused => refused,
        }
    }

    fn locked_launch(&mut self, state: &State) -> Observation {
        self.locked.store(true, Ordering::Relaxed);
        self.relaunch();
        let reported = self.sdk.status();
        self.locked.store(false, Ordering::Relaxed);
        match reported {
            // With locked storage the SDK must not report that no user is signed in (PER-6).
            Ok(status) if status.len() == state.status().len() => Observation::Ok,
            Ok(_) => Observation::Unexpected,
            Err(error) => Observation::Refused(error.kind),
        }
    }

    async fn locked_call(&mut self, path: &str) -> Observation {
        self.locked.store(true, Ordering::Relaxed);
        let meanwhile = self.request(path).await;
        self.locked.store(false, Ordering::Relaxed);
        let may_be = [ErrorKind::Storage, ErrorKind::Network].map(Observation::Refused);
        if meanwhile != Observation::Http(200) && !may_be.contains(&meanwhile) {
            return meanwhile;
        }
        let seen = self.request(path).await;
        self.relaunch();
        seen
    }

    fn locked_sign_out(&self) -> Observation {
        self.locked.store(true, Ordering::Relaxed);
        let meanwhile = self.sdk.sign_out();
        self.locked.store(false, Ordering::Relaxed);
        // `Ok` means erased, even if a locked keychain allows it.
        match self.record_sign_out(meanwhile) {
            Observation::Refused(ErrorKind::Storage) => self.sign_out(),
            other => other,
        }
    }

    async fn call_with_fault(&self, path: &str, on: FaultTarget, fault: InjectedFault) -> Vec<Observation> {
        self.fault(if on == FaultTarget::Refresh { Operation::Refresh } else { Operation::Api }, fault);
        let before = self.network.transcript.len();
        let mut seen = vec![in_time(self.request(path)).await];
        if let (FaultTarget::Api, InjectedFault::RetryAfter(_, seconds)) = (on, fault)
            && self.ignores_retry_after(Operation::Api, before, seconds)
        {
            return vec![Observation::Unexpected];
        }
        *self.network.fault.lock() = None;
        if let Some(wait) = fault.long_wait() {
            seen.push(self.request(path).await);
            self.clock.advance(wait).await;
        }
        seen
    }
}

/// After this many yields a call counts as one that never ends.
const TURNS: usize = 1000;

async fn in_time(call: impl Future<Output = Observation>) -> Observation {
    ended_in_time(call).await.unwrap_or(Observation::Never)
}

/// The result of a call in memory; none if the call does not end.
pub async fn ended_in_time<T>(call: impl Future<Output = T>) -> Option<T> {
    let for_ever = async {
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        seen = call => Some(seen),
        () = for_ever => None,
    }
}
