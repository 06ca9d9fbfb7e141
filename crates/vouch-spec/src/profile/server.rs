//! The server's side of a profile: recognising requests, making answers.

use super::client::{items, plain};
use super::oauth_client::HeaderCheck;
use super::{CallShape, Encoding, IdpCall, NumberForm, Profile, QueryValue, TokenGrant};
use crate::protocol::ErrorKind;
use hyper::{HeaderMap, Method};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// What a request carries.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RequestTokens {
    pub token: Option<String>,
    pub public_key: Option<String>,
    pub tenant: Option<String>,
    pub refresh_token: Option<String>,
}

impl std::fmt::Debug for RequestTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[carried secrets]")
    }
}

impl RequestTokens {
    fn note(&mut self, placeholder: &str, value: String) {
        let slot = match placeholder {
            "$token" => &mut self.token,
            "$publicKey" => &mut self.public_key,
            "$tenant" => &mut self.tenant,
            "$refreshToken" => &mut self.refresh_token,
            _ => return,
        };
        *slot = Some(value);
    }
}

/// Why a request does not fit its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestMismatch {
    ContentType,
    /// The client does not authenticate as it must: a wrong credential, or none (RFC 6749 section 2.3).
    Client,
    /// Another header is missing, or has another value.
    Header,
    /// A field is missing, empty, another constant, or there twice (RFC 6749 section 3.2) where the mapping has no list.
    Fields,
}

type Fields<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

impl Profile {
    /// Which call a request is, if any, and what it carries. Loose: a call with a wrong field is still that call.
    pub fn recognise(&self, method: &Method, path_and_query: &str, body: &[u8]) -> Option<(IdpCall, RequestTokens)> {
        let fields = self.fields(method, path_and_query, body)?;
        let call = self.call_of(path_of(path_and_query), &fields)?;
        Some((call, self.carried(call, path_and_query, &fields)))
    }

