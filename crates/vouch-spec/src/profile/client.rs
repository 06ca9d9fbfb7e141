//! The client's side of a profile: making requests, reading answers.

use super::{AnswerMember, Encoding, IdpCall, Profile};
use crate::protocol::ErrorKind;
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::{Map, Value};
use std::fmt;

/// What a request is made of. What a call does not need stays empty.
#[derive(Clone, Copy, Default)]
pub struct RequestValues<'a> {
    /// The JWT of the sign-in token.
    pub token: &'a str,
    pub public_key: &'a str,
    pub tenant: &'a str,
    pub refresh_token: &'a str,
}

impl<'a> RequestValues<'a> {
    fn get(&self, placeholder: &str) -> Option<&'a str> {
        match placeholder {
            "$token" => Some(self.token),
            "$publicKey" => Some(self.public_key),
            "$tenant" => Some(self.tenant),
            "$refreshToken" => Some(self.refresh_token),
            _ => None,
        }
    }
}

/// A POST that is ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct IdpRequest {
    /// With its query.
    pub path: String,
    pub content_type: &'static str,
    /// Further headers, with names in small letters.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl IdpRequest {
    /// All its headers.
    pub fn header_map(&self) -> HeaderMap {
        let mut map = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(self.content_type))]);
        for (name, value) in &self.headers {
            // A mapping that is checked has no other names and values.
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_bytes(value.as_bytes())) {
                map.append(name, value);
            }
        }
        map
    }
}

impl fmt::Debug for IdpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "POST {} ({})", self.path.split('?').next().unwrap_or_default(), self.content_type)
    }
}

/// What a good answer has.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenAnswer {
    pub access_token: String,
    /// None for a refresh after which the old one stays valid (RFC 6749 section 6).
    pub refresh_token: Option<String>,
    /// In seconds; None if neither the answer nor the mapping says it.
    pub expires_in: Option<u64>,
}

/// The tokens that a client holds after a good answer.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenGrant {
    pub access_token: String,
    /// After a refresh that brings none: the one that was used.
    pub refresh_token: String,
    /// In seconds; None if neither the answer nor the mapping says it.
    pub expires_in: Option<u64>,
}

/// What makes a form of its fields.
pub type FormEncoder<'a> = dyn Fn(&[(&str, &str)]) -> String + 'a;

/// Percent-encodes whatever a form must (EXC-7).
pub fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

impl Profile {
    /// The request of a call.
    pub fn request(&self, call: IdpCall, values: &RequestValues<'_>) -> IdpRequest {
        self.request_with(call, values, &form)
    }

