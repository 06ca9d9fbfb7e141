//! Sends the requests of an app to the customer's backend in a walk, and checks the responses.

use super::action::{BackendRequest, InjectedFault, Person};
use super::memory_network::MemoryNetwork;
use super::state::Observation;
use async_trait::async_trait;
use futures_util::future::join_all;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use vouch_sim::clock::Clock;
use vouch_sim::mock_cloud::MockCloud;
use vouch_sim::reference::backend::{Backend, BackendPolicy, TOKEN_PATH, VendorApi};
use vouch_sim::reference::sdk::policy::DefaultSdkPolicy;
use vouch_sim::reference::sdk::ports::NetworkError;
use vouch_sim::reference::sdk::token::SignInToken;
use vouch_sim::wire::redact::{Redactor, SecretKind};
use vouch_sim::wire::{Link, Operation, Party, WireRequest, WireResponse};
use vouch_spec::protocol::Realm;

/// The configured timeout of the backend for the vendor, and the longest time that an app waits for the backend.
const PATIENCE: Duration = Duration::from_secs(5);
const APP_PATIENCE_MS: i64 = 30_000;

/// The vendor API, called in memory.
struct Vendor {
    network: Arc<MemoryNetwork>,
    realm: Realm,
    clock: Clock,
    connect_timeout: Duration,
}

#[async_trait]
impl VendorApi for Vendor {
    async fn call(&self, method: Method, path: &str, api_key: &str, body: Option<&Value>) -> Option<(u16, Vec<u8>)> {
        tokio::task::yield_now().await;
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        headers.insert(HeaderName::from_static("x-vital-api-key"), HeaderValue::from_str(api_key).ok()?);
        let body = Bytes::from(body.map(ToString::to_string).unwrap_or_default());
        let link = Link { from: Party::Backend, to: Party::Api, realm: self.realm };
        let reply = self.network.pass(link, WireRequest { method, path: path.to_owned(), headers, body }).await;
        tokio::task::yield_now().await;
        if reply.as_ref().is_err_and(|why| *why == NetworkError::Timeout) {
            self.clock.advance(self.connect_timeout).await;
        }
        let reply = reply.ok()?;
        Some((reply.status.as_u16(), reply.body.to_vec()))
    }
}

/// The backend of the walk's team.
pub(super) struct WalkBackend {
    backend: Backend,
    network: Arc<MemoryNetwork>,
    clock: Clock,
    realm: Realm,
    ids: [String; 2],
    newcomers: AtomicUsize,
}

fn name(person: Person) -> String {
    format!("app-user-{}", person.name())
}

impl WalkBackend {
    pub fn new(
        policy: Arc<dyn BackendPolicy>,
        network: Arc<MemoryNetwork>,
        clock: Clock,
        realm: Realm,
        ids: [String; 2],
    ) -> Self {
        let key = network.cloud.store().team(realm).key.clone();
        let connect_timeout = policy.vendor_timeout(PATIENCE);
        let vendor = Arc::new(Vendor { network: network.clone(), realm, clock: clock.clone(), connect_timeout });
        Self {
            backend: Backend::with_vendor(vendor, key, policy),
            network,
            clock,
            realm,
            ids,
            newcomers: AtomicUsize::new(0),
        }
    }

    pub async fn perform(&self, ask: BackendRequest, redactor: &Redactor) -> Vec<Observation> {
        let before = self.users();
        let seen = self.ask(ask, redactor).await;
        *self.network.fault() = None;
        let made = self.users() - before;
        let may_make = usize::from(ask == BackendRequest::ParallelNewUser);
        if made == may_make { seen } else { vec![Observation::Unexpected] }
    }

    /// The number of users that the team has at the vendor.
    fn users(&self) -> usize {
        let cloud: &MockCloud = &self.network.cloud;
        cloud.store().live(self.realm).count()
    }

