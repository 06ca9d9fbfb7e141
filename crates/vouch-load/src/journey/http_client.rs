//! Sends the calls of a load's users, times them, and has every answer checked.

use super::metrics::{JourneyMetrics, Made};
use crate::check::Verdict;
use crate::client::nanoseconds;
use crate::endpoints::{LoadCall, Site};
use crate::failure::{Failure, Wrong};
use crate::request_template::Draft;
use async_trait::async_trait;
use std::error::Error;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_rustls::rustls::ClientConfig;
use vouch_sim::reference::sdk::ports::{self, Host, NoResponse};
use vouch_spec::profile;

/// The largest answer that is taken, in bytes.
const MOST_BYTES: usize = 1 << 20;

/// Where the calls go: base URLs and what the team's calls carry.
pub struct Bases {
    pub api: String,
    pub auth: String,
    /// The team's API key.
    pub key: String,
}

impl Bases {
    /// As the requests of a site have them.
    pub fn of(site: &Site) -> Self {
        let mut draft = Draft::default();
        let mut base = |call: LoadCall, tail: &str| {
            let (endpoint, template) = site.template(call);
            template.fill(|_| "", &mut draft);
            let path = String::from_utf8_lossy(&draft.path).into_owned();
            let path = path.split('?').next().unwrap_or_default();
            format!("{}{}", site.endpoints[endpoint].origin(), path.strip_suffix(tail).unwrap_or(path))
        };
        let api = base(LoadCall::CreateUser, "/v2/user");
        let auth = base(LoadCall::Exchange, &site.profile.exchange.path);
        site.template(LoadCall::CreateUser).1.fill(|_| "", &mut draft);
        let key = fields(&draft).into_iter().find(|(name, _)| name == "x-vital-api-key");
        Self { api, auth, key: key.map(|(_, value)| value).unwrap_or_default() }
    }
}

