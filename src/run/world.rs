//! The world of one case: cloud, wire, device, backends, app, and the names that the scenario gave to things.

use super::answer::{Answer, Halt};
use super::app::AppSeat;
use super::device::{Called, Device, DeviceError, DeviceParts};
use crate::clock::{Clock, Mode};
use crate::cloud::{Behaviour, Cloud, Keys, Lifetimes};
use crate::protocol::message::Endpoint;
use crate::protocol::{Capability, Realm};
use crate::reference::backend::{self, Backend};
use crate::scenario::{ExpiresIn, Given, RefreshTokens, Text};
use crate::seat::{Deadlines, SdkSeat};
use crate::wire::redact::Ledger;
use crate::wire::{Faults, Front, Link, Party, Transcript};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// What every case of a run shares.
#[derive(Clone)]
pub struct Setup {
    pub seat: SdkSeat,
    pub capabilities: BTreeSet<Capability>,
    pub mode: Mode,
    pub deadlines: Deadlines,
    /// How long parts wait for one HTTP answer, in real time.
    pub request_timeout: Duration,
    pub keys: Arc<Keys>,
    pub cloud_rules: Arc<dyn crate::cloud::Rules>,
    pub backend_rules: Arc<dyn backend::Rules>,
    pub app_rules: Arc<dyn crate::reference::app::Rules>,
}

/// An app user and its vendor user.
#[derive(Clone, Debug)]
pub struct Person {
    pub external_id: String,
    /// None until the vendor knows the person.
    pub id: Option<String>,
}

pub struct World {
    pub given: Given,
    pub clock: Clock,
    pub ledger: Ledger,
    pub cloud: Cloud,
    pub transcript: Transcript,
    pub faults: Faults,
    pub(super) device: Device,
    pub(super) app: AppSeat,
    front: Front,
    backend_rules: Arc<dyn backend::Rules>,
    request_timeout: Duration,
    people: Mutex<HashMap<String, Person>>,
    values: Mutex<HashMap<String, String>>,
    expiries: Mutex<Expiries>,
    backends: tokio::sync::Mutex<HashMap<Realm, (String, Arc<Backend>)>>,
    pub(super) begun: Mutex<HashMap<String, Begun>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    /// Brings up everything but the app's process.
    pub async fn build(setup: &Setup, given: Given, expiries: Expiries) -> std::io::Result<Arc<Self>> {
        let clock = Clock::new(setup.mode);
        let ledger = Ledger::default();
        let behaviour = Behaviour {
            expires_in_as_text: given.cloud.expires_in == ExpiresIn::Text,
            awkward_refresh_tokens: given.cloud.refresh_tokens == RefreshTokens::Awkward,
        };
        let cloud = Cloud::new(setup.keys.clone(), clock.clone(), ledger.clone(), behaviour, setup.cloud_rules.clone());
        let transcript = Transcript::new(clock.clone());
        let faults = Faults::default();
        let front = Front::new(transcript.clone(), faults.clone(), clock.clone());
        let mut endpoints = Vec::new();
        for realm in Realm::all() {
            let api = front.open(Link { from: Party::Sdk, to: Party::Api, realm }, Arc::new(cloud.clone())).await?;
            let auth = front.open(Link { from: Party::Sdk, to: Party::Auth, realm }, Arc::new(cloud.clone())).await?;
            endpoints.push(Endpoint {
                environment: realm.environment,
                region: realm.region,
                api: format!("http://{api}"),
                auth: format!("http://{auth}"),
            });
        }
        let device = Device::new(DeviceParts {
            seat: setup.seat.clone(),
            deadlines: setup.deadlines,
            request_timeout: setup.request_timeout,
            endpoints,
            clock: clock.clone(),
            capabilities: setup.capabilities.clone(),
        })?;
        let world = Arc::new(Self {
            clock,
            ledger,
            cloud,
            transcript,
            faults,
            device,
            app: AppSeat::new(setup.app_rules.clone()),
            front,
            backend_rules: setup.backend_rules.clone(),
            request_timeout: setup.request_timeout,
            people: Mutex::default(),
            values: Mutex::default(),
            expiries: Mutex::new(expiries),
            backends: tokio::sync::Mutex::default(),
            begun: Mutex::default(),
            given,
        });
        world.settle_in();
        Ok(world)
    }

