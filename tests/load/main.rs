//! `vouch load` as a command: against the mock cloud, an independent emulator, and servers with one defect each.

#[path = "../common/mod.rs"]
mod common;
mod defects;
mod faults;
mod framing;
mod http2;
mod max_rate;
mod system_under_test;

use common::{CloudProcess, stderr, stdout, target, vouch};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A mock cloud in a separate process.
struct Cloud(CloudProcess);

impl Cloud {
    fn start(more: &[&str]) -> Self {
        Self(CloudProcess::start(&[&["--keys", "hmac"], more].concat()))
    }

    fn target(&self) -> &Path {
        &self.0.target
    }

    fn load(&self, args: &[&str]) -> assert_cmd::assert::Assert {
        let mut command = vouch();
        command.args(["load", "--progress", "off", "--duration", "1500ms", "--installations", "60", "--target"]);
        command.arg(self.target()).args(args).assert()
    }
}

/// Asserts that the load passed, or is inconclusive because other tests use the same cores. Returns the summary.
fn passed(assert: assert_cmd::assert::Assert) -> String {
    let out = stdout(&assert);
    let code = assert.get_output().status.code();
    assert!(matches!(code, Some(0 | 4)), "{code:?}\n{out}\n{}", stderr(&assert));
    out
}

#[test]
fn every_workload_runs_against_the_mock_cloud() {
    let cloud = Cloud::start(&[]);
    for workload in ["exchange", "refresh", "issue", "signIn", "launch", "migration"] {
        let out = passed(cloud.load(&["-w", workload, "-a", "100/s", "--users", "10"]));
        assert!(out.contains(workload) && out.contains("150"), "{workload}: {out}");
        assert!(out.contains("✓ wrong<=0: 0") && out.contains("✓ errors<1%: 0%"), "{workload}: {out}");
        assert!(!out.contains("was not checked"), "{workload}: {out}");
    }
}

#[test]
fn http2_and_every_arrival_shape_send_the_expected_requests() {
    let cloud = Cloud::start(&[]);
    for (arrivals, count) in [
        ("ramp 0/s to 200/s", "150"),
        ("steps 50/s 100/s 150/s", "150"),
        ("spike 100 at 500ms within 100ms over 40/s", "160"),
    ] {
        let out = passed(cloud.load(&["-a", arrivals]));
        assert!(out.contains(&format!(" {count} ")), "{arrivals}: {out}");
    }
    let out = passed(cloud.load(&["-a", "poisson 200/s"]));
    assert!(out.contains("✓ errors<1%: 0%"), "{out}");
    let out = passed(cloud.load(&["-w", "launch", "-a", "100/s", "--protocol", "http2"]));
    assert!(out.contains("launch/resource") && out.contains(" 150 ") && out.contains("✓ errors<1%: 0%"), "{out}");
}

#[test]
fn the_mock_cloud_is_started_without_a_target() {
    let args =
        ["load", "-d", "1s", "-a", "50/s", "--installations", "20", "--progress", "plain", "--threshold", "p99<5s"];
    let out = vouch().args(args).assert();
    let stderr_text = stderr(&out);
    let out = passed(out);
    assert!(out.contains("to mock cloud") && out.contains("✓ p99<5s"), "{out}");
    assert!(
        stderr_text.contains("installations: 20 of 20") && stderr_text.contains("users deleted: 20 of 20"),
        "{stderr_text}"
    );
}

#[test]
fn thresholds_decide_the_exit_code_and_impossible_ones_are_rejected() {
    let cloud = Cloud::start(&["--delay", "20ms"]);
    let out = stdout(&cloud.load(&["-a", "50/s", "--threshold", "p50<10ms"]));
    assert!(out.contains("✗ p50<10ms"), "{out}");
    let out = passed(cloud.load(&["-a", "50/s", "--threshold", "refresh p50>=20ms"]));
    assert!(out.contains("✓ refresh p50>=20ms"), "{out}");
    for (threshold, part) in [
        ("rate>=51/s", "can never hold"),
        ("exchange p99<1s", "which this load does not have"),
        ("p99<fast", "not a duration"),
    ] {
        let out = cloud.load(&["-a", "50/s", "--threshold", threshold]).code(2);
        assert!(stderr(&out).contains(part), "{threshold}: {}", stderr(&out));
    }
}

