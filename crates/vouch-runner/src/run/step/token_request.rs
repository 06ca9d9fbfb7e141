//! Executes `token_request`.

use super::Execute;
use crate::run::backends::RunningBackend;
use crate::run::rate_limit;
use crate::run::step_result::{StepError, StepResult};
use crate::run::users::TestUser;
use crate::run::vendor::record_sign_in_token;
use crate::run::world::World;
use crate::sut::{Credential, HttpCall, HttpReply, LogInFailure, NamedUsers, Session, SutError};
use async_trait::async_trait;
use hyper::HeaderMap;
use serde_json::Value;
use std::sync::Arc;
use vouch_sim::wire::redact::SecretKind;
use vouch_spec::step::{CredentialKind, TokenRequest};
use vouch_spec::text::lossy;

#[async_trait]
impl Execute for TokenRequest {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let issuer = world.backends.get(world.given.realm()).await?;
        let reply = ask(self, world, &issuer).await?;
        let call = issuer.backend.token_call();
        let status = call.status(&reply);
        if (200..300).contains(&status) {
            let token = call.token.read(&reply).ok_or_else(|| StepError::Unmet {
                expected: "a sign-in token in an answer that reports success".into(),
                got: format!("a success (HTTP {status}) without one"),
            })?;
            record_sign_in_token(&world.redactor, &token);
            check_owner(self, world, &token)?;
            if let Some(bind) = &self.bind {
                world.bind(bind, token);
            }
        } else {
            no_token_in(&reply, world)?;
        }
        if self.not_cacheable {
            check_cache(&reply, call.line.method == hyper::Method::POST)?;
        }
        Ok(StepResult::Http { status })
    }
}

async fn ask(step: &TokenRequest, world: &Arc<World>, issuer: &RunningBackend) -> Result<HttpReply, StepError> {
    let person = world.users.get(&step.user)?;
    let session = session(step, world, issuer, &person).await?;
    let own = session.credential.clone();
    let shown = match step.credential {
        CredentialKind::Own | CredentialKind::LoggedOut => own,
        CredentialKind::Missing | CredentialKind::Empty => String::new(),
        CredentialKind::Garbage => "nobody-issued-this-0123456789".into(),
        CredentialKind::Tampered => super::attempts::tampered(&own),
    };
    let credential =
        if step.credential == CredentialKind::Missing { Credential::Missing } else { Credential::This(&shown) };
    let named = step.named_user.as_ref().map(|named| world.text(named)).transpose()?;
    let users = NamedUsers::all(named.as_ref().unwrap_or(&person.external_id));
    let values = issuer.backend.values_for_token(&session, &shown, &person.external_id).await;
    let mut call = issuer.backend.token_call().call_as(credential, users, &values);
    for (name, value) in &step.headers {
        call.headers.insert(name.clone(), world.text(value)?);
    }
    for (name, value) in &step.query {
        add_to_query(&mut call, name, &world.text(value)?);
    }
    if !step.body.is_empty() {
        let mut body = super::attempts::object(&call);
        for (name, value) in &step.body {
            body.insert(name.clone(), world.text(value)?.into());
        }
        call.body = Some(Value::Object(body));
    }
    let reply = send(&call, world, issuer).await;
    reply.map_err(|trouble| StepError::Unmet { expected: "an answer of the backend".into(), got: trouble.what })
}

async fn session(
    step: &TokenRequest,
    world: &World,
    issuer: &RunningBackend,
    person: &TestUser,
) -> Result<Session, StepError> {
    let failed = |failure: LogInFailure| StepError::Backend(failure.error);
    if step.credential == CredentialKind::LoggedOut {
        if !issuer.backend.can_log_out() {
            return Err(StepError::NotApplicable("the target file has no `[backend.logout]`".into()));
        }
        return issuer.backend.ended_session(&person.external_id, &world.redactor).await.map_err(failed);
    }
    issuer.backend.session(&person.external_id, &world.redactor).await.map_err(failed)
}

/// Adds a field to the query of a request.
pub(super) fn add_to_query(call: &mut HttpCall, name: &str, value: &str) {
    let field = form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
    let joint = if call.path.contains('?') { '&' } else { '?' };
    call.path = format!("{}{joint}{field}", call.path);
}

