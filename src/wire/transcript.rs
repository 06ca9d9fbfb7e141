//! What went over the wire in one case, in the order of arrival.

use crate::clock::Clock;
use crate::protocol::Realm;
use hyper::body::Bytes;
use hyper::{HeaderMap, Method, StatusCode};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who stands at an end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Party {
    App,
    Sdk,
    Backend,
    /// The vendor API.
    Api,
    /// The identity provider.
    Auth,
}

impl Party {
    pub fn word(self) -> &'static str {
        match self {
            Party::App => "app",
            Party::Sdk => "sdk",
            Party::Backend => "backend",
            Party::Api => "api",
            Party::Auth => "auth",
        }
    }
}

/// One address: who calls whom, in which realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    pub from: Party,
    pub to: Party,
    pub realm: Realm,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {} ({})", self.from.word(), self.to.word(), self.realm)
    }
}

/// What an exchange is for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// App to backend: a sign-in token, please.
    TokenRequest,
    /// Backend to API: look a user up.
    FindUser,
    /// Backend to API: make a user.
    CreateUser,
    /// Backend to API: make a sign-in token.
    Issuance,
    /// SDK to identity provider: sign-in token for access and refresh token.
    Exchange,
    /// SDK to identity provider: refresh token for new tokens.
    Refresh,
    /// SDK to API: a resource.
    Api,
    /// Anything else: nobody in the scheme sends this.
    Stray,
}

impl Operation {
    pub fn words(self) -> &'static str {
        match self {
            Operation::TokenRequest => "token request",
            Operation::FindUser => "user look-up",
            Operation::CreateUser => "user creation",
            Operation::Issuance => "token issuance",
            Operation::Exchange => "exchange",
            Operation::Refresh => "refresh",
            Operation::Api => "API call",
            Operation::Stray => "stray call",
        }
    }
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: Method,
    /// Path and query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The fields of a form body.
    pub fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// One field of a form body.
    pub fn form_field(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(&self.body).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    pub fn path_only(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }
}

/// How an exchange ended, as the caller saw it.
#[derive(Clone, Debug)]
pub enum Fate {
    /// Not answered yet.
    Pending,
    Answered {
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
    },
    /// The connection ended without an answer. `processed` says whether the server had done its part.
    Lost {
        processed: bool,
    },
    /// The device had no network.
    NoNetwork,
}

/// One request and what became of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub link: Link,
    pub operation: Operation,
    pub request: Received,
    pub fate: Fate,
    /// The fault that struck, in words.
    pub fault: Option<String>,
    /// Milliseconds since 1970, in the case's time.
    pub at_ms: i64,
}

impl Exchange {
    pub fn status(&self) -> Option<StatusCode> {
        if let Fate::Answered { status, .. } = &self.fate { Some(*status) } else { None }
    }

    /// The JSON of the answer, if it is any.
    pub fn answer_json(&self) -> Option<serde_json::Value> {
        if let Fate::Answered { body, .. } = &self.fate { serde_json::from_slice(body).ok() } else { None }
    }
}

/// The transcript of one case. Cheap to clone.
#[derive(Clone)]
pub struct Transcript {
    exchanges: Arc<Mutex<Vec<Exchange>>>,
    clock: Clock,
}

impl Transcript {
    pub fn new(clock: Clock) -> Self {
        Self { exchanges: Arc::default(), clock }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Exchange>> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an arrival; the number finds it again.
    pub(super) fn arrive(&self, link: Link, request: Received) -> (usize, Operation) {
        let operation = classify(link, &request);
        let mut exchanges = self.lock();
        exchanges.push(Exchange {
            link,
            operation,
            request,
            fate: Fate::Pending,
            fault: None,
            at_ms: self.clock.now_ms(),
        });
        (exchanges.len() - 1, operation)
    }

    pub(super) fn settle(&self, number: usize, fate: Fate) {
        if let Some(exchange) = self.lock().get_mut(number) {
            exchange.fate = fate;
        }
    }

    pub(super) fn struck(&self, number: usize, fault: String) {
        if let Some(exchange) = self.lock().get_mut(number) {
            exchange.fault = Some(fault);
        }
    }

    /// How many exchanges there are so far.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The exchanges from a number on.
    pub fn since(&self, number: usize) -> Vec<Exchange> {
        self.lock().get(number..).unwrap_or_default().to_vec()
    }
}

fn classify(link: Link, request: &Received) -> Operation {
    let path = request.path_only();
    match (link.from, link.to) {
        (Party::App, Party::Backend) => Operation::TokenRequest,
        (Party::Sdk, Party::Api) => Operation::Api,
        (Party::Sdk, Party::Auth) => match request.form_field("grant_type").as_deref() {
            Some("refresh_token") => Operation::Refresh,
            Some(_) => Operation::Exchange,
            None => Operation::Stray,
        },
        (Party::Backend, Party::Api) if request.method == Method::POST && path == "/v2/user" => Operation::CreateUser,
        (Party::Backend, Party::Api) if path.ends_with("/sign_in_token") => Operation::Issuance,
        (Party::Backend, Party::Api) if request.method == Method::GET => Operation::FindUser,
        _ => Operation::Stray,
    }
}