    fn settle_in(self: &Arc<Self>) {
        self.update_expiries(|_| {});
        let realm = self.given.realm();
        for name in &self.given.users {
            let external_id = format!("app-user-{name}");
            let user = self.cloud.store().add_user(realm, &external_id, None);
            if let Some(user) = &user {
                self.ledger.id(&user.id, format!("{name}.id"));
            }
            lock(&self.people).insert(name.clone(), Person { external_id, id: user.map(|user| user.id) });
        }
        for name in &self.given.newcomers {
            lock(&self.people).insert(name.clone(), Person { external_id: format!("app-user-{name}"), id: None });
        }
        self.device.set_authenticator(super::app::authenticator(self));
        let weak = Arc::downgrade(self);
        self.front.set_killer(Arc::new(move || {
            let world = weak.upgrade();
            Box::pin(async move {
                if let Some(world) = world {
                    world.device.kill().await;
                }
            })
        }));
    }

    /// Notes that a wait for an expiry is over.
    pub fn update_expiries(&self, change: impl FnOnce(&mut Expiries)) {
        let mut expiries = lock(&self.expiries);
        change(&mut expiries);
        self.cloud.set_lifetimes(expiries.lifetimes(self.clock.mode()));
    }

    /// A person of the scenario by name.
    pub fn person(&self, name: &str) -> Result<Person, Halt> {
        let mut person = lock(&self.people)
            .get(name)
            .cloned()
            .ok_or_else(|| Halt::Scenario(format!("nobody is called `{name}`; list the name under `given: users:`")))?;
        if person.id.is_none() {
            let known =
                self.cloud.store().by_client_id(self.given.realm(), &person.external_id).map(|user| user.id.clone());
            person.id = known;
        }
        Ok(person)
    }

    /// The vendor user id of a person.
    pub fn user_id(&self, name: &str) -> Result<String, Halt> {
        self.person(name)?.id.ok_or_else(|| Halt::Scenario(format!("the vendor has no user for `{name}` yet")))
    }

    /// The person with an external id.
    pub fn by_external_id(&self, external_id: &str) -> Option<String> {
        lock(&self.people).iter().find(|(_, person)| person.external_id == external_id).map(|(name, _)| name.clone())
    }

    /// The person whose vendor user id stands in a text.
    pub fn somebody_in(&self, text: &str) -> Option<String> {
        let text = text.to_lowercase();
        let people = lock(&self.people);
        let found =
            people.iter().find(|(_, person)| person.id.as_ref().is_some_and(|id| text.contains(&id.to_lowercase())));
        found.map(|(name, _)| name.clone())
    }

    /// Gives a value a name.
    pub fn bind(&self, name: &str, value: String) {
        lock(&self.values).insert(name.to_owned(), value);
    }

    /// A text with its variables filled in.
    pub fn text(&self, text: &Text) -> Result<String, Halt> {
        text.resolve(|name| self.value(name)).map_err(|name| Halt::Scenario(format!("`${name}` has no value here")))
    }

    fn value(&self, name: &str) -> Option<String> {
        if let Some((who, field)) = name.split_once('.') {
            let team = self.cloud.store().team(self.given.realm()).clone();
            return match (who, field) {
                ("team", "key") => Some(team.key),
                ("team", "id") => Some(team.id),
                (_, "id") => self.person(who).ok()?.id,
                (_, "externalId") => Some(self.person(who).ok()?.external_id),
                _ => None,
            };
        }
        lock(&self.values).get(name).cloned()
    }

    /// The backend of a realm's team and its address, brought up when first needed.
    pub async fn backend(&self, realm: Realm) -> Result<(String, Arc<Backend>), Halt> {
        let mut backends = self.backends.lock().await;
        if let Some(found) = backends.get(&realm) {
            return Ok(found.clone());
        }
        let harness = |e: &dyn std::fmt::Display| Halt::Harness(format!("cannot bring up a backend: {e}"));
        let to_api = Link { from: Party::Backend, to: Party::Api, realm };
        let api = self.front.open(to_api, Arc::new(self.cloud.clone())).await.map_err(|e| harness(&e))?;
        let key = self.cloud.store().team(realm).key.clone();
        let backend = Backend::new(format!("http://{api}"), key, self.backend_rules.clone(), self.request_timeout)
            .map_err(|e| harness(&e))?;
        let backend = Arc::new(backend);
        let from_app = Link { from: Party::App, to: Party::Backend, realm };
        let address = self.front.open(from_app, backend.clone()).await.map_err(|e| harness(&e))?;
        let entry = (format!("http://{address}"), backend);
        backends.insert(realm, entry.clone());
        Ok(entry)
    }