/// Sends a request. A backend may limit how many tokens a user gets in a second: then waits as long as it says.
pub(super) async fn send(call: &HttpCall, world: &World, issuer: &RunningBackend) -> Result<HttpReply, SutError> {
    let mut reply = issuer.backend.ask(call, &issuer.address).await?;
    for _ in 0..rate_limit::PATIENCE {
        // With a fault in force, 429 may be what the vendor answered.
        if reply.status != 429 || !world.faults.is_empty() {
            break;
        }
        tokio::time::sleep(rate_limit::wait(&reply.headers)).await;
        reply = issuer.backend.ask(call, &issuer.address).await?;
    }
    Ok(reply)
}

fn check_owner(step: &TokenRequest, world: &World, token: &str) -> Result<(), StepError> {
    let Some(owner) = &step.owner else { return Ok(()) };
    super::check_token::check_owner(token, &world.text(owner)?)
}

/// Headers that speak to one cache in front of the backend alone (RFC 9213 and vendors' own).
const TARGETED: [&str; 7] = [
    "cdn-cache-control",
    "surrogate-control",
    "cloudflare-cdn-cache-control",
    "vercel-cdn-cache-control",
    "netlify-cdn-cache-control",
    "akamai-cache-control",
    "edge-control",
];

/// RFC 9111 section 3: `no-store` forbids storing; an answer to a POST is not stored unless it says how long it is
/// fresh (RFC 9110 section 9.3.3). A header for one kind of cache overrides `Cache-Control` there (RFC 9213 section 2.1).
fn check_cache(reply: &HttpReply, post: bool) -> Result<(), StepError> {
    let unmet = |got: String| {
        let expected = "an answer that no cache may store (Cache-Control: no-store)".into();
        Err(StepError::Unmet { expected, got })
    };
    for name in TARGETED {
        if let Some(said) = lines(&reply.headers, name).into_iter().find(|said| stores(said)) {
            return unmet(format!("{name}: {said}"));
        }
    }
    if let Some(seconds) = lines(&reply.headers, "x-accel-expires").into_iter().find(|said| is_positive(said)) {
        return unmet(format!("x-accel-expires: {seconds}"));
    }
    let said = lines(&reply.headers, "cache-control");
    // Caches that read one of two lines read either.
    if said.len() > 1 && said.iter().any(|line| stores(line)) {
        return unmet(format!("Cache-Control: {}", said.join(" and Cache-Control: ")));
    }
    if said.iter().any(|line| directives(line).any(|directive| directive == "no-store")) {
        return Ok(());
    }
    let fresh = reply.headers.contains_key("expires") || said.iter().any(|line| line.contains("max-age="));
    if post && !fresh {
        return Ok(());
    }
    unmet(if said.is_empty() { "no Cache-Control".to_owned() } else { format!("Cache-Control: {}", said.join(", ")) })
}

fn lines(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).map(str::to_lowercase).collect()
}

fn directives(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(str::trim)
}

/// Whether a header allows a cache to store the answer for a while.
fn stores(line: &str) -> bool {
    let lives = |directive: &str| match directive.split_once('=') {
        Some((name, seconds)) => {
            name.trim_start_matches('!').ends_with("max-age") || name == "s-maxage" && is_positive(seconds)
        }
        None => directive == "public",
    };
    let is_zero = |directive: &str| directive.split_once('=').is_some_and(|(_, seconds)| !is_positive(seconds));
    !directives(line).any(|directive| directive == "no-store")
        && directives(line).any(|directive| lives(directive) && !is_zero(directive))
}

fn is_positive(seconds: &str) -> bool {
    seconds.trim().trim_matches('"').chars().take_while(char::is_ascii_digit).any(|digit| digit != '0')
}

/// No whole or partial token in an answer that reports a failure (ISS-1, ISS-7).
pub(super) fn no_token_in(reply: &HttpReply, world: &World) -> Result<(), StepError> {
    match token_in(reply, world) {
        Some(name) => Err(StepError::Unmet {
            expected: "no token in an answer that reports a failure".into(),
            got: format!("the {name} in an answer with status {}", reply.status),
        }),
        None => Ok(()),
    }
}

/// The name of a sign-in token of the case that an answer contains anywhere.
pub(super) fn token_in(reply: &HttpReply, world: &World) -> Option<String> {
    let mut text = lossy(&reply.body).into_owned();
    for value in reply.headers.values() {
        text.push(' ');
        text.push_str(&lossy(value.as_bytes()));
    }
    let secrets = world.redactor.secrets_in(&text);
    secrets.into_iter().find(|known| known.kind == SecretKind::SignInToken).map(|known| known.name.clone())
}