    /// The same, with an encoder of one's own for forms.
    pub fn request_with(&self, call: IdpCall, values: &RequestValues<'_>, encode: &FormEncoder<'_>) -> IdpRequest {
        let shape = self.shape(call);
        let text = |value: &str| values.get(value).or_else(|| self.client_value(value)).unwrap_or(value).to_owned();
        let mut path = shape.path.clone();
        if !shape.query.is_empty() {
            let query =
                shape.query.iter().flat_map(|(key, value)| value.items().iter().map(move |item| (key, text(item))));
            path = format!("{path}?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish());
        }
        let body = match shape.encoding {
            Encoding::Form => {
                let items = shape.fields.iter().flat_map(|(key, value)| items(value).map(move |item| (key, item)));
                let fields: Vec<_> = items.map(|(key, item)| (key.as_str(), text(&plain(item)))).collect();
                let fields: Vec<_> = fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
                encode(&fields)
            }
            Encoding::Json => {
                let fields: Map<_, _> =
                    shape.fields.iter().map(|(key, value)| (key.clone(), filled(value, &text))).collect();
                Value::Object(fields).to_string()
            }
        };
        IdpRequest { path, content_type: shape.encoding.content_type(), headers: self.headers(call), body }
    }

    /// The values that a field without a token is sent with: several where a form repeats it.
    pub fn sent_values(&self, call: IdpCall, value: &Value) -> Vec<Value> {
        let text = |value: &str| self.client_value(value).unwrap_or(value).to_owned();
        match self.shape(call).encoding {
            Encoding::Form => items(value).map(|item| filled(item, &text)).collect(),
            Encoding::Json => vec![filled(value, &text)],
        }
    }

    /// The tokens after a 200 answer, if it has all that the mapping requires. `used`: the refresh token of the request.
    pub fn granted(&self, call: IdpCall, body: &[u8], used: Option<&str>) -> Option<TokenGrant> {
        let TokenAnswer { access_token, refresh_token, expires_in } = self.token_answer(call, body)?;
        let refresh_token = refresh_token.or_else(|| used.map(str::to_owned))?;
        Some(TokenGrant { access_token, refresh_token, expires_in })
    }

    /// What a 200 answer has, if that is all that the mapping requires.
    pub fn token_answer(&self, call: IdpCall, body: &[u8]) -> Option<TokenAnswer> {
        let (body, answer): (Value, _) = (serde_json::from_slice(body).ok()?, &self.shape(call).answer);
        let member = |pointer: &Option<String>| body.pointer(pointer.as_ref()?).filter(|value| !value.is_null());
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let expires_in = match member(&answer.expires_in) {
            None if self.requires(call, AnswerMember::ExpiresIn) => return None,
            None => self.default_expires_in,
            Some(Value::String(digits)) => Some(digits.parse().ok()?),
            Some(number) => Some(whole_seconds(number)?),
        };
        let refresh_token = match member(&answer.refresh_token) {
            None if self.requires(call, AnswerMember::RefreshToken) => return None,
            None => None,
            Some(value) => Some(text(value)?),
        };
        Some(TokenAnswer { access_token: text(body.pointer(&answer.access_token)?)?, refresh_token, expires_in })
    }

    /// The word of an error answer, as it stands there. Where the pointer names the whole body, that may be a plain text.
    pub fn error_word(&self, body: &[u8]) -> Option<String> {
        let tree = serde_json::from_slice::<Value>(body);
        match (self.errors.is_whole_body(), tree) {
            (true, Ok(Value::String(text))) => Some(text),
            (true, _) => Some(std::str::from_utf8(body).ok()?.trim().to_owned()).filter(|text| !text.is_empty()),
            (false, tree) => match tree.ok()?.pointer(&self.errors.word)? {
                // Some providers number their errors.
                word @ (Value::String(_) | Value::Number(_)) => Some(plain(word)),
                _ => None,
            },
        }
    }

    /// What a 4xx answer means to the scheme, if anything.
    pub fn meaning(&self, call: IdpCall, body: &[u8]) -> Option<ErrorKind> {
        let said = self.error_word(body)?;
        let first = said.split([' ', ':']).next().unwrap_or_default();
        let of = |word: &str| self.meanings(call).iter().find(|meaning| meaning.word == word);
        of(said.trim()).or_else(|| of(first)).map(|meaning| meaning.means)
    }
}

/// A number of whole seconds. JSON does not tell `3600.0` from `3600` (RFC 8259 section 6).
fn whole_seconds(number: &Value) -> Option<u64> {
    /// Every whole number up to here is exact: 2^53.
    const MAX: f64 = 9_007_199_254_740_992.0;
    let is_whole = |seconds: &f64| (0.0..=MAX).contains(seconds) && seconds.fract() == 0.0;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and in the range")]
    number.as_u64().or_else(|| number.as_f64().filter(is_whole).map(|seconds| seconds as u64))
}

/// What a form sends of a value: the items of a list, else the value.
pub(super) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    }
    .iter()
}

/// A JSON value with its texts replaced.
pub(super) fn filled(value: &Value, text: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(word) => Value::String(text(word)),
        Value::Array(items) => items.iter().map(|item| filled(item, text)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (key.clone(), filled(value, text))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// A constant of a form.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_a_whole_number_however_it_is_written() {
        let seconds = |text: &str| whole_seconds(&serde_json::from_str(text).expect("JSON"));
        assert_eq!(["3600", "3600.0", "3.6e3", "0"].map(seconds), [Some(3600), Some(3600), Some(3600), Some(0)]);
        assert_eq!(["3600.5", "-1", "1e300", "null", "true", "\"3600\""].map(seconds), [None; 6]);
    }
}
