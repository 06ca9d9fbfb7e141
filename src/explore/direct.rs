//! The built-in parts without sockets, processes and files: the same SDK, cloud and app, wired to each other in memory, so
//! that thousands of sequences a second can be walked.

use super::asks::Asked;
use super::model::{Act, Forged, On, Person, Place, Seen, State, Strike, Try};
use super::subject::{Cast, Mismatch};
use crate::clock::{Clock, Mode};
use crate::cloud::{Behaviour, Cloud, CloudParts};
use crate::invariant::{self, Evidence, Left, Observed, Watch};
use crate::profile::{Call as AuthCall, Granted, NumberForm, Profile, Request, Values};
use crate::protocol::message::{Area, Item};
use crate::protocol::{Environment, ErrorKind, Realm, Region, StatusWord};
use crate::reference::app::{Failed, ReconcilingApp, SdkPort, TokenSource};
use crate::reference::sdk::ports::{Answer, Call, Host, Life, Net, NoAnswer, Time, Vault, VaultError};
use crate::reference::sdk::{Device, Sdk, SdkError};
use crate::wire::redact::Ledger;
use crate::wire::{Exchange, Fate, Faults, Front, Link, Operation, Party, Received, Reply, Transcript, Upstream};
use async_trait::async_trait;
use futures_util::future::join_all;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};
use std::collections::{BTreeMap, BTreeSet};
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
    locked: Arc<AtomicBool>,
}

impl MemoryVault {
    fn unlocked(&self, area: Area) -> Result<(), VaultError> {
        let locked = area == Area::Secure && self.locked.load(Ordering::Relaxed);
        if locked { Err(VaultError::Locked) } else { Ok(()) }
    }

    /// As a file vault does it: each change is one or two writes, and a process can die before any of them.
    fn write_of(&self, change: impl FnOnce(&mut BTreeMap<(Area, String), Vec<u8>>)) -> Result<(), VaultError> {
        self.life.may_write()?;
        change(&mut lock(&self.disk));
        Ok(())
    }
}

impl Vault for MemoryVault {
    fn read(&self, area: Area, key: &str) -> Result<Option<Vec<u8>>, VaultError> {
        self.unlocked(area)?;
        Ok(lock(&self.disk).get(&(area, key.to_owned())).cloned())
    }

    fn write(&self, area: Area, key: &str, value: &[u8]) -> Result<(), VaultError> {
        self.unlocked(area)?;
        let beside = format!(".{key}.new");
        self.write_of(|disk| drop(disk.insert((area, beside.clone()), value.to_vec())))?;
        self.write_of(|disk| {
            if let Some(value) = disk.remove(&(area, beside)) {
                disk.insert((area, key.to_owned()), value);
            }
        })
    }

    fn erase(&self, area: Area, key: &str) -> Result<(), VaultError> {
        self.unlocked(area)?;
        self.write_of(|disk| drop(disk.remove(&(area, format!(".{key}.new")))))?;
        self.write_of(|disk| drop(disk.remove(&(area, key.to_owned()))))
    }

    fn tidy(&self) -> Result<(), VaultError> {
        self.unlocked(Area::Secure)?;
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

/// A cloud that lets others have their turn before it answers, so that calls can overlap.
struct Unhurried(Cloud);

#[async_trait]
impl Upstream for Unhurried {
    async fn answer(&self, link: Link, request: Received) -> Option<Reply> {
        tokio::task::yield_now().await;
        self.0.answer(link, request).await
    }
}

/// What lies between SDK and cloud.
pub(super) struct Ether {
    front: Front,
    pub cloud: Cloud,
    pub transcript: Transcript,
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
        let reply = self.pass(link, request).await.ok_or(NoAnswer)?;
        let retry_after = reply.headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Answer {
            status: reply.status.as_u16(),
            retry_after: retry_after.map(Duration::from_secs),
            body: reply.body.to_vec(),
        })
    }

    pub fn front(&self) -> &Front {
        &self.front
    }