/// A target file with a cloud at these addresses.
fn cloud_at(api: &str, auth: &str) -> (tempfile::TempDir, PathBuf) {
    target(&format!(
        "[cloud]\nname = \"somewhere\"\n[[cloud.realms]]\nenvironment = \"production\"\nregion = \"us\"\n\
         api = \"{api}\"\nauth = \"{auth}\"\napiKey = \"pk_us_wrong\"\n"
    ))
}

/// The error output of a load that cannot run. Asserts that it fails quickly.
fn refused(api: &str, auth: &str, more: &[&str]) -> String {
    let (_folder, path) = cloud_at(api, auth);
    let start = Instant::now();
    let out =
        vouch().args(["load", "-d", "60s", "--progress", "off", "--target"]).arg(path).args(more).assert().code(3);
    assert!(start.elapsed() < Duration::from_secs(12), "it took {:?}", start.elapsed());
    stderr(&out)
}

/// A server that handles each connection with `answer`.
fn server(answer: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let answer = std::sync::Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || answer(stream));
        }
    });
    format!("http://{address}")
}

#[test]
fn a_load_that_cannot_work_fails_at_once() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        format!("http://{}", listener.local_addr().expect("an address"))
    };
    let stderr_text = refused(&closed, &closed, &[]);
    assert!(
        stderr_text.contains("refused") && stderr_text.contains("check that the server is running"),
        "{stderr_text}"
    );
    let stderr_text = refused("http://no-such-host.invalid", "http://no-such-host.invalid", &[]);
    assert!(stderr_text.contains("cannot resolve the host"), "{stderr_text}");
    let garbage = server(|mut stream| drop(stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n")));
    let stderr_text = refused(&garbage, &garbage, &[]);
    assert!(stderr_text.contains("no users could be created"), "{stderr_text}");
    let stderr_text = refused(&garbage.replace("http:", "https:"), &garbage, &[]);
    assert!(
        stderr_text.contains("no users could be created") && stderr_text.contains("check that the port serves TLS"),
        "{stderr_text}"
    );
    let (_folder, path) = cloud_at(&garbage, &garbage);
    for (args, part) in [
        (vec!["-w", "refesh"], "refresh"),
        (vec!["--environment", "sandbox"], "no realm sandbox us"),
        (vec!["-c", "4000000"], "files may be open"),
        (vec!["-a", "max", "--installations", "3"], "needs at least"),
    ] {
        let out = vouch().args(["load", "--progress", "off", "--target"]).arg(&path).args(&args).assert();
        assert!(matches!(out.get_output().status.code(), Some(2 | 3)), "{args:?}");
        assert!(stderr(&out).contains(part), "{args:?}: {}", stderr(&out));
    }
}

#[test]
fn a_wrong_api_key_is_reported_with_advice() {
    let cloud = Cloud::start(&[]);
    let text = std::fs::read_to_string(cloud.target()).expect("its target file");
    let spoilt: String = text
        .lines()
        .map(|line| if line.starts_with("apiKey") { "apiKey = \"pk_us_wrong\"\n".into() } else { format!("{line}\n") })
        .collect();
    let (_folder, path) = target(&spoilt);
    let out = vouch().args(["load", "-d", "60s", "--progress", "off", "--target"]).arg(path).assert().code(3);
    assert!(stderr(&out).contains("401") && stderr(&out).contains("API key"), "{}", stderr(&out));
}

/// Runs a load of a minute whose server dies after two seconds. Returns what it then took, and the end of the load.
fn load_whose_server_dies(more: &[&str]) -> (Duration, std::process::Output) {
    let mut cloud = Cloud::start(&[]);
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("vouch"));
    command
        .args(["load", "-a", "100/s", "-d", "60s", "--installations", "20", "--progress", "plain", "--target"])
        .arg(cloud.target())
        .args(more);
    let mut load = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a load");
    let mut stderr_text = load.stderr.take().expect("its standard error");
    let mut seen = Vec::new();
    let mut piece = [0; 512];
    while !String::from_utf8_lossy(&seen).contains("\n     2 ") {
        let read = stderr_text.read(&mut piece).expect("readable");
        assert!(read > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..read]);
    }
    let _ = cloud.0.child.kill();
    let start = Instant::now();
    std::thread::spawn(move || drop(std::io::copy(&mut stderr_text, &mut std::io::sink())));
    let out = load.wait_with_output().expect("an end");
    (start.elapsed(), out)
}

