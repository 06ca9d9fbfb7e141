//! What an app asks of the customer's backend in a walk, and whether the answer is right.

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
use vouch_sim::reference::sdk::ports::NoResponse;
use vouch_sim::reference::sdk::token::SignInToken;
use vouch_sim::wire::redact::{Redactor, SecretKind};
use vouch_sim::wire::{Link, Operation, Party, Received, Reply};
use vouch_spec::protocol::Realm;

/// An answer that is wrong, told as a status that no server gives.
const WRONG: Observation = Observation::Http(0);
/// How long the backend is told to wait for the vendor, and how long its apps wait for it.
const PATIENCE: Duration = Duration::from_secs(5);
const APP_PATIENCE_MS: i64 = 30_000;

/// The vendor API, reached in memory.
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
        let reply = self.network.pass(link, Received { method, path: path.to_owned(), headers, body }).await;
        tokio::task::yield_now().await;
        if reply.as_ref().is_err_and(|why| *why == NoResponse::TooLate) {
            self.clock.advance(self.connect_timeout).await;
        }
        let reply = reply.ok()?;
        Some((reply.status.as_u16(), reply.body.to_vec()))
    }
}

/// The backend of the walk's team.
pub(super) struct Asked {
    backend: Backend,
    network: Arc<MemoryNetwork>,
    clock: Clock,
    realm: Realm,
    ids: [String; 2],
    newcomers: AtomicUsize,
}

fn name(who: Person) -> String {
    format!("app-user-{}", who.name())
}

impl Asked {
    pub fn new(
        policy: Arc<dyn BackendPolicy>,
        network: Arc<MemoryNetwork>,
        clock: Clock,
        realm: Realm,
        ids: [String; 2],
    ) -> Self {
        let key = network.cloud.store().team(realm).key.clone();
        let connect_timeout = policy.connect_timeout(PATIENCE);
        let vendor = Arc::new(Vendor { network: network.clone(), realm, clock: clock.clone(), connect_timeout });
        Self { backend: Backend::over(vendor, key, policy), network, clock, realm, ids, newcomers: AtomicUsize::new(0) }
    }

    pub async fn perform(&self, ask: BackendRequest, redactor: &Redactor) -> Vec<Observation> {
        let before = self.users();
        let seen = self.ask(ask, redactor).await;
        *self.network.strike() = None;
        let made = self.users() - before;
        let may_make = usize::from(ask == BackendRequest::NewcomerCrowd);
        if made == may_make { seen } else { vec![WRONG] }
    }

    /// How many users the team has at the vendor.
    fn users(&self) -> usize {
        let cloud: &MockCloud = &self.network.cloud;
        cloud.store().live(self.realm).count()
    }

    async fn ask(&self, ask: BackendRequest, redactor: &Redactor) -> Vec<Observation> {
        let named = |who: Person, field: &str| (field.to_owned(), name(who.other()));
        let own = |who: Person| Some(self.credential(&name(who), redactor));
        match ask {
            BackendRequest::Rightly(who) => vec![self.request(own(who), "", None, &[], Some(who)).await],
            BackendRequest::WithoutCredential | BackendRequest::WithGarbage => {
                let shown = (ask == BackendRequest::WithGarbage).then(|| "nobody-issued-this".to_owned());
                let calls = self.network.transcript.len();
                let seen = self.request(shown, "", None, &[], None).await;
                // The request itself, and no call to the vendor (ISS-1).
                let silent = self.network.transcript.len() == calls + 1;
                vec![if silent { seen } else { WRONG }]
            }
            BackendRequest::NamingInQuery(who) => {
                let query = format!("?client_user_id={}", name(who.other()));
                vec![self.request(own(who), &query, None, &[], Some(who)).await]
            }
            BackendRequest::NamingInBody(who) => {
                let (field, value) = named(who, "client_user_id");
                vec![self.request(own(who), "", Some(json!({ field: value })), &[], Some(who)).await]
            }
            BackendRequest::NamingInHeader(who) => {
                let header = [("x-user-id", name(who.other()))];
                vec![self.request(own(who), "", None, &header, Some(who)).await]
            }
            BackendRequest::NewcomerCrowd => {
                let credential = self.newcomer(redactor);
                let asks = (0..3).map(|_| self.request(Some(credential.clone()), "", None, &[], None));
                join_all(asks).await
            }
            BackendRequest::Raced(who) => {
                self.network.set_strike(Operation::FindUser, InjectedFault::Status(404));
                vec![self.request(own(who), "", None, &[], Some(who)).await]
            }
            BackendRequest::FailedLookUp(status) => {
                self.network.set_strike(Operation::FindUser, InjectedFault::Status(status));
                let credential = self.newcomer(redactor);
                vec![self.request(Some(credential), "", None, &[], None).await]
            }
            BackendRequest::FailedIssuance(status) => {
                self.network.set_strike(Operation::Issuance, InjectedFault::Status(status));
                vec![self.request(own(Person::Ada), "", None, &[], None).await]
            }
            BackendRequest::SilentIssuance => {
                self.network.set_strike(Operation::Issuance, InjectedFault::Silence);
                let began_ms = self.clock.now_ms();
                let seen = self.request(own(Person::Ada), "", None, &[], None).await;
                let waited_ms = self.clock.now_ms() - began_ms;
                vec![if waited_ms < APP_PATIENCE_MS { seen } else { Observation::Never }]
            }
            BackendRequest::GarbledIssuance => {
                self.network.set_strike(Operation::Issuance, InjectedFault::WrongTypes);
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

    /// One request of an app; a token must be of `owner`.
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
        let request = Received { method: Method::POST, path: format!("{TOKEN_PATH}{query}"), headers, body };
        let link = Link { from: Party::App, to: Party::Backend, realm: self.realm };
        match self.network.front().pass(link, &self.backend, request).await {
            Some(reply) if self.is_right(&reply, owner) => Observation::Http(reply.status.as_u16()),
            _ => WRONG,
        }
    }

    fn is_right(&self, reply: &Reply, owner: Option<Person>) -> bool {
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let token = body.get("sign_in_token").and_then(Value::as_str);
        if !reply.status.is_success() {
            return token.is_none();
        }
        let Some(Ok(token)) = token.map(|text| SignInToken::parse(text, &DefaultSdkPolicy)) else { return false };
        let owned = owner.is_none_or(|who| token.user_id.eq_ignore_ascii_case(&self.ids[who as usize]));
        owned && reply.headers.get(CACHE_CONTROL).is_some_and(|value| value.as_bytes() == b"no-store")
    }
}
