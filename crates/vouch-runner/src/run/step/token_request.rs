//! Executes `token_request`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::vendor::record_sign_in_token;
use crate::run::world::World;
use crate::sut::{Credential, HttpReply};
use async_trait::async_trait;
use serde_json::Value;
use std::sync::Arc;
use vouch_sim::wire::redact::SecretKind;
use vouch_spec::step::{CredentialKind, TokenRequest};

#[async_trait]
impl Execute for TokenRequest {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let reply = ask(self, world).await?;
        let token = world.backends.get(world.given.realm()).await?.backend.token_call().token.read(&reply);
        if (200..300).contains(&reply.status) {
            let token = token.ok_or_else(|| StepError::Unmet {
                expected: "a sign-in token in an answer that reports success".into(),
                got: format!("HTTP {} without one", reply.status),
            })?;
            record_sign_in_token(&world.redactor, &token);
            judge_owner(self, world, &token)?;
            if let Some(bind) = &self.bind {
                world.bind(bind, token);
            }
        } else {
            no_token_in(&reply, world)?;
        }
        if self.not_cacheable {
            judge_cache(self, world, &reply).await?;
        }
        Ok(StepResult::Http { status: reply.status })
    }
}

async fn ask(step: &TokenRequest, world: &Arc<World>) -> Result<HttpReply, StepError> {
    let person = world.users.get(&step.user)?;
    let issuer = world.backends.get(world.given.realm()).await?;
    let own = issuer.backend.log_in(&person.external_id, &world.redactor).await.map_err(StepError::Backend)?;
    let shown = match step.credential {
        CredentialKind::Own => own,
        CredentialKind::Missing | CredentialKind::Empty => String::new(),
        CredentialKind::Garbage => "nobody-issued-this-0123456789".into(),
        CredentialKind::Tampered => tampered(&own),
    };
    let credential =
        if step.credential == CredentialKind::Missing { Credential::Missing } else { Credential::This(&shown) };
    let mut call = issuer.backend.token_call().call(credential, &person.external_id);
    for (name, value) in &step.headers {
        call.headers.insert(name.clone(), world.text(value)?);
    }
    if !step.query.is_empty() {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &step.query {
            query.append_pair(name, &world.text(value)?);
        }
        let joint = if call.path.contains('?') { '&' } else { '?' };
        call.path = format!("{}{joint}{}", call.path, query.finish());
    }
    if !step.body.is_empty() {
        let mut body = call.body.take().and_then(|body| body.as_object().cloned()).unwrap_or_default();
        for (name, value) in &step.body {
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

fn judge_owner(step: &TokenRequest, world: &World, token: &str) -> Result<(), StepError> {
    let Some(owner) = &step.owner else { return Ok(()) };
    super::check_token::judge_owner(token, &world.text(owner)?)
}

/// RFC 9111 section 3: `no-store` forbids storing; an answer to a POST is not stored unless it says how long it is
/// fresh (RFC 9110 section 9.3.3).
async fn judge_cache(_step: &TokenRequest, world: &World, reply: &HttpReply) -> Result<(), StepError> {
    let said: Vec<_> = reply.headers.get_all("cache-control").iter().filter_map(|value| value.to_str().ok()).collect();
    let said = said.join(", ").to_lowercase();
    let directives: Vec<_> = said.split(',').map(str::trim).collect();
    if directives.contains(&"no-store") {
        return Ok(());
    }
    let fresh = reply.headers.contains_key("expires") || directives.iter().any(|d| d.contains("max-age="));
    let post = world.backends.get(world.given.realm()).await?.backend.token_call().line.method == hyper::Method::POST;
    if post && !fresh {
        return Ok(());
    }
    let got = if said.is_empty() { "no Cache-Control".to_owned() } else { format!("Cache-Control: {said}") };
    Err(StepError::Unmet { expected: "an answer that no cache may store (Cache-Control: no-store)".into(), got })
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

/// Another last character.
fn tampered(own: &str) -> String {
    let mut text: Vec<char> = own.chars().collect();
    if let Some(last) = text.last_mut() {
        *last = if *last == 'a' { 'b' } else { 'a' };
    }
    text.into_iter().collect()
}
