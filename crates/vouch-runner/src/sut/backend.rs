//! The backend role: the reference backend, or any customer backend that a target file configures.

mod log_in;
mod spec;

pub use log_in::LogInFailure;
pub use spec::{
    BackendLaunch, BackendSpec, ClientUserId, Credential, Login, NamedUsers, Session, TokenCall, ValueCall,
};

use super::SutError;
use super::http::{HttpCall, HttpError, HttpReply, RequestLine};
use super::http_service::{Service, ServiceError};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use vouch_sim::reference::backend::{self as reference, BackendPolicy};
use vouch_sim::wire::Upstream;
use vouch_spec::protocol::Realm;

/// The implementation that fills the backend role.
#[derive(Clone)]
pub enum BackendRole {
    Builtin(Arc<dyn BackendPolicy>),
    External(Arc<BackendSpec>),
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

impl Backend {
    /// The upstream of its recording proxy: the reference itself, or a forwarder to its address.
    pub fn upstream(&self) -> Result<Arc<dyn Upstream>, SutError> {
        match &self.kind {
            Kind::Reference(backend) => Ok(backend.clone()),
            Kind::External { .. } => {
                vouch_sim::wire::ForwardingUpstream::new(self.base.clone(), self.connect_timeout, None)
                    .map(|forward| Arc::new(forward) as _)
                    .map_err(|error| SutError::new(error.clone()))
            }
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

    async fn send_recorded(&self, call: &HttpCall) -> Result<HttpReply, HttpError> {
        let reply = call.send(&self.client, &self.base, self.connect_timeout).await;
        if let Some(recorder) = &self.recorder {
            recorder(call, reply.as_ref().ok());
        }
        reply
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
