//! The built-in parts without sockets, processes and files: the same SDK, cloud and app, wired to each other in memory, so
//! that thousands of sequences a second can be walked.

use super::model::{Act, On, Person, Place, Seen, State, Strike};
use super::subject::{Cast, Mismatch};
use crate::clock::{Clock, Mode};
use crate::cloud::{Behaviour, Cloud, CloudParts};
use crate::invariant::{self, Evidence, Left, Observed, Watch};
use crate::profile::Profile;
use crate::protocol::message::{Area, Item};
use crate::protocol::{Environment, ErrorKind, Realm, Region, StatusWord};
use crate::reference::app::{Failed, ReconcilingApp, SdkPort, TokenSource};
use crate::reference::sdk::ports::{Answer, Call, Host, Life, Net, NoAnswer, Time, Vault, VaultError};
use crate::reference::sdk::{Device, Sdk, SdkError};
use crate::wire::redact::Ledger;
use crate::wire::{Faults, Front, Link, Operation, Party, Received, Transcript};
use async_trait::async_trait;
use futures_util::future::join_all;
use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Storage in memory. It outlives the processes that write to it.
type Disk = Arc<Mutex<BTreeMap<(Area, String), Vec<u8>>>>;

/// One process's view of the disk.
struct MemoryVault {
    disk: Disk,
    life: Life,
}

impl MemoryVault {
    /// As a file vault does it: each change is one or two writes, and a process can die before any of them.
    fn write_of(&self, change: impl FnOnce(&mut BTreeMap<(Area, String), Vec<u8>>)) -> Result<(), VaultError> {
        self.life.may_write()?;
        change(&mut lock(&self.disk));
        Ok(())
    }
}

impl Vault for MemoryVault {
    fn read(&self, area: Area, key: &str) -> Result<Option<Vec<u8>>, VaultError> {
        Ok(lock(&self.disk).get(&(area, key.to_owned())).cloned())
    }

    fn write(&self, area: Area, key: &str, value: &[u8]) -> Result<(), VaultError> {
        let beside = format!(".{key}.new");
        self.write_of(|disk| drop(disk.insert((area, beside.clone()), value.to_vec())))?;
        self.write_of(|disk| {
            if let Some(value) = disk.remove(&(area, beside)) {
                disk.insert((area, key.to_owned()), value);
            }
        })
    }

    fn erase(&self, area: Area, key: &str) -> Result<(), VaultError> {
        self.write_of(|disk| drop(disk.remove(&(area, format!(".{key}.new")))))?;
        self.write_of(|disk| drop(disk.remove(&(area, key.to_owned()))))
    }

    fn tidy(&self) -> Result<(), VaultError> {
        lock(&self.disk).retain(|(_, key), _| !key.ends_with(".new"));
        Ok(())
    }

    fn items(&self) -> Result<Vec<Item>, VaultError> {
        Ok(items(&self.disk))
    }
}

fn items(disk: &Disk) -> Vec<Item> {
    let item = |((area, key), value): (&(Area, String), &Vec<u8>)| Item {
        area: *area,
        key: key.clone(),
        value: String::from_utf8_lossy(value).into_owned(),
    };
    lock(disk).iter().map(item).collect()
}

/// What lies between SDK and cloud.
struct Ether {
    front: Front,
    cloud: Cloud,
    transcript: Transcript,
    online: AtomicBool,
    strike: Mutex<Option<(Operation, Strike)>>,
}

/// The network of one process.
struct DirectNet {
    ether: Arc<Ether>,
    life: Life,
}

#[async_trait]
impl Net for DirectNet {
    async fn send(&self, call: Call) -> Result<Answer, NoAnswer> {
        if self.life.is_over() || !self.ether.online.load(Ordering::Relaxed) {
            return Err(NoAnswer);
        }
        // Others get their turn while this is under way.
        tokio::task::yield_now().await;
        let answer = self.ether.exchange(call).await;
        tokio::task::yield_now().await;
        if self.life.is_over() { Err(NoAnswer) } else { answer }
    }
}

