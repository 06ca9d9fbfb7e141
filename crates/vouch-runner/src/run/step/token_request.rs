//! `tokenRequest`: the app asks its backend for a sign-in token, rightly or not (ISS-1 to ISS-8).

use super::{Step, StepError, StepKind, StepResult};
use crate::run::vendor::note_sign_in_token;
use crate::run::world::World;
use crate::sut::{Credential, HttpReply};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use vouch_sim::wire::redact::SecretKind;
use vouch_spec::scenario::Text;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenRequest {
    /// A person of the scenario.
    pub user: String,
    /// What the app authenticates with; left out, the person's own session.
    #[serde(default)]
    credential: Shown,
    /// More of the query.
    #[serde(default)]
    query: BTreeMap<String, Text>,
    /// More headers.
    #[serde(default)]
    headers: BTreeMap<String, Text>,
    /// More fields of the body, which becomes JSON.
    #[serde(default)]
    body: BTreeMap<String, Text>,
    /// If a token comes, it must be of this vendor user, for example `$ada.id`.
    #[serde(default)]
    owner: Option<Text>,
    /// The answer must not be stored by caches.
    #[serde(default)]
    pub not_cacheable: bool,
    /// The name of the token from here on.
    #[serde(default, rename = "as")]
    pub bind: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Shown {
    #[default]
    Own,
    Missing,
    Empty,
    Garbage,
    /// The person's own with its last character changed.
    Tampered,
}

impl Shown {
    fn words(self) -> &'static str {
        match self {
            Shown::Own => "",
            Shown::Missing => " without a credential",
            Shown::Empty => " with an empty credential",
            Shown::Garbage => " with a credential that nobody issued",
            Shown::Tampered => " with a credential that was tampered with",
        }
    }
}

pub(super) const KIND: StepKind =
    StepKind::new::<TokenRequest>("tokenRequest", "The app asks its backend for a sign-in token.").answers().person();

#[async_trait]
impl Step for TokenRequest {
    fn words(&self) -> String {
        let extra: Vec<_> = [("query", &self.query), ("headers", &self.headers), ("body", &self.body)]
            .into_iter()
            .filter(|(_, fields)| !fields.is_empty())
            .map(|(place, fields)| format!("{} in the {place}", fields.keys().cloned().collect::<Vec<_>>().join(", ")))
            .collect();
        let extra = if extra.is_empty() { String::new() } else { format!(", naming {}", extra.join(" and ")) };
        format!("the app of {} asks for a sign-in token{}{extra}", self.user, self.credential.words())
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let reply = self.ask(world).await?;
        let token = world.backend(world.given.realm()).await?.backend.token_call().token.read(&reply);
        if (200..300).contains(&reply.status) {
            let token = token.ok_or_else(|| StepError::Unmet {
                expected: "a sign-in token in an answer that reports success".into(),
                got: format!("HTTP {} without one", reply.status),
            })?;
            note_sign_in_token(&world.redactor, &token);
            self.judge_owner(world, &token)?;
            if let Some(bind) = &self.bind {
                world.bind(bind, token);
            }
        } else {
            no_token_in(&reply, world)?;
        }
        if self.not_cacheable {
            self.judge_cache(world, &reply).await?;
        }
        Ok(StepResult::Http { status: reply.status })
    }
}

impl TokenRequest {
    /// Whether it is what a right app asks.
    pub fn is_plain(&self) -> bool {
        let more = [&self.query, &self.headers, &self.body];
        self.credential == Shown::Own && more.iter().all(|fields| fields.is_empty())
    }

    async fn ask(&self, world: &Arc<World>) -> Result<HttpReply, StepError> {
        let person = world.person(&self.user)?;
        let issuer = world.backend(world.given.realm()).await?;
        let own = issuer.backend.log_in(&person.external_id, &world.redactor).await.map_err(StepError::Backend)?;
        let shown = match self.credential {
            Shown::Own => own,
            Shown::Missing | Shown::Empty => String::new(),
            Shown::Garbage => "nobody-issued-this-0123456789".into(),
            Shown::Tampered => tampered(&own),
        };
        let credential = if self.credential == Shown::Missing { Credential::Missing } else { Credential::This(&shown) };
        let mut call = issuer.backend.token_call().call(credential, &person.external_id);
        for (name, value) in &self.headers {
            call.headers.insert(name.clone(), world.text(value)?);
        }
        if !self.query.is_empty() {
            let mut query = form_urlencoded::Serializer::new(String::new());
            for (name, value) in &self.query {
                query.append_pair(name, &world.text(value)?);
            }
            let joint = if call.path.contains('?') { '&' } else { '?' };
            call.path = format!("{}{joint}{}", call.path, query.finish());
        }
        if !self.body.is_empty() {
            let mut body = call.body.take().and_then(|body| body.as_object().cloned()).unwrap_or_default();
            for (name, value) in &self.body {
                body.insert(name.clone(), world.text(value)?.into());
            }
            call.body = Some(Value::Object(body));
        }
        issuer
            .backend
            .ask(&call, &issuer.address)
            .await
            .map_err(|trouble| StepError::Unmet { expected: "an answer of the backend".into(), got: trouble.what })
    }

    fn judge_owner(&self, world: &World, token: &str) -> Result<(), StepError> {
        let Some(owner) = &self.owner else { return Ok(()) };
        super::check_token::judge_owner(token, &world.text(owner)?)
    }

    /// RFC 9111 section 3: `no-store` forbids storing; an answer to a POST is not stored unless it says how long it is
    /// fresh (RFC 9110 section 9.3.3).
    async fn judge_cache(&self, world: &World, reply: &HttpReply) -> Result<(), StepError> {
        let said: Vec<_> =
            reply.headers.get_all("cache-control").iter().filter_map(|value| value.to_str().ok()).collect();
        let said = said.join(", ").to_lowercase();
        let directives: Vec<_> = said.split(',').map(str::trim).collect();
        if directives.contains(&"no-store") {
            return Ok(());
        }
        let fresh = reply.headers.contains_key("expires") || directives.iter().any(|d| d.contains("max-age="));
        let post = world.backend(world.given.realm()).await?.backend.token_call().line.method == hyper::Method::POST;
        if post && !fresh {
            return Ok(());
        }
        let got = if said.is_empty() { "no Cache-Control".to_owned() } else { format!("Cache-Control: {said}") };
        Err(StepError::Unmet { expected: "an answer that no cache may store (Cache-Control: no-store)".into(), got })
    }
}

/// Another last character.
fn tampered(own: &str) -> String {
    let mut text: Vec<char> = own.chars().collect();
    if let Some(last) = text.last_mut() {
        *last = if *last == 'a' { 'b' } else { 'a' };
    }
    text.into_iter().collect()
}

/// No whole or partial token in an answer that reports a failure (ISS-1, ISS-7).
fn no_token_in(reply: &HttpReply, world: &World) -> Result<(), StepError> {
    let text = String::from_utf8_lossy(&reply.body);
    let secrets = world.redactor.secrets_in(&text);
    match secrets.iter().find(|known| known.kind == SecretKind::SignInToken) {
        Some(known) => Err(StepError::Unmet {
            expected: "no token in an answer that reports a failure".into(),
            got: format!("the {} in an answer with status {}", known.name, reply.status),
        }),
        None => Ok(()),
    }
}
