//! Pages in a browser that call another origin: the browser asks with a preflight first, and shows the page only answers that
//! allow it. Source: Fetch Standard, "CORS protocol" (<https://fetch.spec.whatwg.org/#http-cors-protocol>).
//!
//! It knows requests and answers. It must not know who sent them.

use super::recording_proxy::WireResponse;
use super::transcript::WireRequest;
use hyper::body::Bytes;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, COOKIE, HeaderName, HeaderValue, ORIGIN,
};
use hyper::{HeaderMap, Method, StatusCode};

/// How long a browser may keep the answer to a preflight, in seconds.
const MAX_AGE_S: u16 = 600;
/// Any origin may read the answers: they hold nothing that depends on cookies, which are not allowed.
const ANY: HeaderValue = HeaderValue::from_static("*");
/// What a preflight never carries. A request that has it is not one, whatever else it says.
const CREDENTIALS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, HeaderName::from_static("x-vital-api-key")];

/// Whether a browser asks if a page may send a request: `OPTIONS` with the method that the page wants, without a body and
/// credentials.
pub fn is_preflight(method: &Method, headers: &HeaderMap, body: &[u8]) -> bool {
    *method == Method::OPTIONS
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        && body.is_empty()
        && CREDENTIALS.iter().all(|name| !headers.contains_key(name))
}

/// Whether a page sent it from another origin, or a client says so.
pub(crate) fn is_cross_origin(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN)
}

/// The answer to a preflight: any page may send what it asks for, but for cookies.
pub(crate) fn preflight_answer(request: &WireRequest) -> WireResponse {
    let mut headers = HeaderMap::new();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE_S.into());
    let wanted = [
        (ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_ALLOW_METHODS),
        (ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_ALLOW_HEADERS),
    ];
    for (wanted, allowed) in wanted {
        // Named, because `*` does not stand for `Authorization`.
        if let Some(value) = request.headers.get(wanted) {
            headers.insert(allowed, value.clone());
        }
    }
    WireResponse { status: StatusCode::NO_CONTENT, headers, body: Bytes::new() }
}

/// Lets a page of any origin read an answer, with all its headers. What the server itself allows stays.
pub(crate) fn allow_reading(headers: &mut HeaderMap) {
    headers.entry(ACCESS_CONTROL_ALLOW_ORIGIN).or_insert(ANY);
    headers.entry(ACCESS_CONTROL_EXPOSE_HEADERS).or_insert(ANY);
}

#[cfg(test)]
mod tests {
    use super::super::{ExchangeOutcome, FaultInjector, Link, Party, RecordingProxy, Transcript, Upstream, client};
    use super::*;
    use crate::clock::{Clock, ClockMode};
    use std::sync::Arc;
    use vouch_spec::profile::Profile;
    use vouch_spec::protocol::Realm;

    fn request(method: Method, headers: &[(&'static str, &'static str)], body: &'static str) -> WireRequest {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)));
        WireRequest { method, path: "/v1/token".into(), headers: headers.collect(), body: Bytes::from(body) }
    }

    #[test]
    fn only_what_a_browser_sends_by_itself_is_a_preflight() {
        let is_one = |request: &WireRequest| is_preflight(&request.method, &request.headers, &request.body);
        let wants = ("access-control-request-method", "POST");
        assert!(is_one(&request(Method::OPTIONS, &[("origin", "http://app.localhost"), wants], "")));
        for other in [
            request(Method::OPTIONS, &[("origin", "http://app.localhost")], ""),
            request(Method::POST, &[wants], ""),
            request(Method::OPTIONS, &[wants], "refresh_token=1"),
            request(Method::OPTIONS, &[wants, ("authorization", "Bearer 1")], ""),
            request(Method::OPTIONS, &[wants, ("x-vital-api-key", "pk_us_1")], ""),
            request(Method::OPTIONS, &[wants, ("cookie", "a=b")], ""),
        ] {
            assert!(!is_one(&other), "{other:?}");
        }
    }

