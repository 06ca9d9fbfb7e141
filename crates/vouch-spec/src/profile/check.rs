//! What can be wrong with a mapping.

use super::oauth_client::reserved;
use super::{AnswerMember, CallShape, Encoding, IdpCall, Profile, QueryValue, Rotation};
use crate::base_url::is_path;
use crate::protocol::ErrorKind;
use crate::text::did_you_mean;
use serde_json::Value;

/// One mistake of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingProblem {
    /// The field, for example `exchange` or `refresh.answer`.
    pub field: &'static str,
    /// What is wrong with it, and what to do.
    pub why: String,
    /// The text that is wrong, as it stands in the file.
    pub text: Option<String>,
}

impl MappingProblem {
    fn of_field(field: &'static str, why: impl Into<String>) -> Self {
        Self { field, why: why.into(), text: None }
    }

    fn of_text(field: &'static str, text: &str, why: String) -> Self {
        Self { field, why, text: Some(text.to_owned()) }
    }
}

/// The placeholders of each part of a mapping.
const EXCHANGE: [&str; 5] = ["$token", "$publicKey", "$tenant", "$clientId", "$clientSecret"];
const REFRESH: [&str; 4] = ["$refreshToken", "$publicKey", "$clientId", "$clientSecret"];
const CLIENT: [&str; 2] = ["$clientId", "$clientSecret"];
const ANSWER: [&str; 3] = ["$accessToken", "$refreshToken", "$userId"];
const ERROR: [&str; 2] = ["$word", "$status"];

impl Profile {
    /// What is wrong with a mapping.
    pub fn check(&self) -> Vec<MappingProblem> {
        let mut problems = Vec::new();
        check_call(&self.exchange, ["exchange", "exchange.answer"], &EXCHANGE, &mut problems);
        check_call(&self.refresh, ["refresh", "refresh.answer"], &REFRESH, &mut problems);
        self.check_members(&mut problems);
        self.check_client(&mut problems);
        self.check_errors(&mut problems);
        self.check_auth_hosts(&mut problems);
        if problems.is_empty() && !self.tells_calls_apart() {
            let why = "exchange and refresh have the same path and no field that tells them apart";
            problems.push(MappingProblem::of_field("refresh", why));
        }
        problems
    }

    /// What every answer has must have a place in it, and what no answer has must be known otherwise.
    fn check_members(&self, problems: &mut Vec<MappingProblem>) {
        let mut wrong = |field, why: &str| problems.push(MappingProblem::of_field(field, why));
        for (field, answer) in [("exchange.answer", &self.exchange.answer), ("refresh.answer", &self.refresh.answer)] {
            for member in &answer.required {
                match member {
                    AnswerMember::RefreshToken if answer.refresh_token.is_none() => {
                        wrong(field, "it requires `refreshToken` and does not say where it is; add its JSON pointer");
                    }
                    AnswerMember::ExpiresIn if answer.expires_in.is_none() => {
                        wrong(field, "it requires `expiresIn` and does not say where it is; add its JSON pointer");
                    }
                    _ => {}
                }
            }
            if answer.expires_in.is_none() && self.default_expires_in.is_none() {
                let why = "it has no `expiresIn`: write where it is, or `defaultExpiresIn`, the lifetime in seconds, in `[custom]`";
                wrong(field, why);
            }
        }
        if self.exchange.answer.refresh_token.is_none() {
            wrong(
                "exchange.answer",
                "it has no `refreshToken`; without a refresh token there is no session to continue",
            );
        }
        if self.rotation == Some(Rotation::Required) && self.refresh.answer.refresh_token.is_none() {
            wrong("refresh.answer", "`rotation = \"required\"` needs `refreshToken`, where the new refresh token is");
        }
        if self.default_expires_in == Some(0) {
            wrong("defaultExpiresIn", "`defaultExpiresIn` is 0; write a number of seconds, for example 3600");
        }
    }