    async fn ask(&self, ask: BackendRequest, redactor: &Redactor) -> Vec<Observation> {
        let identified = |person: Person, field: &str| (field.to_owned(), name(person.other()));
        let own = |person: Person| Some(self.credential(&name(person), redactor));
        match ask {
            BackendRequest::Valid(person) => vec![self.request(own(person), "", None, &[], Some(person)).await],
            BackendRequest::WithoutCredential | BackendRequest::WithGarbage => {
                let shown = (ask == BackendRequest::WithGarbage).then(|| "nobody-issued-this".to_owned());
                let calls = self.network.transcript.len();
                let seen = self.request(shown, "", None, &[], None).await;
                // Only the request itself was recorded: no call to the vendor (ISS-1).
                let silent = self.network.transcript.len() == calls + 1;
                vec![if silent { seen } else { Observation::Unexpected }]
            }
            BackendRequest::OtherUserInQuery(person) => {
                let query = format!("?client_user_id={}", name(person.other()));
                vec![self.request(own(person), &query, None, &[], Some(person)).await]
            }
            BackendRequest::OtherUserInBody(person) => {
                let (field, value) = identified(person, "client_user_id");
                vec![self.request(own(person), "", Some(json!({ field: value })), &[], Some(person)).await]
            }
            BackendRequest::OtherUserInHeader(person) => {
                let header = [("x-user-id", name(person.other()))];
                vec![self.request(own(person), "", None, &header, Some(person)).await]
            }
            BackendRequest::ParallelNewUser => {
                let credential = self.newcomer(redactor);
                let asks = (0..3).map(|_| self.request(Some(credential.clone()), "", None, &[], None));
                join_all(asks).await
            }
            BackendRequest::LookupRace(person) => {
                self.network.inject_fault(Operation::FindUser, InjectedFault::Status(404));
                vec![self.request(own(person), "", None, &[], Some(person)).await]
            }
            BackendRequest::FailedLookup(status) => {
                self.network.inject_fault(Operation::FindUser, InjectedFault::Status(status));
                let credential = self.newcomer(redactor);
                vec![self.request(Some(credential), "", None, &[], None).await]
            }
            BackendRequest::FailedIssuance(status) => {
                self.network.inject_fault(Operation::Issuance, InjectedFault::Status(status));
                vec![self.request(own(Person::Ada), "", None, &[], None).await]
            }
            BackendRequest::SilentIssuance => {
                self.network.inject_fault(Operation::Issuance, InjectedFault::NoResponse);
                let began_ms = self.clock.now_ms();
                let seen = self.request(own(Person::Ada), "", None, &[], None).await;
                let waited_ms = self.clock.now_ms() - began_ms;
                vec![if waited_ms < APP_PATIENCE_MS { seen } else { Observation::Never }]
            }
            BackendRequest::GarbledIssuance => {
                self.network.inject_fault(Operation::Issuance, InjectedFault::WrongTypes);
                vec![self.request(own(Person::Ada), "", None, &[], None).await]
            }
        }
    }

    fn credential(&self, app_user: &str, redactor: &Redactor) -> String {
        let credential = self.backend.log_in(app_user);
        redactor.secret(SecretKind::AppCredential, &credential);
        credential
    }

    fn newcomer(&self, redactor: &Redactor) -> String {
        let number = self.newcomers.fetch_add(1, Ordering::Relaxed);
        self.credential(&format!("app-user-newcomer-{number}"), redactor)
    }

    /// Sends one request of an app. A returned token must be for `owner`.
    async fn request(
        &self,
        credential: Option<String>,
        query: &str,
        body: Option<Value>,
        more: &[(&'static str, String)],
        owner: Option<Person>,
    ) -> Observation {
        let mut headers = HeaderMap::new();
        if let Some(Ok(value)) = credential.map(|text| HeaderValue::from_str(&format!("Bearer {text}"))) {
            headers.insert(AUTHORIZATION, value);
        }
        for (name, value) in more {
            headers.extend(HeaderValue::from_str(value).ok().map(|value| (HeaderName::from_static(name), value)));
        }
        let body = Bytes::from(body.map(|body| body.to_string()).unwrap_or_default());
        let request = WireRequest { method: Method::POST, path: format!("{TOKEN_PATH}{query}"), headers, body };
        let link = Link { from: Party::App, to: Party::Backend, realm: self.realm };
        match self.network.proxy().forward(link, &self.backend, request).await {
            Some(reply) if self.is_right(&reply, owner) => Observation::Http(reply.status.as_u16()),
            _ => Observation::Unexpected,
        }
    }

    fn is_right(&self, reply: &WireResponse, owner: Option<Person>) -> bool {
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let token = body.get("sign_in_token").and_then(Value::as_str);
        if !reply.status.is_success() {
            return token.is_none();
        }
        let Some(Ok(token)) = token.map(|text| SignInToken::parse(text, &DefaultSdkPolicy)) else { return false };
        let owned = owner.is_none_or(|person| token.user_id.eq_ignore_ascii_case(&self.ids[person as usize]));
        owned && reply.headers.get(CACHE_CONTROL).is_some_and(|value| value.as_bytes() == b"no-store")
    }
}
