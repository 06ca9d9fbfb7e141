//! The backend role: the reference backend, or any customer backend that a target file configures.

use super::SutError;
use super::http::{HttpCall, HttpError, HttpReply, Place, RequestLine, Template, fill, fill_json};
use super::http_service::{Service, ServiceError, ServiceSpec};
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

/// The implementation that fills the backend role.
#[derive(Clone)]
pub enum BackendRole {
    Builtin(Arc<dyn BackendPolicy>),
    External(Arc<BackendSpec>),
}

/// A customer backend, as a target file configures it.
#[derive(Clone, Debug)]
pub struct BackendSpec {
    pub name: String,
    pub run: BackendLaunch,
    /// How a test user gets the credential that its app then sends.
    pub login: Login,
    pub token: TokenCall,
}

/// How the backend is launched, and how it gets the address of the vendor API that the harness serves.
#[derive(Clone, Debug)]
pub enum BackendLaunch {
    /// Started for each case, with the address in an environment variable.
    Started(ServiceSpec),
    /// Runs already, with a fixed address and key of the vendor API.
    Running { url: String, listen: SocketAddr, api_key: String },
}

/// How a test user logs in.
#[derive(Clone, Debug)]
pub enum Login {
    /// One request, with the variable `$user`.
    Call { line: RequestLine, headers: BTreeMap<String, Template>, body: Option<Value>, credential: Place },
    /// Credentials that the target file lists by client user id.
    Fixed(HashMap<String, String>),
}

/// The request of the app for a sign-in token, with the variables `$credential` and `$user`.
#[derive(Clone, Debug)]
pub struct TokenCall {
    pub line: RequestLine,
    pub headers: BTreeMap<String, Template>,
    pub body: Option<Value>,
    /// The location of the token in the response.
    pub token: Place,
}

/// The credential of an app user at the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential<'a> {
    This(&'a str),
    /// The headers with the credential are left out.
    Missing,
}

impl TokenCall {
    /// The token request of the reference backend.
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

    /// The request of an app user.
    pub fn call(&self, credential: Credential<'_>, user: &str) -> HttpCall {
        let value = match credential {
            Credential::This(value) => value,
            Credential::Missing => "",
        };
        let values = [("credential", value), ("user", user)];
        let has_credential = |text: &Template| text.0.contains("$credential") || text.0.contains("${credential}");
        let kept = |text: &&Template| credential != Credential::Missing || !has_credential(text);
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

/// A running backend.
pub struct Backend {
    kind: Kind,
    base: String,
    /// The credentials of the app users that are logged in, by user.
    credentials: Mutex<HashMap<String, String>>,
    client: reqwest::Client,
    connect_timeout: Duration,
}

enum Kind {
    Reference(Arc<reference::Backend>),
    External { spec: Arc<BackendSpec>, service: Option<Service> },
}

/// The environment that a backend starts in.
pub struct BackendEnvironment<'a> {
    /// The vendor API's base URL.
    pub api: &'a str,
    pub api_key: &'a str,
    pub realm: Realm,
    /// The timeout of its requests to the vendor API.
    pub timeout: Duration,
    /// The timeout of requests of the app to it.
    pub connect_timeout: Duration,
}

impl BackendRole {
    /// Starts the backend of one team.
    pub async fn bring_up(&self, environment: &BackendEnvironment<'_>) -> Result<Backend, ServiceError> {
        let no_client =
            |error: reqwest::Error| ServiceError::Unready(SutError::new(format!("no HTTP client: {error}")));
        let kind = match self {
            BackendRole::Builtin(policy) => {
                let (api, key) = (environment.api.to_owned(), environment.api_key.to_owned());
                let backend =
                    reference::Backend::new(api, key, policy.clone(), environment.timeout).map_err(no_client)?;
                Kind::Reference(Arc::new(backend))
            }
            BackendRole::External(spec) => {
                let timeout = environment.timeout.as_millis().to_string();
                let service = match &spec.run {
                    BackendLaunch::Running { .. } => None,
                    BackendLaunch::Started(service) => {
                        let values = [
                            ("api", environment.api),
                            ("apiKey", environment.api_key),
                            ("environment", environment.realm.environment.word()),
                            ("region", environment.realm.region.word()),
                            ("timeoutMs", timeout.as_str()),
                        ];
                        Some(Service::start(service, &values).await?)
                    }
                };
                Kind::External { spec: spec.clone(), service }
            }
        };
        let base = base(&kind);
        let client = vouch_sim::wire::client(&base, environment.connect_timeout).map_err(no_client)?;
        Ok(Backend { kind, base, credentials: Mutex::default(), client, connect_timeout: environment.connect_timeout })
    }
}

/// The base URL of an external backend; empty for the reference.
fn base(kind: &Kind) -> String {
    match kind {
        Kind::Reference(_) => String::new(),
        Kind::External { service: Some(service), .. } => service.address.clone(),
        Kind::External { spec, service: None } => match &spec.run {
            BackendLaunch::Running { url, .. } => url.trim_end_matches('/').to_owned(),
            BackendLaunch::Started(_) => String::new(),
        },
    }
}

/// Why a test user could not be logged in.
#[derive(Debug, thiserror::Error)]
enum LoginError {
    #[error("the target file lists no credential for `{0}`; add it under `[backend.credentials]`")]
    Unlisted(String),
    #[error("the login of a test user failed: {0}")]
    Http(#[from] HttpError),
    #[error("the login of a test user was answered with {0}")]
    Status(u16),
    #[error("the response to the login of a test user has no credential at the location in the target file")]
    NoCredential,
}

impl Backend {
    /// The upstream of its recording proxy: the reference itself, or a forwarder to its address.
    pub fn upstream(&self) -> Result<Arc<dyn Upstream>, SutError> {
        match &self.kind {
            Kind::Reference(backend) => Ok(backend.clone()),
            Kind::External { .. } => vouch_sim::wire::ForwardingUpstream::new(self.base.clone(), self.connect_timeout)
                .map(|forward| Arc::new(forward) as _)
                .map_err(|error| SutError::new(error.clone())),
        }
    }

