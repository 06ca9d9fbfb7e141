//! HTTP/2 servers that refuse streams or stop responding.

use super::common::{stderr, vouch};
use super::defects::{Defect, vendor};
use super::{cloud_at, passed};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// How a connection of the server ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ConnectionEnd {
    Lasts,
    /// It is shut down gracefully after this many streams.
    EndsAfter(u32),
    /// It stays open, and sends nothing after this many streams.
    FreezesAfter(u32),
}

/// A vendor with one user that speaks HTTP/2 and refuses one stream in `refuses`.
fn http2_vendor(refuses: u32, end: ConnectionEnd) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    listener.set_nonblocking(true).expect("a socket that does not block");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let (count, streams) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(1)));
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(http2_connection(stream, refuses, end, count.clone(), streams.clone()));
            }
        });
    });
    format!("http://{address}")
}

async fn http2_connection(
    stream: tokio::net::TcpStream,
    refuses: u32,
    end: ConnectionEnd,
    count: Arc<AtomicU32>,
    streams: Arc<AtomicU32>,
) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    let mut served = 0;
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        if streams.fetch_add(1, Ordering::Relaxed).is_multiple_of(refuses) {
            respond.send_reset(h2::Reason::REFUSED_STREAM);
            continue;
        }
        let path = request.uri().path().to_owned();
        let (count, mut body) = (count.clone(), request.into_body());
        tokio::spawn(async move {
            let mut whole = Vec::new();
            while let Some(Ok(part)) = body.data().await {
                let _ = body.flow_control().release_capacity(part.len());
                whole.extend_from_slice(&part);
            }
            let (_, answer) = vendor(Defect::None, &count, &path, &String::from_utf8_lossy(&whole));
            if let Ok(mut send) = respond.send_response(hyper::Response::new(()), false) {
                let _ = send.send_data(answer.into(), true);
            }
        });
        served += 1;
        if end == ConnectionEnd::EndsAfter(served) {
            connection.graceful_shutdown();
        }
        if end == ConnectionEnd::FreezesAfter(served) {
            return std::future::pending().await;
        }
    }
}

#[test]
fn requests_that_the_server_did_not_process_are_retried() {
    let args = ["load", "-a", "200/s", "-d", "2s", "--installations", "60", "--users", "1", "--protocol", "http2"];
    let load = |refuses, end| {
        let vendor = http2_vendor(refuses, end);
        let (_folder, path) = cloud_at(&vendor, &vendor);
        vouch().args(args).args(["--progress", "off", "--threshold", "errors<=0", "--target"]).arg(path).assert()
    };
    for (refuses, end) in [(20, ConnectionEnd::Lasts), (u32::MAX, ConnectionEnd::EndsAfter(30))] {
        let out = passed(load(refuses, end));
        assert!(out.contains("✓ errors<=0: 0"), "{out}");
        // A connection that is shut down gracefully may be closed before a request is sent on it.
        assert!(end != ConnectionEnd::Lasts || out.contains("refused their HTTP/2 streams"), "{out}");
    }
    // A server that refuses every stream cannot be used.
    let out = stderr(&load(1, ConnectionEnd::Lasts).code(3));
    assert!(out.contains("refused stream") && out.contains("concurrent streams"), "{out}");
}

#[test]
fn an_unresponsive_connection_is_replaced() {
    let vendor = http2_vendor(u32::MAX, ConnectionEnd::FreezesAfter(70));
    let (_folder, path) = cloud_at(&vendor, &vendor);
    let out = vouch()
        .args(["load", "-a", "40/s", "-d", "4s", "--installations", "60", "--users", "1", "--protocol", "http2"])
        .args(["--timeout", "500ms", "--connections", "32", "--threads", "1", "--progress", "off"])
        .args(["--threshold", "errors<=60", "--threshold", "errors>=1", "--target"])
        .arg(path)
        .assert();
    // At most the requests of half a second, twice.
    let out = passed(out);
    assert!(out.contains("✓ errors<=60"), "{out}");
}
