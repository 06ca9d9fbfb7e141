//! The reference backend: a customer's token issuer. It knows its own app users and the team's API key.
//! It does not know who calls it or that it is tested.

use crate::wire::{Link, Upstream, WireRequest, WireResponse, read_body};
use async_trait::async_trait;
use hyper::{Method, StatusCode};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Status and JSON body of a response of the vendor API.
pub type VendorResponse = (StatusCode, Value);

/// The decisions of a backend, one method each (ISS-1 to ISS-8).
pub trait BackendPolicy: Send + Sync {
    /// The app user of a request without a valid session; none (ISS-1).
    fn unauthenticated_user(&self, _credential: Option<&str>) -> Option<String> {
        None
    }

    /// The credential of an app user that logs in: nobody can guess it (ISS-1).
    fn credential(&self, _app_user: &str) -> String {
        format!("app-session-{}", uuid::Uuid::new_v4().simple())
    }

    /// Whether a credential is of the session (ISS-1).
    fn is_credential(&self, session: &str, shown: &str) -> bool {
        session == shown
    }

    /// Whether a log-out ends the session (ISS-1).
    fn ends_sessions(&self) -> bool {
        true
    }

    /// Whether the request goes to the token endpoint (ISS-1).
    fn is_token_request(&self, request: &WireRequest) -> bool {
        request.path_only() == TOKEN_PATH && request.method == Method::POST
    }

    /// The app user of a request that passes the guard without a session; none (ISS-1).
    fn unguarded_user(&self, _request: &WireRequest) -> Option<String> {
        None
    }

    /// The user that a token is issued for: the authenticated user, whatever the request names (ISS-3).
    fn user_of_request<'a>(&self, authenticated: &'a str, _request: &'a WireRequest) -> Cow<'a, str> {
        authenticated.into()
    }

    /// Whether a user is looked up before one is made (ISS-2).
    fn looks_up_user(&self) -> bool {
        true
    }

    /// Whether an unsuccessful look-up means that there is no such user (ISS-2, ISS-7).
    fn means_unknown_user(&self, look_up: StatusCode) -> bool {
        look_up == StatusCode::NOT_FOUND
    }

    /// Whether user creation is serialized, so that two concurrent requests create one vendor user (ISS-2).
    fn serializes_user_creation(&self) -> bool {
        true
    }

    /// The name under which a user is made: always the same (ISS-2).
    fn client_user_id<'a>(&self, app_user: &'a str) -> Cow<'a, str> {
        app_user.into()
    }

    /// The name under which it says that it makes a user. A customer's backend says so in its target file.
    fn declared_client_user_id(&self, app_user: &str) -> String {
        app_user.to_owned()
    }

    /// The user that a conflict at creation names: a concurrent request created it (ISS-2).
    fn existing_user(&self, body: &Value) -> Option<String> {
        text(body.get("detail")?, "user_id")
    }

    /// How a user is looked up (ISS-2).
    fn look_up(&self) -> LookUp {
        LookUp::Resolve
    }

    /// Whether an entry of the list is the user that is looked up (ISS-3).
    fn is_user(&self, entry: &str, client_user_id: &str) -> bool {
        entry == client_user_id
    }

    /// How long the vendor user of an app user is kept for later requests (ISS-2).
    fn keeps_vendor_user(&self) -> Kept {
        Kept::Never
    }

    /// Whether a token is kept and given again (ISS-5).
    fn gives_token_again(&self) -> bool {
        false
    }

    /// A token to give when the vendor issues none; none. `given` has the last token of each app user (ISS-3, ISS-7).
    fn token_after_failure(&self, _given: &HashMap<String, String>, _app_user: &str) -> Option<String> {
        None
    }

    /// Whether the requests share the place in which their user is kept (ISS-3).
    fn shares_current_user(&self) -> bool {
        false
    }

    /// The status for the app when the vendor answered with another one than 2xx (ISS-7).
    fn failure_status(&self, vendor: StatusCode) -> StatusCode {
        match vendor == StatusCode::TOO_MANY_REQUESTS || vendor.is_server_error() {
            true => StatusCode::SERVICE_UNAVAILABLE,
            false => StatusCode::BAD_GATEWAY,
        }
    }

    /// Whether the time-out covers the whole request to the vendor, not each read of its answer (ISS-7).
    fn limits_whole_request(&self) -> bool {
        true
    }

    /// Whether redirects of the vendor are followed (ISS-4).
    fn follows_redirects(&self) -> bool {
        false
    }

    /// The body for the app (ISS-4).
    fn token_body(&self, token: &str, _api_key: &str) -> Value {
        json!({ "sign_in_token": token })
    }

    /// Finishes an answer: status and headers (ISS-4).
    fn finish_response(&self, reply: WireResponse, _api_key: &str) -> WireResponse {
        reply
    }

    /// The response to the app when the vendor fails. It contains nothing of the vendor's error (ISS-4, ISS-7).
    fn failure_response(&self, status: StatusCode, _vendor: &Value) -> WireResponse {
        WireResponse::json(status, &json!({ "error": "no sign-in token is available now; try again later" }))
    }

    /// Time-out of requests to the vendor; `usual` is the configured one (ISS-7).
    fn vendor_timeout(&self, usual: Duration) -> Duration {
        usual
    }

    /// The token of an answer to an issuance; none unless the issuance succeeded (ISS-7).
    fn issued_token(&self, answer: &VendorResponse) -> Option<String> {
        text(&answer.1, "sign_in_token").filter(|_| answer.0.is_success())
    }

    /// The `Cache-Control` header of responses (ISS-8).
    fn cache_control(&self) -> Option<&'static str> {
        Some("no-store")
    }
}

