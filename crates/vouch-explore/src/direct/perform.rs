//! Doing an act.

use super::Direct;
use crate::act::{Act, Forged, On, Person, Place, Strike};
use crate::ether::lock;
use crate::state::{Seen, State};
use vouch_spec::protocol::ErrorKind;
use vouch_spec::protocol::message::Area;
use vouch_sim::wire::Operation;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// [`Act::Days`].
const LONG: Duration = Duration::from_secs(3 * 24 * 3600);

impl Direct {
    /// Does one act; `state` is what was before it.
    pub async fn perform(&mut self, act: Act, state: &State) -> Vec<Seen> {
        let hour = self.ether.cloud.lifetimes().access_token + Duration::from_secs(1);
        let user = state.user().unwrap_or(Person::Ada);
        let own = format!("/v2/user/{}", self.id(user));
        let ok = vec![Seen::Ok];
        match act {
            Act::SignIn(who, place) => vec![self.sign_in(who, place).await],
            Act::SignInStruck(who, strike) => {
                self.strike(Operation::Exchange, strike);
                let before = self.ether.transcript.len();
                let seen = in_time(self.sign_in(who, Place::Home)).await;
                *lock(&self.ether.strike) = None;
                match strike {
                    Strike::Busy(_, seconds) if self.hurries(Operation::Exchange, before, seconds) => {
                        vec![Seen::Http(0)]
                    }
                    _ => vec![seen],
                }
            }
            Act::SignInForged(how) => vec![self.sign_in_forged(how).await],
            Act::SignInLate(who) => vec![self.sign_in_late(who).await],
            Act::SignInOtherCase(who) => {
                let token = self.issue_written(who, Place::Home, !self.habits.capital_user_id);
                vec![self.sign_in_if_issued(token).await]
            }
            Act::SignInAbroad(who, place) => vec![self.sign_in_abroad(who, place).await],
            Act::SignInBoth => {
                let (ada, bob) =
                    tokio::join!(self.sign_in(Person::Ada, Place::Home), self.sign_in(Person::Bob, Place::Home));
                vec![ada, bob]
            }
            Act::SignInSignOut(who) => self.sign_in_sign_out(who).await,
            Act::SignInWatched(who) => self.sign_in_watched(who, state).await,
            Act::NextUser(next, parting) => vec![self.next_user(state, next, parting).await],
            Act::CallTwice => {
                let first = self.request(&own).await;
                let before = self.ether.transcript.len();
                let second = self.request(&own).await;
                if self.count(Operation::Refresh, before) > 0 { vec![Seen::Http(0)] } else { vec![first, second] }
            }
            Act::LockedCall => {
                self.clock.advance(hour).await;
                vec![self.locked_call(&own).await]
            }
            Act::LockedSignOut => vec![self.locked_sign_out()],
            Act::Client(what) => vec![self.attempt(what).await],
            Act::Backend(ask) => self.asked.perform(ask, &self.ledger).await,
            Act::UseForeignKey(place) => {
                let done = self.sdk.configure(&self.key(place), self.home);
                vec![self.note(done.map(|()| Seen::Ok))]
            }
            Act::UserWithoutKey => {
                let done = self.sdk.set_user_id(self.id(Person::Ada));
                vec![self.note(done.map(|()| Seen::Ok))]
            }
            Act::CallTeam => vec![self.request("/v2/user").await],
            Act::LockedLaunch => vec![self.locked_launch(state)],
            Act::Identify(who) => vec![self.identify(who).await],
            Act::SignOut => vec![self.sign_out()],
            Act::UseKey(who) => {
                self.begins();
                let both = self
                    .sdk
                    .configure(&self.key(Place::Home), self.home)
                    .and_then(|()| self.sdk.set_user_id(self.id(who)));
                vec![self.note(both.map(|()| Seen::Ok))]
            }
            Act::SetUser(who) => {
                let done = self.sdk.set_user_id(self.id(who));
                vec![self.note(done.map(|()| Seen::Ok))]
            }
            Act::Call => vec![self.read(&own).await],
            Act::CallSummary => vec![self.read(&own.replace("/v2/user/", "/v2/summary/sleep/")).await],
            Act::CallOther => {
                let other = self.id(user.other()).to_owned();
                vec![self.request(&format!("/v2/user/{other}")).await]
            }
            Act::CallStruck(on, strike) => {
                if on == On::Refresh {
                    self.clock.advance(hour).await;
                }
                self.call_struck(&own, on, strike).await
            }
            Act::Crowd => {
                self.clock.advance(hour).await;
                self.crowd(&own).await
            }
            Act::CrowdRefused => {
                self.refuse_access_tokens(user);
                *lock(&self.ether.slow) = Some(Operation::Refresh);
                self.crowd(&own).await
            }
            Act::LateRefusal => self.late_refusal(user, &own).await,
            Act::WaitDeleted => self.wait_deleted(user, &own).await,
            Act::CrowdSignOut => {
                self.clock.advance(hour).await;
                self.crowd_sign_out(&own).await
            }
            Act::Refresh => {
                let refreshed = self.sdk.refresh().await;
                vec![self.note(refreshed.map(|()| Seen::Ok))]
            }
            Act::Relaunch | Act::Kill => {
                self.relaunch();
                ok
            }
            Act::Reboot => {
                lock(&self.disk).retain(|(area, _), _| *area != Area::Volatile);
                self.relaunch();
                ok
            }
            Act::Damage(area) => vec![self.damage(area, state)],
            Act::Reinstall => {
                self.life.end();
                lock(&self.disk).retain(|(area, _), _| *area == Area::Secure);
                self.relaunch();
                ok
            }
            Act::CrashInSignIn(who, write) => {
                self.life.end_at_write(write);
                let seen = self.sign_in(who, Place::Home).await;
                vec![self.after_crash(seen)]
            }
            Act::CrashInCall(write) => {
                self.clock.advance(hour).await;
                self.life.end_at_write(write);
                let seen = self.request(&own).await;
                vec![self.after_crash(seen)]
            }
            Act::CrashInSignOut(write) => {
                self.life.end_at_write(write);
                let seen = self.sign_out();
                vec![self.after_crash(seen)]
            }
            Act::Offline | Act::Online => {
                self.ether.online.store(act == Act::Online, Ordering::Relaxed);
                ok
            }
            Act::Hour | Act::Days => {
                self.clock.advance(if act == Act::Days { LONG } else { hour }).await;
                ok
            }
            Act::Delete(who) | Act::Undo(who) => {
                self.ether.cloud.set_deleted(self.home, self.id(who), matches!(act, Act::Delete(_)));
                ok
            }
            Act::Revoke => {
                self.ether.cloud.store().revoke(self.home, self.id(user));
                ok
            }
            Act::RefuseAccessTokens => {
                self.refuse_access_tokens(user);
                ok
            }
            Act::AppUser(who) => {
                self.app_user = who;
                ok
            }
            Act::Reconcile => vec![self.reconcile().await],
        }
    }