#[test]
fn a_server_that_dies_ends_the_run_early_with_what_was_measured() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("load.yaml");
    std::fs::write(&file, "retries: 50\n").expect("written");
    let file = file.to_str().expect("UTF-8");
    // Installations that retry give up with the load.
    for more in [&[][..], &[file]] {
        let (after, out) = load_whose_server_dies(more);
        assert!(after < Duration::from_secs(20), "{more:?}: it took {after:?}");
        let text = String::from_utf8_lossy(&out.stdout);
        assert_eq!(out.status.code(), Some(1), "{more:?}: {text}");
        assert!(text.contains("the run ended early") && text.contains("connection refused"), "{more:?}: {text}");
    }
}

#[test]
fn a_rate_is_what_the_server_keeps_up_with() {
    // Four connections with responses of 10 ms handle 400 requests per second; the other responses come after the end.
    let cloud = Cloud::start(&["--delay", "10ms"]);
    let overloaded = |threshold: &str| {
        let args = ["-c", "4", "-a", "600/s", "-d", "2s", "--installations", "900", "--threshold", threshold];
        let out = cloud.load(&args);
        (out.get_output().status.code(), stdout(&out))
    };
    let (code, out) = overloaded("rate>=450/s");
    assert!(out.contains("✗ rate>=450/s") && out.contains("the server fell behind"), "{out}");
    assert!(matches!(code, Some(1 | 4)), "{code:?} {out}");
    let (_, out) = overloaded("rate>=200/s");
    assert!(out.contains("✓ rate>=200/s"), "{out}");
    // A slow server that keeps up has the full rate, although the last responses come after the end.
    let slow = Cloud::start(&["--delay", "120ms"]);
    let out = passed(slow.load(&["-a", "40/s", "--threshold", "rate>=40/s"]));
    assert!(out.contains("✓ rate>=40/s: 40/s") && !out.contains("fell behind"), "{out}");
}

#[test]
fn ctrl_c_and_sigterm_end_a_load_with_a_report() {
    let cloud = Cloud::start(&[]);
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let json = folder.path().join("report.json");
        let child = Command::new(assert_cmd::cargo::cargo_bin("vouch"))
            .args(["load", "-a", "100/s", "-d", "60s", "--installations", "20", "--progress", "plain", "--target"])
            .arg(cloud.target())
            .arg("--json")
            .arg(&json)
            .env("NO_COLOR", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.expect("vouch runs");
        let mut stderr_text = BufReader::new(child.stderr.take().expect("piped")).lines();
        // The run has started: its first second is printed.
        let second = stderr_text.find(|line| line.as_ref().is_ok_and(|line| line.contains("100")));
        assert!(second.is_some());
        std::thread::sleep(Duration::from_millis(500));
        let begin = Instant::now();
        // SAFETY: a signal to our own child, which has not been waited for.
        unsafe { libc::kill(i32::try_from(child.id()).expect("an id"), signal) };
        let rest: Vec<_> = stderr_text.map_while(Result::ok).collect();
        let mut out = String::new();
        child.stdout.take().expect("piped").read_to_string(&mut out).expect("readable");
        assert_eq!(child.wait().expect("it ends").code(), Some(130), "{out} {rest:?}");
        assert!(begin.elapsed() < Duration::from_secs(10) && out.contains("interrupted"), "{out}");
        let report: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&json).expect("a report")).expect("JSON");
        assert!(report["all"]["good"].as_u64().is_some_and(|good| good > 0), "{report}");
        assert!(rest.iter().any(|line| line.contains("users deleted: 20 of 20")), "{rest:?}");
    }
}

