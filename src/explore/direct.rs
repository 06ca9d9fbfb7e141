//! The built-in parts without sockets, processes and files: the same SDK, cloud and app, wired to each other in memory, so
//! that thousands of sequences a second can be walked.

use super::asks::Asked;
use super::ether::{DirectNet, Ether, lock};
use super::memory::{Disk, MemoryVault};
use super::model::{Act, Forged, On, Person, Place, Seen, State, Strike};
use super::subject::Cast;
use crate::clock::{Clock, Mode};
use crate::cloud::{Behaviour, Cloud, CloudParts};
use crate::invariant::{Left, Observed, Watch};
use crate::profile::{NumberForm, Profile};
use crate::protocol::message::Area;
use crate::protocol::{Environment, ErrorKind, Realm, Region, StatusWord};
use crate::reference::app::{Failed, ReconcilingApp, SdkPort, TokenSource};
use crate::reference::sdk::ports::{Life, Time};
use crate::reference::sdk::{ApiAnswer, Device, Sdk, SdkError};
use crate::wire::redact::Ledger;
use crate::wire::{Faults, Front, Operation, Transcript};
use async_trait::async_trait;
use futures_util::future::join_all;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// [`Act::Days`].
const LONG: Duration = Duration::from_secs(3 * 24 * 3600);

/// Virtual time that passes at once.
struct DirectTime {
    clock: Clock,
    /// How far the device's clock is ahead of the servers', in milliseconds.
    off_ms: i64,
}

#[async_trait]
impl Time for DirectTime {
    fn now_ms(&self) -> i64 {
        self.clock.now_ms() + self.off_ms
    }

    async fn sleep(&self, duration: Duration) {
        self.clock.advance(duration).await;
    }
}

/// What differs from walk to walk and must make no difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    pub expires_in: Option<NumberForm>,
    /// Sign-in tokens whose encoding contains `-` and `_`.
    pub url_safe_characters: bool,
    /// Sign-in tokens that write the user id in capitals.
    pub capital_user_id: bool,
    pub clock_off_minutes: i64,
    /// A wire that claims RFC 6749 and RFC 8693.
    pub standard: bool,
}

/// One installed app with all that surrounds it.
pub(super) struct Direct {
    pub(super) cast: Cast,
    pub(super) habits: Habits,
    pub(super) home: Realm,
    pub(super) locked: Arc<AtomicBool>,
    /// The statuses told in the last act.
    pub(super) changes: Vec<Vec<StatusWord>>,
    pub(super) clock: Clock,
    pub(super) ledger: Ledger,
    pub(super) profile: Arc<Profile>,
    pub(super) ether: Arc<Ether>,
    pub(super) disk: Disk,
    pub(super) ids: [String; 2],
    pub(super) sdk: Arc<Sdk>,
    pub(super) life: Life,
    pub(super) app: ReconcilingApp,
    pub(super) asked: Asked,
    pub(super) app_user: Option<Person>,
    pub(super) told: Arc<Mutex<Vec<Vec<StatusWord>>>>,
    pub(super) tokens_asked: AtomicUsize,
    pub(super) deeds: AtomicUsize,
    pub(super) observed: Mutex<Observed>,
    pub(super) watch: Watch,
    /// How many exchanges were looked at for what answers with tokens owe.
    pub(super) answers_seen: usize,
}

