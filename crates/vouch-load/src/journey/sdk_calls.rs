//! The calls of an SDK, which pass through the HTTP client of its user: which of them the scenario expects, and which the SDK
//! makes of its own accord.

use super::http_client::{JourneyClient, PreparedRequest, Response};
use super::metrics::{CompletedCall, JourneyCall};
use crate::check::ResponseCheck;
use crate::endpoints::LoadCall;
use crate::failure::{Failure, WrongResponse};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Instant;
use vouch_sim::reference::sdk::ports::{self, Host, NetworkError};
use vouch_sim::wire::redact::Redactor;

/// An API call that the scenario has the SDK make.
#[derive(Clone, Debug)]
pub struct ExpectedRequest {
    method: String,
    path: String,
}

impl ExpectedRequest {
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: without_query(path).to_owned() }
    }

    /// Whether a request is this call. An SDK may add a query, and write letters of the path as percent escapes.
    fn is(&self, method: &str, path: &str) -> bool {
        let decoded = |path| percent_encoding::percent_decode_str(path).collect::<Vec<u8>>();
        self.method.eq_ignore_ascii_case(method) && decoded(self.path.as_str()) == decoded(without_query(path))
    }
}

fn without_query(path: &str) -> &str {
    path.split('?').next().unwrap_or_default()
}

/// The network of the SDK on a virtual user's device.
pub struct SdkNetwork(pub Arc<JourneyClient>);

#[async_trait]
impl ports::Network for SdkNetwork {
    async fn send(&self, call: ports::HttpRequest) -> Result<ports::HttpResponse, NetworkError> {
        let client = &self.0;
        let headers: Vec<_> = call.headers.into_iter().map(|(name, value)| (name.into_owned(), value)).collect();
        let body = (!call.body.is_empty()).then(|| call.body.into_bytes());
        let response = if call.realm != client.load_target.realm {
            // The SDK follows its token. A token for another place was recorded as wrong when it was issued.
            let elsewhere = (
                Failure::Wrong(WrongResponse::OtherEnvironment),
                "the SDK called another environment or region".to_owned(),
            );
            let (call, sent) = (LoadCall::Exchange.into(), Instant::now());
            client.record_completed(CompletedCall { call, sent, latency_ns: 0, check: Err(elsewhere), sample: None });
            None
        } else if call.host == Host::Api {
            client.api_of_sdk(&call.method, &call.path, headers, body).await
        } else {
            let method = hyper::Method::from_bytes(call.method.as_bytes()).map_err(|_| NetworkError::ConnectionLost)?;
            client.auth_of_sdk(method, call.path, headers, body).await
        };
        let response = response.ok_or(NetworkError::ConnectionLost)?;
        let retry_after = response.retry_after();
        Ok(ports::HttpResponse { status: response.status, retry_after, body: response.body })
    }
}

impl JourneyClient {
    /// Says which API call the SDK is to make now, if any: another one is [`JourneyCall::Other`].
    pub fn expect_request(&self, expected: Option<ExpectedRequest>) {
        *self.expected_request.lock() = expected;
    }

    /// Passes a call of the SDK on to the API.
    pub async fn api_of_sdk(
        &self,
        method: &str,
        path: &str,
        headers: Vec<(String, String)>,
        body: Option<Vec<u8>>,
    ) -> Option<Response> {
        let expected = self.expected_request.lock().clone();
        if expected.is_some_and(|expected| expected.is(method, path)) {
            let owner = self.owner_of_record(method, path);
            return self.api(method, path, headers, body, owner).await;
        }
        self.metrics.record_other_call(|| describe(method, path));
        let url = format!("{}{path}", self.bases.api);
        let prepared = PreparedRequest { method: method.to_owned(), url, headers, body };
        self.send_and_check(JourneyCall::Other, None, prepared).await
    }

    /// Passes a call of the SDK on to the identity provider.
    pub async fn auth_of_sdk(
        &self,
        method: hyper::Method,
        path: String,
        headers: Vec<(String, String)>,
        body: Option<Vec<u8>>,
    ) -> Option<Response> {
        let found = self.load_target.profile.recognise(&method, &path, body.as_deref().unwrap_or_default());
        let call = match found {
            Some((call, _)) => LoadCall::from(call).into(),
            None => {
                self.metrics.record_other_call(|| describe(method.as_str(), &path));
                JourneyCall::Other
            }
        };
        let url = format!("{}{path}", self.bases.auth);
        let prepared = PreparedRequest { method: method.as_str().to_owned(), url, headers, body };
        self.send_and_check(call, Some(self.device), prepared).await
    }

    /// The installation of the SDK if the call reads its user's own record.
    fn owner_of_record(&self, method: &str, path: &str) -> Option<u32> {
        let totals = self.metrics.lock();
        let id = path.strip_prefix("/v2/user/")?;
        (method == "GET" && id.eq_ignore_ascii_case(&totals.installations.user(self.device).id)).then_some(self.device)
    }
}

/// Checks the response to a [`JourneyCall::Other`]. What it should be is unknown, so any is good but that of a
/// server that cannot serve now.
pub(super) fn check_other(status: u16) -> ResponseCheck {
    match status {
        429 | 500.. => Err((Failure::Status(status), format!("{} returned status {status}", JourneyCall::Other))),
        _ => Ok(()),
    }
}

/// Method and path, without the query, which may have a key.
fn describe(method: &str, path: &str) -> String {
    let path: String = without_query(path).chars().take(80).collect();
    Redactor::default().scrub(&format!("{method} {path}")).as_str().to_owned()
}
