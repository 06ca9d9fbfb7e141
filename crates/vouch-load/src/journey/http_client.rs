//! Sends the calls of virtual users, measures their latency, and checks every response.

use super::metrics::{CompletedCall, JourneyCall, JourneyMetrics};
use super::sdk_calls::{ExpectedRequest, check_other};
use crate::check::{ReceivedResponse, ResponseCheck};
use crate::client::{MAX_BYTES, TOO_LONG, content_encoding, nanoseconds};
use crate::endpoints::{LoadCall, LoadTarget};
use crate::failure::Failure;
use crate::request_template::RequestBuffer;
use crate::token_claims::{SampleId, TokenOrigin};
use hyper::HeaderMap;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue};
use parking_lot::Mutex;
use std::error::Error;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio_rustls::rustls::ClientConfig;
use vouch_spec::profile;

/// The base URLs of the target, and the team's credential.
pub struct BaseUrls {
    pub api: String,
    pub auth: String,
    /// The team's API key.
    pub key: String,
}

impl BaseUrls {
    /// Derives them from the request templates of a target.
    pub fn of(load_target: &LoadTarget) -> Self {
        let mut buffer = RequestBuffer::default();
        let mut base = |call: LoadCall, tail: &str| {
            let (endpoint, template) = load_target.template(call);
            template.fill(|_| "", &mut buffer);
            let path = String::from_utf8_lossy(&buffer.path).into_owned();
            let path = path.split('?').next().unwrap_or_default();
            format!("{}{}", load_target.endpoints[endpoint].origin(), path.strip_suffix(tail).unwrap_or(path))
        };
        let api = base(LoadCall::CreateUser, "/v2/user");
        let auth = base(LoadCall::Exchange, &load_target.profile.exchange.path);
        load_target.template(LoadCall::CreateUser).1.fill(|_| "", &mut buffer);
        let key = headers(&buffer).into_iter().find(|(name, _)| name == "x-vital-api-key");
        Self { api, auth, key: key.map(|(_, value)| value).unwrap_or_default() }
    }
}

/// The headers of a filled request template.
fn headers(buffer: &RequestBuffer) -> Vec<(String, String)> {
    let lines = String::from_utf8_lossy(&buffer.headers).into_owned();
    lines.lines().filter_map(|line| line.split_once(": ")).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

/// A complete response.
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Response {
    /// When to try again, if it says so.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        crate::client::retry_after(self.headers.get("retry-after")?.as_bytes())
    }
}

/// A request that can be sent.
pub(super) struct PreparedRequest {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
}

/// The HTTP client of one virtual user, with its own connections.
pub struct JourneyClient {
    client: reqwest::Client,
    pub load_target: Arc<LoadTarget>,
    pub bases: Arc<BaseUrls>,
    pub metrics: Arc<JourneyMetrics>,
    /// The index of the installation that the SDK runs on.
    pub device: u32,
    /// The index of the user's journey.
    journey: u16,
    /// The API call that the scenario has its SDK make now.
    pub(super) expected_request: Mutex<Option<ExpectedRequest>>,
    completed: Mutex<Vec<CompletedCall>>,
    /// Whether it stops sending when the load is over. The admin client, which deletes users, does not.
    stops_with_load: bool,
    aborted: AtomicBool,
    /// The longest lifetime of the received access tokens, in seconds.
    lifetime_s: Mutex<u64>,
}

/// Creates the HTTP client of one virtual user.
pub fn client(load_target: &LoadTarget, tls: &ClientConfig, timeout: Duration) -> reqwest::Result<reqwest::Client> {
    let mut client = reqwest::Client::builder()
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .no_gzip()
        // Without the header any encoding is acceptable, and the checks read bodies as they are.
        .default_headers(HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]))
        .tcp_nodelay(true);
    for endpoint in &load_target.endpoints {
        client = client.resolve(&endpoint.base.host, endpoint.address);
    }
    if load_target.endpoints.iter().any(|endpoint| endpoint.base.tls) {
        client = client.tls_backend_preconfigured(tls.clone());
    } else {
        client = client.tls_certs_only([]);
    }
    client.build()
}

