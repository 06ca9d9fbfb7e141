//! The cloud behind the api and idp roles in one case: the mock cloud, or an external one.

use super::step_result::StepError;
use crate::sut::{ExternalCloud, HttpCall, USUAL_LEEWAY};
use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use vouch_sim::clock::ClockMode;
use vouch_sim::mock_cloud::{Lifetimes, MockCloud};
use vouch_sim::sign_in_token::TokenParts;
use vouch_sim::wire::redact::{Redactor, SecretKind};
use vouch_sim::wire::{ForwardingUpstream, Link, Party, Upstream, WireRequest, WireResponse, client_over, hide_tokens};
use vouch_spec::profile::{Profile, Rotation};
use vouch_spec::protocol::{Control, Realm};

/// The cloud of one case.
pub enum Vendor {
    Simulated(MockCloud),
    External(ExternalVendor),
}

/// An external cloud in one case.
pub struct ExternalVendor {
    cloud: Arc<ExternalCloud>,
    client: reqwest::Client,
    timeout: Duration,
    upstream: Arc<ExternalUpstream>,
}

impl ExternalVendor {
    pub fn new(
        cloud: Arc<ExternalCloud>,
        profile: Arc<Profile>,
        redactor: Redactor,
        timeout: Duration,
    ) -> Result<Self, VendorError> {
        redactor.client_of(&profile);
        let mut hosts = BTreeMap::new();
        for (realm, of) in &cloud.realms {
            redactor.named_secret(SecretKind::ApiKey, &of.api_key, format!("API key of {realm}"));
            let forward = |url: &str| {
                ForwardingUpstream::new(url.to_owned(), timeout, cloud.tls.as_ref())
                    .map_err(|error| VendorError::new(url, &error))
            };
            hosts.insert(*realm, (forward(&of.api)?, forward(&of.auth)?));
        }
        let base = cloud.realms.values().next().map(|of| of.api.clone()).unwrap_or_default();
        let client = client_over(&base, timeout, cloud.tls.as_ref());
        let client = client.map_err(|error| VendorError::new(&base, &error))?;
        Ok(Self {
            cloud,
            client,
            timeout,
            upstream: Arc::new(ExternalUpstream { hosts, profile, redactor, learned: Mutex::default() }),
        })
    }

    /// Calls the API with the team's key. The call is not recorded.
    async fn team_call(
        &self,
        realm: Realm,
        method: hyper::Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<(u16, Value), StepError> {
        let of = self.cloud.realms.get(&realm).ok_or_else(|| no_realm(realm))?;
        let headers = [("x-vital-api-key".to_owned(), of.api_key.clone())].into();
        let call = HttpCall { method, path: path.to_owned(), headers, body, raw_body: None };
        let reply = call.send(&self.client, &of.api, self.timeout).await;
        let reply = reply
            .map_err(|error| StepError::Harness(format!("the cloud under test cannot be prepared: {path}: {error}")))?;
        Ok((reply.status, serde_json::from_slice(&reply.body).unwrap_or_default()))
    }
}

/// Why an external cloud cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("there is no HTTP client for {url}: {error}")]
pub struct VendorError {
    url: String,
    error: String,
}

impl VendorError {
    fn new(url: &str, error: &impl std::fmt::Display) -> Self {
        Self { url: url.to_owned(), error: error.to_string() }
    }
}

fn no_realm(realm: Realm) -> StepError {
    StepError::Harness(format!("the target file has no `[[cloud.realms]]` for {realm}"))
}

impl Vendor {
    /// The upstream of the recording proxies.
    pub fn upstream(&self) -> Arc<dyn Upstream> {
        match self {
            Vendor::Simulated(cloud) => Arc::new(cloud.clone()),
            Vendor::External(external) => external.upstream.clone(),
        }
    }

    /// The mock cloud, for steps that only it can do. With an external cloud, such cases are skipped.
    pub fn simulated(&self) -> Result<&MockCloud, StepError> {
        match self {
            Vendor::Simulated(cloud) => Ok(cloud),
            Vendor::External(_) => Err(StepError::Scenario("only the mock cloud can do this".into())),
        }
    }

    /// The team's API key in a realm.
    pub fn api_key(&self, realm: Realm) -> Result<String, StepError> {
        match self {
            Vendor::Simulated(cloud) => Ok(cloud.store().team(realm).key.clone()),
            Vendor::External(external) => {
                external.cloud.realms.get(&realm).map(|of| of.api_key.clone()).ok_or_else(|| no_realm(realm))
            }
        }
    }

    /// The public key of the team's project in a sign-in token. Of an external cloud it is known from the first one.
    pub fn public_key(&self, realm: Realm) -> String {
        match self {
            Vendor::Simulated(cloud) => cloud.store().team(realm).public_key(),
            Vendor::External(external) => external.upstream.learned(realm).public_key,
        }
    }

