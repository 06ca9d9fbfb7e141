//! A server that does not look at what it is sent over HTTP/2.

use super::common::{stderr, vouch};
use super::{Lie, cloud_at, kept, vendor};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A vendor of one user that speaks HTTP/2, refuses one stream in `refuses`, and lets go of a connection after `lasts`.
fn http2_vendor(refuses: u32, lasts: u32) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    listener.set_nonblocking(true).expect("a socket that does not block");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let (count, streams) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(1)));
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(http2_connection(stream, refuses, lasts, count.clone(), streams.clone()));
            }
        });
    });
    format!("http://{address}")
}

async fn http2_connection(
    stream: tokio::net::TcpStream,
    refuses: u32,
    lasts: u32,
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
        if served == lasts {
            connection.graceful_shutdown();
        }
    }
}

#[test]
fn what_a_server_did_not_look_at_is_sent_again() {
    let args = ["load", "-a", "200/s", "-l", "2s", "--fleet", "60", "--users", "1", "--protocol", "http2"];
    let load = |refuses, lasts| {
        let vendor = http2_vendor(refuses, lasts);
        let (_folder, path) = cloud_at(&vendor, &vendor);
        vouch().args(args).args(["--progress", "off", "--threshold", "errors<=0", "--target"]).arg(path).assert()
    };
    for (refuses, lasts) in [(20, u32::MAX), (u32::MAX, 30)] {
        let out = kept(load(refuses, lasts));
        assert!(out.contains("✓ errors<=0: 0"), "{out}");
        // A connection that ends in good order may be found closed before anything was sent on it.
        assert!(lasts == 30 || out.contains("sent again on another connection"), "{out}");
    }
    // One that refuses all has not served anybody.
    let out = stderr(&load(1, u32::MAX).code(3));
    assert!(out.contains("refused stream"), "{out}");
}
