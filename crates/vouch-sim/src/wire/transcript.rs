//! What went over the wire in one case, in the order of arrival.

use super::SpokenProfile;
use crate::clock::Clock;
use hyper::body::Bytes;
use hyper::{HeaderMap, Method, StatusCode};
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
pub use vouch_spec::operation::Operation;
use vouch_spec::profile::{IdpCall, Profile, RequestTokens, TokenGrant};
use vouch_spec::protocol::Realm;

/// Who stands at an end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Party {
    App,
    Sdk,
    /// The harness's own client, for the roles behind the wire.
    Client,
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
            Party::Client => "client",
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

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct WireRequest {
    pub method: Method,
    /// Path and query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl WireRequest {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The token of a header `authorization: Bearer`; the scheme in any letter case (RFC 9110, section 11.1).
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start_matches(' '))
    }

    /// The fields of a form body.
    pub fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    pub fn path_only(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }
}

/// How an exchange ended from the caller's point of view.
#[derive(Clone, Debug)]
pub enum ExchangeOutcome {
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
    /// The caller went away before the answer: a time-out, a cancelled call, a killed process.
    Abandoned,
    /// The device had no network.
    NoNetwork,
}

/// One request and what became of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub link: Link,
    pub operation: Operation,
    pub request: WireRequest,
    pub outcome: ExchangeOutcome,
    /// The injected fault, as reports describe it.
    pub fault: Option<String>,
    /// What an exchange or refresh carries.
    pub tokens: RequestTokens,
    /// How many exchanges had arrived when this one was settled: those numbered from here on came after its answer.
    pub completed_at: Option<usize>,
    /// When that was, in the case's time.
    pub completed_ms: Option<i64>,
    /// Milliseconds since 1970, in the case's time.
    pub at_ms: i64,
    /// The wire profile that the SDK spoke then.
    pub profile: Arc<Profile>,
}

impl Exchange {
    pub fn status(&self) -> Option<StatusCode> {
        if let ExchangeOutcome::Answered { status, .. } = &self.outcome { Some(*status) } else { None }
    }

    /// The body of the answer, if there was any.
    pub fn answer(&self) -> Option<&Bytes> {
        if let ExchangeOutcome::Answered { body, .. } = &self.outcome { Some(body) } else { None }
    }

    /// Which call to an identity provider this is.
    pub fn call(&self) -> Option<IdpCall> {
        match self.operation {
            Operation::Exchange => Some(IdpCall::Exchange),
            Operation::Refresh => Some(IdpCall::Refresh),
            _ => None,
        }
    }

    /// The tokens that the caller holds then, if the answer arrived as the server made it.
    pub fn granted(&self) -> Option<TokenGrant> {
        let call = self.call().filter(|_| self.fault.is_none() && self.status() == Some(StatusCode::OK))?;
        self.profile.granted(call, self.answer()?, self.tokens.refresh_token.as_deref())
    }
}

/// How many preflights are kept.
const MAX_PREFLIGHTS: usize = 10_000;

/// The exchanges that are kept.
struct Kept {
    exchanges: Vec<Exchange>,
    preflights: Vec<WireRequest>,
    /// How many came before them.
    dropped: usize,
    limit: usize,
}

impl Kept {
    fn get_mut(&mut self, number: usize) -> Option<&mut Exchange> {
        self.exchanges.get_mut(number.checked_sub(self.dropped)?)
    }

    /// Adds an exchange; returns its number.
    fn push(&mut self, exchange: Exchange) -> usize {
        if self.exchanges.len() >= self.limit {
            // Half of them at once, so that an exchange moves once in the mean.
            let half = self.exchanges.len().div_ceil(2);
            self.exchanges.drain(..half);
            self.dropped += half;
        }
        self.exchanges.push(exchange);
        self.dropped + self.exchanges.len() - 1
    }
}

/// The transcript of one case. Cheap to clone.
#[derive(Clone)]
pub struct Transcript {
    exchanges: Arc<Mutex<Kept>>,
    clock: Clock,
    profile: SpokenProfile,
}

impl Transcript {
    pub fn new(clock: Clock, profile: impl Into<SpokenProfile>) -> Self {
        Self::limited(clock, profile, usize::MAX)
    }

    /// One for a server that runs on: it keeps the last `limit` exchanges, and for a while fewer, but at least half of them.
    pub fn limited(clock: Clock, profile: impl Into<SpokenProfile>, limit: usize) -> Self {
        let kept = Kept { exchanges: Vec::new(), preflights: Vec::new(), dropped: 0, limit };
        Self { exchanges: Arc::new(Mutex::new(kept)), clock, profile: profile.into() }
    }

    /// What a request on a link is for.
    pub fn operation_of(&self, link: Link, request: &WireRequest) -> Operation {
        self.classify(link, request).0
    }

