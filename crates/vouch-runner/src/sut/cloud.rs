//! What sits on the api and idp roles: the simulated cloud, or a vendor cloud from outside, such as an emulator or a
//! staging environment.

use super::http::{Template, fill};
use super::http_service::{Service, ServiceError, ServiceSpec};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use vouch_sim::mock_cloud::{CloudPolicy, Keys, Lifetimes};
use vouch_spec::protocol::{Control, Realm};

/// What sits on the api and idp roles.
#[derive(Clone)]
pub enum CloudRole {
    Simulated { keys: Arc<Keys>, policy: Arc<dyn CloudPolicy> },
    External(Arc<ExternalCloud>),
}

/// A cloud from outside, as a target file has it.
#[derive(Clone, Debug)]
pub struct CloudSpec {
    pub name: String,
    /// Started once for the run; none when it runs already.
    pub service: Option<ServiceSpec>,
    pub realms: BTreeMap<Realm, RealmSpec>,
    pub lifetimes: Lifetimes,
    /// Programs that do what the cloud offers no call for.
    pub hooks: BTreeMap<Control, Vec<String>>,
    pub hook_environment: Vec<(String, Template)>,
    pub folder: PathBuf,
}

#[derive(Clone, Debug)]
pub struct RealmSpec {
    pub api: Template,
    pub auth: Template,
    pub api_key: String,
}

/// One realm of a running cloud.
#[derive(Clone, Debug)]
pub struct ExternalRealm {
    pub api: String,
    pub auth: String,
    pub api_key: String,
}

/// A running cloud from outside, shared by all cases of a run.
pub struct ExternalCloud {
    pub spec: CloudSpec,
    pub realms: BTreeMap<Realm, ExternalRealm>,
    service: Option<Service>,
}

/// Token lifetimes that a run can wait for in real time.
const SHORT: Duration = Duration::from_secs(15);
/// How long a hook may take.
const HOOK_PATIENCE: Duration = Duration::from_secs(20);

impl ExternalCloud {
    /// Starts it, where it does not run yet.
    pub async fn bring_up(spec: CloudSpec) -> Result<Self, ServiceError> {
        let service = match &spec.service {
            Some(service) => Some(Service::start(service, &[]).await?),
            None => None,
        };
        let port = service.as_ref().map(|service| service.port().to_owned()).unwrap_or_default();
        let values = [("port", port.as_str())];
        let url = |template: &Template| fill(template, &values).trim_end_matches('/').to_owned();
        let realms = spec.realms.iter().map(|(realm, of)| {
            (*realm, ExternalRealm { api: url(&of.api), auth: url(&of.auth), api_key: of.api_key.clone() })
        });
        Ok(Self { realms: realms.collect(), service, spec })
    }

    /// What a scenario can have it do.
    pub fn controls(&self) -> BTreeSet<Control> {
        let mut controls: BTreeSet<_> = [Control::DeleteUser, Control::UndoDelete].into();
        controls.extend(self.spec.hooks.keys());
        if self.waits() {
            controls.insert(Control::Advance);
        }
        controls
    }

    /// Whether expiry is waited for in real time.
    pub fn waits(&self) -> bool {
        let Lifetimes { sign_in_token, access_token } = self.spec.lifetimes;
        !self.has_hook(Control::Advance) && sign_in_token.max(access_token) <= SHORT
    }

    pub fn has_hook(&self, control: Control) -> bool {
        self.spec.hooks.contains_key(&control)
    }

    /// Runs a hook. The error is for the user.
    pub async fn hook(&self, control: Control, realm: Realm, user_id: &str, by: Duration) -> Result<(), String> {
        let Some((program, args)) = self.spec.hooks.get(&control).and_then(|words| words.split_first()) else {
            return Err(format!("there is no hook `{control}`"));
        };
        let port = self.service.as_ref().map(|service| service.port().to_owned()).unwrap_or_default();
        let values = [("port", port.as_str())];
        let environment = self.spec.hook_environment.iter().map(|(name, text)| (name.clone(), fill(text, &values)));
        let mut command = tokio::process::Command::new(program);
        command.args(args).current_dir(&self.spec.folder).envs(environment).stdin(Stdio::null()).kill_on_drop(true);
        command.env("VOUCH_HOOK", control.word()).env("VOUCH_ENVIRONMENT", realm.environment.word());
        command.env("VOUCH_REGION", realm.region.word()).env("VOUCH_USER_ID", user_id);
        command.env("VOUCH_SECONDS", by.as_secs().to_string());
        let run = tokio::time::timeout(HOOK_PATIENCE, command.output()).await;
        let output = run.map_err(|_| format!("the hook `{control}` did not end within {HOOK_PATIENCE:?}"))?;
        let output = output.map_err(|error| format!("the hook `{control}` cannot be started: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        let last = stderr.lines().last().unwrap_or("it says nothing");
        Err(format!("the hook `{control}` failed ({}): {last}", output.status))
    }

    pub fn stderr(&self) -> String {
        self.service.as_ref().map(Service::stderr).unwrap_or_default()
    }
}