impl Direct {
    pub fn new(cast: &Cast, home: Realm, habits: Habits) -> Self {
        let (ledger, clock) = (Ledger::default(), Clock::new(Mode::Virtual));
        let profile = if habits.standard { cast.standard.clone() } else { cast.junction.clone() };
        let cloud = Cloud::new(CloudParts {
            keys: cast.keys.clone(),
            clock: clock.clone(),
            ledger: ledger.clone(),
            behaviour: Behaviour { expires_in: habits.expires_in, awkward_refresh_tokens: true },
            profile: profile.clone(),
            rules: cast.cloud.clone(),
        });
        let id_of = |who: Person| {
            let user = cloud.store().add_user(home, &format!("app-user-{}", who.name()), None);
            user.map(|user| user.id).unwrap_or_default()
        };
        let ids = [id_of(Person::Ada), id_of(Person::Bob)];
        for realm in Realm::all().filter(|realm| *realm != home) {
            for (who, id) in ["ada", "bob"].into_iter().zip(&ids) {
                cloud.store().add_user(realm, &format!("app-user-{who}"), Some(id.clone()));
            }
        }
        let transcript = Transcript::new(clock.clone(), profile.clone());
        let front = Front::new(transcript.clone(), Faults::default(), clock.clone());
        let online = AtomicBool::new(true);
        let ether = Arc::new(Ether { front, cloud, transcript, online, strike: Mutex::default() });
        let (disk, told) = (Disk::default(), Arc::default());
        let locked = Arc::new(AtomicBool::new(false));
        let (sdk, life) = launch(cast, &ether, &disk, &device(&clock, habits), &profile, &told, &locked);
        let observed = Mutex::new(Observed { launches: vec![0], ..Observed::default() });
        Self {
            asked: Asked::new(cast.backend.clone(), ether.clone(), home, ids.clone()),
            app: ReconcilingApp::new(cast.app.clone()),
            cast: cast.clone(),
            habits,
            home,
            locked,
            changes: Vec::new(),
            clock,
            ledger,
            profile,
            ether,
            disk,
            ids,
            sdk,
            life,
            app_user: None,
            told,
            tokens_asked: AtomicUsize::new(0),
            deeds: AtomicUsize::new(0),
            observed,
            watch: Watch::default(),
            answers_seen: 0,
        }
    }

    pub(super) fn id(&self, who: Person) -> &str {
        &self.ids[who as usize]
    }

    fn relaunch(&mut self) {
        self.life.end();
        let time = device(&self.clock, self.habits);
        let launched = launch(&self.cast, &self.ether, &self.disk, &time, &self.profile, &self.told, &self.locked);
        (self.sdk, self.life) = launched;
        lock(&self.observed).launches.push(self.ether.transcript.len());
    }

    pub(super) fn place(&self, place: Place) -> Realm {
        let Realm { environment, region } = self.home;
        match place {
            Place::Home => self.home,
            Place::OtherRegion => {
                Realm { region: if region == Region::Us { Region::Eu } else { Region::Us }, ..self.home }
            }
            Place::OtherEnvironment => Realm {
                environment: match environment {
                    Environment::Production => Environment::Sandbox,
                    _ => Environment::Production,
                },
                ..self.home
            },
        }
    }

    /// A sign-in token, as the app gets it from its backend.
    fn issue(&self, who: Person, place: Place) -> Option<String> {
        self.tokens_asked.fetch_add(1, Ordering::Relaxed);
        let realm = self.place(place);
        self.ether.cloud.store().by_id(realm, self.id(who))?;
        let Habits { url_safe_characters, capital_user_id, .. } = self.habits;
        let shape = crate::cloud::TokenShape { url_safe_characters, capital_user_id, padding: None };
        self.ether.cloud.sign_in_token(realm, self.id(who), &shape)
    }

