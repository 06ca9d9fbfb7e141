//! `vouch doctor`: what it says of targets that do not come up, and of those that do.

mod common;

use common::{CloudProcess, stdout, target, unwrapped, vouch};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const PROXIES: [&str; 6] = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"];
const CA_FILES: [&str; 5] =
    ["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];

/// Runs the doctor with these variables, without those of the machine that it looks at. Returns the checks.
fn examine(file: Option<&Path>, variables: &[(&str, &str)], code: i32) -> Vec<Value> {
    let mut command = vouch();
    PROXIES.iter().chain(&CA_FILES).for_each(|name| {
        command.env_remove(name);
    });
    command.args(["doctor", "--json"]).envs(variables.iter().copied());
    if let Some(file) = file {
        command.arg("--target").arg(file);
    }
    let out = stdout(&command.assert().code(code));
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"));
    report["checks"].as_array().expect("checks").clone()
}

/// The only check of this name that is not `ok`, as `STATE: FOUND; ADVICE`.
fn bad(checks: &[Value], name: &str) -> String {
    let text = |check: &Value, key: &str| check[key].as_str().unwrap_or_default().to_owned();
    let bad: Vec<_> = checks.iter().filter(|check| check["state"] != "ok" && check["check"] == name).collect();
    let [check] = bad[..] else { panic!("one {name} that is not ok in {checks:#?}") };
    format!("{}: {}; {}", text(check, "state"), text(check, "found"), text(check, "advice"))
}

/// The doctor's only complaint about an SDK with this command and these further lines.
fn complaint(command: &str, more: &str, name: &str) -> String {
    let (_folder, file) = target(&format!("[sdk]\nname = \"x\"\ncommand = {command}\n{more}"));
    bad(&examine(Some(&file), &[], 1), name)
}

fn rogue(mode: &str) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/adapters/rogue.py");
    format!(r#"["python3", "-I", "-S", "{script}", "{mode}"]"#)
}

fn contains_all(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

#[test]
fn this_machine_and_the_example_sdk_have_no_problem() {
    let names = |checks: &[Value]| {
        checks.iter().map(|check| check["check"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    let machine = names(&examine(None, &[], 0));
    for name in ["open files", "temporary folder", "crash points", "clock", "proxy", "CA files", "terminal"] {
        assert!(machine.iter().any(|other| other == name), "{name} is not in {machine:?}");
    }
    let checks = examine(Some(Path::new("adapters/python/vouch.toml")), &[], 0);
    for name in ["target file", "program", "adapter", "TMPDIR", "stop"] {
        let check = checks.iter().find(|check| check["check"] == name);
        assert_eq!(check.unwrap_or_else(|| panic!("{name} is not in {checks:?}"))["state"], "ok", "{name}");
    }
    let out = stdout(&vouch().args(["doctor", "-t", "adapters/python/vouch.toml"]).assert().success());
    contains_all(&out, &["ok       stop: it ends when asked", "\n0 problems, "]);
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
}

#[test]
fn a_target_file_with_mistakes_is_a_file_error() {
    let (_folder, file) = target("[sdk]\nname = 7\n");
    vouch().args(["doctor", "-t"]).arg(&file).assert().code(2);
    vouch().args(["doctor", "-t", "no/such/file"]).assert().code(2);
}

#[test]
fn a_program_that_cannot_be_started_is_named_with_what_to_do() {
    let missing = complaint(r#"["no-such-adapter"]"#, "", "program");
    contains_all(&missing, &["problem: [sdk] names `no-such-adapter`, which is in no folder of PATH", "install it"]);
    contains_all(&complaint(r#"["./adapter"]"#, "", "program"), &["does not exist", "relative to the folder"]);
    contains_all(&complaint(r#"["/etc"]"#, "", "program"), &["which is a folder"]);

    let with_script = |text: &str, mode: u32| {
        let (folder, file) = target("[sdk]\nname = \"x\"\ncommand = [\"./adapter\"]\n");
        let script = folder.path().join("adapter");
        std::fs::write(&script, text).expect("writable");
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(mode)).expect("ours");
        bad(&examine(Some(&file), &[], 1), "program")
    };
    contains_all(&with_script("#!/bin/sh\n", 0o644), &["not executable", "chmod +x "]);
    contains_all(&with_script("#!/no/such/shell\n", 0o755), &["interpreter `/no/such/shell` does not exist"]);
    contains_all(&with_script("#!/usr/bin/env no-such-node\n", 0o755), &["`no-such-node` is in no folder of PATH"]);
    contains_all(&with_script("#!/bin/sh\r\n", 0o755), &["line ends of Unix"]);
}

#[test]
fn a_previous_build_that_cannot_be_used_is_named_with_what_to_do() {
    let examine_with = |previous: &str, code: i32| {
        let sdk = "[sdk]\nname = \"x\"\ncommand = [\"python3\", \"-I\", \"-S\", \"ADAPTER\"]\n[sdk.previous]\n";
        let sdk = sdk.replace("ADAPTER", concat!(env!("CARGO_MANIFEST_DIR"), "/adapters/python/adapter.py"));
        let (folder, file) = target(&format!("{sdk}{previous}\n"));
        std::fs::create_dir(folder.path().join("museum")).expect("ours");
        std::fs::write(folder.path().join("museum/installation.json"), "{\"format\": 99}").expect("writable");
        examine(Some(&file), &[], code)
    };
    let missing = bad(&examine_with("stored = \"nowhere\"", 1), "previous build");
    contains_all(&missing, &["problem: cannot read the stored installation", "`vouch capture installation` makes one"]);
    let newer = bad(&examine_with("stored = \"museum\"", 1), "previous build");
    contains_all(&newer, &["has the format 99", "use the version that captured it, or capture it again"]);
    let program = bad(&examine_with("command = [\"no-such-adapter\"]", 1), "program");
    contains_all(&program, &["[sdk.previous] names `no-such-adapter`", "install it"]);
    let silent = bad(&examine_with("command = [\"true\"]", 1), "adapter");
    contains_all(&silent, &["problem: [sdk.previous]: ", "start the command by hand"]);
}

#[test]
fn a_script_that_the_interpreter_will_not_find_is_named() {
    let (_folder, file) = target("[sdk]\nname = \"x\"\ncommand = [\"python3\", \"adapter.py\"]\n");
    let checks = examine(Some(&file), &[], 1);
    contains_all(&bad(&checks, "argument"), &["warning: [sdk] passes `adapter.py`", "no such file"]);
    contains_all(&bad(&checks, "adapter"), &["problem: [sdk]: ", "can't open file"]);
}

#[test]
fn an_adapter_that_ends_or_never_answers_is_told_with_its_standard_error() {
    let dies = complaint(&rogue("dies-at-start"), "", "adapter");
    contains_all(&dies, &["the process ended: exit code 1", "ModuleNotFoundError", "by hand"]);
    let hangs = complaint(r#"["sleep", "60"]"#, "[deadlines]\ncall = \"300ms\"\n", "adapter");
    contains_all(&hangs, &["did not answer `initialize` within 300ms", "raise `call` in [deadlines]"]);
    let babbles = complaint(r#"["sh", "-c", "echo Listening; sleep 60"]"#, "", "adapter");
    contains_all(&babbles, &["not a JSON-RPC message: `Listening`", "for the protocol alone"]);
}

#[test]
fn a_slow_adapter_is_a_warning_with_its_time_and_the_limit() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/adapters/rogue.py");
    let command = format!(r#"["sh", "-c", "sleep 2; exec python3 -I -S {script} exits"]"#);
    let (_folder, file) = target(&format!("[sdk]\nname = \"x\"\ncommand = {command}\n[deadlines]\ncall = \"6s\"\n"));
    let slow = bad(&examine(Some(&file), &[], 0), "adapter");
    contains_all(&slow, &["warning: [sdk] (rogue) answers `initialize` after ", "the limit is 6s", "cases at once"]);
}

#[test]
fn an_adapter_that_ignores_stop_is_a_problem() {
    let stop = complaint(&rogue("will-not-end"), "[deadlines]\nstop = \"300ms\"\n", "stop");
    contains_all(&stop, &["answered `stop` but was still running 300ms later", "threads"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_jvm_that_is_not_told_of_tmpdir_is_a_warning() {
    let (folder, file) = target("");
    // A JVM by its name, so that none is needed here.
    let python = std::process::Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
    let python = String::from_utf8(python.expect("python3 runs").stdout).expect("a path");
    std::os::unix::fs::symlink(python.trim(), folder.path().join("java")).expect("a link");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/adapters/rogue.py");
    let write = |command: &str| {
        std::fs::write(&file, format!("[sdk]\nname = \"x\"\ncommand = [\"sh\", \"-c\", '{command}']\n")).expect("ours");
        examine(Some(&file), &[], 0)
    };
    let ignoring = bad(&write(&format!("exec ./java -I -S {script} exits")), "TMPDIR");
    contains_all(&ignoring, &["warning: `./java` is a JVM", "JAVA_TOOL_OPTIONS=\"-Djava.io.tmpdir=$TMPDIR\""]);
    let told = write(&format!("JAVA_TOOL_OPTIONS=-Djava.io.tmpdir=$TMPDIR exec ./java -I -S {script} exits"));
    assert!(told.iter().any(|check| check["check"] == "TMPDIR" && check["state"] == "ok"), "{told:#?}");
}

#[test]
fn a_closed_port_of_a_cloud_and_a_taken_port_of_vouch_are_problems() {
    // Nothing listens on the first of all ports.
    let (_folder, file) = target(&cloud("http://127.0.0.1:1"));
    let server = bad(&examine(Some(&file), &[], 1), "server");
    contains_all(&server, &["refuses connections: nothing listens there", "start the server"]);

    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let (_folder, file) = target(&format!("[sdk]\nname = \"x\"\nlisten = \"{address}\"\n"));
    let port = bad(&examine(Some(&file), &[], 1), "port");
    contains_all(&port, &["cannot listen on", "`listen` of [sdk]", "ss -ltnp"]);
}

#[test]
fn a_server_that_does_not_speak_http_or_has_another_clock_is_recognised() {
    let serve = |answer: &'static [u8]| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            for stream in listener.incoming().take(4).flatten() {
                let mut stream = stream;
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(answer);
            }
        });
        address
    };
    let (_folder, file) = target(&cloud(&format!("http://{}", serve(b"220 ready\r\n"))));
    contains_all(&bad(&examine(Some(&file), &[], 1), "server"), &["does not answer in HTTP", "https://"]);
    let (_folder, file) = target(&cloud(&format!("https://{}", serve(b"HTTP/1.1 400 Bad Request\r\n\r\n"))));
    contains_all(&bad(&examine(Some(&file), &[], 1), "server"), &["speaks plain HTTP", "http://"]);
    let old: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\ndate: Sat, 01 Jan 2000 00:00:00 GMT\r\n\r\n";
    let (_folder, file) = target(&cloud(&format!("http://{}", serve(old))));
    contains_all(&bad(&examine(Some(&file), &[], 0), "server"), &["warning: ", "its clock differs"]);
}

#[test]
fn a_certificate_of_an_unknown_authority_is_explained_and_a_named_one_is_trusted() {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem").display().to_string();
    let cloud = CloudProcess::start(&["--tls", "--ca", &ca, "--keys", "hmac"]);
    let server = bad(&examine(Some(&cloud.target), &[], 1), "server");
    contains_all(&server, &["an authority that is not trusted here", "SSL_CERT_FILE"]);
    let checks = examine(Some(&cloud.target), &[("SSL_CERT_FILE", &ca)], 0);
    assert!(checks.iter().any(|check| check["check"] == "server" && check["state"] == "ok"), "{checks:#?}");
}

#[test]
fn a_backend_that_does_not_listen_is_a_problem_and_one_that_asks_the_vendor_first_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let copied = std::process::Command::new("cp").arg("tests/adapters/asking_backend.py").arg(folder.path()).status();
    assert!(copied.expect("cp runs").success());
    let file = folder.path().join("vouch.toml");
    let write = |command: &str| {
        let backend =
            "[backend.credentials]\n\"*\" = \"c\"\n[backend.tokenRequest]\nrequest = \"POST /t\"\ntoken = \"/t\"\n";
        let env = "env = { PORT = \"$port\", VENDOR_URL = \"$api\", VENDOR_KEY = \"$apiKey\" }\n";
        let text = format!("[backend]\nname = \"b\"\ncommand = {command}\n{env}{backend}[deadlines]\nstart = \"3s\"\n");
        std::fs::write(&file, text).expect("writable");
    };
    write(r#"["python3", "-I", "-S", "asking_backend.py"]"#);
    let checks = examine(Some(&file), &[], 0);
    assert!(checks.iter().any(|check| check["check"] == "backend" && check["state"] == "ok"), "{checks:#?}");
    write(r#"["sleep", "60"]"#);
    contains_all(&bad(&examine(Some(&file), &[], 1), "backend"), &["it was not ready within 3s", "`$port`"]);
    write(r#"["sh", "-c", "echo no database >&2; exit 3"]"#);
    let ended = bad(&examine(Some(&file), &[], 1), "backend");
    contains_all(&ended, &["it ended before it was ready: exit code 3", "no database", "by hand"]);
}

#[test]
fn a_proxy_and_a_missing_ca_file_of_the_environment_are_told() {
    let proxy = ("HTTP_PROXY", "http://me:secret@127.0.0.1:3128");
    let checks = examine(None, &[proxy], 0);
    let warning = bad(&checks, "proxy");
    contains_all(&warning, &["warning: HTTP_PROXY is set", "NO_PROXY"]);
    assert!(!warning.contains("secret"), "{warning}");
    examine(None, &[proxy, ("NO_PROXY", "127.0.0.1")], 0);
    let (_folder, file) = target(&format!(
        "[sdk]\nname = \"x\"\ncommand = {}\nenv = {{ NODE_EXTRA_CA_CERTS = \"corporate.pem\" }}\n",
        rogue("exits")
    ));
    let missing = bad(&examine(Some(&file), &[], 1), "CA files");
    contains_all(&missing, &["NODE_EXTRA_CA_CERTS of [sdk] names corporate.pem, which does not exist", "correct"]);
}

#[test]
fn a_limit_or_a_temporary_folder_that_stops_a_run_is_a_problem() {
    let program = assert_cmd::cargo::cargo_bin("vouch");
    let run = |line: &str| {
        let command = format!("{line} exec '{}' doctor", program.display());
        let out = std::process::Command::new("sh").args(["-c", &command]).output().expect("sh runs");
        (out.status.code(), unwrapped(&String::from_utf8_lossy(&out.stdout)))
    };
    let (code, out) = run("ulimit -n 100;");
    contains_all(&out, &["problem open files: only 100 may be open at once", "ulimit -n 1024"]);
    assert_eq!(code, Some(1));
    let (code, out) = run("ulimit -f 100;");
    contains_all(&out, &["warning file size: the limit on file size is", "records and reports are cut"]);
    assert_eq!(code, Some(0));
    let (code, out) = run("TMPDIR=/no/such/folder");
    contains_all(&out, &["problem temporary folder: no folder can be made in /no/such/folder", "set TMPDIR"]);
    assert_eq!(code, Some(1));
}

#[test]
fn a_run_that_does_not_start_names_the_doctor() {
    let (_folder, file) = target("[sdk]\nname = \"x\"\ncommand = [\"no-such-adapter\"]\n");
    let assert = vouch().args(["run", "--ci", "-f", "first-sign-in", "-t"]).arg(&file).assert().code(3);
    let words = format!("to see why: vouch doctor --target {}", file.display());
    assert!(common::stderr(&assert).contains(&words), "{}", common::stderr(&assert));
}

/// A target file with a cloud that runs already.
fn cloud(url: &str) -> String {
    let realm = "[[cloud.realms]]\nenvironment = \"sandbox\"\nregion = \"us\"\napiKey = \"k\"\n";
    format!("profile = \"junction\"\n[cloud]\nname = \"c\"\n{realm}api = \"{url}\"\nauth = \"{url}\"\n")
}
