//! The api and idp roles: the mock cloud, or an external vendor cloud such as an emulator or a staging environment.

mod discovery;

pub use discovery::{Discovered, DiscoveryError};

use super::StartError;
use super::hook_command::{self, HookFailure};
use super::http::{HttpCall, HttpError, Template, fill};
use super::http_service::{Service, ServiceError, ServiceSpec};
use super::metrics_probe::{MetricsError, MetricsFrom, MetricsProbe, MetricsSpec};
use super::system_description::{DescribeError, DescribeSource, SystemDescription};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use vouch_sim::mock_cloud::{CloudPolicy, Keys, Lifetimes};
use vouch_sim::wire::{ClientTls, TlsConfig, TlsError, client_over};
use vouch_spec::profile::Rotation;
use vouch_spec::protocol::{Control, Realm};

/// The implementation that fills the api and idp roles.
#[derive(Clone)]
pub enum CloudRole {
    Simulated { keys: Arc<Keys>, policy: Arc<dyn CloudPolicy> },
    External(Arc<ExternalCloud>),
}

/// An external cloud, as a target file configures it.
#[derive(Clone, Debug)]
pub struct CloudSpec {
    pub name: String,
    /// The program to start once for the run. `None` if the cloud runs already.
    pub service: Option<ServiceSpec>,
    pub realms: BTreeMap<Realm, RealmSpec>,
    pub lifetimes: Lifetimes,
    /// How long after their end it still accepts tokens (RFC 7519 section 4.1.4), where the target file says.
    pub clock_leeway: Option<Duration>,
    /// Whether a refused refresh says that the user is gone.
    pub reports_deletion: bool,
    /// Whether a refresh brings a new refresh token, where the target file says.
    pub rotation: Option<Rotation>,
    /// How long a refresh token that was rotated out may be used again.
    pub reuse_interval: Duration,
    /// The path or URL of the public keys of its tokens, as a JWK Set, where the target file says.
    pub jwks: Option<String>,
    /// The path (at the identity provider) or URL of its discovery document.
    pub discovery: Option<Template>,
    /// What its clients trust and show over TLS.
    pub tls: ClientTls,
    /// Commands for controls that the API of the cloud does not offer.
    pub hooks: BTreeMap<Control, Vec<String>>,
    pub hook_environment: Vec<(String, Template)>,
    /// What it says of itself, where the target file says how to ask.
    pub describe: Option<DescribeSource>,
    /// Where its CPU, memory and queue can be read. Default: the processes that Vouch starts.
    pub metrics: Option<MetricsSpec>,
    /// The working directory of the hooks.
    pub folder: PathBuf,
}

/// One realm of an external cloud, with `$port` in its URLs not yet resolved.
#[derive(Clone, Debug)]
pub struct RealmSpec {
    pub api: Template,
    pub auth: Template,
    pub api_key: String,
}

/// One realm of a running external cloud.
#[derive(Clone, Debug)]
pub struct ExternalRealm {
    pub api: String,
    pub auth: String,
    pub api_key: String,
    /// The URL of the public keys of its tokens.
    pub jwks: String,
}

/// A running external cloud, shared by all cases of a run.
pub struct ExternalCloud {
    pub spec: CloudSpec,
    pub realms: BTreeMap<Realm, ExternalRealm>,
    /// What the target file says of TLS; none if that is nothing.
    pub tls: Option<TlsConfig>,
    service: Option<Service>,
}

/// The longest token lifetime that a run waits for in real time.
const MAX_WAITED_LIFETIME: Duration = Duration::from_secs(15);
/// The leeway that servers usually grant (RFC 7519 section 4.1.4).
pub const USUAL_LEEWAY: Duration = Duration::from_secs(60);
/// The usual place of a JWK Set.
pub const USUAL_JWKS: &str = "/.well-known/jwks.json";
/// The timeout of a hook.
const HOOK_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest that a server may take for an answer while TLS is checked.
const TLS_TIMEOUT: Duration = Duration::from_secs(5);

/// A server that cannot be met over TLS.
#[derive(Debug, thiserror::Error)]
#[error("{url} cannot be called: {why}")]
pub struct UnmetOverTls {
    url: String,
    why: String,
}

/// Why a hook did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    #[error("the target file has no hook `{0}`")]
    Missing(Control),
    #[error("the hook `{control}` {}", .failure.predicate())]
    Failed { control: Control, failure: HookFailure },
}

impl ExternalCloud {
    /// Starts the cloud, unless it runs already.
    pub async fn bring_up(spec: CloudSpec) -> Result<Self, ServiceError> {
        let cannot = |error: TlsError| ServiceError::StartError(StartError::new("cannot set up TLS", &error));
        let tls = if spec.tls.is_usual() { None } else { Some(spec.tls.config(&["http/1.1"]).map_err(cannot)?) };
        let service = match &spec.service {
            Some(service) => Some(Service::start(service, &[]).await?),
            None => None,
        };
        let port = service.as_ref().map(|service| service.port().to_owned()).unwrap_or_default();
        let values = [("port", port.as_str())];
        let url = |template: &Template| fill(template, &values).trim_end_matches('/').to_owned();
        let realms = spec.realms.iter().map(|(realm, of)| {
            let (api, auth) = (url(&of.api), url(&of.auth));
            let jwks = spec.jwks.as_deref().unwrap_or(USUAL_JWKS);
            let jwks = if jwks.starts_with('/') { format!("{auth}{jwks}") } else { jwks.to_owned() };
            (*realm, ExternalRealm { api, auth, api_key: of.api_key.clone(), jwks })
        });
        Ok(Self { realms: realms.collect(), tls, service, spec })
    }