impl JourneyClient {
    pub fn new(
        client: reqwest::Client,
        load_target: Arc<LoadTarget>,
        bases: Arc<BaseUrls>,
        metrics: Arc<JourneyMetrics>,
        device: u32,
    ) -> Self {
        let (expected_request, completed, lifetime_s) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self {
            client,
            load_target,
            bases,
            metrics,
            device,
            journey: 0,
            expected_request,
            completed,
            stops_with_load: true,
            aborted: AtomicBool::new(false),
            lifetime_s,
        }
    }

    /// The client of a user of this journey.
    pub fn of_journey(self, index: usize) -> Self {
        Self { journey: u16::try_from(index).unwrap_or(u16::MAX), ..self }
    }

    /// A client that also sends before and after the load.
    pub fn for_admin(self) -> Self {
        Self { stops_with_load: false, ..self }
    }

    /// Whether a call was dropped because the load is over. Resets the flag.
    pub fn take_aborted(&self) -> bool {
        self.aborted.swap(false, Ordering::Relaxed)
    }

    /// Records that a step was dropped because the load is over.
    pub fn abort(&self) {
        self.aborted.store(true, Ordering::Relaxed);
    }

    /// Whether it still sends.
    pub fn is_sending(&self) -> bool {
        !self.stops_with_load || self.metrics.is_running()
    }

    /// Takes the calls that were completed since the last call of this method.
    pub fn take_completed(&self) -> Vec<CompletedCall> {
        std::mem::take(&mut *self.completed.lock())
    }

    /// The lifetime of an access token as the server reports it.
    pub fn lifetime(&self) -> Duration {
        Duration::from_secs(*self.lifetime_s.lock())
    }

    /// Makes a call to the target for an installation.
    pub async fn call(&self, call: LoadCall, installation_id: u32) -> Option<Response> {
        let prepare = self.prepare(call, installation_id);
        self.send_and_check(call.into(), Some(installation_id), prepare).await
    }

    /// Sends an exchange or a refresh of the wire profile.
    pub async fn token_request(
        &self,
        call: profile::IdpCall,
        installation_id: u32,
        request: profile::IdpRequest,
    ) -> Option<Response> {
        let mut headers = vec![("content-type".to_owned(), request.content_type.to_owned())];
        if !request.headers.iter().any(|(name, _)| name == "accept") {
            headers.push(("accept".to_owned(), "application/json".to_owned()));
        }
        headers.extend(request.headers);
        let url = format!("{}{}", self.bases.auth, request.path);
        let prepare = PreparedRequest { method: "POST".into(), url, headers, body: Some(request.body.into_bytes()) };
        self.send_and_check(LoadCall::from(call).into(), Some(installation_id), prepare).await
    }

    /// Records a call that was completed without a request.
    pub(super) fn record_completed(&self, completed: CompletedCall) {
        self.completed.lock().push(completed);
    }

    /// Makes an API call. `owner` is the installation whose record the response must be, if it must be a user's own record.
    pub async fn api(
        &self,
        method: &str,
        path: &str,
        headers: Vec<(String, String)>,
        body: Option<Vec<u8>>,
        owner: Option<u32>,
    ) -> Option<Response> {
        let url = format!("{}{path}", self.bases.api);
        self.send_and_check(
            LoadCall::Resource.into(),
            owner,
            PreparedRequest { method: method.to_owned(), url, headers, body },
        )
        .await
    }

    fn prepare(&self, call: LoadCall, installation_id: u32) -> PreparedRequest {
        let mut buffer = RequestBuffer::default();
        let totals = self.metrics.lock();
        let endpoint = totals.checker.build_request(call, installation_id, &totals.installations, &mut buffer);
        drop(totals);
        let url = format!("{}{}", self.load_target.endpoints[endpoint].origin(), String::from_utf8_lossy(&buffer.path));
        PreparedRequest { method: buffer.method.to_owned(), url, headers: headers(&buffer), body: buffer.body.clone() }
    }

