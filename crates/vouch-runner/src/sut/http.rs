//! HTTP calls to implementations under test, as a target file maps them.

use hyper::HeaderMap;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use vouch_spec::scenario::Text;

/// A text of a target file with variables such as `$port`; which ones there are, the field says.
pub type Template = Text;

/// Fills the variables in. What is not known stays as it stands; the target file was checked for that.
pub fn fill(template: &Template, values: &[(&str, &str)]) -> String {
    let value = |name: &str| values.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
    template.resolve(value).unwrap_or_else(|_| template.0.clone())
}

/// Fills the variables of every text in a JSON value in.
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

/// `POST /sign-in-token`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLine {
    pub method: hyper::Method,
    pub path: Template,
}

impl RequestLine {
    /// Reads method and path.
    pub fn parse(text: &str) -> Option<Self> {
        let (method, path) = text.split_once(' ')?;
        let known = ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method);
        let method = hyper::Method::from_bytes(method.as_bytes()).ok().filter(|_| known)?;
        let path = path.trim();
        path.starts_with('/').then(|| Self { method, path: Text(path.to_owned()) })
    }
}

/// Where in an answer a value stands.
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
    /// Reads `/json/pointer`, `header:NAME`, `cookie:NAME` or `body`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            Some(("header", name)) if !name.is_empty() => Some(Place::Header(name.trim().to_lowercase())),
            Some(("cookie", name)) if !name.is_empty() => Some(Place::Cookie(name.trim().to_owned())),
            _ if text == "body" => Some(Place::Body),
            _ => text.starts_with('/').then(|| Place::Json(text.to_owned())),
        }
    }

    /// The value, if there is one.
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

/// A call that is ready to be sent.
#[derive(Clone, Debug)]
pub struct HttpCall {
    pub method: hyper::Method,
    /// With its query.
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Option<Value>,
}

/// An answer with its whole body.
#[derive(Clone, Debug)]
pub struct HttpReply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl HttpCall {
    /// Sends the call to a base URL. The error says what happened, without the call's secrets.
    pub async fn send(
        &self,
        client: &reqwest::Client,
        base: &str,
        connect_timeout: Duration,
    ) -> Result<HttpReply, String> {
        let mut request = client.request(self.method.clone(), format!("{base}{}", self.path)).timeout(connect_timeout);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = &self.body {
            request = request.json(body);
        }
        let why = |error: reqwest::Error| match (error.is_timeout(), error.is_connect(), error.is_builder()) {
            (true, ..) => format!("no answer within {connect_timeout:?}"),
            (_, true, _) => "the connection was refused".to_owned(),
            (.., true) => {
                "the request cannot be made: a header or the path has characters that HTTP does not allow".to_owned()
            }
            _ => "the connection ended without an answer".to_owned(),
        };
        let response = request.send().await.map_err(why)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.map_err(why)?.to_vec();
        Ok(HttpReply { status, headers, body })
    }
}