    /// Whether its servers can be met over TLS at all. Servers that do not answer are no concern of this check.
    ///
    /// # Errors
    /// What is wrong with TLS at the first such server, and what to do.
    pub async fn check_tls(&self) -> Result<(), UnmetOverTls> {
        let urls: BTreeSet<_> = self.realms.values().flat_map(|of| [&of.api, &of.auth]).collect();
        for url in urls.into_iter().filter(|url| url.starts_with("https:")) {
            let Ok(client) = client_over(url, TLS_TIMEOUT, self.tls.as_ref()) else { continue };
            if let Err(HttpError::Tls(why)) = HttpCall::get("").send(&client, url, TLS_TIMEOUT).await {
                return Err(UnmetOverTls { url: url.clone(), why });
            }
        }
        Ok(())
    }

    /// The controls that it offers to scenarios.
    pub fn controls(&self) -> BTreeSet<Control> {
        let mut controls: BTreeSet<_> = [Control::DeleteUser, Control::UndoDelete].into();
        controls.extend(self.spec.hooks.keys());
        if self.spec.reports_deletion {
            controls.insert(Control::ReportDeletion);
        }
        if self.waits() {
            controls.insert(Control::Advance);
        }
        controls
    }

    /// Whether scenarios wait for the expiry of tokens in real time.
    pub fn waits(&self) -> bool {
        let Lifetimes { sign_in_token, access_token } = self.spec.lifetimes;
        !self.has_hook(Control::Advance) && sign_in_token.max(access_token) <= MAX_WAITED_LIFETIME
    }

    /// How long after their end tokens may still be accepted. Where waiting costs no time, a minute is allowed unasked.
    pub fn clock_leeway(&self) -> Duration {
        let unsaid = if self.has_hook(Control::Advance) { USUAL_LEEWAY } else { Duration::ZERO };
        self.spec.clock_leeway.unwrap_or(unsaid)
    }

    /// Whether the target file has a hook for a control.
    pub fn has_hook(&self, control: Control) -> bool {
        self.spec.hooks.contains_key(&control)
    }

    /// Runs the hook of a control.
    pub async fn run_hook(&self, control: Control, realm: Realm, user_id: &str, by: Duration) -> Result<(), HookError> {
        let Some((program, args)) = self.spec.hooks.get(&control).and_then(|words| words.split_first()) else {
            return Err(HookError::Missing(control));
        };
        let environment = self.hook_environment();
        let seconds = by.as_secs().to_string();
        let vouch = [
            ("VOUCH_HOOK", control.word()),
            ("VOUCH_ENVIRONMENT", realm.environment.word()),
            ("VOUCH_REGION", realm.region.word()),
            ("VOUCH_USER_ID", user_id),
            ("VOUCH_SECONDS", &seconds),
        ];
        let vouch = vouch.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let ran =
            hook_command::run((program, args), &self.spec.folder, environment.into_iter().chain(vouch), HOOK_TIMEOUT)
                .await;
        ran.map(|_| ()).map_err(|failure| HookError::Failed { control, failure })
    }

    /// The environment variables of the target file for its hooks.
    fn hook_environment(&self) -> Vec<(String, String)> {
        let of = |text: &Template| self.fill(text);
        self.spec.hook_environment.iter().map(|(name, text)| (name.clone(), of(text))).collect()
    }

    fn fill(&self, text: &Template) -> String {
        let port = self.service.as_ref().map(|service| service.port().to_owned()).unwrap_or_default();
        fill(text, &[("port", port.as_str())])
    }

    /// What it says of itself.
    ///
    /// # Errors
    /// If the command of `describe` fails.
    pub async fn describe(&self) -> Result<Option<SystemDescription>, DescribeError> {
        let Some(source) = &self.spec.describe else { return Ok(None) };
        source.read(&self.spec.folder, self.hook_environment(), HOOK_TIMEOUT).await.map(Some)
    }

    /// Reads what it uses. `None`: the target file names no metrics, and Vouch started no process.
    ///
    /// # Errors
    /// If no HTTP client can be made for the URL of the metrics.
    pub fn metrics(&self) -> Result<Option<MetricsProbe>, MetricsError> {
        let Some(spec) = &self.spec.metrics else {
            return Ok(self.service.as_ref().and_then(Service::metrics));
        };
        let names = spec.names.clone();
        match &spec.from {
            MetricsFrom::Url(url) => {
                let url = self.fill(url);
                let address = self.service.as_ref().map(|service| service.address.as_str()).unwrap_or_default();
                let url = if url.starts_with('/') { format!("{address}{url}") } else { url };
                MetricsProbe::url(url, names).map(Some)
            }
            MetricsFrom::Command(words) => {
                let (folder, environment) = (self.spec.folder.clone(), self.hook_environment());
                Ok(Some(MetricsProbe::command(words.clone(), folder, environment, names)))
            }
        }
    }

    /// The last part of its output, if the harness started it.
    pub fn stderr(&self) -> String {
        self.service.as_ref().map(Service::stderr).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
