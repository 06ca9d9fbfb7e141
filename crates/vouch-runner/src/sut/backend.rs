//! The backend role: the reference backend, or any customer backend that a target file configures.

use super::SutError;
use super::http::{HttpCall, HttpError, HttpReply, Place, RequestLine, Template, fill, fill_json, fill_path};
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
    /// How a test user's credential is ended, if the target file says so.
    pub logout: Option<ValueCall>,
    pub token: TokenCall,
    /// The `client_user_id` of an app user, with the variable `$user`.
    pub client_user_id: ClientUserId,
}

/// The id under which a backend makes the vendor user of an app user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientUserId {
    /// This text, with the variable `$user`.
    Template(Template),
    /// One that only the backend knows.
    Unknown,
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
    /// One request, with the variable `$user` and the values of the requests before it.
    Call {
        before: Vec<ValueCall>,
        line: RequestLine,
        headers: BTreeMap<String, Template>,
        body: Option<Value>,
        credential: Place,
        /// Further values for the token request, by name.
        values: BTreeMap<String, Place>,
    },
    /// Credentials that the target file lists by client user id; `*` stands for every other user.
    Fixed(HashMap<String, String>),
}

/// A request whose response has values for later requests, for example a token against CSRF.
#[derive(Clone, Debug)]
pub struct ValueCall {
    pub line: RequestLine,
    pub headers: BTreeMap<String, Template>,
    pub body: Option<Value>,
    pub values: BTreeMap<String, Place>,
}

impl ValueCall {
    fn call(&self, values: &[(&str, &str)]) -> HttpCall {
        HttpCall {
            method: self.line.method.clone(),
            path: fill_path(&self.line.path, values),
            headers: self.headers.iter().map(|(name, text)| (name.clone(), fill(text, values))).collect(),
            body: self.body.as_ref().map(|body| fill_json(body, values)),
            raw_body: None,
        }
    }
}

/// What an app has after a log-in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    pub credential: String,
    /// Further values, by name.
    pub values: Vec<(String, String)>,
}

/// The request of the app for a sign-in token, with the variables `$credential` and `$user`.
#[derive(Clone, Debug)]
pub struct TokenCall {
    pub line: RequestLine,
    pub headers: BTreeMap<String, Template>,
    pub body: Option<Value>,
    /// The location of the token in the response.
    pub token: Place,
    /// Requests that come before it each time.
    pub before: Vec<ValueCall>,
    /// A JSON pointer: an answer that has a value there, and not null, reports a failure, whatever its status.
    pub failed_when: Option<String>,
}

/// The user that each part of a token request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedUsers<'a> {
    pub path: &'a str,
    pub headers: &'a str,
    pub body: &'a str,
}

impl<'a> NamedUsers<'a> {
    /// The same user everywhere.
    pub fn all(user: &'a str) -> Self {
        Self { path: user, headers: user, body: user }
    }
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
            before: vec![],
            failed_when: None,
        }
    }

    /// The status of an answer: 422 where the target file says that it reports a failure in its body.
    pub fn status(&self, reply: &HttpReply) -> u16 {
        let has_failed = |pointer: &String| {
            let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
            body.pointer(pointer)
                .is_some_and(|value| !value.is_null() && value.as_array().is_none_or(|all| !all.is_empty()))
        };
        match &self.failed_when {
            Some(pointer) if (200..300).contains(&reply.status) && has_failed(pointer) => 422,
            _ => reply.status,
        }
    }

    /// Whether the request names its user, in a place of the target file.
    pub fn names_user(&self) -> bool {
        self.call_as(Credential::This(""), NamedUsers::all("a"), &[])
            != self.call_as(Credential::This(""), NamedUsers::all("b"), &[])
    }

    /// The request of an app user.
    pub fn call(&self, credential: Credential<'_>, user: &str) -> HttpCall {
        self.call_as(credential, NamedUsers::all(user), &[])
    }

    /// The request with these names in the place of `$user`, and further values.
    pub fn call_as(&self, credential: Credential<'_>, users: NamedUsers<'_>, more: &[(String, String)]) -> HttpCall {
        let value = match credential {
            Credential::This(value) => value,
            Credential::Missing => "",
        };
        let values_with = |user| {
            let more = more.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            [("credential", value), ("user", user)].into_iter().chain(more).collect::<Vec<_>>()
        };
        let has_credential = |text: &Template| text.0.contains("$credential") || text.0.contains("${credential}");
        let kept = |text: &&Template| credential != Credential::Missing || !has_credential(text);
        HttpCall {
            method: self.line.method.clone(),
            path: fill_path(&self.line.path, &values_with(users.path)),
            headers: self
                .headers
                .iter()
                .filter(|(_, text)| kept(text))
                .map(|(name, text)| (name.clone(), fill(text, &values_with(users.headers))))
                .collect(),
            body: self.body.as_ref().map(|body| fill_json(body, &values_with(users.body))),
            raw_body: None,
        }
    }
}