    /// The tenant of the team's users. Of an external cloud it is known from the first sign-in token.
    pub fn tenant(&self, realm: Realm) -> String {
        match self {
            Vendor::Simulated(cloud) => cloud.store().team(realm).tenant.clone(),
            Vendor::External(external) => external.upstream.learned(realm).tenant,
        }
    }

    /// The id of the team. Of an external cloud it is known from the first sign-in token.
    pub fn team(&self, realm: Realm) -> String {
        match self {
            Vendor::Simulated(cloud) => cloud.store().team(realm).id.clone(),
            Vendor::External(external) => external.upstream.learned(realm).team,
        }
    }

    /// The lifetimes of its tokens.
    pub fn lifetimes(&self) -> Lifetimes {
        match self {
            Vendor::Simulated(cloud) => cloud.lifetimes(),
            Vendor::External(external) => external.cloud.spec.lifetimes,
        }
    }

    /// How long after their end its tokens may still be accepted.
    pub fn clock_leeway(&self, mode: ClockMode) -> Duration {
        match self {
            Vendor::Simulated(_) if mode == ClockMode::Real => Duration::ZERO,
            Vendor::Simulated(_) => USUAL_LEEWAY,
            Vendor::External(external) => external.cloud.clock_leeway(),
        }
    }

    /// Whether a refresh brings a new refresh token: as the target file says, else as the wire profile does.
    pub fn rotation(&self, profile: &Profile) -> Rotation {
        let declared = match self {
            Vendor::Simulated(_) => None,
            Vendor::External(external) => external.cloud.spec.rotation,
        };
        declared.or(profile.rotation()).unwrap_or(Rotation::Optional)
    }

    /// How long a refresh token that was rotated out may be used again.
    pub fn reuse_interval(&self) -> Duration {
        match self {
            Vendor::Simulated(cloud) => cloud.reuse_interval(),
            Vendor::External(external) => external.cloud.spec.reuse_interval,
        }
    }

    /// The unit of the times that its tokens and revocations carry. Tokens that were issued within the unit before a revocation
    /// may survive it. Of an external cloud it is taken to be a second, as in JWTs (RFC 7519 section 2).
    pub fn time_resolution(&self) -> Duration {
        match self {
            Vendor::Simulated(cloud) => cloud.time_resolution(),
            Vendor::External(_) => Duration::from_secs(1),
        }
    }

    /// The public keys of its tokens, as a JWK Set; none where the cloud does not publish them.
    pub async fn public_keys(&self, realm: Realm) -> Option<Value> {
        match self {
            Vendor::Simulated(cloud) => Some(cloud.jwks()),
            Vendor::External(external) => {
                let of = external.cloud.realms.get(&realm)?;
                let reply = external.client.get(&of.jwks).send().await.ok()?.error_for_status().ok()?;
                reply.json().await.ok()
            }
        }
    }

    /// Creates a vendor user, in the mock cloud with the id `id` if given. Returns the id of the user, or `None` if it
    /// existed already.
    pub async fn add_user(
        &self,
        realm: Realm,
        client_user_id: &str,
        id: Option<String>,
    ) -> Result<Option<String>, StepError> {
        match self {
            Vendor::Simulated(cloud) => Ok(cloud.store().add_user(realm, client_user_id, id).map(|user| user.id)),
            Vendor::External(external) => {
                let body = json!({ "client_user_id": client_user_id });
                let (status, body) = external.team_call(realm, hyper::Method::POST, "/v2/user", Some(body)).await?;
                let id = body.get("user_id").or_else(|| body.pointer("/detail/user_id")).and_then(Value::as_str);
                match id {
                    Some(id) => Ok(Some(id.to_owned())),
                    None => Err(StepError::Unmet {
                        expected: "the API to make a user for the test (POST /v2/user)".into(),
                        got: format!("HTTP {status} without a user_id"),
                    }),
                }
            }
        }
    }

