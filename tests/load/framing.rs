//! HTTP/1.1 servers whose responses have the right content in the wrong frame, and honest ones that only seem to.

use super::common::{stderr, stdout, vouch};
use super::defects::{Defect, request, vendor};
use super::{cloud_at, passed, server};
use std::io::{BufReader, Write};
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// What a server does with its responses to refreshes.
#[derive(Clone, Copy)]
enum Framing {
    /// The body is encoded as gzip.
    Gzip,
    /// It names an encoding, and the body has none.
    NamedOnly,
    /// Each response has these bytes after its end.
    Then(&'static str),
    /// It has them some milliseconds later.
    Later(&'static str),
    /// Each has this header field too.
    Field(&'static str),
    /// Each has this many header fields more.
    Fields(usize),
    /// Each has a body of this many bytes more.
    Padded(usize),
}

const SECOND: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
/// What proxies send on a connection that was idle for too long, before they close it.
const GOODBYE: &str = "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn framed(framing: Framing, body: String) -> (Vec<u8>, &'static str) {
    let head = |field: &str, length: usize| format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{field}\r\n");
    let with = |field: &str, body: Vec<u8>| [head(field, body.len()).into_bytes(), body].concat();
    let plain = with("", body.clone().into_bytes());
    match framing {
        // The first bytes of every gzip file are enough: nobody decodes it.
        Framing::Gzip => (with("content-encoding: gzip\r\n", b"\x1f\x8b\x08\0\0\0\0\0".to_vec()), ""),
        Framing::NamedOnly => (with("content-encoding: utf-8\r\n", body.into_bytes()), ""),
        Framing::Then(more) => ([plain, more.into()].concat(), ""),
        Framing::Later(more) => (plain, more),
        Framing::Field(field) => (with(field, body.into_bytes()), ""),
        Framing::Fields(count) => (with(&"x-filler: y\r\n".repeat(count), body.into_bytes()), ""),
        Framing::Padded(bytes) => (with("", (body + &" ".repeat(bytes)).into_bytes()), ""),
    }
}

/// The code and the summary of a load on such a server.
fn load(framing: Framing) -> assert_cmd::assert::Assert {
    let count = AtomicU32::new(0);
    let vendor = server(move |stream| {
        let mut reader = BufReader::new(stream);
        while let Some((path, body)) = request(&mut reader) {
            let (_, answer) = vendor(Defect::None, &count, &path, &body);
            let refreshes = body.contains("grant_type=refresh_token");
            let (now, later) = framed(if refreshes { framing } else { Framing::Then("") }, answer);
            if reader.get_mut().write_all(&now).is_err() {
                return;
            }
            if !later.is_empty() {
                std::thread::sleep(Duration::from_millis(5));
                let _ = reader.get_mut().write_all(later.as_bytes());
            }
            if now.ends_with(GOODBYE.as_bytes()) || later == GOODBYE {
                return;
            }
        }
    });
    let (_folder, path) = cloud_at(&vendor, &vendor);
    let args = ["load", "-a", "20/s", "-d", "1500ms", "--installations", "30", "--users", "1", "--progress", "off"];
    vouch().args(args).args(["--threshold", "p99<5s", "--target"]).arg(path).assert()
}

#[test]
fn a_response_in_the_wrong_frame_is_reported_as_what_it_is() {
    for (framing, part) in [
        (Framing::Gzip, "the response with status 200 is encoded with gzip, which was not asked for"),
        (Framing::Then(SECOND), "more bytes after the response (a second response follows, with status 200)"),
        (Framing::Later(SECOND), "more bytes after the response (a second response follows, with status 200)"),
        (Framing::Then("{\"debug\":1}"), "more bytes after the response (bytes follow that are no response)"),
        (Framing::Field("content-length: 7\r\n"), "invalid HTTP (it has two different content lengths)"),
        (Framing::Fields(100), "too large (it has more than 96 header fields)"),
        (Framing::Padded(1 << 20), "too large (its body is longer than 1 MiB)"),
    ] {
        let assert = load(framing);
        let out = stdout(&assert).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(out.contains(part) && !out.contains("not HTTP"), "{part}: {out}\n{}", stderr(&assert));
        assert.code(1);
    }
}

#[test]
fn a_server_that_closes_an_idle_connection_with_a_notice_is_honest() {
    for framing in [Framing::Then(GOODBYE), Framing::Later(GOODBYE), Framing::Then("\r\n"), Framing::NamedOnly] {
        let out = passed(load(framing));
        assert!(out.contains("✓ wrong<=0: 0") && out.contains("✓ errors<1%: 0%"), "{out}");
    }
}