    pub fn strike(&self) -> MutexGuard<'_, Option<(Operation, Strike)>> {
        lock(&self.strike)
    }

    pub fn set_strike(&self, on: Operation, strike: Strike) {
        *self.strike() = Some((on, strike));
    }

    /// Hands a call to the cloud, unless a strike waits for it.
    pub async fn pass(&self, link: Link, request: Received) -> Option<Reply> {
        let operation = self.transcript.operation_of(link, &request);
        let strike = match &mut *lock(&self.strike) {
            slot @ Some(_) if slot.is_some_and(|(on, _)| on == operation) => match *slot {
                Some((_, Strike::Lasting(status))) => Some(Strike::Status(status)),
                _ => slot.take().map(|(_, strike)| strike),
            },
            _ => None,
        };
        let quoted = request.header("x-vital-api-key").unwrap_or_default().to_owned();
        match strike {
            None => self.front.pass(link, &Unhurried(self.cloud.clone()), request).await,
            Some(strike) => {
                self.front.pass_struck(link, &Unhurried(self.cloud.clone()), request, &harm(strike, &quoted)).await
            }
        }
    }
}

/// `quoted` is the API key of the call, which a careless server repeats in its errors.
fn harm(strike: Strike, quoted: &str) -> crate::wire::Harm {
    use crate::wire::{Harm, Moment};
    match strike {
        Strike::LoseRequest => Harm::Lose(Moment::Request),
        Strike::LoseResponse => Harm::Lose(Moment::Response),
        Strike::Status(status) => Harm::Answer {
            status,
            retry_after_s: None,
            content_type: "application/json",
            body: Bytes::from(format!("{{\"detail\":\"as the walk wants it\",\"key\":\"{quoted}\"}}")),
        },
        Strike::WrongTypes => Harm::Body {
            content_type: "application/json",
            body: Bytes::from_static(b"{\"user_id\":7,\"sign_in_token\":[]}"),
        },
        Strike::Busy | Strike::Lasting(_) => Harm::Answer {
            status: 429,
            retry_after_s: Some(5),
            content_type: "application/json",
            body: Bytes::from_static(b"{\"detail\":\"as the walk wants it\"}"),
        },
        Strike::Garbage => Harm::Body { content_type: "text/html", body: Bytes::from_static(b"<html>") },
    }
}

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

/// Tokens of a session that somebody else might show.
struct Loot {
    jwt: String,
    access_token: String,
    old_refresh_token: Option<String>,
}