    /// Applies a control to a user: deletes it, revokes its tokens, and so on.
    pub async fn apply_control(&self, control: Control, realm: Realm, user_id: &str) -> Result<(), StepError> {
        match self {
            Vendor::Simulated(cloud) => {
                match control {
                    Control::DeleteUser | Control::UndoDelete => {
                        cloud.set_deleted(realm, user_id, control == Control::DeleteUser);
                    }
                    Control::Revoke => {
                        cloud.revoke(realm, user_id);
                    }
                    Control::RefuseAccessTokens => cloud.store().refuse_access_tokens(realm, user_id),
                    Control::Advance | Control::Shape | Control::ReportDeletion => {}
                }
                Ok(())
            }
            Vendor::External(external) if external.cloud.has_hook(control) => external
                .cloud
                .run_hook(control, realm, user_id, Duration::ZERO)
                .await
                .map_err(|error| StepError::Harness(error.to_string())),
            Vendor::External(external) => {
                let (method, path, body) = match control {
                    Control::DeleteUser => (hyper::Method::DELETE, format!("/v2/user/{user_id}"), None),
                    Control::UndoDelete => {
                        (hyper::Method::POST, "/v2/user/undo_delete".to_owned(), Some(json!({ "user_id": user_id })))
                    }
                    _ => return Err(StepError::Harness(format!("the cloud under test has no hook `{control}`"))),
                };
                let (status, _) = external.team_call(realm, method.clone(), &path, body).await?;
                if (200..300).contains(&status) {
                    return Ok(());
                }
                Err(StepError::Unmet {
                    expected: format!("the API to do {method} {path}"),
                    got: format!("HTTP {status}"),
                })
            }
        }
    }

    /// Whether waiting costs it no time: the mock cloud follows the clock of the case, another cloud needs a hook.
    pub fn has_clock(&self) -> bool {
        match self {
            Vendor::Simulated(_) => true,
            Vendor::External(external) => external.cloud.has_hook(Control::Advance),
        }
    }

    /// Advances the clock of an external cloud with a hook for it. The mock cloud uses the clock of the case.
    pub async fn advance(&self, realm: Realm, by: Duration) -> Result<(), StepError> {
        match self {
            Vendor::External(external) if external.cloud.has_hook(Control::Advance) => external
                .cloud
                .run_hook(Control::Advance, realm, "", by)
                .await
                .map_err(|error| StepError::Harness(error.to_string())),
            _ => Ok(()),
        }
    }

    /// The last part of the output of an external cloud.
    pub fn stderr(&self) -> String {
        match self {
            Vendor::Simulated(_) => String::new(),
            Vendor::External(external) => external.cloud.stderr(),
        }
    }
}

/// Forwards requests to an external cloud and registers the secrets in its responses.
struct ExternalUpstream {
    hosts: BTreeMap<Realm, (ForwardingUpstream, ForwardingUpstream)>,
    profile: Arc<Profile>,
    redactor: Redactor,
    /// What the sign-in tokens of each realm say of its project.
    learned: Mutex<BTreeMap<Realm, Project>>,
}

/// The project of a realm at the identity provider.
#[derive(Clone, Default)]
struct Project {
    public_key: String,
    tenant: String,
    team: String,
}

#[async_trait]
impl Upstream for ExternalUpstream {
    async fn answer(&self, link: Link, request: WireRequest) -> Option<WireResponse> {
        let (api, auth) = self.hosts.get(&link.realm)?;
        if link.to != Party::Auth {
            let reply = api.forward(request).await?;
            self.record_sign_in_token(link.realm, &reply);
            return Some(reply);
        }
        let call = self.profile.recognise(&request.method, &request.path, &request.body);
        let reply = auth.forward(request).await?;
        let granted =
            call.and_then(|(call, carried)| self.profile.granted(call, &reply.body, carried.refresh_token.as_deref()));
        match granted {
            Some(granted) => {
                self.redactor.secret(SecretKind::AccessToken, &granted.access_token);
                self.redactor.secret(SecretKind::RefreshToken, &granted.refresh_token);
            }
            // An answer that the profile does not know may have tokens too.
            None => hide_tokens(&reply.body, &self.redactor),
        }
        Some(reply)
    }
}

impl ExternalUpstream {
    fn learned(&self, realm: Realm) -> Project {
        self.learned.lock().get(&realm).cloned().unwrap_or_default()
    }

    fn record_sign_in_token(&self, realm: Realm, reply: &WireResponse) {
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        if let Some(token) = body.get("sign_in_token").and_then(Value::as_str) {
            record_sign_in_token(&self.redactor, token);
            let TokenParts { public_key, tenant, team, .. } = TokenParts::of(token);
            self.learned.lock().insert(realm, Project { public_key, tenant, team });
        }
    }
}

/// Registers a sign-in token and the JWT in it as secrets.
pub(super) fn record_sign_in_token(redactor: &Redactor, token: &str) {
    use base64::Engine;
    redactor.secret(SecretKind::SignInToken, token);
    let envelope = base64::engine::general_purpose::STANDARD.decode(token).unwrap_or_default();
    let envelope: Value = serde_json::from_slice(&envelope).unwrap_or_default();
    if let Some(jwt) = envelope.get("user_token").and_then(Value::as_str) {
        redactor.same_secret(token, jwt);
    }
}

#[cfg(test)]
mod tests;
