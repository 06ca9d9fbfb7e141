//! The customer backends of a case: one for the team of each realm, started on first use.

use super::context::CaseContext;
use super::step_result::StepError;
use super::users::Users;
use crate::sut::{Backend, BackendEnvironment, BackendLaunch, BackendRole, HttpCall, HttpReply, ServiceError};
use hyper::{HeaderMap, StatusCode};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use vouch_sim::wire::redact::SecretKind;
use vouch_sim::wire::{Link, Party, RecordingProxy, WireRequest, WireResponse};
use vouch_spec::protocol::Realm;

/// The backends of a case.
pub(super) struct Backends {
    context: CaseContext,
    role: BackendRole,
    timeouts: BackendTimeouts,
    running: tokio::sync::Mutex<HashMap<Realm, RunningBackend>>,
}

/// Timeouts of HTTP requests, in real time.
#[derive(Clone, Copy)]
pub(super) struct BackendTimeouts {
    /// From the app to the backend.
    pub from_app: Duration,
    /// From the backend to the vendor API.
    pub to_vendor: Duration,
}

/// A backend and its recording proxy.
#[derive(Clone)]
pub(super) struct RunningBackend {
    /// The base URL of its recording proxy, which the app calls.
    pub address: String,
    pub backend: Arc<Backend>,
}

impl Backends {
    pub fn new(context: CaseContext, role: BackendRole, timeouts: BackendTimeouts) -> Self {
        Self { context, role, timeouts, running: tokio::sync::Mutex::default() }
    }

    /// Starts the backend under test and logs its users in: a backend may make their vendor users then. Does nothing for the
    /// reference backend.
    pub async fn prepare(&self, users: &Users) -> Result<(), StepError> {
        if matches!(self.role, BackendRole::Builtin(_)) {
            return Ok(());
        }
        let running = self.get(self.context.given.realm()).await?;
        running.backend.read_ready_page().await;
        for name in users.names() {
            let user = users.get(&name)?;
            let login = running.backend.session(&user.external_id, &self.context.redactor).await;
            login.map_err(|failure| match failure.refused && self.context.given.external_ids.contains_key(&name) {
                true => StepError::NotApplicable("the backend does not log in a user with such a name".into()),
                false => StepError::Backend(failure.error),
            })?;
        }
        Ok(())
    }

    /// The output of every backend since the previous call.
    pub async fn take_output(&self) -> String {
        self.running.lock().await.values().map(|running| running.backend.take_output()).collect()
    }

    /// The backend of a realm's team, started on first use.
    pub async fn get(&self, realm: Realm) -> Result<RunningBackend, StepError> {
        let mut running = self.running.lock().await;
        if let Some(found) = running.get(&realm) {
            return Ok(found.clone());
        }
        let started = self.start(realm).await?;
        running.insert(realm, started.clone());
        Ok(started)
    }

    async fn start(&self, realm: Realm) -> Result<RunningBackend, StepError> {
        let (api, api_key) = self.open_vendor_api(realm).await?;
        let environment = BackendEnvironment {
            api: &api,
            api_key: &api_key,
            realm,
            timeout: self.timeouts.to_vendor,
            connect_timeout: self.timeouts.from_app,
        };
        let mut backend = self.role.bring_up(&environment).await.map_err(|error| match error {
            ServiceError::StartError(error) => not_started(error),
            ServiceError::Unready(error) => StepError::Backend(error),
        })?;
        let from_app = Link { from: Party::App, to: Party::Backend, realm };
        let upstream = backend.upstream().map_err(not_started)?;
        let proxy = self.context.proxy.clone();
        backend.record_with(Box::new(move |call, reply| record(&proxy, from_app, call, reply)));
        let address = self.context.proxy.open(from_app, upstream).await.map_err(not_started)?;
        Ok(RunningBackend { address: format!("http://{address}"), backend: Arc::new(backend) })
    }

    /// Opens the vendor API that the backend calls. Returns its base URL and the API key.
    async fn open_vendor_api(&self, realm: Realm) -> Result<(String, String), StepError> {
        let CaseContext { vendor, redactor, proxy, .. } = &self.context;
        let link = Link { from: Party::Backend, to: Party::Api, realm };
        if let BackendRole::External(spec) = &self.role
            && let BackendLaunch::Running { listen, api_key, .. } = &spec.run
        {
            vendor.simulated()?.set_api_key(realm, api_key);
            redactor.named_secret(SecretKind::ApiKey, api_key, format!("API key of {realm}"));
            let api = proxy.open_at(*listen, link, vendor.upstream()).await.map_err(not_started)?;
            return Ok((format!("http://{api}"), api_key.clone()));
        }
        let api = proxy.open(link, vendor.upstream()).await.map_err(not_started)?;
        Ok((format!("http://{api}"), vendor.api_key(realm)?))
    }

    /// The last part of the output of every backend.
    pub async fn stderr(&self) -> String {
        self.running.lock().await.values().map(|running| running.backend.stderr()).collect()
    }
}

/// Records a log-in, so that what it answers is searched for secrets.
fn record(proxy: &RecordingProxy, link: Link, call: &HttpCall, reply: Option<&HttpReply>) {
    let request = WireRequest {
        method: call.method.clone(),
        path: call.path.clone(),
        headers: HeaderMap::new(),
        body: call.body.as_ref().map(|body| body.to_string().into()).unwrap_or_default(),
    };
    let reply = reply.map(|reply| WireResponse {
        status: StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_GATEWAY),
        headers: reply.headers.clone(),
        body: reply.body.clone().into(),
    });
    proxy.record(link, request, reply);
}

fn not_started(error: impl fmt::Display) -> StepError {
    StepError::Harness(format!("cannot start a backend: {error}"))
}