    /// Sends a request, checks the response, and records the call.
    pub(super) async fn send_and_check(
        &self,
        call: JourneyCall,
        installation_id: Option<u32>,
        prepare: PreparedRequest,
    ) -> Option<Response> {
        if !self.is_sending() {
            self.abort();
            return None;
        }
        let sent = Instant::now();
        let result = self.send(prepare).await;
        let latency_ns = nanoseconds(sent.elapsed());
        let (check, sample) = match &result {
            Ok(response) => match call {
                JourneyCall::Load(call) => self.check(call, installation_id, response),
                JourneyCall::Other => (check_other(response.status), None),
            },
            Err((failure, cause)) => (Err((*failure, format!("{call}: {failure}{cause}"))), None),
        };
        self.completed.lock().push(CompletedCall { call, sent, latency_ns, check, sample });
        result.ok()
    }

    /// Checks a response. Also returns the sample that its access token is, if it is one.
    fn check(
        &self,
        call: LoadCall,
        installation_id: Option<u32>,
        response: &Response,
    ) -> (ResponseCheck, Option<SampleId>) {
        let good = (200..300).contains(&response.status);
        if good && matches!(call, LoadCall::Exchange | LoadCall::Refresh) {
            self.record_lifetime(call, response);
        }
        match installation_id {
            None if good => (Ok(()), None),
            _ => {
                let mut totals = self.metrics.lock();
                let totals = &mut *totals;
                let installation_id = installation_id.unwrap_or(self.device);
                let origin = TokenOrigin { workload: self.journey, step: 0 };
                let encoding = response.headers.get(CONTENT_ENCODING);
                let encoding = encoding.and_then(|value| content_encoding(value.as_bytes()));
                let response =
                    ReceivedResponse { status: response.status, body: &response.body, encoding, excess: None };
                let checker = &mut totals.checker;
                let check = checker.check(call, origin, installation_id, &mut totals.installations, &response);
                (check, checker.claims.take_last_sample())
            }
        }
    }

    fn record_lifetime(&self, call: LoadCall, response: &Response) {
        let call = if call == LoadCall::Exchange { profile::IdpCall::Exchange } else { profile::IdpCall::Refresh };
        let answer = self.load_target.profile.token_answer(call, &response.body);
        if let Some(seconds) = answer.and_then(|answer| answer.expires_in) {
            let mut longest = self.lifetime_s.lock();
            *longest = seconds.max(*longest);
        }
    }

    /// Sends a request and reads the response. An error has the kind of failure and its cause, which may be empty.
    async fn send(&self, prepare: PreparedRequest) -> Result<Response, (Failure, String)> {
        let method = reqwest::Method::from_bytes(prepare.method.as_bytes());
        let method = method.map_err(|_| (Failure::NotHttp, String::new()))?;
        let mut request = self.client.request(method, prepare.url);
        for (name, value) in prepare.headers {
            request = request.header(name, value);
        }
        if let Some(body) = prepare.body {
            request = request.body(body);
        }
        let mut response = request.send().await.map_err(|error| classify_error(&error))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| classify_error(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BYTES {
                return Err((Failure::TooLarge, format!(": {TOO_LONG}")));
            }
        }
        Ok(Response { status, headers, body })
    }
}

/// The failure of a request without a response: its kind and its cause, which may be empty.
fn classify_error(error: &reqwest::Error) -> (Failure, String) {
    if error.is_timeout() {
        return (Failure::TimedOut, String::new());
    }
    let tls = error.url().is_some_and(|url| url.scheme() == "https") && error.is_connect();
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(mut io) = inner.downcast_ref::<std::io::Error>() {
            // The error inside an `io::Error` is not its `source`, so it is read separately.
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
        if let Some(failure) = inner.downcast_ref().and_then(http_failure) {
            return (failure, format!(": {inner}"));
        }
        if let Some(error) = inner.downcast_ref::<h2::Error>()
            && error.is_remote()
            && error.reason() == Some(h2::Reason::REFUSED_STREAM)
        {
            return (Failure::StreamRefused, format!(": {error}"));
        }
        source = inner.source();
    }
    (if error.is_connect() { Failure::Unreachable } else { Failure::ConnectionLost }, String::new())
}

/// The kind of an error in the response.
fn http_failure(error: &hyper::Error) -> Option<Failure> {
    match error {
        error if error.is_parse_too_large() => Some(Failure::TooLarge),
        error if error.is_parse_version_h2() || error.to_string().starts_with("invalid HTTP version") => {
            Some(Failure::NotHttp)
        }
        error if error.is_parse() => Some(Failure::InvalidHttp),
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests;