    pub(super) fn refuse_access_tokens(&self, of: Person) {
        self.ether.cloud.store().refuse_access_tokens(self.home, self.id(of));
    }

    /// The API key of the team at a place.
    fn key(&self, place: Place) -> String {
        self.ether.cloud.store().team(self.place(place)).key.clone()
    }

    async fn sign_in_forged(&self, how: Forged) -> Seen {
        let forged = self.issue(Person::Ada, Place::Home).and_then(|good| forge(&good, how));
        let before = self.ether.transcript.len();
        let Some(token) = forged else { return Seen::Refused(ErrorKind::Network) };
        let done = self.sdk.sign_in(&token).await;
        let sent = self.ether.transcript.len() - before;
        // What is malformed is refused without a call (EXC-6).
        if sent > 0 && how != Forged::BadSignature {
            return Seen::Http(0);
        }
        self.note(done.map(|()| Seen::Ok))
    }

    async fn sign_in_late(&self, who: Person) -> Seen {
        let Some(token) = self.issue(who, Place::Home) else { return Seen::Refused(ErrorKind::Network) };
        self.clock.advance(self.ether.cloud.lifetimes().sign_in_token + Duration::from_secs(1)).await;
        self.sign_in_with(&token).await
    }

    async fn sign_in_abroad(&self, who: Person, place: Place) -> Seen {
        match self.sign_in(who, place).await {
            Seen::Ok => {}
            refused => return refused,
        }
        let seen = self.request(&format!("/v2/user/{}", self.id(who))).await;
        match self.sign_out() {
            Seen::Ok => seen,
            refused => refused,
        }
    }

