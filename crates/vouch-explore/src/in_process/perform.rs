//! Doing an action.

use super::Direct;
use crate::action::{Action, Forged, InjectedFault, On, Person, Place};
use crate::memory_network::lock;
use crate::state::{Observation, State};
use std::sync::atomic::Ordering;
use std::time::Duration;
use vouch_sim::wire::Operation;
use vouch_spec::protocol::ErrorKind;
use vouch_spec::protocol::message::Area;

/// [`Action::Days`].
const LONG: Duration = Duration::from_secs(3 * 24 * 3600);

impl Direct {
    /// Does one action; `state` is what was before it.
    pub async fn perform(&mut self, action: Action, state: &State) -> Vec<Observation> {
        let hour = self.network.cloud.lifetimes().access_token + Duration::from_secs(1);
        let user = state.user().unwrap_or(Person::Ada);
        let own = format!("/v2/user/{}", self.id(user));
        let ok = vec![Observation::Ok];
        match action {
            Action::SignIn(who, place) => vec![self.sign_in(who, place).await],
            Action::SignInStruck(who, strike) => {
                self.strike(Operation::Exchange, strike);
                let before = self.network.transcript.len();
                let seen = in_time(self.sign_in(who, Place::Home)).await;
                *lock(&self.network.strike) = None;
                match strike {
                    InjectedFault::Busy(_, seconds) if self.hurries(Operation::Exchange, before, seconds) => {
                        vec![Observation::Http(0)]
                    }
                    _ => vec![seen],
                }
            }
            Action::SignInForged(how) => vec![self.sign_in_forged(how).await],
            Action::SignInLate(who) => vec![self.sign_in_late(who).await],
            Action::SignInOtherCase(who) => {
                let token = self.issue_written(who, Place::Home, !self.conditions.capital_user_id);
                vec![self.sign_in_if_issued(token).await]
            }
            Action::SignInAbroad(who, place) => vec![self.sign_in_abroad(who, place).await],
            Action::SignInBoth => {
                let (ada, bob) =
                    tokio::join!(self.sign_in(Person::Ada, Place::Home), self.sign_in(Person::Bob, Place::Home));
                vec![ada, bob]
            }
            Action::SignInSignOut(who) => self.sign_in_sign_out(who).await,
            Action::SignInWatched(who) => self.sign_in_watched(who, state).await,
            Action::NextUser(next, parting) => vec![self.next_user(state, next, parting).await],
            Action::CallTwice => {
                let first = self.request(&own).await;
                let before = self.network.transcript.len();
                let second = self.request(&own).await;
                if self.count(Operation::Refresh, before) > 0 {
                    vec![Observation::Http(0)]
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
            Action::Backend(ask) => self.asked.perform(ask, &self.redactor).await,
            Action::UseForeignKey(place) => {
                let done = self.sdk.configure(&self.key(place), self.home);
                vec![self.note(done.map(|()| Observation::Ok))]
            }
            Action::UserWithoutKey => {
                let done = self.sdk.set_user_id(self.id(Person::Ada));
                vec![self.note(done.map(|()| Observation::Ok))]
            }
            Action::CallTeam => vec![self.request("/v2/user").await],
            Action::LockedLaunch => vec![self.locked_launch(state)],
            Action::Identify(who) => vec![self.identify(who).await],
            Action::SignOut => vec![self.sign_out()],
            Action::UseKey(who) => {
                self.begins();
                let both = self
                    .sdk
                    .configure(&self.key(Place::Home), self.home)
                    .and_then(|()| self.sdk.set_user_id(self.id(who)));
                vec![self.note(both.map(|()| Observation::Ok))]
            }
            Action::SetUser(who) => {
                let done = self.sdk.set_user_id(self.id(who));
                vec![self.note(done.map(|()| Observation::Ok))]
            }
            Action::Call => vec![self.read(&own).await],
            Action::CallSummary => vec![self.read(&own.replace("/v2/user/", "/v2/summary/sleep/")).await],
            Action::CallOther => {
                let other = self.id(user.other()).to_owned();
                vec![self.request(&format!("/v2/user/{other}")).await]
            }
            Action::CallStruck(on, strike) => {
                if on == On::Refresh {
                    self.clock.advance(hour).await;
                }
                self.call_struck(&own, on, strike).await
            }
            Action::Crowd => {
                self.clock.advance(hour).await;
                self.crowd(&own).await
            }
            Action::CrowdRefused => {
                self.refuse_access_tokens(user);
                *lock(&self.network.slow) = Some(Operation::Refresh);
                self.crowd(&own).await
            }
            Action::LateRefusal => self.late_refusal(user, &own).await,
            Action::WaitDeleted => self.wait_deleted(user, &own).await,
            Action::CrowdSignOut => {
                self.clock.advance(hour).await;
                self.crowd_sign_out(&own).await
            }
            Action::Refresh => {
                let refreshed = self.sdk.refresh().await;
                vec![self.note(refreshed.map(|()| Observation::Ok))]
            }
            Action::Relaunch | Action::Kill => {
                self.relaunch();
                ok
            }
            Action::Reboot => {
                lock(&self.disk).retain(|(area, _), _| *area != Area::Volatile);
                self.relaunch();
                ok
            }
            Action::Damage(area) => vec![self.damage(area, state)],
            Action::Reinstall => {
                self.life.end();
                lock(&self.disk).retain(|(area, _), _| *area == Area::Secure);
                self.relaunch();
                ok
            }
            Action::CrashInSignIn(who, write) => {
                self.life.end_at_write(write);
                let seen = self.sign_in(who, Place::Home).await;
                vec![self.after_crash(seen)]
            }
            Action::CrashInCall(write) => {
                self.clock.advance(hour).await;
                self.life.end_at_write(write);
                let seen = self.request(&own).await;
                vec![self.after_crash(seen)]
            }
            Action::CrashInSignOut(write) => {
                self.life.end_at_write(write);
                let seen = self.sign_out();
                vec![self.after_crash(seen)]
            }
            Action::Offline | Action::Online => {
                self.network.online.store(action == Action::Online, Ordering::Relaxed);
                ok
            }
            Action::Hour | Action::Days => {
                self.clock.advance(if action == Action::Days { LONG } else { hour }).await;
                ok
            }
            Action::Delete(who) | Action::Undo(who) => {
                self.network.cloud.set_deleted(self.home, self.id(who), matches!(action, Action::Delete(_)));
                ok
            }
            Action::Revoke => {
                self.network.cloud.store().revoke(self.home, self.id(user));
                ok
            }
            Action::RefuseAccessTokens => {
                self.refuse_access_tokens(user);
                ok
            }
            Action::AppUser(who) => {
                self.app_user = who;
                ok
            }
            Action::Reconcile => vec![self.reconcile().await],
        }
    }

    pub(super) fn refuse_access_tokens(&self, of: Person) {
        self.network.cloud.store().refuse_access_tokens(self.home, self.id(of));
    }

    /// The API key of the team at a place.
    fn key(&self, place: Place) -> String {
        self.network.cloud.store().team(self.place(place)).key.clone()
    }

    async fn sign_in_forged(&self, how: Forged) -> Observation {
        let forged = self.issue(Person::Ada, Place::Home).and_then(|good| forge(&good, how));
        let before = self.network.transcript.len();
        let Some(token) = forged else { return Observation::Refused(ErrorKind::Network) };
        let done = self.sdk.sign_in(&token).await;
        let sent = self.network.transcript.len() - before;
        // What is malformed is refused without a call (EXC-6).
        if sent > 0 && how != Forged::BadSignature {
            return Observation::Http(0);
        }
        self.note(done.map(|()| Observation::Ok))
    }

    async fn sign_in_late(&self, who: Person) -> Observation {
        let Some(token) = self.issue(who, Place::Home) else { return Observation::Refused(ErrorKind::Network) };
        self.clock.advance(self.network.cloud.lifetimes().sign_in_token + Duration::from_secs(1)).await;
        self.sign_in_with(&token).await
    }

    async fn sign_in_abroad(&self, who: Person, place: Place) -> Observation {
        match self.sign_in(who, place).await {
            Observation::Ok => {}
            refused => return refused,
        }
        let seen = self.request(&format!("/v2/user/{}", self.id(who))).await;
        match self.sign_out() {
            Observation::Ok => seen,
            refused => refused,
        }
    }

    /// Overwrites what lies in an area, launches, and signs out.
    fn damage(&mut self, area: Area, state: &State) -> Observation {
        self.life.end();
        let garbage = |((of, _), value): (&(Area, String), &mut Vec<u8>)| {
            if *of == area {
                *value = b"\x00\xff{]garbage".to_vec();
            }
        };
        lock(&self.disk).iter_mut().for_each(garbage);
        self.relaunch();
        if area == Area::Secure
            && let Err(_) = self.matches(&state.nobody())
        {
            return Observation::Http(0);
        }
        let told = self.sdk.status().map(|_| Observation::Ok);
        match self.note(told) {
            Observation::Ok => self.sign_out(),
            refused => refused,
        }
    }

    fn locked_launch(&mut self, state: &State) -> Observation {
        self.locked.store(true, Ordering::Relaxed);
        self.relaunch();
        let told = self.sdk.status();
        self.locked.store(false, Ordering::Relaxed);
        match told {
            // Nobody is signed in to a device that cannot say so (PER-6).
            Ok(status) if status.len() == state.status().len() => Observation::Ok,
            Ok(_) => Observation::Http(0),
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
        // Ok means erased, whatever some keychains do while they are locked.
        match self.note_sign_out(meanwhile) {
            Observation::Refused(ErrorKind::Storage) => self.sign_out(),
            other => other,
        }
    }

    async fn call_struck(&self, path: &str, on: On, strike: InjectedFault) -> Vec<Observation> {
        self.strike(if on == On::Refresh { Operation::Refresh } else { Operation::Api }, strike);
        let before = self.network.transcript.len();
        let mut seen = vec![in_time(self.request(path)).await];
        if let (On::Api, InjectedFault::Busy(_, seconds)) = (on, strike)
            && self.hurries(Operation::Api, before, seconds)
        {
            return vec![Observation::Http(0)];
        }
        *lock(&self.network.strike) = None;
        if let Some(wait) = strike.long_wait() {
            seen.push(self.request(path).await);
            self.clock.advance(wait).await;
        }
        seen
    }
}

/// Everybody has so many turns before a call counts as one that never ends.
const TURNS: usize = 1000;

async fn in_time(call: impl Future<Output = Observation>) -> Observation {
    let for_ever = async {
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        seen = call => seen,
        () = for_ever => Observation::Never,
    }
}

fn forge(good: &str, how: Forged) -> Option<String> {
    use vouch_sim::sign_in_token::forge;
    use vouch_spec::step::Forgery;
    forge(
        good,
        match how {
            Forged::NotBase64 => Forgery::NotBase64,
            Forged::AlgorithmNone => Forgery::AlgorithmNone,
            Forged::AlgorithmHs256 => Forgery::AlgorithmHs256,
            Forged::AlgorithmEs256 => Forgery::AlgorithmEs256,
            Forged::ForeignIssuer => Forgery::ForeignIssuer,
            Forged::LookalikeIssuer => Forgery::LookalikeIssuer,
            Forged::NoUser => Forgery::NoUser,
            Forged::BadSignature => Forgery::BadSignature,
        },
    )
}
