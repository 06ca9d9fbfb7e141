//! `vouch load --otlp`: what a collector gets, and that traced requests carry the ids of their spans.

mod common;

use common::{CloudProcess, stderr, vouch};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Passes bytes on to a port, and keeps those of the clients. Returns its own port.
fn forwarder(to: u16) -> (u16, Arc<Mutex<Vec<u8>>>) {
    let (listener, sent) = (TcpListener::bind("127.0.0.1:0").expect("a port"), Arc::<Mutex<Vec<u8>>>::default());
    let (port, kept) = (listener.local_addr().expect("an address").port(), sent.clone());
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { return };
            let [client_reads, server_reads] = [&client, &server].map(|stream| stream.try_clone().expect("a handle"));
            let kept = kept.clone();
            std::thread::spawn(move || {
                pump(client_reads, server, |bytes| kept.lock().expect("no panic").extend(bytes));
            });
            std::thread::spawn(move || pump(server_reads, client, |_| {}));
        }
    });
    (port, sent)
}

fn pump(mut from: TcpStream, mut to: TcpStream, on_bytes: impl Fn(&[u8])) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        on_bytes(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}

/// The trace ids of the headers `traceparent` in what was sent.
fn trace_ids(sent: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(sent);
    let headers = text.split("traceparent: 00-").skip(1);
    let hex = |digits: &str| u8::from_str_radix(digits, 16).expect("hexadecimal");
    headers.map(|rest| (0..16).map(|at| hex(&rest[2 * at..2 * at + 2])).collect()).collect()
}

/// The target file of a mock cloud, which is there shortly after it listens.
fn target_of(cloud: &CloudProcess) -> String {
    for _ in 0..500 {
        if let Ok(text) = std::fs::read_to_string(&cloud.target).and_then(|text| {
            if text.contains("127.0.0.1:") { Ok(text) } else { Err(std::io::ErrorKind::NotFound.into()) }
        }) {
            return text;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("no target file");
}

async fn collector(status: u16) -> MockServer {
    let server = MockServer::start().await;
    for part in ["/v1/metrics", "/v1/traces"] {
        let to = Mock::given(method("POST")).and(path(part)).and(header("content-type", "application/x-protobuf"));
        server.register(to.respond_with(ResponseTemplate::new(status))).await;
    }
    server
}

/// What a collector got at a path.
async fn bodies(collector: &MockServer, at: &str) -> Vec<u8> {
    let requests = collector.received_requests().await.expect("recorded");
    requests.into_iter().filter(|request| request.url.path() == at).flat_map(|request| request.body).collect()
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_metrics_and_the_spans_of_traced_requests() {
    let cloud = CloudProcess::start(&[]);
    let text = target_of(&cloud);
    let port = text.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(['/', '"']).next()).expect("a port");
    let (forward, sent) = forwarder(port.parse().expect("a port"));
    let (_folder, target) = common::target(&text.replace(&format!(":{port}"), &format!(":{forward}")));
    let collector = collector(200).await;
    let mut load = vouch();
    load.args(["load", "-w", "refresh", "-a", "50/s", "-d", "2s", "--installations", "20", "--progress", "off"]);
    load.args(["--no-record", "--trace-ratio", "0.5", "--otlp", &collector.uri(), "--target"]).arg(target);
    let done = tokio::task::spawn_blocking(move || load.assert()).await.expect("no panic");
    assert!(matches!(done.get_output().status.code(), Some(0 | 4)), "{}", stderr(&done));
    let ids = trace_ids(&sent.lock().expect("no panic"));
    assert!((20..80).contains(&ids.len()), "half of a hundred: {}", ids.len());
    assert!(stderr(&done).contains(&format!("exports, {} spans", ids.len())), "{}", stderr(&done));
    let (metrics, spans) = (bodies(&collector, "/v1/metrics").await, bodies(&collector, "/v1/traces").await);
    for name in ["vouch.load.responses", "vouch.load.latency", "vouch.load.start_delay", "vouch.load.target"] {
        assert!(has(&metrics, name.as_bytes()), "{name}");
    }
    assert!(ids.iter().all(|id| has(&spans, id)), "each traced request has its span");
    assert!(has(&spans, b"http.response.status_code"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_what_the_system_uses_and_what_faults_led_to() {
    let collector = collector(200).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("load.yaml");
    let fault = "{from: 500ms, until: 1s, answers: 503}";
    let text = format!("arrivals: 50/s\nduration: 3s\ninstallations: 50\nfaults:\n  - {fault}\n");
    std::fs::write(&file, text).expect("writable");
    let mut load = vouch();
    load.arg("load").arg(&file).args(["--progress", "off", "--no-record", "--otlp", &collector.uri()]);
    let done = tokio::task::spawn_blocking(move || load.assert()).await.expect("no panic");
    assert!(matches!(done.get_output().status.code(), Some(0 | 4)), "{}", stderr(&done));
    let metrics = bodies(&collector, "/v1/metrics").await;
    for name in ["vouch.load.fault.hit_calls", "vouch.load.refusals", "500ms to 1s: all calls of exchange and refresh"]
    {
        assert!(has(&metrics, name.as_bytes()), "{name}");
    }
    assert!(has(&metrics, b"vouch.load.generator.cpu"));
    // The processes of the mock cloud are measured on Linux only, and have no queue.
    for name in ["vouch.load.system.cpu", "vouch.load.system.memory"] {
        assert_eq!(has(&metrics, name.as_bytes()), cfg!(target_os = "linux"), "{name}");
    }
    assert!(!has(&metrics, b"vouch.load.system.queue"));
}

#[test]
fn a_url_of_otlp_over_grpc_gets_the_reason_and_the_port_of_otlp_over_http() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let grpc = format!("http://{}", listener.local_addr().expect("an address"));
    // A server of gRPC begins with the frame SETTINGS of HTTP/2 (RFC 9113 section 3.4).
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let _ = client.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
            std::thread::spawn(move || client.read_to_end(&mut Vec::new()));
        }
    });
    // The port of OTLP/gRPC is named before the load too, whatever listens there.
    for (url, times) in [(grpc.as_str(), 1..=1), ("http://127.0.0.1:4317", 1..=2)] {
        let mut load = vouch();
        load.args(["load", "-a", "20/s", "-d", "1s", "--installations", "10", "--progress", "off", "--no-record"]);
        let done = load.args(["--otlp", url]).assert();
        let error = common::unwrapped(&stderr(&done));
        assert!(matches!(done.get_output().status.code(), Some(0 | 4)), "{error}");
        let count = error.matches("Vouch speaks OTLP/HTTP and not OTLP/gRPC").count();
        assert!(times.contains(&count), "{url}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_refuses_is_told_and_the_load_has_its_results() {
    let collector = collector(403).await;
    let mut load = vouch();
    load.args(["load", "-a", "20/s", "-d", "1s", "--installations", "10", "--progress", "off", "--no-record"]);
    load.args(["--otlp", &collector.uri()]);
    let done = tokio::task::spawn_blocking(move || load.assert()).await.expect("no panic");
    assert!(matches!(done.get_output().status.code(), Some(0 | 4)), "{}", stderr(&done));
    let error = common::unwrapped(&stderr(&done));
    assert!(
        error.contains("exports to the OpenTelemetry collector failed; the first: it answered with status 403"),
        "{error}"
    );
}
