//! The reference backend: a customer's token issuer. It knows its own app users and the team's API key.

use crate::wire::redact::{Ledger, SecretKind};
use crate::wire::{Link, Received, Reply, Upstream};
use async_trait::async_trait;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The decisions of a backend, one method each (ISS-1 to ISS-8).
pub trait Rules: Send + Sync {
    /// The user that a request is for: the authenticated one, whatever else the request says (ISS-3).
    fn subject<'a>(&self, authenticated: &'a str, _request: &'a Received) -> std::borrow::Cow<'a, str> {
        authenticated.into()
    }

    /// Whether a user is looked up before one is made (ISS-2).
    fn looks_up(&self) -> bool {
        true
    }

    /// The body for the app (ISS-4).
    fn body(&self, token: &str, _api_key: &str) -> Value {
        json!({ "sign_in_token": token })
    }

    /// ISS-8.
    fn cache_control(&self) -> &'static str {
        "no-store"
    }
}

/// The scheme as it is meant.
pub struct Proper;

impl Rules for Proper {}

/// A backend of one team.
pub struct Backend {
    pub api: String,
    pub api_key: String,
    pub rules: Arc<dyn Rules>,
    client: reqwest::Client,
    /// App credential to app user.
    sessions: Mutex<HashMap<String, String>>,
    /// One at a time: two first requests of one user make one vendor user (ISS-2).
    provisioning: tokio::sync::Mutex<()>,
}

impl Backend {
    /// Fails when the machine cannot make an HTTP client at all.
    pub fn new(api: String, api_key: String, rules: Arc<dyn Rules>, timeout: Duration) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder().timeout(timeout).no_proxy().pool_max_idle_per_host(0).build()?;
        Ok(Self {
            api,
            api_key,
            rules,
            client,
            sessions: Mutex::default(),
            provisioning: tokio::sync::Mutex::default(),
        })
    }

    /// Logs an app user in: the credential that its app then sends.
    pub fn log_in(&self, app_user: &str, ledger: &Ledger) -> String {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((credential, _)) = sessions.iter().find(|(_, user)| *user == app_user) {
            return credential.clone();
        }
        let credential = format!("app-session-{}", uuid::Uuid::new_v4().simple());
        ledger.secret(SecretKind::AppCredential, &credential);
        sessions.insert(credential.clone(), app_user.to_owned());
        credential
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<(StatusCode, Value), StatusCode> {
        let mut request =
            self.client.request(method, format!("{}{path}", self.api)).header("x-vital-api-key", &self.api_key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        let body = response.json().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
        Ok((status, body))
    }

    /// The vendor user of an app user, made when there is none.
    async fn vendor_user(&self, app_user: &str) -> Result<String, StatusCode> {
        let _one_at_a_time = self.provisioning.lock().await;
        let id = |body: &Value| body.get("user_id").and_then(Value::as_str).map(str::to_owned);
        if self.rules.looks_up() {
            let (status, body) = self.call(Method::GET, &format!("/v2/user/resolve/{app_user}"), None).await?;
            if status.is_success() {
                return id(&body).ok_or(StatusCode::BAD_GATEWAY);
            }
        }
        let (status, body) = self.call(Method::POST, "/v2/user", Some(json!({ "client_user_id": app_user }))).await?;
        if status.is_success() {
            return id(&body).ok_or(StatusCode::BAD_GATEWAY);
        }
        // Somebody else was faster: the conflict names the user.
        body.get("detail").and_then(id).ok_or(StatusCode::BAD_GATEWAY)
    }

    async fn token_for(&self, app_user: &str) -> Result<String, StatusCode> {
        let user_id = self.vendor_user(app_user).await?;
        let (status, body) = self.call(Method::POST, &format!("/v2/user/{user_id}/sign_in_token"), None).await?;
        let token = body.get("sign_in_token").and_then(Value::as_str).filter(|_| status.is_success());
        token.map(str::to_owned).ok_or(StatusCode::BAD_GATEWAY)
    }
}

/// Where the app asks for its sign-in token.
pub const TOKEN_PATH: &str = "/sign-in-token";

#[async_trait]
impl Upstream for Backend {
    async fn answer(&self, _: Link, request: Received) -> Reply {
        if request.path_only() != TOKEN_PATH || request.method != Method::POST {
            return Reply::json(StatusCode::NOT_FOUND, &json!({ "error": "not found" }));
        }
        let credential = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let app_user = credential.and_then(|credential| {
            self.sessions.lock().unwrap_or_else(PoisonError::into_inner).get(credential).cloned()
        });
        let Some(app_user) = app_user else {
            return Reply::json(StatusCode::UNAUTHORIZED, &json!({ "error": "please log in" }));
        };
        match self.token_for(&self.rules.subject(&app_user, &request)).await {
            Ok(token) => Reply::json(StatusCode::OK, &self.rules.body(&token, &self.api_key))
                .header("cache-control", self.rules.cache_control()),
            Err(status) => Reply::json(status, &json!({ "error": "the sign-in token cannot be had now; try again" })),
        }
    }
}