    /// Notes an arrival; the number finds it again.
    pub fn record_request(&self, link: Link, request: WireRequest) -> (usize, Operation) {
        let (operation, tokens) = self.classify(link, &request);
        let number = self.exchanges.lock().push(Exchange {
            link,
            operation,
            request,
            outcome: ExchangeOutcome::Pending,
            fault: None,
            tokens,
            completed_at: None,
            completed_ms: None,
            at_ms: self.clock.now_ms(),
            profile: self.profile.now().clone(),
        });
        (number, operation)
    }

    /// Notes a request of a party that the scheme does not have, such as a log-in at a backend.
    pub fn record_aside(&self, link: Link, request: WireRequest) -> usize {
        let (number, _) = self.record_request(link, request);
        if let Some(exchange) = self.exchanges.lock().get_mut(number) {
            exchange.operation = Operation::Stray;
        }
        number
    }

    /// Notes what a browser sends by itself before a request of its page. It is no exchange of the SDK.
    pub(super) fn record_preflight(&self, request: WireRequest) {
        let mut kept = self.exchanges.lock();
        if kept.preflights.len() >= kept.limit.min(MAX_PREFLIGHTS) {
            let half = kept.preflights.len().div_ceil(2);
            kept.preflights.drain(..half);
        }
        kept.preflights.push(request);
    }

    /// The CORS preflights that are kept, in the order of their arrival.
    pub fn preflights(&self) -> Vec<WireRequest> {
        self.exchanges.lock().preflights.clone()
    }

    pub fn record_outcome(&self, number: usize, outcome: ExchangeOutcome) {
        let mut exchanges = self.exchanges.lock();
        let count = exchanges.dropped + exchanges.exchanges.len();
        let (completed_at, completed_ms) = (Some(count), Some(self.clock.now_ms()));
        if let Some(exchange) = exchanges.get_mut(number) {
            (exchange.outcome, exchange.completed_at, exchange.completed_ms) = (outcome, completed_at, completed_ms);
        }
    }

    pub(super) fn record_fault(&self, number: usize, fault: String) {
        if let Some(exchange) = self.exchanges.lock().get_mut(number) {
            exchange.fault = Some(fault);
        }
    }

    /// How many exchanges there are so far.
    pub fn len(&self) -> usize {
        let kept = self.exchanges.lock();
        kept.dropped + kept.exchanges.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Looks at all exchanges that are kept, without copying them.
    pub fn read<R>(&self, read: impl FnOnce(&[Exchange]) -> R) -> R {
        read(&self.exchanges.lock().exchanges)
    }

    /// The exchanges from a number on, as far as they are kept.
    pub fn since(&self, number: usize) -> Vec<Exchange> {
        let kept = self.exchanges.lock();
        kept.exchanges.get(number.saturating_sub(kept.dropped)..).unwrap_or_default().to_vec()
    }

    fn classify(&self, link: Link, request: &WireRequest) -> (Operation, RequestTokens) {
        let path = request.path_only();
        let operation = match (link.from, link.to) {
            (Party::App, Party::Backend) => Operation::TokenRequest,
            (Party::Sdk | Party::Client, Party::Api) => Operation::Api,
            (Party::Sdk | Party::Client, Party::Auth) => {
                return match self.profile.now().recognise(&request.method, &request.path, &request.body) {
                    Some((IdpCall::Exchange, tokens)) => (Operation::Exchange, tokens),
                    Some((IdpCall::Refresh, tokens)) => (Operation::Refresh, tokens),
                    None => (Operation::Stray, RequestTokens::default()),
                };
            }
            (Party::Backend, Party::Api) if request.method == Method::POST && path == "/v2/user" => {
                Operation::CreateUser
            }
            (Party::Backend, Party::Api) if path.ends_with("/sign_in_token") => Operation::Issuance,
            (Party::Backend, Party::Api) if request.method == Method::GET => Operation::FindUser,
            _ => Operation::Stray,
        };
        (operation, RequestTokens::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ClockMode;

    #[test]
    fn a_limited_transcript_keeps_the_newest_under_their_numbers() {
        let transcript = Transcript::limited(Clock::new(ClockMode::Virtual), Profile::junction(), 4);
        let realm = Realm::all().next().expect("a realm");
        let link = Link { from: Party::Sdk, to: Party::Api, realm };
        let request =
            |path: String| WireRequest { method: Method::GET, path, headers: HeaderMap::new(), body: Bytes::new() };
        let numbers: Vec<_> = (0..7).map(|n| transcript.record_request(link, request(format!("/{n}"))).0).collect();
        assert_eq!((numbers, transcript.len()), ((0..7).collect(), 7));
        transcript.record_outcome(0, ExchangeOutcome::Abandoned);
        transcript.record_outcome(6, ExchangeOutcome::NoNetwork);
        let kept: Vec<_> = transcript.since(0).into_iter().map(|exchange| exchange.request.path).collect();
        assert_eq!(kept, ["/4", "/5", "/6"]);
        let newest = transcript.since(6);
        assert!(newest.len() == 1 && matches!(newest[0].outcome, ExchangeOutcome::NoNetwork));
        assert!(transcript.since(7).is_empty());
    }
}
