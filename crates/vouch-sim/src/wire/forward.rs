//! Passes calls on to an implementation that serves HTTP by itself.

use super::http_client::{client, read_body};
use super::recording_proxy::{Upstream, WireResponse};
use super::transcript::{Link, WireRequest};
use async_trait::async_trait;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use hyper::{HeaderMap, StatusCode};
use std::time::Duration;

/// What stands behind a front when the implementation has an address of its own.
pub struct ForwardingUpstream {
    client: reqwest::Client,
    base: String,
}

/// Headers that belong to a connection, not to a message.
const OF_THE_CONNECTION: [&hyper::header::HeaderName; 4] = [&CONNECTION, &CONTENT_LENGTH, &HOST, &TRANSFER_ENCODING];

impl ForwardingUpstream {
    /// `base` is `http://HOST:PORT` with an optional path prefix. Fails when the machine cannot make an HTTP client.
    pub fn new(base: String, timeout: Duration) -> Result<Self, String> {
        let client = client(&base, timeout).map_err(|error| format!("no HTTP client: {error}"))?;
        Ok(Self { client, base })
    }

    /// The answer of the address, or none where the connection ended without one or the body is too long.
    pub async fn forward(&self, request: WireRequest) -> Option<WireResponse> {
        let mut headers = request.headers;
        strip(&mut headers);
        let url = format!("{}{}", self.base, request.path);
        let sent = self.client.request(request.method, url).headers(headers).body(request.body).send().await;
        let response = sent.ok()?;
        let status = StatusCode::from_u16(response.status().as_u16()).ok()?;
        let mut headers = response.headers().clone();
        strip(&mut headers);
        Some(WireResponse { status, headers, body: read_body(response).await.ok()? })
    }
}

fn strip(headers: &mut HeaderMap) {
    for name in OF_THE_CONNECTION {
        headers.remove(name);
    }
}

#[async_trait]
impl Upstream for ForwardingUpstream {
    async fn answer(&self, _: Link, request: WireRequest) -> Option<WireResponse> {
        self.forward(request).await
    }
}