impl Ether {
    async fn exchange(&self, call: Call) -> Result<Answer, NoAnswer> {
        let to = if call.host == Host::Api { Party::Api } else { Party::Auth };
        let link = Link { from: Party::Sdk, to, realm: call.realm };
        let mut headers = HeaderMap::new();
        for (name, value) in &call.headers {
            let value = HeaderValue::from_str(value).map_err(|_| NoAnswer)?;
            headers.append(HeaderName::from_static(name), value);
        }
        let method = Method::from_bytes(call.method.as_bytes()).map_err(|_| NoAnswer)?;
        let request = Received { method, path: call.path, headers, body: Bytes::from(call.body) };
        let operation = self.transcript.operation_of(link, &request);
        let strike = lock(&self.strike).take_if(|(on, _)| *on == operation).map(|(_, strike)| strike);
        let reply = match strike {
            None => self.front.pass(link, &self.cloud, request).await,
            Some(strike) => self.front.pass_struck(link, &self.cloud, request, &harm(strike)).await,
        };
        let reply = reply.ok_or(NoAnswer)?;
        let retry_after = reply.headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Answer {
            status: reply.status.as_u16(),
            retry_after: retry_after.map(Duration::from_secs),
            body: reply.body.to_vec(),
        })
    }
}

fn harm(strike: Strike) -> crate::wire::Harm {
    use crate::wire::{Harm, Moment};
    match strike {
        Strike::LoseRequest => Harm::Lose(Moment::Request),
        Strike::LoseResponse => Harm::Lose(Moment::Response),
        Strike::Status(status) => Harm::Answer {
            status,
            retry_after_s: None,
            content_type: "application/json",
            body: Bytes::from_static(b"{\"detail\":\"as the walk wants it\"}"),
        },
        Strike::Garbage => Harm::Body { content_type: "text/html", body: Bytes::from_static(b"<html>") },
    }
}

/// Virtual time that passes at once.
struct DirectTime(Clock);

#[async_trait]
impl Time for DirectTime {
    fn now_ms(&self) -> i64 {
        self.0.now_ms()
    }

    async fn sleep(&self, duration: Duration) {
        self.0.advance(duration).await;
    }
}

/// One installed app with all that surrounds it.
pub(super) struct Direct {
    cast: Cast,
    home: Realm,
    clock: Clock,
    ledger: Ledger,
    profile: Arc<Profile>,
    ether: Arc<Ether>,
    disk: Disk,
    ids: [String; 2],
    sdk: Arc<Sdk>,
    life: Life,
    app: ReconcilingApp,
    app_user: Option<Person>,
    told: Arc<Mutex<Vec<Vec<StatusWord>>>>,
    tokens_asked: AtomicUsize,
    deeds: AtomicUsize,
    observed: Mutex<Observed>,
    watch: Watch,
}