impl ClientUserId {
    fn of(&self, user: &str) -> Option<String> {
        match self {
            ClientUserId::Template(template) => Some(fill(template, &[("user", user)])),
            ClientUserId::Unknown => None,
        }
    }
}

impl Session {
    /// The variables of later requests.
    fn variables<'a>(&'a self, user: &'a str) -> Vec<(&'a str, &'a str)> {
        let own = [("credential", self.credential.as_str()), ("user", user)];
        own.into_iter().chain(self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))).collect()
    }
}

/// A running backend.
pub struct Backend {
    kind: Kind,
    base: String,
    /// The credentials of the app users that are logged in, by user.
    credentials: Mutex<HashMap<String, Session>>,
    client: reqwest::Client,
    connect_timeout: Duration,
    /// Records log-ins and log-outs.
    recorder: Option<Recorder>,
}

/// Takes a request of the app that goes to the backend directly, and its answer.
pub type Recorder = Box<dyn Fn(&HttpCall, Option<&HttpReply>) + Send + Sync>;

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
    /// The `client_user_id` of an app user. `None` if only the backend knows it.
    pub fn client_user_id(&self, user: &str) -> Option<String> {
        match self {
            BackendRole::Builtin(policy) => Some(policy.declared_client_user_id(user)),
            BackendRole::External(spec) => spec.client_user_id.of(user),
        }
    }

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
        let connect_timeout = environment.connect_timeout;
        Ok(Backend { kind, base, credentials: Mutex::default(), client, connect_timeout, recorder: None })
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
    #[error("the response to `{0}` has no `{1}` at the location in the target file")]
    NoValue(String, String),
}

/// A log-in that failed.
#[derive(Debug)]
pub struct LogInFailure {
    /// The backend answered, and refused it.
    pub refused: bool,
    pub error: SutError,
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
                Login::Fixed(list) if list.contains_key("*") => None,
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