    /// Calls the SDK and keeps the answer's shape.
    pub(super) async fn call<R: DeserializeOwned>(
        &self,
        method: &str,
        params: impl Serialize,
    ) -> Result<Called<R>, Halt> {
        self.device.call(method, params).await.map_err(Halt::from)
    }

    /// Calls the SDK where only success or refusal matters.
    pub(super) async fn tell(&self, method: &str, params: impl Serialize) -> Result<Answer, Halt> {
        Ok(match self.call::<serde_json::Value>(method, params).await? {
            Called::Ok(_) => Answer::Ok,
            Called::Refused { kind, text } => Answer::Refused { kind, text },
            Called::Killed => Answer::Killed,
        })
    }

    /// Calls the SDK where a refusal is a failure of the step.
    pub(super) async fn ask<R: DeserializeOwned>(&self, method: &str, params: impl Serialize) -> Result<R, Halt> {
        match self.call(method, params).await? {
            Called::Ok(value) => Ok(value),
            Called::Refused { kind, text } => Err(Halt::Unmet {
                expected: format!("an answer to `{method}`"),
                got: format!("the error {kind}: {text}"),
            }),
            Called::Killed => Err(Halt::Scenario("the process was killed".into())),
        }
    }

    /// Launches the app for the first time.
    pub(super) async fn launch(&self) -> Result<(), Halt> {
        self.device.launch().await.map_err(Halt::from)
    }

    /// Everything that the device keeps, as far as it can be seen.
    pub async fn items(&self) -> Result<Vec<crate::protocol::message::Item>, Halt> {
        self.device.items().await.map_err(Halt::from)
    }

    /// What the SDK wrote to its log and to standard error.
    pub fn written(&self) -> String {
        self.device.written()
    }

    pub fn stderr(&self) -> String {
        self.device.stderr()
    }

    /// Whether what happens on this machine can be blamed on the build: there is room on the disk, and sockets can be had.
    pub async fn check_environment(&self) -> std::io::Result<()> {
        self.device.storage.check()?;
        tokio::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.map(drop)
    }

    pub async fn shut_down(&self) {
        self.faults.release();
        self.device.shut_down().await;
    }
}

impl From<DeviceError> for Halt {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::Adapter(trouble) => Halt::Adapter(trouble),
            DeviceError::CannotStart(why) => Halt::Harness(why.to_string()),
            DeviceError::Scenario(what) => Halt::Scenario(what),
            DeviceError::Io(error) => Halt::Harness(format!("the device's storage failed: {error}")),
        }
    }
}

/// How many steps still wait for a kind of token to expire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expiries {
    pub sign_in_token: usize,
    pub access_token: usize,
}

/// The life of a token whose end is waited for in real time. Long enough to be used once.
const SHORT_LIFE: Duration = Duration::from_secs(2);

impl Expiries {
    pub(super) fn plus(self, more: Self) -> Self {
        Self {
            sign_in_token: self.sign_in_token + more.sign_in_token,
            access_token: self.access_token + more.access_token,
        }
    }

    /// In real time tokens are short-lived as long as a step waits for their end, and no longer: an SDK that refreshes
    /// early would find every token due.
    fn lifetimes(self, mode: Mode) -> Lifetimes {
        let usual = Lifetimes::default();
        let life = |waited_for: usize, usual| if mode == Mode::Real && waited_for > 0 { SHORT_LIFE } else { usual };
        Lifetimes {
            sign_in_token: life(self.sign_in_token, usual.sign_in_token),
            access_token: life(self.access_token, usual.access_token),
        }
    }
}

/// A call that goes on.
pub struct Begun {
    pub task: JoinHandle<Result<Answer, Halt>>,
    pub cancel: Arc<Notify>,
    pub mark: usize,
}