    /// Recognises a request and says what is wrong with it, in one reading.
    pub fn check_request(
        &self,
        method: &Method,
        path_and_query: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Option<(IdpCall, RequestTokens, Option<RequestMismatch>)> {
        let fields = self.fields(method, path_and_query, body)?;
        let call = self.call_of(path_of(path_and_query), &fields)?;
        Some((call, self.carried(call, path_and_query, &fields), self.mismatch_of(call, headers, &fields)))
    }

    /// The fields of a body that is sent where a call goes.
    fn fields<'a>(&self, method: &Method, path_and_query: &str, body: &'a [u8]) -> Option<Fields<'a>> {
        let path = path_of(path_and_query);
        let shape = [&self.exchange, &self.refresh].into_iter().find(|shape| shape.path == path)?;
        (method == Method::POST).then(|| read(shape.encoding, body))
    }

    fn carried(&self, call: IdpCall, path_and_query: &str, fields: &[(Cow<'_, str>, Cow<'_, str>)]) -> RequestTokens {
        let shape = self.shape(call);
        let mut carried = RequestTokens::default();
        for (key, value) in fields {
            if let Some(Value::String(placeholder)) = shape.fields.get(&**key) {
                carried.note(placeholder, value.clone().into_owned());
            }
        }
        let (_, query) = path_and_query.split_once('?').unwrap_or_default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            if let Some(QueryValue::One(placeholder)) = shape.query.get(&*key) {
                carried.note(placeholder, value.into_owned());
            }
        }
        carried
    }

    /// By path, and where both calls have the same, by the constants that fit best; where a call has none, also by the names of the
    /// other fields.
    pub(super) fn call_of(&self, path: &str, fields: &[(Cow<'_, str>, Cow<'_, str>)]) -> Option<IdpCall> {
        match (self.exchange.path == path, self.refresh.path == path) {
            (true, false) => Some(IdpCall::Exchange),
            (false, true) => Some(IdpCall::Refresh),
            (false, false) => None,
            (true, true) => match (self.fitting(IdpCall::Exchange, fields), self.fitting(IdpCall::Refresh, fields)) {
                (exchange, refresh) if exchange > refresh => Some(IdpCall::Exchange),
                (exchange, refresh) if refresh > exchange => Some(IdpCall::Refresh),
                _ => None,
            },
        }
    }

    /// How many of a call's constants stand among the fields, and, where a call has no constant, how many of its other fields.
    fn fitting(&self, call: IdpCall, fields: &[(Cow<'_, str>, Cow<'_, str>)]) -> (usize, usize) {
        let (others, constants): (Vec<_>, Vec<_>) =
            self.shape(call).fields.iter().partition(|(_, value)| is_placeholder(value));
        let stands = |key: &str, value: &Value| {
            self.sent_values(call, value).iter().any(|sent| fields.iter().any(|(k, got)| k == key && is(sent, got)))
        };
        let named = |key: &str| fields.iter().any(|(name, _)| name == key);
        let fitting = constants.iter().filter(|(key, value)| stands(key, value)).count();
        // Elsewhere a request without any of the constants, such as one with another grant type, is none of the two.
        let has_none = |call| self.shape(call).fields.values().all(is_placeholder);
        let by_names = has_none(IdpCall::Exchange) || has_none(IdpCall::Refresh);
        (fitting, if by_names { others.iter().filter(|(key, _)| named(key)).count() } else { 0 })
    }

    /// Whether requests of both calls are told apart.
    pub(super) fn tells_calls_apart(&self) -> bool {
        let is_told = |call| self.call_of(&self.shape(call).path, &self.example(call)) == Some(call);
        is_told(IdpCall::Exchange) && is_told(IdpCall::Refresh)
    }

    /// The fields of a request, with nothing in place of tokens.
    fn example(&self, call: IdpCall) -> Fields<'_> {
        let fields = self.shape(call).fields.iter().flat_map(|(key, value)| {
            let sent = if is_placeholder(value) { vec![String::new()] } else { self.sent_texts(call, value) };
            sent.into_iter().map(move |value| (Cow::from(key), Cow::from(value)))
        });
        fields.collect()
    }

    fn sent_texts(&self, call: IdpCall, value: &Value) -> Vec<String> {
        self.sent_values(call, value).iter().map(plain).collect()
    }

    /// What is wrong with a recognised request.
    pub fn mismatch(&self, call: IdpCall, headers: &HeaderMap, body: &[u8]) -> Option<RequestMismatch> {
        self.mismatch_of(call, headers, &read(self.shape(call).encoding, body))
    }

    fn mismatch_of(
        &self,
        call: IdpCall,
        headers: &HeaderMap,
        fields: &[(Cow<'_, str>, Cow<'_, str>)],
    ) -> Option<RequestMismatch> {
        let shape = self.shape(call);
        let content_type = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        // Media types know no letter case (RFC 9110, section 8.3.1).
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case(shape.encoding.content_type()) {
            return Some(RequestMismatch::ContentType);
        }
        match self.has_headers(call, headers) {
            HeaderCheck::Right => {}
            HeaderCheck::Wrong => return Some(RequestMismatch::Header),
            HeaderCheck::WrongClient => return Some(RequestMismatch::Client),
        }
        let of_client = shape.fields.iter().filter_map(|(key, value)| Some((key, self.client_value(value.as_str()?)?)));
        for (key, wanted) in of_client {
            if !fields.iter().any(|(name, got)| name == key && got == wanted) {
                return Some(RequestMismatch::Client);
            }
        }
        let fits = |(key, wanted): (&String, &Value)| {
            let got: Vec<_> = fields.iter().filter(|(k, _)| k == key).map(|(_, got)| got).collect();
            if is_placeholder(wanted) {
                return got.iter().any(|got| !got.is_empty());
            }
            // Repeated values have no order (RFC 8693 section 2.1).
            let sent = self.sent_values(call, wanted);
            let mut left = got.clone();
            got.len() == sent.len()
                && sent.iter().all(|sent| left.iter().position(|got| is(sent, got)).map(|at| left.remove(at)).is_some())
        };
        let may_repeat = |key: &str| shape.fields.get(key).is_some_and(Value::is_array);
        let repeated = fields.iter().enumerate().any(|(at, (key, _))| {
            !(may_repeat(key) && shape.encoding == Encoding::Form) && fields[..at].iter().any(|(other, _)| other == key)
        });
        (repeated || !shape.fields.iter().all(fits)).then_some(RequestMismatch::Fields)
    }

    /// The body of a good answer.
    pub fn answer(&self, call: IdpCall, granted: &TokenGrant, user_id: &str, form: Option<NumberForm>) -> Value {
        let shape = &self.shape(call).answer;
        let seconds = granted.expires_in.map(|seconds| match form.unwrap_or(shape.expires_in_is) {
            NumberForm::Number => json!(seconds),
            NumberForm::Text => json!(seconds.to_string()),
        });
        let mut body = Value::Object(Map::new());
        put(&mut body, &shape.access_token, json!(granted.access_token));
        if let Some(pointer) = &shape.refresh_token {
            put(&mut body, pointer, json!(granted.refresh_token));
        }
        if let (Some(pointer), Some(seconds)) = (&shape.expires_in, seconds) {
            put(&mut body, pointer, seconds);
        }
        for (key, value) in &shape.also {
            let value = match value.as_str() {
                Some("$accessToken") => json!(granted.access_token),
                Some("$refreshToken") => json!(granted.refresh_token),
                Some("$userId") => json!(user_id),
                _ => value.clone(),
            };
            put(&mut body, &format!("/{key}"), value);
        }
        body
    }

    /// The body of a refusal that means `kind`.
    pub fn refusal(&self, call: IdpCall, status: u16, kind: ErrorKind) -> Value {
        let said = |kind| self.meanings(call).iter().find(|meaning| meaning.means == kind);
        // A provider without a word for a user who is gone says only that the session is over.
        let meaning = said(kind).or_else(|| said(ErrorKind::NeedsReauthentication));
        match meaning {
            Some(meaning) => fill(&self.errors.body, status, meaning.says.as_deref().unwrap_or(&meaning.word)),
            None => self.error(status, &self.errors.bad_request),
        }
    }

    /// The body of an error that is about the request itself, with a word of its own.
    pub fn error(&self, status: u16, word: &str) -> Value {
        fill(self.errors.bad_request_body.as_ref().unwrap_or(&self.errors.body), status, word)
    }
}