    /// Has log-ins and log-outs recorded.
    pub fn record_with(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// The credential of an app user. The user is logged in on the first call.
    pub async fn log_in(&self, user: &str, redactor: &Redactor) -> Result<String, SutError> {
        self.session(user, redactor).await.map(|session| session.credential).map_err(|failure| failure.error)
    }

    /// The session of an app user, from the first call on the same.
    pub async fn session(&self, user: &str, redactor: &Redactor) -> Result<Session, LogInFailure> {
        let mut credentials = self.credentials.lock().await;
        if let Some(known) = credentials.get(user) {
            return Ok(known.clone());
        }
        let session = self.log_in_anew(user, redactor).await?;
        credentials.insert(user.to_owned(), session.clone());
        Ok(session)
    }

    /// A session of an app user that nobody else uses.
    async fn log_in_anew(&self, user: &str, redactor: &Redactor) -> Result<Session, LogInFailure> {
        let session = match &self.kind {
            Kind::Reference(backend) => Session { credential: backend.log_in(user), values: vec![] },
            Kind::External { spec, .. } => {
                self.log_in_external(&spec.login, user).await.map_err(|error| LogInFailure {
                    refused: matches!(error, LoginError::Status(400..=499)),
                    error: self.error(error.to_string()),
                })?
            }
        };
        redactor.secret(SecretKind::AppCredential, &session.credential);
        Ok(session)
    }

    /// Asks for the page that says whether it is ready, so that its answer is searched for secrets.
    pub async fn read_ready_page(&self) {
        let Kind::External { spec, .. } = &self.kind else { return };
        let BackendLaunch::Started(service) = &spec.run else { return };
        let Some(ready) = service.ready.as_ref().filter(|ready| ready.0.starts_with('/')) else { return };
        let line = RequestLine { method: hyper::Method::GET, path: ready.clone() };
        let page = ValueCall { line, headers: BTreeMap::new(), body: None, values: BTreeMap::new() };
        // Whether it is ready is known already.
        let _ = self.send_recorded(&page.call(&[])).await;
    }

    /// Whether the target file says how to log out.
    pub fn can_log_out(&self) -> bool {
        match &self.kind {
            Kind::Reference(_) => true,
            Kind::External { spec, .. } => spec.logout.is_some(),
        }
    }

    /// Logs an app user in once more and out again. Returns the session that has ended.
    pub async fn ended_session(&self, user: &str, redactor: &Redactor) -> Result<Session, LogInFailure> {
        match &self.kind {
            Kind::Reference(backend) => {
                let credential = backend.log_in_again(user);
                backend.log_out(&credential);
                Ok(Session { credential, values: vec![] })
            }
            Kind::External { spec, .. } => {
                let session = self.log_in_anew(user, redactor).await?;
                let Some(logout) = &spec.logout else { return Ok(session) };
                let call = logout.call(&session.variables(user));
                let failed = |what: String| LogInFailure { refused: false, error: self.error(what) };
                let reply = self.send_recorded(&call).await.map_err(|error| failed(format!("the log-out: {error}")))?;
                if reply.status >= 400 {
                    return Err(failed(format!("the log-out of a test user was answered with {}", reply.status)));
                }
                Ok(session)
            }
        }
    }

    async fn send_recorded(&self, call: &HttpCall) -> Result<HttpReply, HttpError> {
        let reply = call.send(&self.client, &self.base, self.connect_timeout).await;
        if let Some(recorder) = &self.recorder {
            recorder(call, reply.as_ref().ok());
        }
        reply
    }

    async fn log_in_external(&self, login: &Login, user: &str) -> Result<Session, LoginError> {
        match login {
            Login::Fixed(list) => match list.get(user).or_else(|| list.get("*")) {
                Some(credential) => {
                    let credential = fill(&vouch_spec::scenario::Text(credential.clone()), &[("user", user)]);
                    Ok(Session { credential, values: vec![] })
                }
                None => Err(LoginError::Unlisted(user.to_owned())),
            },
            Login::Call { before, line, headers, body, credential, values } => {
                let mut session = Session::default();
                for step in before {
                    self.send_for_values(step, user, &mut session).await?;
                }
                let step = ValueCall {
                    line: line.clone(),
                    headers: headers.clone(),
                    body: body.clone(),
                    values: values.clone(),
                };
                let reply = self.send_for_values(&step, user, &mut session).await?;
                session.credential = credential.read(&reply).ok_or(LoginError::NoCredential)?;
                Ok(session)
            }
        }
    }

    /// Sends a request and adds the values of its answer to the session.
    async fn send_for_values(
        &self,
        step: &ValueCall,
        user: &str,
        session: &mut Session,
    ) -> Result<HttpReply, LoginError> {
        let reply = self.send_recorded(&step.call(&session.variables(user))).await?;
        if !(200..400).contains(&reply.status) {
            return Err(LoginError::Status(reply.status));
        }
        for (name, place) in &step.values {
            let value =
                place.read(&reply).ok_or_else(|| LoginError::NoValue(step.line.path.0.clone(), name.clone()))?;
            session.values.retain(|(known, _)| known != name);
            session.values.push((name.clone(), value));
        }
        Ok(reply)
    }

    /// The values for a token request: those of the log-in, and of the requests that come before it. A request that fails has
    /// none, as when the credential is invalid.
    pub async fn values_for_token(&self, session: &Session, shown: &str, user: &str) -> Vec<(String, String)> {
        let mut session = Session { credential: shown.to_owned(), ..session.clone() };
        for step in self.token_call().before {
            let _ = self.send_for_values(&step, user, &mut session).await;
        }
        session.values
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

    /// Whether its process has ended, and how.
    pub fn exit_status(&self) -> Option<String> {
        match &self.kind {
            Kind::External { service: Some(service), .. } => service.exit_status(),
            _ => None,
        }
    }

    /// Its output since the previous call, if the harness started it.
    pub fn take_output(&self) -> String {
        match &self.kind {
            Kind::External { service: Some(service), .. } => service.take_output(),
            _ => String::new(),
        }
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