/// One installed app with all that surrounds it.
pub(super) struct Direct {
    cast: Cast,
    habits: Habits,
    home: Realm,
    locked: Arc<AtomicBool>,
    /// The statuses told in the last act.
    changes: Vec<Vec<StatusWord>>,
    clock: Clock,
    ledger: Ledger,
    profile: Arc<Profile>,
    ether: Arc<Ether>,
    disk: Disk,
    ids: [String; 2],
    sdk: Arc<Sdk>,
    life: Life,
    app: ReconcilingApp,
    asked: Asked,
    app_user: Option<Person>,
    told: Arc<Mutex<Vec<Vec<StatusWord>>>>,
    tokens_asked: AtomicUsize,
    deeds: AtomicUsize,
    observed: Mutex<Observed>,
    watch: Watch,
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
        }
    }

    fn id(&self, who: Person) -> &str {
        &self.ids[who as usize]
    }

    fn relaunch(&mut self) {
        self.life.end();
        let time = device(&self.clock, self.habits);
        let launched = launch(&self.cast, &self.ether, &self.disk, &time, &self.profile, &self.told, &self.locked);
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
        let Habits { url_safe_characters, capital_user_id, .. } = self.habits;
        let shape = crate::cloud::TokenShape { url_safe_characters, capital_user_id, padding: None };
        self.ether.cloud.sign_in_token(realm, self.id(who), &shape)
    }

    /// A call of somebody else than the SDK.
    async fn client(
        &self,
        to: Party,
        realm: Realm,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: String,
    ) -> Seen {
        let request = Received { method, path: path.to_owned(), headers, body: Bytes::from(body) };
        let link = Link { from: Party::Client, to, realm };
        let reply = self.ether.front.pass(link, &self.ether.cloud, request).await;
        reply.map_or(Seen::Refused(ErrorKind::Network), |reply| Seen::Http(reply.status.as_u16()))
    }

    /// What there is to try with: the current session's sign-in token, newest access token, and a refresh token whose
    /// successor the SDK has used.
    fn loot(&self) -> Option<Loot> {
        self.ether.transcript.look(|exchanges| {
            let granted = |exchange: &Exchange| exchange.granted(&self.profile);
            let own = |exchange: &&Exchange| exchange.link.from == Party::Sdk;
            let began = exchanges
                .iter()
                .rposition(|e| own(&e) && e.call() == Some(AuthCall::Exchange) && granted(e).is_some())?;
            let since: Vec<_> = exchanges[began..].iter().filter(own).collect();
            let jwt = since.first()?.carried.token.clone()?;
            let access_token = since.iter().rev().find_map(|e| granted(e))?.access_token;
            let uses = |exchange: &Exchange, grant: &Granted| {
                let bearer = exchange.request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
                exchange.carried.refresh_token.as_ref() == Some(&grant.refresh_token)
                    || bearer == Some(grant.access_token.as_str())
            };
            let old_refresh_token = since.iter().enumerate().find_map(|(at, exchange)| {
                let (old, grant) = (exchange.carried.refresh_token.clone()?, granted(exchange)?);
                since[at + 1..].iter().any(|later| later.fault.is_none() && uses(later, &grant)).then_some(old)
            });
            Some(Loot { jwt, access_token, old_refresh_token })
        })
    }

    async fn attempt(&self, what: Try) -> Seen {
        let form =
            |content_type: &'static str| HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        let show = async |token: &str, realm: Realm| {
            let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
            let headers = HeaderMap::from_iter(bearer.map(|value| (AUTHORIZATION, value)));
            self.client(Party::Api, realm, Method::GET, &format!("/v2/user/{}", self.ids[0]), headers, String::new())
                .await
        };
        let Some(Loot { jwt, access_token, old_refresh_token }) = self.loot() else {
            return match what {
                Try::Garbage | Try::Twin => self.attempt_alone(what).await,
                _ => Seen::Ok,
            };
        };
        let post = async |request: Request| {
            let headers = form(request.content_type);
            self.client(Party::Auth, self.home, Method::POST, &request.path, headers, request.body).await
        };
        match what {
            Try::AccessTokenAt(place) => show(&access_token, self.place(place)).await,
            Try::ExpiredAccessToken => {
                self.clock.advance(self.ether.cloud.lifetimes().access_token + Duration::from_secs(1)).await;
                show(&access_token, self.home).await
            }
            Try::SignInTokenAgain => {
                post(self.profile.request(AuthCall::Exchange, &Values { token: &jwt, ..Values::default() })).await
            }
            Try::OldRefreshToken => match old_refresh_token {
                Some(old) => {
                    let values = Values { refresh_token: &old, ..Values::default() };
                    post(self.profile.request(AuthCall::Refresh, &values)).await
                }
                None => Seen::Ok,
            },
            Try::Garbage | Try::Twin => self.attempt_alone(what).await,
        }
    }

    async fn attempt_alone(&self, what: Try) -> Seen {
        let json = HeaderValue::from_static("application/json");
        match what {
            Try::Twin => {
                let key = self.ether.cloud.store().team(self.home).key.clone();
                let Ok(key) = HeaderValue::from_str(&key) else { return Seen::Ok };
                let headers =
                    HeaderMap::from_iter([(CONTENT_TYPE, json), (HeaderName::from_static("x-vital-api-key"), key)]);
                // A deleted user's name is free again.
                if self.ether.cloud.store().by_client_id(self.home, "app-user-ada").is_none() {
                    return Seen::Ok;
                }
                let body = "{\"client_user_id\":\"app-user-ada\"}".to_owned();
                self.client(Party::Api, self.home, Method::POST, "/v2/user", headers, body).await
            }
            _ => {
                let headers = HeaderMap::from_iter([(CONTENT_TYPE, json)]);
                self.client(Party::Auth, self.home, Method::POST, &self.profile.refresh.path, headers, "{".into()).await
            }
        }
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
                let seen = self.request(&own).await;
                *lock(&self.ether.strike) = None;
                vec![seen]
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
        if wanted.is_empty() {
            let left = |item: &&Item| self.ids.iter().any(|id| item.value.to_lowercase().contains(id.as_str()));
            if let Some(item) = items(&self.disk).iter().find(left) {
                return unmet("nothing of a user in storage".into(), format!("a user id in `{}`", item.key));
            }
        }
        let user = self.sdk.current_user_id().unwrap_or_default();
        let wanted = state.user().map(|who| self.id(who).to_owned());
        if user.as_deref().map(str::to_lowercase) != wanted {
            return unmet(format!("the user {:?}", state.user()), "another".into());
        }
        Ok(())
    }

    /// Whether the changes of status that were told lead from one state to the next and nowhere else (LIF-6).
    pub fn changes_match(&self, before: &State, after: &State) -> Result<(), Mismatch> {
        let set = |status: &[StatusWord]| status.iter().copied().collect::<BTreeSet<_>>();
        let (from, to) = (set(before.status()), set(after.status()));
        let mut told = vec![from.clone()];
        told.extend(self.changes.iter().map(|status| set(status)));
        told.dedup();
        let wanted = if from == to { vec![from] } else { vec![from, to] };
        if told == wanted {
            return Ok(());
        }
        let list = |sets: &[BTreeSet<StatusWord>]| format!("{sets:?}");
        Err(Mismatch { clause: Some("LIF-6"), expected: format!("the changes {}", list(&wanted)), got: list(&told) })
    }

    /// Takes the changes of status that were told since the last time.
    pub fn take_changes(&mut self) {
        self.changes = std::mem::take(&mut *lock(&self.told));
    }

    /// What a wire that claims standards owes in every token answer, and any wire should (IDP-5, IDP-6).
    fn token_answers(&self) -> Result<(), Mismatch> {
        self.ether.transcript.look(|exchanges| {
            for exchange in exchanges.iter().rev().take(4).filter(|e| e.granted(&self.profile).is_some()) {
                let unmet = |clause, expected: &str| {
                    Err(Mismatch { clause: Some(clause), expected: expected.into(), got: "none".into() })
                };
                let Fate::Answered { headers, body, .. } = &exchange.fate else { continue };
                if !headers.get(CACHE_CONTROL).is_some_and(|value| value.as_bytes() == b"no-store") {
                    return unmet("IDP-5", "Cache-Control: no-store on a token answer");
                }
                let text = String::from_utf8_lossy(body);
                if self.habits.standard && !text.contains("\"token_type\"") {
                    return unmet("IDP-6", "token_type in a token answer");
                }
                let exchanged = exchange.call() == Some(AuthCall::Exchange);
                if self.habits.standard && exchanged && !text.contains("\"issued_token_type\"") {
                    return unmet("IDP-6", "issued_token_type in the answer to an exchange");
                }
            }
            Ok(())
        })
    }

    /// What must hold in every run.
    pub fn invariants(&mut self, calls: usize) -> Result<(), Mismatch> {
        self.token_answers()?;
        let mut sdk = lock(&self.observed).clone();
        let odd = self.changes.iter().find(|status| !crate::protocol::is_documented(status));
        sdk.odd_status = odd.cloned();
        let items = items(&self.disk);
        let (ledger, profile, watch) = (&self.ledger, &*self.profile, &mut self.watch);
        let breach = self.ether.transcript.look(|exchanges| {
            let mode = Mode::Virtual;
            let (sdk, items, written) = (&sdk, &items, "");
            let evidence = Evidence { ledger, profile, mode, exchanges, written, items, sdk, calls, at_rest: true };
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