    /// The base URL of an external backend; empty for the reference.
    pub fn address(&self) -> &str {
        &self.base
    }

    /// The users that can log in, if the target file lists them.
    pub fn known_users(&self) -> Option<Vec<String>> {
        match &self.kind {
            Kind::External { spec, .. } => match &spec.login {
                Login::Fixed(list) => Some(list.keys().cloned().collect()),
                Login::Call { .. } => None,
            },
            Kind::Reference(_) => None,
        }
    }

    /// The request of its app for a sign-in token.
    pub fn token_call(&self) -> TokenCall {
        match &self.kind {
            Kind::Reference(_) => TokenCall::reference(),
            Kind::External { spec, .. } => spec.token.clone(),
        }
    }

    /// The credential of an app user. The user is logged in on the first call.
    pub async fn log_in(&self, user: &str, redactor: &Redactor) -> Result<String, SutError> {
        let mut credentials = self.credentials.lock().await;
        if let Some(known) = credentials.get(user) {
            return Ok(known.clone());
        }
        let credential = match &self.kind {
            Kind::Reference(backend) => backend.log_in(user),
            Kind::External { spec, .. } => {
                self.log_in_external(&spec.login, user).await.map_err(|error| self.error(error.to_string()))?
            }
        };
        redactor.secret(SecretKind::AppCredential, &credential);
        credentials.insert(user.to_owned(), credential.clone());
        Ok(credential)
    }

    async fn log_in_external(&self, login: &Login, user: &str) -> Result<String, LoginError> {
        match login {
            Login::Fixed(list) => list.get(user).cloned().ok_or_else(|| LoginError::Unlisted(user.to_owned())),
            Login::Call { line, headers, body, credential } => {
                let values = [("user", user)];
                let call = HttpCall {
                    method: line.method.clone(),
                    path: fill(&line.path, &values),
                    headers: headers.iter().map(|(name, text)| (name.clone(), fill(text, &values))).collect(),
                    body: body.as_ref().map(|body| fill_json(body, &values)),
                };
                let reply = call.send(&self.client, &self.base, self.connect_timeout).await?;
                if !(200..400).contains(&reply.status) {
                    return Err(LoginError::Status(reply.status));
                }
                credential.read(&reply).ok_or(LoginError::NoCredential)
            }
        }
    }

    /// An error with the exit status and the output of the backend's process.
    fn error(&self, what: String) -> SutError {
        match &self.kind {
            Kind::External { service: Some(service), .. } => {
                let exit = service.exit_status().map(|how| format!("; the backend ended: {how}")).unwrap_or_default();
                service.error(format!("{what}{exit}"))
            }
            _ => SutError::new(what),
        }
    }

    /// Sends a request of the app to `proxy`, the base URL of this backend's recording proxy.
    pub async fn ask(&self, call: &HttpCall, proxy: &str) -> Result<HttpReply, SutError> {
        let reply = call.send(&self.client, proxy, self.connect_timeout).await;
        reply.map_err(|error| self.error(format!("the backend: {error}")))
    }

    /// The last part of its output, if the harness started it.
    pub fn stderr(&self) -> String {
        match &self.kind {
            Kind::External { service: Some(service), .. } => service.stderr(),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests;
