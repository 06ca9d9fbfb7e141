//! A server that does not look at what it is sent over HTTP/2.

use super::common::{stderr, vouch};
use super::{Lie, cloud_at, kept, vendor};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// What becomes of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ExchangeOutcome {
    Lasts,
    /// It is let go in good order after so many streams.
    EndsAfter(u32),
    /// It stands, and nothing comes from it after so many streams.
    FreezesAfter(u32),
}

/// A vendor of one user that speaks HTTP/2 and refuses one stream in `refuses`.
fn http2_vendor(refuses: u32, fate: ExchangeOutcome) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    listener.set_nonblocking(true).expect("a socket that does not block");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let (count, streams) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(1)));
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(http2_connection(stream, refuses, fate, count.clone(), streams.clone()));
            }
        });
    });
    format!("http://{address}")
}

async fn http2_connection(
    stream: tokio::net::TcpStream,
    refuses: u32,
    fate: ExchangeOutcome,
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
            let (_, answer) = vendor(Lie::None, &count, &path, &String::from_utf8_lossy(&whole));
            if let Ok(mut send) = respond.send_response(hyper::Response::new(()), false) {
                let _ = send.send_data(answer.into(), true);
            }
        });
        served += 1;
        if fate == ExchangeOutcome::EndsAfter(served) {
            connection.graceful_shutdown();
        }
        if fate == ExchangeOutcome::FreezesAfter(served) {
            return std::future::pending().await;
        }
    }
}

#[test]
fn what_a_server_did_not_look_at_is_sent_again() {
    let args = ["load", "-a", "200/s", "-l", "2s", "--fleet", "60", "--users", "1", "--protocol", "http2"];
    let load = |refuses, fate| {
        let vendor = http2_vendor(refuses, fate);
        let (_folder, path) = cloud_at(&vendor, &vendor);
        vouch().args(args).args(["--progress", "off", "--threshold", "errors<=0", "--target"]).arg(path).assert()
    };
    for (refuses, fate) in [(20, ExchangeOutcome::Lasts), (u32::MAX, ExchangeOutcome::EndsAfter(30))] {
        let out = kept(load(refuses, fate));
        assert!(out.contains("✓ errors<=0: 0"), "{out}");
        // A connection that ends in good order may be found closed before anything was sent on it.
        assert!(fate != ExchangeOutcome::Lasts || out.contains("sent again on another connection"), "{out}");
    }
    // One that refuses all has not served anybody.
    let out = stderr(&load(1, ExchangeOutcome::Lasts).code(3));
    assert!(out.contains("refused stream"), "{out}");
}

#[test]
fn a_connection_from_which_nothing_comes_any_more_is_replaced() {
    let vendor = http2_vendor(u32::MAX, ExchangeOutcome::FreezesAfter(70));
    let (_folder, path) = cloud_at(&vendor, &vendor);
    let out = vouch()
        .args(["load", "-a", "40/s", "-l", "4s", "--fleet", "60", "--users", "1", "--protocol", "http2"])
        .args(["--timeout", "500ms", "--connections", "32", "--threads", "1", "--progress", "off"])
        .args(["--threshold", "errors<=60", "--threshold", "errors>=1", "--target"])
        .arg(path)
        .assert();
    // At most what was under way in half a second, twice.
    let out = kept(out);
    assert!(out.contains("✓ errors<=60"), "{out}");
}
