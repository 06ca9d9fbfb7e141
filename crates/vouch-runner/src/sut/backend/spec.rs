//! What a target file says of a customer backend: how it is launched, how its users log in, how an app asks it for a token.

use crate::sut::http::{HttpCall, HttpReply, Place, RequestLine, Template, fill, fill_json, fill_path};
use crate::sut::http_service::ServiceSpec;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use vouch_sim::reference::backend as reference;
use vouch_spec::scenario::Text;

/// A customer backend, as a target file configures it.
#[derive(Clone, Debug)]
pub struct BackendSpec {
    pub name: String,
    pub run: BackendLaunch,
    /// How a test user gets the credential that its app then sends.
    pub login: Login,
    /// How a test user's credential is ended, if the target file says so.
    pub logout: Option<ValueCall>,
    pub token: TokenCall,
    /// The `client_user_id` of an app user, with the variable `$user`.
    pub client_user_id: ClientUserId,
}

/// The id under which a backend makes the vendor user of an app user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientUserId {
    /// This text, with the variable `$user`.
    Template(Template),
    /// One that only the backend knows.
    Unknown,
}

/// How the backend is launched, and how it gets the address of the vendor API that the harness serves.
#[derive(Clone, Debug)]
pub enum BackendLaunch {
    /// Started for each case, with the address in an environment variable.
    Started(ServiceSpec),
    /// Runs already, with a fixed address and key of the vendor API.
    Running { url: String, listen: SocketAddr, api_key: String },
}

/// How a test user logs in.
#[derive(Clone, Debug)]
pub enum Login {
    /// One request, with the variable `$user` and the values of the requests before it.
    Call {
        before: Vec<ValueCall>,
        line: RequestLine,
        headers: BTreeMap<String, Template>,
        body: Option<Value>,
        credential: Place,
        /// Further values for the token request, by name.
        values: BTreeMap<String, Place>,
    },
    /// Credentials that the target file lists by client user id; `*` stands for every other user.
    Fixed(HashMap<String, String>),
}

/// A request whose response has values for later requests, for example a token against CSRF.
#[derive(Clone, Debug)]
pub struct ValueCall {
    pub line: RequestLine,
    pub headers: BTreeMap<String, Template>,
    pub body: Option<Value>,
    pub values: BTreeMap<String, Place>,
}

impl ValueCall {
    pub(super) fn call(&self, values: &[(&str, &str)]) -> HttpCall {
        HttpCall {
            method: self.line.method.clone(),
            path: fill_path(&self.line.path, values),
            headers: self.headers.iter().map(|(name, text)| (name.clone(), fill(text, values))).collect(),
            body: self.body.as_ref().map(|body| fill_json(body, values)),
            raw_body: None,
        }
    }
}

/// What an app has after a log-in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    pub credential: String,
    /// Further values, by name.
    pub values: Vec<(String, String)>,
}

/// The request of the app for a sign-in token, with the variables `$credential` and `$user`.
#[derive(Clone, Debug)]
pub struct TokenCall {
    pub line: RequestLine,
    pub headers: BTreeMap<String, Template>,
    pub body: Option<Value>,
    /// The location of the token in the response.
    pub token: Place,
    /// Requests that come before it each time.
    pub before: Vec<ValueCall>,
    /// A JSON pointer: an answer that has a value there, and not null, reports a failure, whatever its status.
    pub failed_when: Option<String>,
}

/// The user that each part of a token request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedUsers<'a> {
    pub path: &'a str,
    pub headers: &'a str,
    pub body: &'a str,
}

impl<'a> NamedUsers<'a> {
    /// The same user everywhere.
    pub fn all(user: &'a str) -> Self {
        Self { path: user, headers: user, body: user }
    }
}

/// The credential of an app user at the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential<'a> {
    This(&'a str),
    /// The headers with the credential are left out.
    Missing,
}

impl TokenCall {
    /// The token request of the reference backend.
    pub(super) fn reference() -> Self {
        Self {
            line: RequestLine { method: hyper::Method::POST, path: Text(reference::TOKEN_PATH.into()) },
            headers: [("authorization".to_owned(), Text("Bearer $credential".into()))].into(),
            body: Some(Value::Object(serde_json::Map::new())),
            token: Place::Json("/sign_in_token".into()),
            before: vec![],
            failed_when: None,
        }
    }

    /// The status of an answer: 422 where the target file says that it reports a failure in its body.
    pub fn status(&self, reply: &HttpReply) -> u16 {
        let has_failed = |pointer: &String| {
            let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
            body.pointer(pointer)
                .is_some_and(|value| !value.is_null() && value.as_array().is_none_or(|all| !all.is_empty()))
        };
        match &self.failed_when {
            Some(pointer) if (200..300).contains(&reply.status) && has_failed(pointer) => 422,
            _ => reply.status,
        }
    }

    /// Whether the request names its user, in a place of the target file.
    pub fn names_user(&self) -> bool {
        self.call_as(Credential::This(""), NamedUsers::all("a"), &[])
            != self.call_as(Credential::This(""), NamedUsers::all("b"), &[])
    }

    /// The request of an app user.
    pub fn call(&self, credential: Credential<'_>, user: &str) -> HttpCall {
        self.call_as(credential, NamedUsers::all(user), &[])
    }

    /// The request with these names in the place of `$user`, and further values.
    pub fn call_as(&self, credential: Credential<'_>, users: NamedUsers<'_>, more: &[(String, String)]) -> HttpCall {
        let value = match credential {
            Credential::This(value) => value,
            Credential::Missing => "",
        };
        let values_with = |user| {
            let more = more.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            [("credential", value), ("user", user)].into_iter().chain(more).collect::<Vec<_>>()
        };
        let has_credential = |text: &Template| text.0.contains("$credential") || text.0.contains("${credential}");
        let kept = |text: &&Template| credential != Credential::Missing || !has_credential(text);
        HttpCall {
            method: self.line.method.clone(),
            path: fill_path(&self.line.path, &values_with(users.path)),
            headers: self
                .headers
                .iter()
                .filter(|(_, text)| kept(text))
                .map(|(name, text)| (name.clone(), fill(text, &values_with(users.headers))))
                .collect(),
            body: self.body.as_ref().map(|body| fill_json(body, &values_with(users.body))),
            raw_body: None,
        }
    }
}

impl ClientUserId {
    pub(super) fn of(&self, user: &str) -> Option<String> {
        match self {
            ClientUserId::Template(template) => Some(fill(template, &[("user", user)])),
            ClientUserId::Unknown => None,
        }
    }
}

impl Session {
    /// The variables of later requests.
    pub(super) fn variables<'a>(&'a self, user: &'a str) -> Vec<(&'a str, &'a str)> {
        let own = [("credential", self.credential.as_str()), ("user", user)];
        own.into_iter().chain(self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))).collect()
    }
}