    /// Overwrites what lies in an area, launches, and signs out.
    fn damage(&mut self, area: Area, state: &State) -> Seen {
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
            return Seen::Http(0);
        }
        let told = self.sdk.status().map(|_| Seen::Ok);
        match self.note(told) {
            Seen::Ok => self.sign_out(),
            refused => refused,
        }
    }

    fn locked_launch(&mut self, state: &State) -> Seen {
        self.locked.store(true, Ordering::Relaxed);
        self.relaunch();
        let told = self.sdk.status();
        self.locked.store(false, Ordering::Relaxed);
        match told {
            // Nobody is signed in to a device that cannot say so (PER-6).
            Ok(status) if status.len() == state.status().len() => Seen::Ok,
            Ok(_) => Seen::Http(0),
            Err(error) => Seen::Refused(error.kind),
        }
    }

    async fn locked_call(&mut self, path: &str) -> Seen {
        self.locked.store(true, Ordering::Relaxed);
        let meanwhile = self.request(path).await;
        self.locked.store(false, Ordering::Relaxed);
        let may_be = [ErrorKind::Storage, ErrorKind::Network].map(Seen::Refused);
        if meanwhile != Seen::Http(200) && !may_be.contains(&meanwhile) {
            return meanwhile;
        }
        let seen = self.request(path).await;
        self.relaunch();
        seen
    }

    fn locked_sign_out(&self) -> Seen {
        self.locked.store(true, Ordering::Relaxed);
        let meanwhile = self.sdk.sign_out();
        self.locked.store(false, Ordering::Relaxed);
        // Ok means erased, whatever some keychains do while they are locked.
        match self.note_sign_out(meanwhile) {
            Seen::Refused(ErrorKind::Storage) => self.sign_out(),
            other => other,
        }
    }

    async fn call_struck(&self, path: &str, on: On, strike: Strike) -> Vec<Seen> {
        self.strike(if on == On::Refresh { Operation::Refresh } else { Operation::Api }, strike);
        let before = self.ether.transcript.len();
        let mut seen = vec![in_time(self.request(path)).await];
        if let (On::Api, Strike::Busy(_, seconds)) = (on, strike)
            && self.hurries(Operation::Api, before, seconds)
        {
            return vec![Seen::Http(0)];
        }
        *lock(&self.ether.strike) = None;
        if let Some(wait) = strike.long_wait() {
            seen.push(self.request(path).await);
            self.clock.advance(wait).await;
        }
        seen
    }
}

/// Everybody has so many turns before a call counts as one that never ends.
const TURNS: usize = 1000;

async fn in_time(call: impl Future<Output = Seen>) -> Seen {
    let for_ever = async {
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        seen = call => seen,
        () = for_ever => Seen::Never,
    }
}

fn forge(good: &str, how: Forged) -> Option<String> {
    use vouch_runner::run::step::forge_token::{How, forge};
    forge(
        good,
        match how {
            Forged::NotBase64 => How::NotBase64,
            Forged::AlgorithmNone => How::AlgorithmNone,
            Forged::AlgorithmHs256 => How::AlgorithmHs256,
            Forged::AlgorithmEs256 => How::AlgorithmEs256,
            Forged::ForeignIssuer => How::ForeignIssuer,
            Forged::LookalikeIssuer => How::LookalikeIssuer,
            Forged::NoUser => How::NoUser,
            Forged::BadSignature => How::BadSignature,
        },
    )
}
