use super::*;
use serde_json::json;
use std::time::Duration;
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const TIMEOUT: Duration = Duration::from_secs(5);

fn request(path: &str) -> HttpCall {
    HttpCall::get(path)
}

async fn send(call: &HttpCall, base: &str, timeout: Duration) -> Result<HttpReply, HttpError> {
    let client = vouch_sim::wire::client(base, timeout).expect("a client");
    call.send(&client, base, timeout).await
}

fn reply(headers: &[(&'static str, &'static str)], body: &str) -> HttpReply {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.parse().expect("a header name"), hyper::header::HeaderValue::from_static(value)));
    HttpReply { status: 200, headers: headers.collect(), body: body.into() }
}

#[test]
fn variables_are_replaced_in_every_text_of_a_body() {
    let body = json!({ "who": "$user", "list": ["${user}s", 1], "deep": { "port": "$port" } });
    let filled = fill_json(&body, &[("user", "ada"), ("port", "80")]);
    assert_eq!(filled, json!({ "who": "ada", "list": ["adas", 1], "deep": { "port": "80" } }));
}

#[test]
fn a_template_with_an_unknown_variable_stays_unchanged() {
    let template = Text("$user at $host".into());
    assert_eq!(fill(&template, &[("user", "ada")]), "$user at $host");
}

#[test]
fn a_request_line_is_a_known_method_and_an_absolute_path() {
    let line = RequestLine::parse("POST /sign-in-token").expect("a request line");
    assert_eq!((line.method, line.path.0.as_str()), (hyper::Method::POST, "/sign-in-token"));
    for wrong in ["/sign-in-token", "FETCH /a", "GET a", "GET"] {
        assert_eq!(RequestLine::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn a_value_is_read_from_its_location() {
    let reply = reply(&[("x-token", "h"), ("set-cookie", "other=1; Path=/"), ("set-cookie", "sid=c; Secure")], " b \n");
    let read = |location: &str| Place::parse(location).expect("a location").read(&reply);
    assert_eq!(read("header:X-Token").as_deref(), Some("h"));
    assert_eq!(read("cookie:sid").as_deref(), Some("c"));
    assert_eq!(read("body").as_deref(), Some("b"));
    assert_eq!(read("cookie:session"), None);
    assert_eq!(read("/token"), None, "the body is not JSON");
    assert_eq!(Place::parse("token"), None);
}

#[test]
fn a_json_pointer_reads_texts_that_are_not_empty() {
    let reply = reply(&[], r#"{"a": {"token": "t", "empty": "", "number": 1}}"#);
    let read = |pointer: &str| Place::Json(pointer.into()).read(&reply);
    assert_eq!(read("/a/token").as_deref(), Some("t"));
    assert_eq!(["/a/empty", "/a/number", "/a/missing"].map(read), [None, None, None]);
}

#[tokio::test]
async fn a_request_is_sent_with_its_headers_and_body_and_any_status_is_a_reply() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/login"))
        .and(header("x-team", "blue"))
        .and(body_json(json!({ "user": "ada" })))
        .respond_with(ResponseTemplate::new(418).set_body_string("no"))
        .expect(1)
        .mount(&server)
        .await;
    let call = HttpCall {
        method: hyper::Method::POST,
        path: "/login".into(),
        headers: [("x-team".to_owned(), "blue".to_owned())].into(),
        body: Some(json!({ "user": "ada" })),
        raw_body: None,
    };
    let reply = send(&call, &server.uri(), TIMEOUT).await.expect("a reply");
    assert_eq!((reply.status, reply.body.as_slice()), (418, &b"no"[..]));
}

#[tokio::test]
async fn a_late_response_is_a_timeout() {
    let server = MockServer::start().await;
    let late = ResponseTemplate::new(200).set_delay(Duration::from_secs(5));
    Mock::given(path("/slow")).respond_with(late).mount(&server).await;
    let timeout = Duration::from_millis(50);
    assert_eq!(send(&request("/slow"), &server.uri(), timeout).await.expect_err("late"), HttpError::Timeout(timeout));
}

/// A server that answers every request with this head, and then with zeros without end, each after `pause`.
fn endless(pause: Duration) -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            while stream.write_all(&[b'0'; 4096]).is_ok() {
                std::thread::sleep(pause);
            }
        }
    });
    base
}

#[tokio::test]
async fn a_body_without_end_is_read_up_to_its_limit() {
    let error = send(&request("/"), &endless(Duration::ZERO), TIMEOUT).await.expect_err("too long");
    assert_eq!(error, HttpError::TooLong);
    assert!(error.to_string().contains("longer than 1048576 bytes"));
}

#[tokio::test]
async fn a_body_that_drips_ends_at_the_deadline_of_the_call() {
    let timeout = Duration::from_millis(100);
    let error = send(&request("/"), &endless(Duration::from_millis(10)), timeout).await.expect_err("late");
    assert_eq!(error, HttpError::Timeout(timeout));
}

#[tokio::test]
async fn a_closed_port_refuses_the_connection() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    assert_eq!(send(&request("/"), &base, TIMEOUT).await.expect_err("closed"), HttpError::Refused);
}

#[tokio::test]
async fn an_error_contains_no_secret_of_the_request() {
    let server = MockServer::start().await;
    let mut call = request("/");
    call.headers.insert("authorization".into(), "secret\u{1}".into());
    let error = send(&call, &server.uri(), TIMEOUT).await.expect_err("malformed");
    assert_eq!(error, HttpError::Malformed);
    assert!(!error.to_string().contains("secret"));
}