    /// Does one act; `state` is what was before it.
    pub async fn perform(&mut self, act: Act, state: &State) -> Vec<Seen> {
        let hour = self.ether.cloud.lifetimes().access_token + Duration::from_secs(1);
        let own = format!("/v2/user/{}", self.id(state.user().unwrap_or(Person::Ada)));
        let ok = vec![Seen::Ok];
        match act {
            Act::SignIn(who, place) => vec![self.sign_in(who, place).await],
            Act::SignInStruck(who, strike) => {
                self.strike(Operation::Exchange, strike);
                let seen = self.sign_in(who, Place::Home).await;
                *lock(&self.ether.strike) = None;
                vec![seen]
            }
            Act::SignInForged(how) => {
                let forged = self.issue(Person::Ada, Place::Home).and_then(|good| forge(&good, how));
                let before = self.ether.transcript.len();
                let Some(token) = forged else { return vec![Seen::Refused(ErrorKind::Network)] };
                let done = self.sdk.sign_in(&token).await;
                let sent = self.ether.transcript.len() - before;
                // What is malformed is refused without a call (EXC-6).
                if sent > 0 && how != Forged::BadSignature {
                    return vec![Seen::Http(0)];
                }
                vec![self.note(done.map(|()| Seen::Ok))]
            }
            Act::SignInLate(who) => {
                let Some(token) = self.issue(who, Place::Home) else { return vec![Seen::Refused(ErrorKind::Network)] };
                self.clock.advance(self.ether.cloud.lifetimes().sign_in_token + Duration::from_secs(1)).await;
                vec![self.sign_in_with(&token).await]
            }
            Act::SignInBoth => {
                let (ada, bob) =
                    tokio::join!(self.sign_in(Person::Ada, Place::Home), self.sign_in(Person::Bob, Place::Home));
                vec![ada, bob]
            }
            Act::Client(what) => vec![self.attempt(what).await],
            Act::Backend(ask) => self.asked.perform(ask, &self.ledger).await,
            Act::UseForeignKey(place) => {
                let key = self.ether.cloud.store().team(self.place(place)).key.clone();
                let done = self.sdk.configure(&key, self.home);
                vec![self.note(done.map(|()| Seen::Ok))]
            }
            Act::UserWithoutKey => {
                let done = self.sdk.set_user_id(self.id(Person::Ada));
                vec![self.note(done.map(|()| Seen::Ok))]
            }
            Act::CallTeam => vec![self.request("/v2/user").await],
            Act::LockedLaunch => {
                self.locked.store(true, Ordering::Relaxed);
                self.relaunch();
                let told = self.sdk.status();
                self.locked.store(false, Ordering::Relaxed);
                match told {
                    // Nobody is signed in to a device that cannot say so (PER-6).
                    Ok(status) if status.len() == state.status().len() => vec![Seen::Ok],
                    Ok(_) => vec![Seen::Http(0)],
                    Err(error) => vec![Seen::Refused(error.kind)],
                }
            }
            Act::Identify(who) => vec![self.identify(who).await],
            Act::SignOut => {
                let out = self.sdk.sign_out();
                vec![self.note_sign_out(out)]
            }
            Act::UseKey(who) => {
                let key = self.ether.cloud.store().team(self.home).key.clone();
                self.begins();
                let both = self.sdk.configure(&key, self.home).and_then(|()| self.sdk.set_user_id(self.id(who)));
                vec![self.note(both.map(|()| Seen::Ok))]
            }
            Act::Call => vec![self.read(&own).await],
            Act::CallSummary => vec![self.read(&own.replace("/v2/user/", "/v2/summary/sleep/")).await],
            Act::CallOther => {
                let other = self.id(state.user().unwrap_or(Person::Ada).other()).to_owned();
                vec![self.request(&format!("/v2/user/{other}")).await]
            }
            Act::CallStruck(on, strike) => {
                if on == On::Refresh {
                    self.clock.advance(hour).await;
                }
                self.strike(if on == On::Refresh { Operation::Refresh } else { Operation::Api }, strike);
                let before = self.ether.transcript.len();
                let mut seen = vec![self.request(&own).await];
                if let (On::Api, Strike::Busy(_, seconds)) = (on, strike)
                    && self.hurries(before, seconds)
                {
                    return vec![Seen::Http(0)];
                }
                *lock(&self.ether.strike) = None;
                if let Some(wait) = strike.long_wait() {
                    seen.push(self.request(&own).await);
                    self.clock.advance(wait).await;
                }
                seen
            }
            Act::Crowd => {
                self.clock.advance(hour).await;
                let calls = (0..4).map(|_| self.request(&own));
                join_all(calls).await
            }
            Act::CrowdSignOut => {
                self.clock.advance(hour).await;
                let out = async {
                    tokio::task::yield_now().await;
                    self.sdk.sign_out()
                };
                let (first, second, out) = tokio::join!(self.request(&own), self.request(&own), out);
                let out = self.note_sign_out(out);
                if out == Seen::Ok { vec![first, second] } else { vec![out] }
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
                let out = self.sdk.sign_out();
                let seen = self.note_sign_out(out);
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
            Act::Revoke | Act::RefuseAccessTokens => {
                let who = state.user().unwrap_or(Person::Ada);
                let mut store = self.ether.cloud.store();
                match act {
                    Act::Revoke => drop(store.revoke(self.home, self.id(who)).to_string()),
                    _ => store.refuse_access_tokens(self.home, self.id(who)),
                }
                ok
            }
            Act::AppUser(who) => {
                self.app_user = who;
                ok
            }
            Act::Reconcile => vec![self.reconcile().await],
        }
    }

    fn strike(&self, on: Operation, strike: Strike) {
        *lock(&self.ether.strike) = Some((on, strike));
    }

    /// A call that may begin a session.
    fn begins(&self) {
        lock(&self.observed).left = Left::MayBe;
    }

    fn note(&self, result: Result<Seen, SdkError>) -> Seen {
        let error = match result {
            Ok(seen) => return seen,
            Err(error) => error,
        };
        let mut observed = lock(&self.observed);
        observed.told.push((error.kind, self.ether.transcript.len()));
        observed.texts = vec![error.text];
        if error.kind == ErrorKind::InvalidUser {
            (observed.left, observed.token_scheme) = (Left::UserGone, false);
        }
        Seen::Refused(error.kind)
    }

    fn note_sign_out(&self, out: Result<(), SdkError>) -> Seen {
        if out.is_ok() {
            let mut observed = lock(&self.observed);
            (observed.left, observed.token_scheme) = (Left::SignedOut, false);
        }
        self.note(out.map(|()| Seen::Ok))
    }

    async fn sign_in(&self, who: Person, place: Place) -> Seen {
        match self.issue(who, place) {
            Some(token) => self.sign_in_with(&token).await,
            None => Seen::Refused(ErrorKind::Network),
        }
    }

    async fn sign_in_with(&self, token: &str) -> Seen {
        self.begins();
        let done = self.sdk.sign_in(token).await;
        if done.is_ok() {
            lock(&self.observed).token_scheme = true;
        }
        self.note(done.map(|()| Seen::Ok))
    }

    async fn identify(&self, who: Person) -> Seen {
        self.begins();
        let authenticate = async || {
            let online = self.ether.online.load(Ordering::Relaxed);
            let token = if online { self.issue(who, Place::Home) } else { None };
            token.ok_or_else(|| SdkError::new(ErrorKind::Network, "the app could not get a sign-in token"))
        };
        let done = self.sdk.identify(&format!("app-user-{}", who.name()), authenticate).await;
        if done.is_ok() {
            lock(&self.observed).token_scheme = true;
        }
        self.note(done.map(|()| Seen::Ok))
    }

    async fn request(&self, path: &str) -> Seen {
        let answered = self.sdk.request("GET", path).await;
        self.note(answered.map(|answer| Seen::Http(answer.status)))
    }

    /// Whether API calls from an exchange on follow each other faster than the server asked for (REF-9).
    fn hurries(&self, from: usize, seconds: u64) -> bool {
        self.ether.transcript.look(|exchanges| {
            let calls = exchanges[from..].iter().filter(|exchange| exchange.operation == Operation::Api);
            let times: Vec<i64> = calls.map(|exchange| exchange.at_ms).collect();
            let least_ms = i64::try_from(seconds * 1000).unwrap_or(i64::MAX) - 100;
            times.windows(2).any(|pair| pair[1] - pair[0] < least_ms)
        })
    }

    /// A call whose answer comes as the cloud made it.
    async fn read(&self, path: &str) -> Seen {
        let answered = self.sdk.request("GET", path).await;
        // What the API says must reach the app (SCO-1).
        let lost = |answer: &ApiAnswer| answer.status == 200 && answer.body.is_null();
        self.note(answered.map(|answer| Seen::Http(if lost(&answer) { 0 } else { answer.status })))
    }

    /// A process that died in the middle answered nobody.
    fn after_crash(&mut self, seen: Seen) -> Seen {
        let died = self.life.is_over();
        self.life.end_at_write(0);
        if died {
            let mut observed = lock(&self.observed);
            (observed.left, observed.token_scheme) = (Left::MayBe, false);
        }
        self.relaunch();
        if died { Seen::Killed } else { seen }
    }

    async fn reconcile(&self) -> Seen {
        let port = Port(self);
        let user = self.app_user.map(|who| self.id(who).to_owned());
        match self.app.reconcile(user.as_deref(), &port, &port).await {
            Ok(()) => Seen::Ok,
            Err(failed) => Seen::Refused(failed.kind),
        }
    }
}

fn device(clock: &Clock, habits: Habits) -> Arc<DirectTime> {
    Arc::new(DirectTime { clock: clock.clone(), off_ms: habits.clock_off_minutes * 60_000 })
}

fn forge(good: &str, how: Forged) -> Option<String> {
    use crate::run::step::forge_token::{How, forge};
    forge(
        good,
        match how {
            Forged::NotBase64 => How::NotBase64,
            Forged::AlgorithmNone => How::AlgorithmNone,
            Forged::AlgorithmHs256 => How::AlgorithmHs256,
            Forged::ForeignIssuer => How::ForeignIssuer,
            Forged::NoUser => How::NoUser,
            Forged::BadSignature => How::BadSignature,
        },
    )
}

fn launch(
    cast: &Cast,
    ether: &Arc<Ether>,
    disk: &Disk,
    time: &Arc<DirectTime>,
    profile: &Arc<Profile>,
    told: &Arc<Mutex<Vec<Vec<StatusWord>>>>,
    locked: &Arc<AtomicBool>,
) -> (Arc<Sdk>, Life) {
    let life = Life::default();
    let vault = Arc::new(MemoryVault { disk: disk.clone(), life: life.clone(), locked: locked.clone() });
    let net = Arc::new(DirectNet { ether: ether.clone(), life: life.clone() });
    let parts = cast.sdk.assemble(vault, net);
    let told = told.clone();
    let sdk = Sdk::launch(Device {
        rules: parts.rules,
        profile: profile.clone(),
        vault: parts.vault,
        net: parts.net,
        time: time.clone(),
        on_status: Box::new(move |status| lock(&told).push(status)),
    });
    (sdk, life)
}

/// SDK and backend, as the app calls them.
struct Port<'a>(&'a Direct);