fn path_of(path_and_query: &str) -> &str {
    path_and_query.split('?').next().unwrap_or_default()
}

fn is_placeholder(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.starts_with('$'))
}

/// Whether a constant of a profile is written as `text`.
fn is(constant: &Value, text: &str) -> bool {
    match constant {
        Value::String(constant) => constant == text,
        Value::Array(_) | Value::Object(_) => serde_json::from_str::<Value>(text).is_ok_and(|got| got == *constant),
        // A form has no types: `true` and `1` are written as JSON writes them.
        other => other.to_string().as_str() == text,
    }
}

fn read(encoding: Encoding, body: &[u8]) -> Fields<'_> {
    match encoding {
        Encoding::Form => form_urlencoded::parse(body).collect(),
        Encoding::Json => {
            let fields: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
            fields.into_iter().map(|(key, value)| (Cow::from(key), Cow::from(plain(&value)))).collect()
        }
    }
}

/// Puts a value where a JSON pointer says, making the objects on the way.
fn put(body: &mut Value, pointer: &str, value: Value) {
    let mut place = body;
    for key in pointer.trim_start_matches('/').split('/') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Some(object) = place.as_object_mut() else { return };
        place = object.entry(key).or_insert(Value::Null);
    }
    *place = value;
}

fn fill(template: &Value, status: u16, word: &str) -> Value {
    match template {
        Value::String(text) if text == "$word" => json!(word),
        Value::String(text) if text == "$status" => json!(status),
        Value::Array(items) => items.iter().map(|item| fill(item, status, word)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (key.clone(), fill(value, status, word))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

impl CallShape {
    /// Whether a placeholder stands in its query or fields.
    pub fn uses(&self, placeholder: &str) -> bool {
        let in_query = self.query.values().flat_map(QueryValue::items).any(|item| item == placeholder);
        in_query || self.fields.values().flat_map(items).any(|item| item == placeholder)
    }
}
