//! The search for the highest rate, on a server of known capacity.

use super::common::vouch;
use super::defects::{Defect, request, vendor};
use super::{cloud_at, server, stdout};
use serde_json::Value;
use std::io::{BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
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

#[test]
fn a_lower_bound_that_fails_ends_the_search_with_the_reasons() {
    let count = AtomicU32::new(0);
    let vendor = server(move |stream| {
        let mut reader = BufReader::new(stream);
        while let Some((path, body)) = request(&mut reader) {
            let (status, answer) = match body.contains("grant_type=refresh_token") {
                true => ("429 Too Many Requests", "{}".to_owned()),
                false => vendor(Defect::None, &count, &path, &body),
            };
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", answer.len());
            if reader.get_mut().write_all((head + &answer).as_bytes()).is_err() {
                return;
            }
        }
    });
    let (folder, path) = cloud_at(&vendor, &vendor);
    let json = folder.path().join("search.json");
    let args = ["load", "--progress", "off", "--installations", "60", "--users", "1", "-d", "500ms"];
    let search = ["--find-max-rate", "50/s to 5000/s", "--json"];
    let out = stdout(&vouch().args(args).args(search).arg(&json).arg("--target").arg(&path).assert());
    assert!(out.contains("\nthe lowest rate tried fails: 50/s\nconfidence: 0 of 3 probes passed at 50/s"), "{out}");
    assert!(out.contains("  at 50/s: errors<1%: 100%") && out.contains("× status 429 (refresh returned"), "{out}");
    assert!(!out.contains("0ns"), "{out}");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&json).expect("a report")).expect("JSON");
    assert_eq!((&report["lowestFailing"], report["tried"].as_array().map(Vec::len)), (&50.0.into(), Some(3)));
    assert!(report["tried"][0]["p99"].is_null() && report["reasons"][0] == "errors<1%: 100%", "{report}");
}

#[test]
fn a_probe_that_is_interrupted_does_not_count() {
    let (count, refreshes) = (AtomicU32::new(0), Arc::new(AtomicU32::new(0)));
    let seen = refreshes.clone();
    let vendor = server(move |stream| {
        let mut reader = BufReader::new(stream);
        while let Some((path, body)) = request(&mut reader) {
            seen.fetch_add(u32::from(body.contains("grant_type=refresh_token")), Ordering::Relaxed);
            let (status, answer) = vendor(Defect::None, &count, &path, &body);
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", answer.len());
            if reader.get_mut().write_all((head + &answer).as_bytes()).is_err() {
                return;
            }
        }
    });
    let (_folder, path) = cloud_at(&vendor, &vendor);
    let child = Command::new(assert_cmd::cargo::cargo_bin("vouch"))
        .args(["load", "--progress", "off", "--installations", "60", "--users", "1", "-d", "30s", "--target"])
        .arg(&path)
        .args(["--find-max-rate", "20/s to 5000/s"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("vouch runs");
    while refreshes.load(Ordering::Relaxed) < 10 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let id = i32::try_from(child.id()).expect("an id");
    // SAFETY: signals to our own child, which has not been waited for. Two at once are one interrupt.
    (0..2).for_each(|_| assert_eq!(unsafe { libc::kill(id, libc::SIGINT) }, 0));
    let done = child.wait_with_output().expect("an end");
    let out = String::from_utf8_lossy(&done.stdout);
    assert_eq!(done.status.code(), Some(130), "{out}");
    assert!(
        out.contains("highest passing rate: none; lowest failing rate: none\n! the search was interrupted"),
        "{out}"
    );
}