#[test]
fn a_later_ctrl_c_says_that_users_may_be_left() {
    let count = std::sync::atomic::AtomicU32::new(0);
    let vendor = server(move |stream| {
        let mut reader = BufReader::new(stream);
        while let Some((path, body)) = defects::request(&mut reader) {
            if path.contains("/v2/user/") && !path.ends_with("/sign_in_token") {
                // The deletion of a user.
                return std::thread::sleep(Duration::from_secs(30));
            }
            let (_, answer) = defects::vendor(defects::Defect::None, &count, &path, &body);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len());
            if reader.get_mut().write_all((head + &answer).as_bytes()).is_err() {
                return;
            }
        }
    });
    let (_folder, path) = cloud_at(&vendor, &vendor);
    let child = Command::new(assert_cmd::cargo::cargo_bin("vouch"))
        .args(["load", "-a", "50/s", "-d", "60s", "--installations", "20", "--users", "1", "--timeout", "20s"])
        .args(["--progress", "plain", "--target"])
        .arg(&path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.expect("vouch runs");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("    1 ")), "the run has started");
    let id = i32::try_from(child.id()).expect("an id");
    for pause in [1500, 0] {
        // SAFETY: a signal to our own child, which has not been waited for.
        assert_eq!(unsafe { libc::kill(id, libc::SIGINT) }, 0);
        std::thread::sleep(Duration::from_millis(pause));
    }
    let rest: Vec<_> = lines.collect();
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("the users of this load may not be deleted")), "{rest:?}");
}

#[test]
fn a_stall_shows_in_full() {
    let cloud = Cloud::start(&["--stall", "1s@1s"]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let json = folder.path().join("report.json");
    // The stall starts one second after the first request, which is part of the preparation.
    let args = ["-a", "200/s", "-d", "4s", "-c", "16", "--json", json.to_str().expect("a path")];
    let out = cloud.load(&args);
    assert!(matches!(out.get_output().status.code(), Some(0 | 4)), "{}", stdout(&out));
    let report: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&json).expect("a report")).expect("JSON");
    let (p99, max) = (report["all"]["latency"]["p99"].as_u64(), report["all"]["latency"]["max"].as_u64());
    // A quarter of the arrivals fell into the stall; the first of them waited for nearly a second.
    assert!(max.is_some_and(|ns| (700_000_000..1_400_000_000).contains(&ns)), "{max:?}");
    assert!(p99.is_some_and(|ns| ns > 500_000_000), "{p99:?}");
    assert_eq!(report["targetFile"].as_str(), cloud.target().to_str());
}

#[test]
fn a_slower_build_is_a_regression_and_an_equal_one_is_not() {
    let (old, same, slower) =
        (Cloud::start(&["--delay", "3ms"]), Cloud::start(&["--delay", "3ms"]), Cloud::start(&["--delay", "15ms"]));
    let against = |new: &Cloud| {
        let args = [
            "-a",
            "60/s",
            "-d",
            "4s",
            "--rounds",
            "10",
            "--installations",
            "40",
            "--baseline",
            old.target().to_str().expect("a path"),
        ];
        new.load(&args)
    };
    let out = stdout(&against(&slower).code(1));
    assert!(out.contains("regressed") && out.contains("✗ p50"), "{out}");
    let out = stdout(&against(&same).success());
    assert!(out.contains("no regression"), "{out}");
}