/// The header lines of a draft.
fn fields(draft: &Draft) -> Vec<(String, String)> {
    let lines = String::from_utf8_lossy(&draft.fields).into_owned();
    lines.lines().filter_map(|line| line.split_once(": ")).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

/// An answer.
pub struct Reply {
    pub status: u16,
    pub retry_after: Option<Duration>,
    pub body: Vec<u8>,
}

/// A request that is ready to be sent.
struct Ready {
    method: String,
    url: String,
    fields: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

/// The wire of one user, with connections of its own.
pub struct Wire {
    client: reqwest::Client,
    pub site: Arc<Site>,
    pub bases: Arc<Bases>,
    pub tally: Arc<JourneyMetrics>,
    /// The installation that the SDK is on, in the fleet.
    pub device: u32,
    made: Mutex<Vec<Made>>,
    /// Whether it makes no more calls when the load is over; whoever cleans up goes on.
    ends: bool,
    cut: AtomicBool,
    /// The longest lifetime of an access token so far, in seconds.
    lifetime_s: Mutex<u64>,
}

/// A client for one user. Fails when the machine cannot make one.
pub fn client(site: &Site, tls: &ClientConfig, timeout: Duration) -> reqwest::Result<reqwest::Client> {
    let mut client = reqwest::Client::builder()
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .no_gzip()
        .tcp_nodelay(true);
    for endpoint in &site.endpoints {
        client = client.resolve(&endpoint.base.host, endpoint.address);
    }
    if site.endpoints.iter().any(|endpoint| endpoint.base.tls) {
        client = client.tls_backend_preconfigured(tls.clone());
    } else {
        client = client.tls_certs_only([]);
    }
    client.build()
}

impl Wire {
    pub fn new(
        client: reqwest::Client,
        site: Arc<Site>,
        bases: Arc<Bases>,
        tally: Arc<JourneyMetrics>,
        device: u32,
    ) -> Self {
        let (made, lifetime_s) = (Mutex::default(), Mutex::default());
        Self { client, site, bases, tally, device, made, ends: true, cut: AtomicBool::new(false), lifetime_s }
    }

    /// One that makes calls before and after the load too.
    pub fn of_office(self) -> Self {
        Self { ends: false, ..self }
    }

    /// Whether a call was not made since this was last asked, because the load is over.
    pub fn was_cut(&self) -> bool {
        self.cut.swap(false, Ordering::Relaxed)
    }

    /// The calls that were made since they were last taken.
    pub fn take(&self) -> Vec<Made> {
        std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How long an access token lives, as the server says.
    pub fn lifetime(&self) -> Duration {
        Duration::from_secs(*self.lifetime_s.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes a call of the site for an installation.
    pub async fn call(&self, call: LoadCall, who: u32) -> Option<Reply> {
        let ready = self.ready(call, who);
        self.judged(call, Some(who), ready).await
    }

    /// A request of the wire profile.
    pub async fn grant(&self, call: profile::IdpCall, who: u32, request: profile::Request) -> Option<Reply> {
        let fields = vec![
            ("content-type".to_owned(), request.content_type.to_owned()),
            ("accept".to_owned(), "application/json".to_owned()),
        ];
        let url = format!("{}{}", self.bases.auth, request.path);
        let ready = Ready { method: "POST".into(), url, fields, body: Some(request.body.into_bytes()) };
        self.judged(call.into(), Some(who), ready).await
    }

    /// A call to the API. `own` is the installation whose own record it must be, if it is one.
    pub async fn api(
        &self,
        method: &str,
        path: &str,
        fields: Vec<(String, String)>,
        body: Option<Vec<u8>>,
        own: Option<u32>,
    ) -> Option<Reply> {
        let url = format!("{}{path}", self.bases.api);
        self.judged(LoadCall::Resource, own, Ready { method: method.to_owned(), url, fields, body }).await
    }

    fn ready(&self, call: LoadCall, who: u32) -> Ready {
        let mut draft = Draft::default();
        let books = self.tally.lock();
        let endpoint = books.checker.compose(call, who, &books.fleet, &mut draft);
        drop(books);
        let url = format!("{}{}", self.site.endpoints[endpoint].origin(), String::from_utf8_lossy(&draft.path));
        Ready { method: draft.method.to_owned(), url, fields: fields(&draft), body: draft.body.clone() }
    }

    /// Sends a request, and notes how long it took and what its answer is worth.
    async fn judged(&self, call: LoadCall, who: Option<u32>, ready: Ready) -> Option<Reply> {
        if self.ends && !self.tally.goes_on() {
            self.cut.store(true, Ordering::Relaxed);
            return None;
        }
        let sent = Instant::now();
        let answer = self.send(ready).await;
        let latency_ns = nanoseconds(sent.elapsed());
        let verdict = match &answer {
            Ok(reply) => self.judge(call, who, reply),
            Err((failure, cause)) => Err((*failure, format!("{call}: {failure}{cause}"))),
        };
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(Made { call, sent, latency_ns, verdict });
        answer.ok()
    }

    fn judge(&self, call: LoadCall, who: Option<u32>, reply: &Reply) -> Verdict {
        let good = (200..300).contains(&reply.status);
        if good && matches!(call, LoadCall::Exchange | LoadCall::Refresh) {
            self.note_lifetime(call, reply);
        }
        match who {
            None if good => Ok(()),
            _ => {
                let mut books = self.tally.lock();
                let books = &mut *books;
                let who = who.unwrap_or(self.device);
                books.checker.judge(call, who, &mut books.fleet, reply.status, &reply.body)
            }
        }
    }

    fn note_lifetime(&self, call: LoadCall, reply: &Reply) {
        let call = if call == LoadCall::Exchange { profile::IdpCall::Exchange } else { profile::IdpCall::Refresh };
        if let Some(granted) = self.site.profile.granted(call, &reply.body) {
            let mut longest = self.lifetime_s.lock().unwrap_or_else(PoisonError::into_inner);
            *longest = granted.expires_in.max(*longest);
        }
    }

    /// What came, or why nothing did: the kind and, where it is more than that, the cause.
    async fn send(&self, ready: Ready) -> Result<Reply, (Failure, String)> {
        let method = reqwest::Method::from_bytes(ready.method.as_bytes());
        let method = method.map_err(|_| (Failure::NoHttp, String::new()))?;
        let mut request = self.client.request(method, ready.url);
        for (name, value) in ready.fields {
            request = request.header(name, value);
        }
        if let Some(body) = ready.body {
            request = request.body(body);
        }
        let mut response = request.send().await.map_err(|error| why(&error))?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| why(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > MOST_BYTES {
                return Err((Failure::NoHttp, ", the answer is too long".to_owned()));
            }
        }
        Ok(Reply { status, retry_after: retry_after.map(Duration::from_secs), body })
    }
}

/// Why a request has no answer: the kind, and the cause where it says more.
fn why(error: &reqwest::Error) -> (Failure, String) {
    if error.is_timeout() {
        return (Failure::TimedOut, String::new());
    }
    let tls = error.url().is_some_and(|url| url.scheme() == "https") && error.is_connect();
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(mut io) = inner.downcast_ref::<std::io::Error>() {
            // An error within an error of input and output is no source of it, but its content.
            while let Some(content) = io.get_ref().and_then(|content| content.downcast_ref::<std::io::Error>()) {
                io = content;
            }
            let rustls = io.get_ref().and_then(|content| content.downcast_ref::<tokio_rustls::rustls::Error>());
            let failure = match io.kind() {
                _ if rustls.is_some() => Some(Failure::Tls),
                ErrorKind::InvalidData | ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset if tls => {
                    Some(Failure::Tls)
                }
                _ => Failure::of(io),
            };
            if let Some(failure) = failure {
                let cause = if failure == Failure::Tls { format!(": {io}") } else { String::new() };
                return (failure, cause);
            }
        }
        source = inner.source();
    }
    (if error.is_connect() { Failure::Unreachable } else { Failure::Lost }, String::new())
}

/// The network of the SDK on a user's phone.
pub struct Port(pub Arc<Wire>);

#[async_trait]
impl ports::Network for Port {
    async fn send(&self, call: ports::HttpRequest) -> Result<ports::HttpResponse, NoResponse> {
        let wire = &self.0;
        let fields: Vec<_> = call.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let body = (!call.body.is_empty()).then(|| call.body.into_bytes());
        let reply = if call.realm != wire.site.realm {
            // Tokens of another place are wrong, and were noted when they were issued.
            let elsewhere = (Failure::Wrong(Wrong::OtherEnvironment), "the SDK went to another place".to_owned());
            let made = Made { call: LoadCall::Exchange, sent: Instant::now(), latency_ns: 0, verdict: Err(elsewhere) };
            wire.made.lock().unwrap_or_else(PoisonError::into_inner).push(made);
            None
        } else if call.host == Host::Api {
            let own = wire.own_record(&call.method, &call.path);
            wire.api(&call.method, &call.path, fields, body, own).await
        } else {
            let found = hyper::Method::from_bytes(call.method.as_bytes()).ok().and_then(|method| {
                wire.site.profile.recognise(&method, &call.path, body.as_deref().unwrap_or_default())
            });
            let kind = found.map_or(LoadCall::Exchange, |(kind, _)| kind.into());
            let url = format!("{}{}", wire.bases.auth, call.path);
            wire.judged(kind, Some(wire.device), Ready { method: call.method, url, fields, body }).await
        };
        let reply = reply.ok_or(NoResponse::Lost)?;
        Ok(ports::HttpResponse { status: reply.status, retry_after: reply.retry_after, body: reply.body })
    }
}

impl Wire {
    /// The installation of the SDK, where a call is for its user's own record.
    fn own_record(&self, method: &str, path: &str) -> Option<u32> {
        let books = self.tally.lock();
        let id = path.strip_prefix("/v2/user/")?;
        (method == "GET" && id.eq_ignore_ascii_case(&books.fleet.user(self.device).id)).then_some(self.device)
    }
}