    /// What the requests want of the client must be there.
    fn check_client(&self, problems: &mut Vec<MappingProblem>) {
        let uses = |placeholder: &str| {
            [&self.exchange, &self.refresh].into_iter().any(|shape| {
                let basic = shape.basic_auth.iter().flat_map(|basic| [&basic.user, &basic.password]);
                shape.uses(placeholder) || shape.headers.values().chain(basic).any(|text| text.contains(placeholder))
            })
        };
        let client = self.client.as_ref();
        if let Some(client) = client {
            if client.id.is_empty() || client.id.contains('$') {
                let why = "`id` is the client's own; write it as it is registered".to_owned();
                problems.push(MappingProblem::of_text("client", &client.id, why));
            }
            let why = match (&client.secret, &client.secret_env) {
                (Some(_), Some(_)) => Some("it has `secret` and `secretEnv`; remove one of them"),
                (Some(secret), None) if secret.expose().is_empty() => {
                    Some("its secret is empty; a public client has none")
                }
                _ => None,
            };
            problems.extend(why.map(|why| MappingProblem::of_field("client", why)));
        }
        if uses("$clientId") && client.is_none() {
            let why = "`$clientId` needs a table `[custom.client]` with `id`";
            problems.push(MappingProblem::of_field("client", why));
        }
        if uses("$clientSecret") && client.is_none_or(|client| client.secret.is_none() && client.secret_env.is_none()) {
            let why = "`$clientSecret` needs `secret` or `secretEnv` in a table `[custom.client]`";
            problems.push(MappingProblem::of_field("client", why));
        }
    }

    fn check_auth_hosts(&self, problems: &mut Vec<MappingProblem>) {
        for name in &self.auth_hosts {
            let is_label = |label: &str| {
                !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            };
            if !name.split('.').all(is_label) {
                let why = format!("`{name}` is not a host name; write for example `id.example.com`");
                problems.push(MappingProblem::of_text("authHosts", name, why));
            }
        }
        if !self.auth_hosts.is_empty() && !self.one_auth_host {
            let why = "`authHosts` needs `oneAuthHost = true`: otherwise each realm has a host of its own";
            problems.push(MappingProblem::of_field("authHosts", why));
        }
    }

    fn check_errors(&self, problems: &mut Vec<MappingProblem>) {
        if !self.errors.is_whole_body() {
            check_pointer("errors", &self.errors.word, problems);
        } else if std::iter::once(&self.errors.body).chain(&self.errors.bad_request_body).any(|body| body != "$word") {
            let why = "with `word = \"\"` the whole body is the word; write `body = \"$word\"`, and no other `badRequestBody`";
            problems.push(MappingProblem::of_field("errors", why));
        }
        for meaning in self.errors.exchange.iter().chain(&self.errors.refresh) {
            if meaning.word.trim().is_empty() || meaning.word.trim() != meaning.word {
                let why = format!("the word `{}` is empty, or has spaces around it", meaning.word);
                problems.push(MappingProblem::of_text("errors", &meaning.word, why));
            }
        }
        for body in std::iter::once(&self.errors.body).chain(&self.errors.bad_request_body) {
            check_placeholders("errors", body, &ERROR, problems);
        }
        // A provider need not be able to say that a user is gone.
        for (call, name, kind) in [
            (IdpCall::Exchange, "exchange", ErrorKind::InvalidSignInToken),
            (IdpCall::Refresh, "refresh", ErrorKind::NeedsReauthentication),
        ] {
            if !self.meanings(call).iter().any(|meaning| meaning.means == kind) {
                problems.push(MappingProblem::of_field("errors", format!("`{name}` has no word that means `{kind}`")));
            }
        }
    }
}