fn failed(error: SdkError) -> Failed {
    Failed { kind: error.kind, text: error.text }
}

#[async_trait]
impl SdkPort for Port<'_> {
    async fn status(&self) -> Result<Vec<StatusWord>, Failed> {
        self.0.sdk.status().map_err(failed)
    }

    async fn current_user_id(&self) -> Result<Option<String>, Failed> {
        self.0.sdk.current_user_id().map_err(failed)
    }

    async fn sign_in(&self, token: String) -> Result<(), Failed> {
        self.0.deeds.fetch_add(1, Ordering::Relaxed);
        self.0.begins();
        let done = self.0.sdk.sign_in(&token).await;
        if done.is_ok() {
            lock(&self.0.observed).token_scheme = true;
        }
        done.map_err(failed)
    }

    async fn sign_out(&self) -> Result<(), Failed> {
        self.0.deeds.fetch_add(1, Ordering::Relaxed);
        let out = self.0.sdk.sign_out();
        self.0.note_sign_out(out.clone());
        out.map_err(failed)
    }
}

#[async_trait]
impl TokenSource for Port<'_> {
    async fn sign_in_token(&self) -> Result<String, Failed> {
        let unreachable = || Failed { kind: ErrorKind::Network, text: "the app's backend does not answer".into() };
        let user = self.0.app_user.filter(|_| self.0.ether.online.load(Ordering::Relaxed)).ok_or_else(unreachable)?;
        self.0.issue(user, Place::Home).ok_or_else(unreachable)
    }
}
