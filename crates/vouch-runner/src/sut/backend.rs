//! What sits on the backend role: the reference, or any customer backend that a target file maps.

use super::http::{HttpCall, HttpReply, Place, RequestLine, Template, fill, fill_json};
use super::http_service::{Service, ServiceError, ServiceSpec};
use super::{SutError, trouble};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use vouch_sim::reference::backend::{self as reference, BackendPolicy};
use vouch_sim::wire::Upstream;
use vouch_sim::wire::redact::{Redactor, SecretKind};
use vouch_spec::protocol::Realm;

/// What sits on the backend role.
#[derive(Clone)]
pub enum BackendRole {
    Builtin(Arc<dyn BackendPolicy>),
    External(Arc<BackendSpec>),
}

/// A customer's backend.
#[derive(Clone, Debug)]
pub struct BackendSpec {
    pub name: String,
    pub run: Vendor,
    /// How a test user gets the credential that its app then sends.
    pub login: Login,
    pub token: TokenCall,
}

/// How the backend is run, and so how it finds the vendor API that the harness plays.
#[derive(Clone, Debug)]
pub enum Vendor {
    /// Started for each case, told the address in its environment.
    Started(ServiceSpec),
    /// Runs already, with a vendor API address and key that never change.
    Running { url: String, listen: SocketAddr, api_key: String },
}

/// How a test user logs in.
#[derive(Clone, Debug)]
pub enum Login {
    /// One call, with `$user`.
    Call { line: RequestLine, headers: BTreeMap<String, Template>, body: Option<Value>, credential: Place },
    /// Credentials that the target file lists.
    Fixed(HashMap<String, String>),
}

/// How the app asks for a sign-in token, with `$credential` and `$user`.
#[derive(Clone, Debug)]
pub struct TokenCall {
    pub line: RequestLine,
    pub headers: BTreeMap<String, Template>,
    pub body: Option<Value>,
    /// Where the token stands in the answer.
    pub token: Place,
}

/// What an app authenticates with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential<'a> {
    This(&'a str),
    /// The headers that carry the credential are left out.
    Missing,
}

impl TokenCall {
    /// How the reference backend is asked.
    fn reference() -> Self {
        Self {
            line: RequestLine {
                method: hyper::Method::POST,
                path: vouch_spec::scenario::Text(reference::TOKEN_PATH.into()),
            },
            headers: [("authorization".to_owned(), vouch_spec::scenario::Text("Bearer $credential".into()))].into(),
            body: Some(Value::Object(serde_json::Map::new())),
            token: Place::Json("/sign_in_token".into()),
        }
    }

    /// The call of an app user.
    pub fn call(&self, credential: Credential<'_>, user: &str) -> HttpCall {
        let value = match credential {
            Credential::This(value) => value,
            Credential::Missing => "",
        };
        let values = [("credential", value), ("user", user)];
        let carries = |text: &Template| text.0.contains("$credential") || text.0.contains("${credential}");
        let kept = |text: &&Template| credential != Credential::Missing || !carries(text);
        HttpCall {
            method: self.line.method.clone(),
            path: fill(&self.line.path, &values),
            headers: self
                .headers
                .iter()
                .filter(|(_, text)| kept(text))
                .map(|(name, text)| (name.clone(), fill(text, &values)))
                .collect(),
            body: self.body.as_ref().map(|body| fill_json(body, &values)),
        }
    }
}

/// A backend that is up.
pub struct Backend {
    kind: Kind,
    base: String,
    /// The sessions of the case's app users, by user.
    credentials: Mutex<HashMap<String, String>>,
    client: reqwest::Client,
    connect_timeout: Duration,
}

enum Kind {
    Reference(Arc<reference::Backend>),
    External { spec: Arc<BackendSpec>, service: Option<Service> },
}

/// What a backend is told when it is brought up.
pub struct BackendEnvironment<'a> {
    /// The vendor API's base URL.
    pub api: &'a str,
    pub api_key: &'a str,
    pub realm: Realm,
    /// How long it should wait for the vendor.
    pub timeout: Duration,
    /// How long its app waits for it.
    pub connect_timeout: Duration,
}

impl BackendRole {
    /// Brings the backend of one team up.
    pub async fn bring_up(&self, around: &BackendEnvironment<'_>) -> Result<Backend, ServiceError> {
        let broken = |error: reqwest::Error| ServiceError::Unready(trouble(format!("no HTTP client: {error}")));
        let kind = match self {
            BackendRole::Builtin(policy) => {
                let (api, key) = (around.api.to_owned(), around.api_key.to_owned());
                let backend = reference::Backend::new(api, key, policy.clone(), around.timeout).map_err(broken)?;
                Kind::Reference(Arc::new(backend))
            }
            BackendRole::External(spec) => {
                let timeout = around.timeout.as_millis().to_string();
                let service = match &spec.run {
                    Vendor::Running { .. } => None,
                    Vendor::Started(service) => {
                        let values = [
                            ("api", around.api),
                            ("apiKey", around.api_key),
                            ("environment", around.realm.environment.word()),
                            ("region", around.realm.region.word()),
                            ("timeoutMs", timeout.as_str()),
                        ];
                        Some(Service::start(service, &values).await?)
                    }
                };
                Kind::External { spec: spec.clone(), service }
            }
        };
        let base = base(&kind);
        let client = vouch_sim::wire::client(&base, around.connect_timeout).map_err(broken)?;
        Ok(Backend { kind, base, credentials: Mutex::default(), client, connect_timeout: around.connect_timeout })
    }
}

