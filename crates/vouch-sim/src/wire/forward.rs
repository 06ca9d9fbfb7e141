//! Passes calls on to an implementation that serves HTTP by itself.

use super::client_tls::TlsConfig;
use super::http_client::{BodyError, client_over, read_body};
use super::recording_proxy::{Upstream, WireResponse};
use super::transcript::{Link, WireRequest};
use async_trait::async_trait;
use hyper::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
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
    pub fn new(base: String, timeout: Duration, tls: Option<&TlsConfig>) -> Result<Self, String> {
        let client = client_over(&base, timeout, tls).map_err(|error| format!("no HTTP client: {error}"))?;
        Ok(Self { client, base })
    }

    /// The answer of the address, or none where the connection ended without one. An answer that is longer than Vouch takes is
    /// told as such: the transcript must not show a lost connection.
    pub async fn forward(&self, request: WireRequest) -> Option<WireResponse> {
        let mut headers = request.headers;
        strip(&mut headers);
        // The transcript holds bodies as they are. A client that asks for gzip takes a plain body too.
        headers.remove(ACCEPT_ENCODING);
        let url = format!("{}{}", self.base, request.path);
        let sent = self.client.request(request.method, url).headers(headers).body(request.body).send().await;
        let response = sent.ok()?;
        let status = StatusCode::from_u16(response.status().as_u16()).ok()?;
        let mut headers = response.headers().clone();
        strip(&mut headers);
        match read_body(response).await {
            Ok(body) => Some(WireResponse { status, headers, body }),
            Err(error @ BodyError::TooLong) => {
                let why = format!("{error}, which is more than Vouch takes");
                Some(WireResponse::not_passed_on(StatusCode::BAD_GATEWAY, &why))
            }
            Err(BodyError::Http(_)) => None,
        }
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

#[cfg(test)]
mod tests {
    use super::super::recording_proxy::{REASON, RecordingProxy};
    use super::super::transcript::{Party, Transcript};
    use super::super::{FaultInjector, MAX_RESPONSE_BODY, client};
    use super::*;
    use crate::clock::{Clock, ClockMode};
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use vouch_spec::profile::Profile;
    use vouch_spec::protocol::Realm;

    /// A server whose every answer is longer than Vouch takes.
    async fn talkative() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 64 * 1024];
                let _ = stream.read(&mut request).await;
                let length = MAX_RESPONSE_BODY + 1;
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                let _ = stream.write_all(head.as_bytes()).await;
                let _ = stream.write_all(&vec![b'x'; length]).await;
            }
        });
        format!("http://{address}")
    }

    /// A server whose every answer is the head of its request.
    async fn echo() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 64 * 1024];
                let length = stream.read(&mut request).await.unwrap_or_default();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                let _ = stream.write_all(head.as_bytes()).await;
                let _ = stream.write_all(&request[..length]).await;
            }
        });
        format!("http://{address}")
    }

    #[tokio::test]
    async fn no_encoding_is_asked_for_whatever_the_client_takes() {
        let upstream = ForwardingUpstream::new(echo().await, Duration::from_secs(5), None).expect("a client");
        for asked in [None, Some("gzip, br")] {
            let mut headers = HeaderMap::new();
            headers.extend(asked.map(|value| (ACCEPT_ENCODING, value.parse().expect("a value"))));
            let (method, body) = (hyper::Method::GET, hyper::body::Bytes::new());
            let request = WireRequest { method, path: "/x".into(), headers, body };
            let answer = upstream.forward(request).await.expect("an answer");
            let head = String::from_utf8_lossy(&answer.body).to_lowercase();
            assert_eq!(head.matches("accept-encoding").count(), 1, "{head}");
            assert!(head.contains("accept-encoding: identity"), "{head}");
        }
    }

    #[tokio::test]
    async fn a_body_that_is_longer_than_vouch_takes_is_told_as_such_in_both_directions() {
        let clock = Clock::new(ClockMode::Real);
        let transcript = Transcript::new(clock.clone(), Profile::junction());
        let proxy = RecordingProxy::new(transcript, FaultInjector::default(), clock);
        let timeout = Duration::from_secs(5);
        let upstream = ForwardingUpstream::new(talkative().await, timeout, None).expect("a client");
        let realm = Realm::all().next().expect("a realm");
        let link = Link { from: Party::Sdk, to: Party::Api, realm };
        let url = format!("http://{}/", proxy.open(link, Arc::new(upstream)).await.expect("a port"));
        let client = client(&url, timeout).expect("a client");
        let reason = |answer: &reqwest::Response| {
            answer
                .headers()
                .get(REASON)
                .map(|reason| reason.to_str().unwrap_or_default().to_owned())
                .unwrap_or_default()
        };
        let answer = client.get(&url).send().await.expect("an answer");
        assert_eq!(answer.status(), 502);
        assert!(reason(&answer).contains("longer than 1048576 bytes"), "{}", reason(&answer));
        let answer = client.post(&url).body(vec![b'x'; (1 << 20) + 1]).send().await.expect("an answer");
        assert_eq!(answer.status(), 413);
        assert!(reason(&answer).contains("the body of the request is longer"), "{}", reason(&answer));
    }
}