/// Checks one call: `placeholders` are those of its request, the first of which it must send.
fn check_call(
    shape: &CallShape,
    [request, answer]: [&'static str; 2],
    placeholders: &[&str],
    problems: &mut Vec<MappingProblem>,
) {
    if !is_path(&shape.path) || shape.path.contains('?') {
        let why = format!(
            "`{}` is not a path; write for example `/oauth/token`, and what follows `?` in `query`",
            shape.path
        );
        problems.push(MappingProblem::of_text(request, &shape.path, why));
    }
    for (name, value) in &shape.fields {
        check_field(request, name, value, shape.encoding, placeholders, problems);
    }
    for (name, value) in &shape.query {
        let list = value.items().iter().map(|item| Value::String(item.clone())).collect();
        let value = if let QueryValue::One(item) = value { Value::String(item.clone()) } else { Value::Array(list) };
        check_field(request, name, &value, Encoding::Form, placeholders, problems);
    }
    for value in shape.query.values().flat_map(QueryValue::items) {
        if value == "$clientSecret" {
            let why = "a client secret must not stand in a URL (RFC 6749 section 2.3.1); send it by `basicAuth`, or in `fields`";
            problems.push(MappingProblem::of_text(request, value, why.to_owned()));
        }
    }
    check_headers(request, shape, problems);
    if !shape.fields.values().any(|value| value == placeholders[0]) {
        problems.push(MappingProblem::of_field(request, format!("its fields carry no `{}`", placeholders[0])));
    }
    let optional = shape.answer.refresh_token.iter().chain(&shape.answer.expires_in);
    for pointer in std::iter::once(&shape.answer.access_token).chain(optional) {
        check_pointer(answer, pointer, problems);
    }
    shape.answer.also.values().for_each(|value| check_placeholders(answer, value, &ANSWER, problems));
}

/// Checks one field of a request: a form has texts and lists of texts; what a request carries stands in a field of its own, so
/// that the recorder and the mock cloud find it.
fn check_field(
    at: &'static str,
    name: &str,
    value: &Value,
    encoding: Encoding,
    known: &[&str],
    problems: &mut Vec<MappingProblem>,
) {
    let mut wrong = |why: String| problems.push(MappingProblem::of_text(at, name, why));
    match value {
        Value::Object(_) if encoding == Encoding::Form => {
            wrong(format!("`{name}` is an object, which a form cannot have"));
        }
        Value::Array(items) if encoding == Encoding::Form => {
            if items.is_empty() {
                wrong(format!("`{name}` is an empty list, which sends nothing; remove it"));
            }
            if items.iter().any(|item| item.is_array() || item.is_object()) {
                wrong(format!("`{name}` is a list of lists or objects, which a form cannot have"));
            }
            check_placeholders(at, value, &CLIENT, problems);
        }
        Value::Object(_) | Value::Array(_) => check_placeholders(at, value, &CLIENT, problems),
        _ => check_placeholders(at, value, known, problems),
    }
}

/// Checks the headers of a call: what an HTTP client makes of itself cannot be written.
fn check_headers(field: &'static str, shape: &CallShape, problems: &mut Vec<MappingProblem>) {
    for (name, value) in &shape.headers {
        let mut wrong = |text: &str, why: String| problems.push(MappingProblem::of_text(field, text, why));
        if name.parse::<hyper::header::HeaderName>().is_err() {
            wrong(name, format!("`{name}` is not the name of a header; use letters, digits and hyphens"));
        } else if let Some(why) = reserved(name) {
            wrong(name, format!("the header `{name}` {why}"));
        }
        if value.trim().is_empty() || hyper::header::HeaderValue::from_bytes(value.as_bytes()).is_err() {
            wrong(value, format!("the header `{name}` is empty, or has a character that no header can have"));
        }
        check_embedded(field, value, problems);
        let same = |other: &&String| other.eq_ignore_ascii_case(name);
        if shape.headers.keys().filter(same).count() > 1 {
            problems.push(MappingProblem::of_text(field, name, format!("the header `{name}` stands there twice")));
        }
    }
    if let Some(basic) = &shape.basic_auth {
        [&basic.user, &basic.password].into_iter().for_each(|text| check_embedded(field, text, problems));
        if shape.headers.keys().any(|name| name.eq_ignore_ascii_case("authorization")) {
            let why = "`basicAuth` makes the header `authorization`; remove one of them";
            problems.push(MappingProblem::of_field(field, why));
        }
    }
}

/// Placeholders within a text: those of the client alone.
fn check_embedded(field: &'static str, text: &str, problems: &mut Vec<MappingProblem>) {
    for (at, _) in text.match_indices('$') {
        let rest = &text[at + 1..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let name = &text[at..=at + end];
        if !CLIENT.contains(&name) {
            let why = format!("undefined variable `{name}`; {}", did_you_mean(name, CLIENT.iter().copied()));
            problems.push(MappingProblem::of_text(field, text, why));
        }
    }
}

fn check_pointer(field: &'static str, pointer: &str, problems: &mut Vec<MappingProblem>) {
    if !pointer.starts_with('/') {
        let why = format!("`{pointer}` is not a JSON pointer; write for example `/access_token`");
        problems.push(MappingProblem::of_text(field, pointer, why));
    }
}

/// Placeholders stand for a whole text; what begins with `$` and is none of them would be sent as it is.
fn check_placeholders(field: &'static str, value: &Value, known: &[&str], problems: &mut Vec<MappingProblem>) {
    match value {
        Value::String(text) if text.starts_with('$') && !known.contains(&text.as_str()) => {
            let why = format!("undefined variable `{text}`; {}", did_you_mean(text, known.iter().copied()));
            problems.push(MappingProblem::of_text(field, text, why));
        }
        Value::Array(items) => items.iter().for_each(|item| check_placeholders(field, item, known, problems)),
        Value::Object(fields) => fields.values().for_each(|value| check_placeholders(field, value, known, problems)),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