/// The base URL of a backend that has an address of its own.
fn base(kind: &Kind) -> String {
    match kind {
        Kind::Reference(_) => String::new(),
        Kind::External { service: Some(service), .. } => service.address.clone(),
        Kind::External { spec, service: None } => match &spec.run {
            Vendor::Running { url, .. } => url.trim_end_matches('/').to_owned(),
            Vendor::Started(_) => String::new(),
        },
    }
}

impl Backend {
    /// What to put behind its front: the reference itself, or an address to pass calls on to.
    pub fn upstream(&self) -> Result<Arc<dyn Upstream>, String> {
        match &self.kind {
            Kind::Reference(backend) => Ok(backend.clone()),
            Kind::External { .. } => vouch_sim::wire::Forward::new(self.base.clone(), self.connect_timeout)
                .map(|forward| Arc::new(forward) as _),
        }
    }

    /// The base URL of a backend that has an address of its own; empty for the reference.
    pub fn address(&self) -> &str {
        &self.base
    }

    /// The users that can log in, where the target file lists them.
    pub fn known_users(&self) -> Option<Vec<String>> {
        match &self.kind {
            Kind::External { spec, .. } => match &spec.login {
                Login::Fixed(list) => Some(list.keys().cloned().collect()),
                Login::Call { .. } => None,
            },
            Kind::Reference(_) => None,
        }
    }

    pub fn token_call(&self) -> TokenCall {
        match &self.kind {
            Kind::Reference(_) => TokenCall::reference(),
            Kind::External { spec, .. } => spec.token.clone(),
        }
    }

    /// The credential of an app user, who is logged in when first needed.
    pub async fn log_in(&self, user: &str, redactor: &Redactor) -> Result<String, SutError> {
        let mut credentials = self.credentials.lock().await;
        if let Some(known) = credentials.get(user) {
            return Ok(known.clone());
        }
        let credential = match &self.kind {
            Kind::Reference(backend) => backend.log_in(user),
            Kind::External { spec, .. } => {
                self.log_in_outside(&spec.login, user).await.map_err(|what| self.trouble(what))?
            }
        };
        redactor.secret(SecretKind::AppCredential, &credential);
        credentials.insert(user.to_owned(), credential.clone());
        Ok(credential)
    }

    async fn log_in_outside(&self, login: &Login, user: &str) -> Result<String, String> {
        match login {
            Login::Fixed(list) => list.get(user).cloned().ok_or_else(|| {
                format!("the target file lists no credential for `{user}`; add it under `[backend.credentials]`")
            }),
            Login::Call { line, headers, body, credential } => {
                let values = [("user", user)];
                let call = HttpCall {
                    method: line.method.clone(),
                    path: fill(&line.path, &values),
                    headers: headers.iter().map(|(name, text)| (name.clone(), fill(text, &values))).collect(),
                    body: body.as_ref().map(|body| fill_json(body, &values)),
                };
                let reply = call.send(&self.client, &self.base, self.connect_timeout).await;
                let reply = reply.map_err(|why| format!("the login of a test user failed: {why}"))?;
                if !(200..400).contains(&reply.status) {
                    return Err(format!("the login of a test user was answered with {}", reply.status));
                }
                let missing = || {
                    "the answer to the login of a test user holds no credential where the target file says".to_owned()
                };
                credential.read(&reply).ok_or_else(missing)
            }
        }
    }

    fn trouble(&self, what: String) -> SutError {
        let trouble = trouble(what);
        match &self.kind {
            Kind::External { service: Some(service), .. } => {
                let how = service.ended().map(|how| format!("; the backend ended: {how}")).unwrap_or_default();
                service.explained(format!("{}{how}", trouble.what))
            }
            _ => trouble,
        }
    }

    /// Sends an app's call to the front of this backend.
    pub async fn ask(&self, call: &HttpCall, front: &str) -> Result<HttpReply, SutError> {
        call.send(&self.client, front, self.connect_timeout)
            .await
            .map_err(|why| self.trouble(format!("the backend: {why}")))
    }

    pub fn stderr(&self) -> String {
        match &self.kind {
            Kind::External { service: Some(service), .. } => service.stderr(),
            _ => String::new(),
        }
    }
}
