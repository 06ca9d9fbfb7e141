//! What the proxy does not answer, and clients that do not come to terms with it.

use super::common::{stderr, vouch};
use super::served::Served;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

#[test]
fn a_client_that_does_not_trust_the_ca_is_explained() {
    let served = Served::start(&["--keys", "hmac"]);
    let run = served.curl(&["https://api.sandbox.us.junction.com/v2/user"], &[]);
    assert_eq!(run.code, Some(60), "{}", run.err);
    let python = "import urllib.request; urllib.request.urlopen('https://api.eu.junction.com/v2/user')";
    assert_ne!(served.client("python3", &["-c", python], &[]).code, Some(0));
    // Node closes without an alert.
    let args = ["tests/proxy/clients/sign_in.mjs", "ada"];
    let run = served.client("node", &args, &[("API_KEY", "none".into())]);
    assert!(run.err.contains("certificate"), "{}", run.err);
    let said = served.ended_after("api.us.junction.com: the client ended the connection");
    for host in ["api.sandbox.us.junction.com", "api.eu.junction.com"] {
        let line = format!("{host}: the client does not trust the CA of the proxy (TLS alert unknown_ca)");
        assert!(said.contains(&line), "{said}");
    }
    assert!(!said.contains("answered by the mock cloud"), "{said}");
}

#[test]
fn a_client_that_leaves_when_it_sees_the_certificate_is_taken_to_pin_it() {
    let served = Served::start(&["--keys", "hmac"]);
    let mut stream = TcpStream::connect(served.proxy.trim_start_matches("http://")).expect("the proxy");
    stream.write_all(b"CONNECT auth.us.junction.com:443 HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
    let mut answer = [0; 1024];
    let read = stream.read(&mut answer).expect("an answer");
    assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..read]));
    stream.write_all(&client_hello("auth.us.junction.com")).expect("sent");
    assert!(stream.read(&mut answer).expect("a server hello") > 0);
    drop(stream);
    let said = served.ended_after("auth.us.junction.com: the client ended the connection when it saw the certificate");
    assert!(said.contains("it probably pins certificates"), "{said}");
}

#[test]
fn a_client_that_leaves_before_its_first_request_is_explained() {
    let served = Served::start(&["--keys", "hmac"]);
    let proxy = served.proxy.trim_start_matches("http://").to_owned();
    let run = served.client("python3", &["tests/proxy/clients/handshake_only.py", &proxy, "api.us.junction.com"], &[]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let said = served.ended_after("api.us.junction.com: the client ended the connection after the TLS handshake");
    assert!(said.contains("before its first request"), "{said}");
}

#[test]
fn plain_http_is_refused_before_and_in_the_tunnel() {
    let served = Served::start(&["--keys", "hmac"]);
    let run = served.curl(&["-i", "http://api.us.junction.com/v2/user"], &[]);
    assert!(run.out.starts_with("HTTP/1.1 403") && run.out.contains("over plain HTTP"), "{}", run.out);
    let run = served.curl(&["--proxytunnel", "http://api.eu.junction.com:443/v2/user"], &[]);
    assert_ne!(run.code, Some(0), "{}", run.out);
    let said = served.end();
    assert!(said.contains("api.us.junction.com: the client asked for it over plain HTTP"), "{said}");
    assert!(said.contains("api.eu.junction.com: what the client sent through the tunnel is not TLS"), "{said}");
}

#[test]
fn other_hosts_are_refused_with_the_reason() {
    let served = Served::start(&["--keys", "hmac"]);
    for (url, reason) in [
        ("https://example.com/", "it is not a host of the vendor, and not configured to be passed on"),
        (
            "https://securetoken.googleapis.com/",
            "it belongs to the wire profile gcip, and the mock cloud speaks junction",
        ),
        ("https://api.us.junction.com:8443/", "the vendor serves port 443, not port 8443"),
    ] {
        let run = served.curl(&["-v", url], &[]);
        assert!(run.err.contains("403") && run.err.contains(reason), "{url}: {}", run.err);
    }
    let said = served.end();
    assert!(said.contains("example.com: refused: it is not a host of the vendor"), "{said}");
}

#[test]
fn a_host_that_is_passed_on_gets_the_bytes_as_they_are() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut request = [0; 1024];
        let read = stream.read(&mut request).expect("a request");
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello").expect("sent");
        String::from_utf8_lossy(&request[..read]).into_owned()
    });
    let served =
        Served::start(&["--keys", "hmac", "--proxy-pass", &address.to_string(), "--proxy-pass", "127.0.0.1:1"]);
    let run = served.curl(&["--proxytunnel", &format!("http://{address}/path")], &[]);
    assert_eq!(run.out, "hello", "{}", run.err);
    assert!(server.join().expect("it served").starts_with("GET /path HTTP/1.1"));
    let run = served.curl(&["-v", "https://127.0.0.1:1/"], &[]);
    assert!(run.err.contains("502") && run.err.contains("it cannot be reached"), "{}", run.err);
    let said = served.end();
    assert!(said.contains("127.0.0.1: passed on as it is"), "{said}");
    assert!(said.contains("127.0.0.1: is to be passed on but cannot be reached"), "{said}");
}

#[test]
fn usage_errors_say_what_to_do() {
    let error = |args: &[&str], code: i32| stderr(&vouch().arg("mock-cloud").args(args).assert().code(code));
    assert!(error(&["--ca", "x.pem"], 2).contains("--ca needs --tls or --proxy"));
    assert!(error(&["--proxy-pass", "example.com"], 2).contains("--proxy"));
    let said = error(&["--proxy", "127.0.0.1:0", "--proxy-pass", "https://x"], 2);
    assert!(said.contains("write for example example.com"), "{said}");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    let said = error(&["--listen", "127.0.0.1:0", "--proxy", &address], 3);
    assert!(said.contains(&address) && said.contains("another program uses the port"), "{said}");
}

/// A TLS 1.2 `ClientHello` (RFC 5246, section 7.4.1.2) with a server name and what a server of our kind needs.
fn client_hello(host: &str) -> Vec<u8> {
    let u16 = |length: usize| u16::try_from(length).expect("short").to_be_bytes();
    let extension = |kind: u16, body: &[u8]| [&kind.to_be_bytes()[..], &u16(body.len()), body].concat();
    let list = |body: &[u8]| [&u16(body.len())[..], body].concat();
    let name = list(&[&[0][..], &list(host.as_bytes())].concat());
    let extensions = [
        extension(0, &name),
        // x25519 and secp256r1; ecdsa_secp256r1_sha256; extended master secret.
        extension(10, &list(&[0, 29, 0, 23])),
        extension(13, &list(&[4, 3])),
        extension(23, &[]),
    ]
    .concat();
    // TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, no session, no compression.
    let body = [&[3, 3][..], &[7; 32], &[0], &list(&[0xc0, 0x2b]), &[1, 0], &list(&extensions)].concat();
    let handshake = [&[1, 0][..], &u16(body.len()), &body].concat();
    [&[22, 3, 1][..], &u16(handshake.len()), &handshake].concat()
}