impl Direct {
    pub fn new(cast: &Cast, home: Realm) -> Self {
        let (ledger, profile, clock) = (Ledger::default(), Profile::junction(), Clock::new(Mode::Virtual));
        let cloud = Cloud::new(CloudParts {
            keys: cast.keys.clone(),
            clock: clock.clone(),
            ledger: ledger.clone(),
            behaviour: Behaviour { expires_in: None, awkward_refresh_tokens: true },
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
        let (sdk, life) = launch(cast, &ether, &disk, &clock, &profile, &told);
        let observed = Mutex::new(Observed { launches: vec![0], ..Observed::default() });
        Self {
            app: ReconcilingApp::new(cast.app.clone()),
            cast: cast.clone(),
            home,
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
        }
    }

    fn id(&self, who: Person) -> &str {
        &self.ids[who as usize]
    }

    fn relaunch(&mut self) {
        self.life.end();
        let launched = launch(&self.cast, &self.ether, &self.disk, &self.clock, &self.profile, &self.told);
        (self.sdk, self.life) = launched;
        lock(&self.observed).launches.push(self.ether.transcript.len());
    }

    fn place(&self, place: Place) -> Realm {
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
        self.ether.cloud.sign_in_token(realm, self.id(who), &crate::cloud::TokenShape::default())
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
                vec![self.sign_in(who, Place::Home).await]
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
            Act::Call => vec![self.request(&own).await],
            Act::CallOther => {
                let other = self.id(state.user().unwrap_or(Person::Ada).other()).to_owned();
                vec![self.request(&format!("/v2/user/{other}")).await]
            }
            Act::CallStruck(on, strike) => {
                if on == On::Refresh {
                    self.clock.advance(hour).await;
                }
                self.strike(if on == On::Refresh { Operation::Refresh } else { Operation::Api }, strike);
                vec![self.request(&own).await]
            }
            Act::Crowd => {
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
            Act::Hour => {
                self.clock.advance(hour).await;
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
        let Some(token) = self.issue(who, place) else { return Seen::Refused(ErrorKind::Network) };
        self.begins();
        let done = self.sdk.sign_in(&token).await;
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

    /// Sign-in tokens asked for, sign-ins and sign-outs by the app, since the last count.
    pub fn count_deeds(&self) -> usize {
        self.tokens_asked.swap(0, Ordering::Relaxed) + self.deeds.swap(0, Ordering::Relaxed)
    }

    /// What the SDK says of itself against what the model says.
    pub fn matches(&self, state: &State) -> Result<(), Mismatch> {
        let unmet = |expected: String, got: String| Err(Mismatch { clause: None, expected, got });
        let status = match self.sdk.status() {
            Ok(status) => status,
            Err(error) => return unmet("a status".into(), format!("the error {}", error.kind)),
        };
        let wanted = state.status();
        if status.len() != wanted.len() || !wanted.iter().all(|word| status.contains(word)) {
            return unmet(format!("the status {wanted:?}"), format!("{status:?}"));
        }
        let user = self.sdk.current_user_id().unwrap_or_default();
        let wanted = state.user().map(|who| self.id(who).to_owned());
        if user.as_deref().map(str::to_lowercase) != wanted {
            return unmet(format!("the user {:?}", state.user()), "another".into());
        }
        Ok(())
    }

    /// What must hold in every run.
    pub fn invariants(&mut self) -> Result<(), Mismatch> {
        let told = std::mem::take(&mut *lock(&self.told));
        let mut sdk = lock(&self.observed).clone();
        sdk.odd_status = told.into_iter().find(|status| !crate::protocol::is_documented(status));
        let items = items(&self.disk);
        let (ledger, profile, watch) = (&self.ledger, &*self.profile, &mut self.watch);
        let breach = self.ether.transcript.look(|exchanges| {
            let mode = Mode::Virtual;
            let (sdk, items, written) = (&sdk, &items, "");
            let evidence =
                Evidence { ledger, profile, mode, exchanges, written, items, sdk, calls: 4, at_rest: true };
            invariant::after_step(watch, &evidence)
        });
        match breach {
            None => Ok(()),
            Some(breach) => Err(Mismatch {
                clause: Some(breach.clause),
                expected: breach.expected.to_owned(),
                got: self.ledger.scrub(&breach.got).to_string(),
            }),
        }
    }
}

fn launch(
    cast: &Cast,
    ether: &Arc<Ether>,
    disk: &Disk,
    clock: &Clock,
    profile: &Arc<Profile>,
    told: &Arc<Mutex<Vec<Vec<StatusWord>>>>,
) -> (Arc<Sdk>, Life) {
    let life = Life::default();
    let vault = Arc::new(MemoryVault { disk: disk.clone(), life: life.clone() });
    let net = Arc::new(DirectNet { ether: ether.clone(), life: life.clone() });
    let parts = cast.sdk.assemble(vault, net);
    let told = told.clone();
    let sdk = Sdk::launch(Device {
        rules: parts.rules,
        profile: profile.clone(),
        vault: parts.vault,
        net: parts.net,
        time: Arc::new(DirectTime(clock.clone())),
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
