//! The search for the highest rate, on a server of known capacity.

use super::common::vouch;
use super::defects::{Defect, request, vendor};
use super::{cloud_at, server, stdout};
use std::io::{BufReader, Write};
use std::sync::Mutex;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

/// The responses of the server in a second.
const CAPACITY: f64 = 400.0;
/// The server makes up for pauses of this machine up to this long, so that its capacity does not depend on them.
const CATCH_UP: Duration = Duration::from_millis(60);

/// A vendor with one user that answers at most 400 refreshes a second, one after the other.
fn steady_vendor() -> String {
    let (count, next) = (AtomicU32::new(0), Mutex::new(Instant::now()));
    server(move |stream| {
        let mut reader = BufReader::new(stream);
        while let Some((path, body)) = request(&mut reader) {
            if body.contains("grant_type=refresh_token") {
                let turn = {
                    let mut next = next.lock().expect("unpoisoned");
                    *next = (*next).max(Instant::now().checked_sub(CATCH_UP).expect("a time"))
                        + Duration::from_secs_f64(1.0 / CAPACITY);
                    *next
                };
                std::thread::sleep(turn.saturating_duration_since(Instant::now()));
            }
            let (status, answer) = vendor(Defect::None, &count, &path, &body);
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", answer.len());
            if reader.get_mut().write_all((head + &answer).as_bytes()).is_err() {
                return;
            }
        }
    })
}

#[test]
fn searches_on_a_steady_server_stay_within_five_per_cent() {
    let vendor = steady_vendor();
    let (_folder, path) = cloud_at(&vendor, &vendor);
    let found = [0, 1].map(|_| {
        let args = ["load", "--progress", "off", "--installations", "400", "--users", "1", "-c", "32", "-d", "1s"];
        let search = ["--find-max-rate", "60/s to 5000/s", "--threshold", "p99<150ms"];
        let text = stdout(&vouch().args(args).args(search).arg("--target").arg(&path).assert());
        let rate = text
            .lines()
            .find_map(|line| line.strip_prefix("highest passing rate: ")?.split("/s").next()?.parse::<f64>().ok());
        let rate = rate.unwrap_or_else(|| panic!("{text}"));
        println!(
            "found {rate}/s: {}",
            text.lines()
                .filter(|line| line.contains("confidence") || line.starts_with('!'))
                .collect::<Vec<_>>()
                .join(" ")
        );
        assert!(text.contains("probes passed at"), "{text}");
        // Other tests use the same cores: a search that was disturbed says so.
        let most = if text.contains("\n! ") { 0.15 } else { 0.05 };
        assert!((rate / CAPACITY - 1.0).abs() <= most, "{text}");
        rate
    });
    assert!((found[0] / found[1] - 1.0).abs() < 0.2, "{found:?}");
}