/// How a backend looks a user up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookUp {
    /// By `GET /v2/user/resolve/{client_user_id}`.
    Resolve,
    /// In the list of users, page by page.
    List,
    /// In the first page of the list.
    FirstPage,
}

/// How long a backend keeps the vendor user of an app user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    Never,
    /// Until the vendor answers that it does not know the user.
    UntilUnknown,
    ForEver,
}

/// What a backend keeps from request to request.
#[derive(Default)]
struct Memory {
    vendor_users: HashMap<String, String>,
    tokens: HashMap<String, String>,
    current_user: String,
}

/// The policy that follows the scheme.
pub struct DefaultBackendPolicy;

impl BackendPolicy for DefaultBackendPolicy {}

/// A non-empty string field of a JSON object.
fn text(body: &Value, field: &str) -> Option<String> {
    body.get(field)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Status for the app, and the vendor's error body.
struct IssuanceError(StatusCode, Value);

/// The vendor API, as a backend calls it.
#[async_trait]
pub trait VendorApi: Send + Sync {
    /// Status and body of the response; none if no response arrived.
    async fn call(&self, method: Method, path: &str, api_key: &str, body: Option<&Value>) -> Option<(u16, Vec<u8>)>;
}

/// The vendor API over HTTP.
struct HttpVendorApi {
    client: reqwest::Client,
    base: String,
}

#[async_trait]
impl VendorApi for HttpVendorApi {
    async fn call(&self, method: Method, path: &str, api_key: &str, body: Option<&Value>) -> Option<(u16, Vec<u8>)> {
        let mut request =
            self.client.request(method, format!("{}{path}", self.base)).header("x-vital-api-key", api_key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        Some((status, read_body(response).await.ok()?.to_vec()))
    }
}

/// A backend of one team.
pub struct Backend {
    api_key: String,
    policy: Arc<dyn BackendPolicy>,
    vendor: Arc<dyn VendorApi>,
    /// App credential to app user.
    sessions: Mutex<HashMap<String, String>>,
    /// One at a time: two first requests of one user make one vendor user (ISS-2).
    provisioning: tokio::sync::Mutex<()>,
    memory: Mutex<Memory>,
}

impl Backend {
    /// Fails when the machine cannot make an HTTP client at all.
    pub fn new(
        api: String,
        api_key: String,
        policy: Arc<dyn BackendPolicy>,
        timeout: Duration,
    ) -> Result<Self, reqwest::Error> {
        let (limit, client) = (policy.vendor_timeout(timeout), reqwest::Client::builder().tls_certs_only([]));
        let client = if policy.limits_whole_request() { client.timeout(limit) } else { client.read_timeout(limit) };
        let client = client
            // The API key goes to the vendor alone, wherever an answer points (ISS-4).
            .redirect(match policy.follows_redirects() {
                true => reqwest::redirect::Policy::limited(3),
                false => reqwest::redirect::Policy::none(),
            })
            .no_gzip()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self::with_vendor(Arc::new(HttpVendorApi { client, base: api }), api_key, policy))
    }

    /// A backend that reaches the vendor in another way.
    pub fn with_vendor(vendor: Arc<dyn VendorApi>, api_key: String, policy: Arc<dyn BackendPolicy>) -> Self {
        Self {
            api_key,
            policy,
            vendor,
            sessions: Mutex::default(),
            provisioning: tokio::sync::Mutex::default(),
            memory: Mutex::default(),
        }
    }

    /// Logs an app user in: the credential that its app then sends.
    pub fn log_in(&self, app_user: &str) -> String {
        let mut sessions = self.sessions.lock();
        if let Some((credential, _)) = sessions.iter().find(|(_, user)| *user == app_user) {
            return credential.clone();
        }
        let credential = self.policy.credential(app_user);
        sessions.insert(credential.clone(), app_user.to_owned());
        credential
    }

    /// Logs an app user in with another credential.
    pub fn log_in_again(&self, app_user: &str) -> String {
        let credential = format!("app-session-{}", uuid::Uuid::new_v4().simple());
        self.sessions.lock().insert(credential.clone(), app_user.to_owned());
        credential
    }

    /// Ends the session of a credential.
    pub fn log_out(&self, credential: &str) {
        if self.policy.ends_sessions() {
            self.sessions.lock().remove(credential);
        }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<VendorResponse, IssuanceError> {
        let answered = self.vendor.call(method, path, &self.api_key, body.as_ref()).await;
        let (status, body) = answered.ok_or(IssuanceError(StatusCode::BAD_GATEWAY, Value::Null))?;
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        let body = serde_json::from_slice(&body).unwrap_or_default();
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            return Err(IssuanceError(self.policy.failure_status(status), body));
        }
        Ok((status, body))
    }

    /// The vendor user of an app user, made when there is none (ISS-2).
    async fn vendor_user(&self, app_user: &str) -> Result<String, IssuanceError> {
        let _turn = match self.policy.serializes_user_creation() {
            true => Some(self.provisioning.lock().await),
            false => None,
        };
        let app_user = match self.policy.shares_current_user() {
            true => self.memory.lock().current_user.clone(),
            false => app_user.to_owned(),
        };
        let client_user_id = self.policy.client_user_id(&app_user);
        let bad = |body: &Value| IssuanceError(StatusCode::BAD_GATEWAY, body.clone());
        if self.policy.looks_up_user()
            && let Some(found) = self.found(&client_user_id).await?
        {
            return Ok(found);
        }
        let new = json!({ "client_user_id": client_user_id });
        let (status, body) = self.call(Method::POST, "/v2/user", Some(new)).await?;
        if status.is_success() {
            return text(&body, "user_id").ok_or_else(|| bad(&body));
        }
        self.policy.existing_user(&body).ok_or_else(|| self.refused(status, body))
    }

    fn refused(&self, status: StatusCode, body: Value) -> IssuanceError {
        IssuanceError(self.policy.failure_status(status), body)
    }

    /// The vendor user with a client user id, if there is one.
    async fn found(&self, client_user_id: &str) -> Result<Option<String>, IssuanceError> {
        if self.policy.look_up() != LookUp::Resolve {
            return self.found_in_list(client_user_id).await;
        }
        let quoted: String = form_urlencoded::byte_serialize(client_user_id.as_bytes()).collect();
        let path = format!("/v2/user/resolve/{}", quoted.replace('+', "%20"));
        let (status, body) = self.call(Method::GET, &path, None).await?;
        if status.is_success() {
            return text(&body, "user_id").map(Some).ok_or(IssuanceError(StatusCode::BAD_GATEWAY, body));
        }
        if self.policy.means_unknown_user(status) { Ok(None) } else { Err(self.refused(status, body)) }
    }

    async fn found_in_list(&self, client_user_id: &str) -> Result<Option<String>, IssuanceError> {
        let mut offset = 0;
        loop {
            let path = format!("/v2/user?offset={offset}&limit=100");
            let (status, body) = self.call(Method::GET, &path, None).await?;
            if !status.is_success() {
                return Err(self.refused(status, body));
            }
            let Some(page) = body.get("users").and_then(Value::as_array) else {
                return Err(IssuanceError(StatusCode::BAD_GATEWAY, body));
            };
            let entry = page.iter().find(|user| {
                let own = user.get("client_user_id").and_then(Value::as_str);
                own.is_some_and(|own| self.policy.is_user(own, client_user_id))
            });
            if let Some(entry) = entry {
                return Ok(text(entry, "user_id"));
            }
            offset += page.len();
            if page.is_empty() || self.policy.look_up() == LookUp::FirstPage {
                return Ok(None);
            }
        }
    }

    async fn token_for(&self, app_user: &str) -> Result<String, IssuanceError> {
        let (kept, token) = {
            let mut memory = self.memory.lock();
            app_user.clone_into(&mut memory.current_user);
            (memory.vendor_users.get(app_user).cloned(), memory.tokens.get(app_user).cloned())
        };
        if let Some(token) = token.filter(|_| self.policy.gives_token_again()) {
            return Ok(token);
        }
        let keeps = self.policy.keeps_vendor_user();
        let kept = kept.filter(|_| keeps != Kept::Never);
        let may_be_gone = kept.is_some() && keeps == Kept::UntilUnknown;
        let mut user_id = match kept {
            Some(kept) => kept,
            None => self.vendor_user(app_user).await?,
        };
        let mut answer = self.issue(&user_id).await?;
        if may_be_gone && answer.0 == StatusCode::NOT_FOUND {
            user_id = self.vendor_user(app_user).await?;
            answer = self.issue(&user_id).await?;
        }
        let Some(token) = self.policy.issued_token(&answer) else {
            let status =
                if answer.0.is_success() { StatusCode::BAD_GATEWAY } else { self.policy.failure_status(answer.0) };
            return Err(IssuanceError(status, answer.1));
        };
        let mut memory = self.memory.lock();
        memory.vendor_users.insert(app_user.to_owned(), user_id);
        memory.tokens.insert(app_user.to_owned(), token.clone());
        Ok(token)
    }

    async fn issue(&self, user_id: &str) -> Result<VendorResponse, IssuanceError> {
        self.call(Method::POST, &format!("/v2/user/{user_id}/sign_in_token"), None).await
    }

    async fn reply(&self, request: &WireRequest) -> WireResponse {
        if !self.policy.is_token_request(request) {
            return WireResponse::json(StatusCode::NOT_FOUND, &json!({ "error": "not found" }));
        }
        let credential = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let known = credential.and_then(|shown| {
            let sessions = self.sessions.lock();
            let mut own = sessions.iter().filter(|(session, _)| self.policy.is_credential(session, shown));
            own.next().map(|(_, user)| user.clone())
        });
        let unguarded = || self.policy.unauthenticated_user(credential).or_else(|| self.policy.unguarded_user(request));
        let Some(app_user) = known.or_else(unguarded) else {
            return WireResponse::json(StatusCode::UNAUTHORIZED, &json!({ "error": "please log in" }));
        };
        let app_user = self.policy.user_of_request(&app_user, request);
        let after_failure = |error| {
            let given = &self.memory.lock().tokens;
            self.policy.token_after_failure(given, &app_user).ok_or(error)
        };
        match self.token_for(&app_user).await.or_else(after_failure) {
            Ok(token) => WireResponse::json(StatusCode::OK, &self.policy.token_body(&token, &self.api_key)),
            Err(IssuanceError(status, vendor)) => self.policy.failure_response(status, &vendor),
        }
    }
}

/// Where the app asks for its sign-in token.
pub const TOKEN_PATH: &str = "/sign-in-token";

#[async_trait]
impl Upstream for Backend {
    async fn answer(&self, _: Link, request: WireRequest) -> Option<WireResponse> {
        let mut reply = self.reply(&request).await;
        if let Some(value) = self.policy.cache_control() {
            reply = reply.header("cache-control", value);
        }
        Some(self.policy.finish_response(reply, &self.api_key))
    }
}