    #[test]
    fn a_preflight_is_allowed_what_it_asks_for() {
        let wants = [("access-control-request-method", "PUT"), ("access-control-request-headers", "authorization,x-a")];
        let WireResponse { status, headers, body } = preflight_answer(&request(Method::OPTIONS, &wants, ""));
        let of = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!((status, body.len()), (StatusCode::NO_CONTENT, 0));
        assert_eq!(of("access-control-allow-origin"), Some("*"));
        assert_eq!(of("access-control-allow-methods"), Some("PUT"));
        assert_eq!(of("access-control-allow-headers"), Some("authorization,x-a"));
        assert_eq!(of("access-control-allow-credentials"), None);
    }

    #[test]
    fn what_a_server_allows_itself_stays() {
        let mut headers = HeaderMap::new();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("https://app.example.com"));
        allow_reading(&mut headers);
        assert_eq!(
            headers.get(ACCESS_CONTROL_ALLOW_ORIGIN),
            Some(&HeaderValue::from_static("https://app.example.com"))
        );
        assert_eq!(headers.get(ACCESS_CONTROL_EXPOSE_HEADERS), Some(&ANY));
    }

    /// What a proxy before a cloud that refuses everything answers to a party, and how many exchanges it recorded.
    async fn through_proxy(from: Party, method: Method, headers: &[(&str, &str)]) -> (HeaderMap, u16, Vec<HeaderMap>) {
        let clock = Clock::new(ClockMode::Virtual);
        let transcript = Transcript::new(clock.clone(), Profile::junction());
        let faults = FaultInjector::default();
        faults.set_network(method != Method::OPTIONS);
        let proxy = RecordingProxy::new(transcript.clone(), faults, clock);
        let link = Link { from, to: Party::Auth, realm: Realm::all().next().expect("a realm") };
        let url = format!("http://{}/v1/token", proxy.open(link, Arc::new(Refusing)).await.expect("a port"));
        let request = client(&url, std::time::Duration::from_secs(5)).expect("a client").request(method, url);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = request.send().await.expect("an answer");
        let recorded = transcript.since(0).into_iter().map(|of| match of.outcome {
            ExchangeOutcome::Answered { headers, .. } => headers,
            other => panic!("{other:?}"),
        });
        assert_eq!(transcript.preflights().len(), usize::from(response.status() == StatusCode::NO_CONTENT));
        (response.headers().clone(), response.status().as_u16(), recorded.collect())
    }

    struct Refusing;

    #[async_trait::async_trait]
    impl Upstream for Refusing {
        async fn answer(&self, _: Link, _: WireRequest) -> Option<WireResponse> {
            Some(WireResponse::json(StatusCode::BAD_REQUEST, &serde_json::json!({})))
        }
    }

    #[tokio::test]
    async fn a_preflight_is_no_exchange_and_no_fault_strikes_it() {
        let preflight = [("origin", "http://app.localhost"), ("access-control-request-method", "POST")];
        let (headers, status, recorded) = through_proxy(Party::Sdk, Method::OPTIONS, &preflight).await;
        assert_eq!((headers.get(ACCESS_CONTROL_ALLOW_ORIGIN), status, recorded.len()), (Some(&ANY), 204, 0));
        assert_eq!(headers.get("connection"), Some(&HeaderValue::from_static("close")));
        // A test of the cloud itself asks the cloud.
        let (headers, status, recorded) = through_proxy(Party::Client, Method::OPTIONS, &preflight).await;
        assert_eq!((headers.get(ACCESS_CONTROL_ALLOW_ORIGIN), status, recorded.len()), (None, 400, 1));
    }

    #[tokio::test]
    async fn a_page_may_read_its_answers_and_the_transcript_has_them_as_the_cloud_made_them() {
        let (headers, status, recorded) = through_proxy(Party::Sdk, Method::POST, &[("origin", "null")]).await;
        assert_eq!((headers.get(ACCESS_CONTROL_ALLOW_ORIGIN), status), (Some(&ANY), 400));
        assert!(recorded.len() == 1 && !recorded[0].contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), "{recorded:?}");
        let (headers, ..) = through_proxy(Party::Sdk, Method::POST, &[]).await;
        assert_eq!(headers.get(ACCESS_CONTROL_ALLOW_ORIGIN), None, "not a page");
    }
}
