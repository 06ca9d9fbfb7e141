//! HTTP calls to implementations under test, as a target file configures them.

use hyper::HeaderMap;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;
use vouch_sim::wire::{BodyError, MAX_RESPONSE_BODY, read_body, tls_failure};
use vouch_spec::scenario::Text;

/// A text of a target file with variables such as `$port`. Each field of a target file documents its variables.
pub type Template = Text;

/// Replaces the variables of a template. With an unknown variable the text stays unchanged; a target file with unknown
/// variables is rejected when it is parsed.
pub fn fill(template: &Template, values: &[(&str, &str)]) -> String {
    let value = |name: &str| values.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
    template.resolve(value).unwrap_or_else(|_| template.0.clone())
}

/// Replaces the variables of a path or query; what stands for them is percent-encoded.
pub fn fill_path(template: &Template, values: &[(&str, &str)]) -> String {
    let encoded: Vec<_> = values.iter().map(|(name, value)| (*name, percent_encoded(value))).collect();
    let values: Vec<_> = encoded.iter().map(|(name, value)| (*name, value.as_str())).collect();
    fill(template, &values)
}

/// A text as one segment of a path.
fn percent_encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// Replaces the variables in every text of a JSON value.
pub fn fill_json(body: &Value, values: &[(&str, &str)]) -> Value {
    match body {
        Value::String(text) => Value::String(fill(&Text(text.clone()), values)),
        Value::Array(items) => items.iter().map(|item| fill_json(item, values)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), fill_json(value, values)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// A method and a path, for example `POST /sign-in-token`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLine {
    pub method: hyper::Method,
    pub path: Template,
}

impl RequestLine {
    /// Parses a method and a path. `None` if the text is not both.
    pub fn parse(text: &str) -> Option<Self> {
        let (method, path) = text.split_once(' ')?;
        let known = ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method);
        let method = hyper::Method::from_bytes(method.as_bytes()).ok().filter(|_| known)?;
        let path = path.trim();
        path.starts_with('/').then(|| Self { method, path: Text(path.to_owned()) })
    }
}

/// The location of a value in an HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A JSON pointer into the body.
    Json(String),
    Header(String),
    Cookie(String),
    /// The whole body.
    Body,
}

impl Place {
    /// Parses `/json/pointer`, `header:NAME`, `cookie:NAME` or `body`. `None` if the text is none of them.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            Some(("header", name)) if !name.is_empty() => Some(Place::Header(name.trim().to_lowercase())),
            Some(("cookie", name)) if !name.is_empty() => Some(Place::Cookie(name.trim().to_owned())),
            _ if text == "body" => Some(Place::Body),
            _ => text.starts_with('/').then(|| Place::Json(text.to_owned())),
        }
    }

    /// The value at this location. `None` if it is missing, empty or not a text.
    pub fn read(&self, reply: &HttpReply) -> Option<String> {
        let text = match self {
            Place::Json(pointer) => {
                let body: Value = serde_json::from_slice(&reply.body).ok()?;
                body.pointer(pointer)?.as_str()?.to_owned()
            }
            Place::Header(name) => reply.headers.get(name)?.to_str().ok()?.to_owned(),
            Place::Cookie(name) => reply.headers.get_all("set-cookie").iter().find_map(|cookie| {
                let (key, rest) = cookie.to_str().ok()?.split_once('=')?;
                (key.trim() == name).then(|| rest.split(';').next().unwrap_or_default().trim().to_owned())
            })?,
            Place::Body => String::from_utf8_lossy(&reply.body).trim().to_owned(),
        };
        Some(text).filter(|text| !text.is_empty())
    }
}

/// An HTTP request that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCall {
    pub method: hyper::Method,
    /// The path with its query.
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Option<Value>,
    /// A body that is not JSON, in the place of `body`: its content type and its text.
    pub raw_body: Option<(&'static str, String)>,
}

/// An HTTP response with its whole body.
#[derive(Clone, Debug)]
pub struct HttpReply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Why an HTTP request got no response. The texts contain neither URL nor headers, which can carry secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// What is wrong, and what to do.
    #[error("{0}")]
    Tls(String),
    #[error("no response within {0:?}")]
    Timeout(Duration),
    #[error("the connection was refused")]
    Refused,
    #[error("the request cannot be made: a header or the path has characters that HTTP does not allow")]
    Malformed,
    #[error("the connection ended without a response")]
    ConnectionClosed,
    #[error("the body of the response is longer than {MAX_RESPONSE_BODY} bytes")]
    TooLong,
}

impl HttpError {
    fn new(error: &reqwest::Error, timeout: Duration) -> Self {
        if let Some(failure) = tls_failure(error) {
            return HttpError::Tls(failure);
        }
        match (error.is_timeout(), error.is_connect(), error.is_builder()) {
            (true, ..) => HttpError::Timeout(timeout),
            (_, true, _) => HttpError::Refused,
            (.., true) => HttpError::Malformed,
            _ => HttpError::ConnectionClosed,
        }
    }
}

impl HttpCall {
    /// A GET request of a path, with no headers.
    pub fn get(path: &str) -> Self {
        Self { method: hyper::Method::GET, path: path.to_owned(), headers: [].into(), body: None, raw_body: None }
    }

    /// Sends the request to a base URL. The error contains no secret of the request.
    pub async fn send(&self, client: &reqwest::Client, base: &str, timeout: Duration) -> Result<HttpReply, HttpError> {
        let mut request = client.request(self.method.clone(), format!("{base}{}", self.path)).timeout(timeout);
        for (name, value) in &self.headers {
            // As UTF-8: the ids of users need not be ASCII.
            request = request.header(name, value.as_bytes());
        }
        if let Some((content_type, text)) = &self.raw_body {
            request = request.header(hyper::header::CONTENT_TYPE, *content_type).body(text.clone());
        } else if let Some(body) = &self.body {
            request = request.json(body);
        }
        let http_error = |error: reqwest::Error| HttpError::new(&error, timeout);
        let response = request.send().await.map_err(http_error)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = match read_body(response).await {
            Ok(body) => body.to_vec(),
            Err(BodyError::Http(error)) => return Err(http_error(error)),
            Err(BodyError::TooLong) => return Err(HttpError::TooLong),
        };
        Ok(HttpReply { status, headers, body })
    }
}

#[cfg(test)]
mod tests;
