//! What stands behind the api and idp roles in one case: the simulated cloud, or one from outside.

use super::step_result::StepError;
use crate::sut::{ExternalCloud, HttpCall};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use vouch_sim::mock_cloud::{Lifetimes, MockCloud};
use vouch_sim::wire::redact::{Redactor, SecretKind};
use vouch_sim::wire::{Forward, Link, Party, Received, Reply, Upstream};
use vouch_spec::profile::Profile;
use vouch_spec::protocol::{Control, Realm};

/// The cloud of one case.
pub enum Vendor {
    Simulated(MockCloud),
    External(External),
}

/// A cloud from outside, as one case sees it.
pub struct External {
    cloud: Arc<ExternalCloud>,
    client: reqwest::Client,
    connect_timeout: Duration,
    upstream: Arc<Witness>,
}

impl External {
    pub fn new(
        cloud: Arc<ExternalCloud>,
        profile: Arc<Profile>,
        redactor: Redactor,
        connect_timeout: Duration,
    ) -> Result<Self, String> {
        let mut hosts = BTreeMap::new();
        for (realm, of) in &cloud.realms {
            redactor.named_secret(SecretKind::ApiKey, &of.api_key, format!("API key of {realm}"));
            let (api, auth) =
                (Forward::new(of.api.clone(), connect_timeout)?, Forward::new(of.auth.clone(), connect_timeout)?);
            hosts.insert(*realm, (api, auth));
        }
        let base = cloud.realms.values().next().map(|of| of.api.clone()).unwrap_or_default();
        let client =
            vouch_sim::wire::client(&base, connect_timeout).map_err(|error| format!("no HTTP client: {error}"))?;
        Ok(Self { cloud, client, connect_timeout, upstream: Arc::new(Witness { hosts, profile, redactor }) })
    }

    /// Calls the API as the team does, past the recorder.
    async fn team_call(
        &self,
        realm: Realm,
        method: hyper::Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<(u16, Value), StepError> {
        let of = self.cloud.realms.get(&realm).ok_or_else(|| no_realm(realm))?;
        let headers = [("x-vital-api-key".to_owned(), of.api_key.clone())].into();
        let call = HttpCall { method, path: path.to_owned(), headers, body };
        let reply = call.send(&self.client, &of.api, self.connect_timeout).await;
        let reply = reply
            .map_err(|why| StepError::Harness(format!("the cloud under test cannot be prepared: {path}: {why}")))?;
        Ok((reply.status, serde_json::from_slice(&reply.body).unwrap_or_default()))
    }
}

fn no_realm(realm: Realm) -> StepError {
    StepError::Harness(format!("the target file has no `[[cloud.realms]]` for {realm}"))
}

impl Vendor {
    pub fn upstream(&self) -> Arc<dyn Upstream> {
        match self {
            Vendor::Simulated(cloud) => Arc::new(cloud.clone()),
            Vendor::External(external) => external.upstream.clone(),
        }
    }

    /// The simulated cloud, for what no other can do. The plan has skipped cases that need it elsewhere.
    pub fn simulated(&self) -> Result<&MockCloud, StepError> {
        match self {
            Vendor::Simulated(cloud) => Ok(cloud),
            Vendor::External(_) => Err(StepError::Scenario("only the simulated cloud can do this".into())),
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

    /// What names the team's project in a sign-in token, where it is known.
    pub fn public_key(&self, realm: Realm) -> String {
        match self {
            Vendor::Simulated(cloud) => cloud.store().team(realm).public_key(),
            Vendor::External(_) => String::new(),
        }
    }

    /// The tenant of the team's users, where it is known.
    pub fn tenant(&self, realm: Realm) -> String {
        match self {
            Vendor::Simulated(cloud) => cloud.store().team(realm).tenant.clone(),
            Vendor::External(_) => String::new(),
        }
    }

    pub fn lifetimes(&self) -> Lifetimes {
        match self {
            Vendor::Simulated(cloud) => cloud.lifetimes(),
            Vendor::External(external) => external.cloud.spec.lifetimes,
        }
    }

    /// Makes a vendor user, under an id where that is possible. The id; none where there was one already.
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

    /// Does something to a user behind the clients' backs.
    pub async fn tell(&self, control: Control, realm: Realm, user_id: &str) -> Result<(), StepError> {
        match self {
            Vendor::Simulated(cloud) => {
                match control {
                    Control::DeleteUser | Control::UndoDelete => {
                        cloud.set_deleted(realm, user_id, control == Control::DeleteUser);
                    }
                    Control::Revoke => {
                        cloud.store().revoke(realm, user_id);
                    }
                    Control::RefuseAccessTokens => cloud.store().refuse_access_tokens(realm, user_id),
                    Control::Advance | Control::Shape => {}
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

    /// Has the cloud's own clock, if it has one, follow the case's.
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

    pub fn stderr(&self) -> String {
        match self {
            Vendor::Simulated(_) => String::new(),
            Vendor::External(external) => external.cloud.stderr(),
        }
    }
}

/// Passes calls on to a cloud from outside and learns the secrets in its answers.
struct Witness {
    hosts: BTreeMap<Realm, (Forward, Forward)>,
    profile: Arc<Profile>,
    redactor: Redactor,
}

#[async_trait]
impl Upstream for Witness {
    async fn answer(&self, link: Link, request: Received) -> Option<Reply> {
        let (api, auth) = self.hosts.get(&link.realm)?;
        if link.to != Party::Auth {
            let reply = api.pass_on(request).await?;
            self.note_sign_in_token(&reply);
            return Some(reply);
        }
        let call = self.profile.recognise(&request.method, &request.path, &request.body).map(|(call, _)| call);
        let reply = auth.pass_on(request).await?;
        if let Some(granted) = call.and_then(|call| self.profile.granted(call, &reply.body)) {
            self.redactor.secret(SecretKind::AccessToken, &granted.access_token);
            self.redactor.secret(SecretKind::RefreshToken, &granted.refresh_token);
        }
        Some(reply)
    }
}

impl Witness {
    fn note_sign_in_token(&self, reply: &Reply) {
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        if let Some(token) = body.get("sign_in_token").and_then(Value::as_str) {
            note_sign_in_token(&self.redactor, token);
        }
    }
}

/// Notes a sign-in token and the JWT in it as secrets.
pub(super) fn note_sign_in_token(redactor: &Redactor, token: &str) {
    use base64::Engine;
    redactor.secret(SecretKind::SignInToken, token);
    let envelope = base64::engine::general_purpose::STANDARD.decode(token).unwrap_or_default();
    let envelope: Value = serde_json::from_slice(&envelope).unwrap_or_default();
    if let Some(jwt) = envelope.get("user_token").and_then(Value::as_str) {
        redactor.same_secret(token, jwt);
    }
}
