//! The SDK's HTTP client.

use super::ports::{Host, HttpRequest, HttpResponse, Network, NetworkError, ProcessLifetime, Time};
use crate::wire::{BodyError, read_body};
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use vouch_spec::protocol::Realm;
use vouch_spec::protocol::message::Endpoint;

/// HTTP by reqwest, to the hosts that the endpoints name.
pub struct HttpNetwork {
    client: reqwest::Client,
    hosts: HashMap<(Realm, bool), String>,
    life: ProcessLifetime,
    /// The clock of the device.
    time: Arc<dyn Time>,
}

impl HttpNetwork {
    /// Fails when the machine cannot make an HTTP client at all.
    pub fn new(
        endpoints: &[Endpoint],
        timeout: Duration,
        life: ProcessLifetime,
        time: Arc<dyn Time>,
    ) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            // Here the servers are the harness's own; on a phone the platform's certificates take this place.
            .tls_certs_only([])
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            // A request on a connection that just died cannot be told from one that was processed; open a new one each time.
            .pool_max_idle_per_host(0)
            .no_gzip()
            .no_proxy()
            .build()?;
        let mut hosts = HashMap::new();
        for endpoint in endpoints {
            let realm = Realm { environment: endpoint.environment, region: endpoint.region };
            hosts.insert((realm, true), endpoint.api.clone());
            hosts.insert((realm, false), endpoint.auth.clone());
        }
        Ok(Self { client, hosts, life, time })
    }
}

#[async_trait]
impl Network for HttpNetwork {
    async fn send(&self, call: HttpRequest) -> Result<HttpResponse, NetworkError> {
        drop(self.life.hold().ok_or(NetworkError::ConnectionLost)?);
        let base = self.hosts.get(&(call.realm, call.host == Host::Api)).ok_or(NetworkError::ConnectionLost)?;
        let method = reqwest::Method::from_bytes(call.method.as_bytes()).map_err(|_| NetworkError::ConnectionLost)?;
        let mut request = self.client.request(method, format!("{base}{}", call.path));
        for (name, value) in call.headers {
            request = request.header(&*name, value);
        }
        if !call.body.is_empty() {
            request = request.body(call.body);
        }
        let why = |error: reqwest::Error| {
            if error.is_timeout() { NetworkError::Timeout } else { NetworkError::ConnectionLost }
        };
        let response = request.send().await.map_err(why)?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|value| wait_of(value, self.time.now_ms()));
        let body = match read_body(response).await {
            Ok(body) => body.to_vec(),
            Err(BodyError::Http(error)) => return Err(why(error)),
            Err(BodyError::TooLong) => return Err(NetworkError::ConnectionLost),
        };
        Ok(HttpResponse { status, retry_after, body })
    }
}

/// The wait of a `Retry-After`: seconds, or a date by the device's clock (RFC 9110 section 10.2.3). A date that has passed is no
/// wait.
fn wait_of(value: &str, now_ms: i64) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value.trim()).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(date.saturating_sub(Duration::from_millis(u64::try_from(now_ms).unwrap_or(0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_a_number_of_seconds_or_a_date() {
        // Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110 section 5.6.7, in its three forms.
        let now_ms = 784_111_777_000 - 40_500;
        for (value, wait_ms) in [
            ("40", Some(40_000)),
            ("0", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(40_500)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(40_500)),
            ("Sun Nov  6 08:49:37 1994", Some(40_500)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(wait_of(value, now_ms), wait_ms.map(Duration::from_millis), "{value}");
        }
    }
}
