//! `vouch keygen`, `certify`, `verify` and `rejudge`, as a team uses them.

#[path = "../common/mod.rs"]
mod common;

use common::{stderr, stdout, vouch};
use predicates::str::contains;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;
use vouch::RunRecord;
use vouch_certificate::{Envelope, SigningKey, Statement};

/// A record of the reference SDK in a process, its certificate, and the keys: one run for all tests, in two shards.
struct Certified {
    folder: tempfile::TempDir,
}

impl Certified {
    fn get() -> &'static Self {
        static CERTIFIED: OnceLock<Certified> = OnceLock::new();
        CERTIFIED.get_or_init(Self::make)
    }

    fn make() -> Self {
        let this = Self { folder: tempfile::tempdir().expect("a folder") };
        let program = assert_cmd::cargo::cargo_bin("vouch").display().to_string();
        std::fs::write(this.path("sdk.txt"), "the build").expect("writable");
        let target = this.path("vouch.toml");
        let sdk = format!("[sdk]\nname = \"reference\"\ncommand = [{program:?}, \"reference-sdk\"]\n");
        let previous = format!("[sdk.previous]\ncommand = [{program:?}, \"reference-sdk\", \"--previous\"]\n");
        let text = format!("build = \"sdk.txt\"\n{sdk}{previous}");
        std::fs::write(&target, text).expect("writable");
        let record = this.path("run.vouch");
        let shards = ["1/2", "2/2"].map(|shard| this.path(&format!("shard-{}.vouch", &shard[..1])));
        for (shard, path) in ["1/2", "2/2"].iter().zip(&shards) {
            let mut run = vouch();
            run.timeout(Duration::from_secs(400)).args(["run", "--ci", "--shard", shard, "-t"]).arg(&target);
            let out = stdout(&run.arg("--record").arg(path).assert().success());
            assert!(!out.contains("the build conforms"), "{out}");
        }
        let mut merge = vouch();
        merge.arg("merge").args(&shards).arg("--record").arg(&record);
        merge.assert().success().stdout(contains("the build conforms"));
        vouch().arg("keygen").arg(this.path("key.pem")).assert().success();
        this.certify(&record).arg("-o").arg(this.path("cert.json")).assert().success();
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn certify(&self, record: &Path) -> assert_cmd::Command {
        let mut command = vouch();
        command.arg("certify").arg(record).arg("--key").arg(self.path("key.pem"));
        command
    }

    fn verify(&self, certificate: &Path, record: &Path) -> assert_cmd::Command {
        let mut command = vouch();
        command.arg("verify").arg(certificate).arg("--key").arg(self.path("key.pem.pub")).arg("--record").arg(record);
        command
    }

    /// A copy of the record with edited lines. An empty line is left out.
    fn edited(&self, name: &str, edit: impl FnMut(String) -> String) -> PathBuf {
        edited(&self.path("run.vouch"), &self.path(name), edit)
    }

    /// A certificate of any record, by the team's own key: what `vouch certify` refuses to make.
    fn sign(&self, record: &Path) -> PathBuf {
        let statement = Statement::of(&RunRecord::read(record).expect("a record")).expect("a statement");
        let key = SigningKey::read(self.path("key.pem").to_str().expect("UTF-8")).expect("a key");
        let path = record.with_extension("json");
        let envelope = Envelope::sign(&statement.to_payload(), &key).expect("signed");
        std::fs::write(&path, serde_json::to_string(&envelope).expect("JSON")).expect("writable");
        path
    }
}

fn edited(from: &Path, to: &Path, edit: impl FnMut(String) -> String) -> PathBuf {
    let bytes = zstd::decode_all(std::fs::File::open(from).expect("readable")).expect("zstd");
    let text = String::from_utf8(bytes).expect("UTF-8");
    let lines: Vec<_> = text.lines().map(str::to_owned).map(edit).filter(|line| !line.is_empty()).collect();
    let bytes = zstd::encode_all((lines.join("\n") + "\n").as_bytes(), 3).expect("zstd");
    std::fs::write(to, bytes).expect("writable");
    to.to_owned()
}

/// Replaces a text in the line of a passed case, once in the whole record.
fn in_first_passed_case(from: &str, to: &str) -> impl FnMut(String) -> String {
    let (from, to) = (from.to_owned(), to.to_owned());
    let mut done = false;
    move |line| {
        let is_it = !done && line.contains(r#""verdict":{"kind":"passed"}"#) && line.contains(&from);
        done |= is_it;
        if is_it { line.replacen(&from, &to, 1) } else { line }
    }
}

#[test]
fn a_certified_build_verifies_and_meets_a_policy() {
    let it = Certified::get();
    let (cert, record) = (it.path("cert.json"), it.path("run.vouch"));
    let assert = it
        .verify(&cert, &record)
        .args(["--require", "must", "--max-age", "30d", "--suite", "1", "--build"])
        .arg(it.path("sdk.txt"))
        .arg("--page")
        .arg(it.path("page.html"))
        .arg("--badge")
        .arg(it.path("badge.svg"))
        .assert()
        .success();
    let out = stdout(&assert);
    assert!(out.contains("ok      judged again") && out.contains("the certificate is valid"), "{out}");
    assert!(!out.contains("FAILED"), "{out}");
    vouch().arg("rejudge").arg(&record).assert().success().stdout(contains("no verdict changes"));
    let page = std::fs::read_to_string(it.path("page.html")).expect("written");
    assert!(std::fs::read_to_string(it.path("badge.svg")).expect("written").starts_with("<svg "));
    // The command on the page verifies the certificate as it stands there.
    let command = page.split_once(r#"<code class="command">vouch "#).and_then(|(_, rest)| rest.split_once("</code>"));
    let command = command.expect("a command").0.split(' ');
    vouch().current_dir(it.folder.path()).args(command).assert().success().stdout(contains("the certificate is valid"));
}

#[test]
fn a_policy_that_is_not_met_refuses_the_certificate() {
    let it = Certified::get();
    let refused = |args: &[&str], why: &str| {
        it.verify(&it.path("cert.json"), &it.path("run.vouch")).args(args).assert().code(1).stdout(contains(why));
    };
    std::thread::sleep(Duration::from_secs(3));
    refused(&["--max-age", "1s"], "FAILED  age");
    refused(&["--suite", "9999"], "FAILED  suite");
    refused(&["--suite", &"0".repeat(64)], "FAILED  suite");
    refused(&["--build-digest", &"0".repeat(64)], "FAILED  build");
    let page = it.path("refused.html");
    refused(&["--build", "README.md", "--page", page.to_str().expect("UTF-8")], "FAILED  build");
    assert!(!page.exists(), "a refused certificate has a page");
}

#[test]
fn another_key_and_a_changed_certificate_are_refused() {
    let it = Certified::get();
    vouch().arg("keygen").arg(it.path("other.pem")).assert().success();
    let (cert, record) = (it.path("cert.json"), it.path("run.vouch"));
    let other = |command: &mut assert_cmd::Command| {
        command.arg("--key").arg(it.path("other.pem.pub")).arg("--record").arg(&record).assert()
    };
    other(vouch().arg("verify").arg(&cert)).code(1).stdout(contains("FAILED  signature"));
    let text = std::fs::read_to_string(&cert).expect("readable");
    let mut envelope: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let payload = envelope["payload"].as_str().expect("text").replacen('Q', "R", 1);
    envelope["payload"] = payload.into();
    let changed = it.path("changed.json");
    std::fs::write(&changed, envelope.to_string()).expect("writable");
    it.verify(&changed, &record).assert().code(1).stdout(contains("FAILED  signature"));
    // A private key is no public key, and keys are not overwritten.
    vouch().arg("keygen").arg(it.path("other.pem")).assert().code(2).stderr(contains("exists already"));
}

#[test]
fn one_changed_byte_of_the_record_refuses_the_certificate() {
    let it = Certified::get();
    let mut bytes = std::fs::read(it.path("run.vouch")).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(it.path("byte.vouch"), bytes).expect("writable");
    it.verify(&it.path("cert.json"), &it.path("byte.vouch")).assert().code(1).stdout(contains("FAILED  record"));
    // The same lines in other bytes are another record too.
    let repacked = it.edited("repacked.vouch", |line| line + " ");
    let assert = it.verify(&it.path("cert.json"), &repacked).assert().code(1);
    let out = stdout(&assert);
    assert!(out.contains("FAILED  record") && out.contains("ok      judged again"), "{out}");
}

/// A change of the text of a record.
type Edit = Box<dyn FnMut(String) -> String>;

#[test]
fn an_edited_verdict_is_found_even_when_it_is_signed() {
    let it = Certified::get();
    let passed = r#""outcome":{"kind":"passed","result":{"kind":"ok"}"#;
    let edits: [(&str, Edit, &str); 5] = [
        (
            "refused",
            Box::new(in_first_passed_case(
                passed,
                r#""outcome":{"kind":"passed","result":{"kind":"refused","error":"internal","text":""}"#,
            )),
            "the suite accepts ok",
        ),
        (
            "failed",
            Box::new(in_first_passed_case(
                r#""outcome":{"kind":"passed""#,
                r#""outcome":{"kind":"failed","expected":"ok","got":"nothing","was":"passed""#,
            )),
            "this step failed",
        ),
        (
            "skipped",
            Box::new(in_first_passed_case(
                r#""verdict":{"kind":"passed"}"#,
                r#""verdict":{"kind":"skipped","detail":"the SDK does not claim clock"}"#,
            )),
            "does not follow from the cases",
        ),
        (
            "levels",
            Box::new(|line: String| line.replace(r#""level":"must""#, r#""level":"should""#)),
            "its clauses are not those",
        ),
        ("dropped", Box::new(drop_first_case()), "the record does not"),
    ];
    for (name, edit, why) in edits {
        let record = it.edited(&format!("{name}.vouch"), edit);
        let assert = vouch().arg("rejudge").arg(&record).assert().code(1);
        assert!(stdout(&assert).contains(why), "{name}: {}", stdout(&assert));
        it.certify(&record).assert().code(1);
        let assert = it.verify(&it.sign(&record), &record).assert().code(1);
        let out = stdout(&assert);
        assert!(out.contains("ok      signature") && out.contains("ok      record"), "{name}: {out}");
        assert!(out.contains("FAILED  judged again"), "{name}: {out}");
    }
}

fn drop_first_case() -> impl FnMut(String) -> String {
    let mut done = false;
    move |line| {
        let is_it = !done && line.contains(r#""event":"caseFinished""#);
        done |= is_it;
        if is_it { String::new() } else { line }
    }
}

#[test]
fn records_that_say_too_little_are_not_certified() {
    let it = Certified::get();
    let refused = |record: &Path, why: &str| {
        let assert = it.certify(record).assert().code(1);
        assert!(stderr(&assert).contains(why), "{}", stderr(&assert));
        assert!(stdout(&assert).is_empty());
    };
    refused(&it.path("shard-1.vouch"), "only the shard 1/2");
    let replaced = |name: &str, from: &str, to: &str| it.edited(name, |line| line.replace(from, to));
    refused(&replaced("part.vouch", r#""completeness":"whole""#, r#""completeness":"part""#), "only a part");
    refused(&replaced("stopped.vouch", r#""interrupted":false"#, r#""interrupted":true"#), "was interrupted");
    refused(&replaced("built-in.vouch", r#""targetFile""#, r#""was""#), "the built-in parts");
    refused(&replaced("no-build.vouch", r#""buildDigest""#, r#""was""#), "no digest of the build");
    let is_summary = |line: &str| line.contains(r#""event":"finished""#);
    refused(&it.edited("killed.vouch", |line| if is_summary(&line) { String::new() } else { line }), "was killed");
    let counted = |count: &str| {
        let counted = count.to_owned();
        move |line: String| if is_summary(&line) { line.replace(&counted.replace('1', "0"), &counted) } else { line }
    };
    refused(&it.edited("failed.vouch", counted(r#""failed":1"#)), "1 cases failed");
    refused(&it.edited("warned.vouch", counted(r#""warned":1"#)), "--allow-warnings");
    refused(&it.edited("known.vouch", counted(r#""knownFailures":1"#)), "known failures");
    refused(&it.edited("unreached.vouch", counted(r#""notReached":1"#)), "inconclusive");
    refused(&it.edited("harness.vouch", counted(r#""harnessFailures":1"#)), "harness or its environment");
}

#[test]
fn waivers_are_listed_and_refused_unless_the_policy_allows_them() {
    let it = Certified::get();
    let waiver = r#"{"case":"of another role","reason":"later","owner":"me","expires":"2999-12-31","location":{"file":"w","line":1,"column":1}}"#;
    let gate = format!(r#""gate":{{"day":"2026-11-28","waivers":[{waiver}]}},"completeness""#);
    let is_start = |line: &str| line.contains(r#""event":"started""#);
    let record =
        it.edited(
            "waived.vouch",
            |line| {
                if is_start(&line) { line.replacen(r#""completeness""#, &gate, 1) } else { line }
            },
        );
    let certificate = it.path("waived.json");
    it.certify(&record).arg("-o").arg(&certificate).assert().success();
    let refused = it.verify(&certificate, &record).assert().code(1);
    assert!(stdout(&refused).contains("FAILED  waivers"), "{}", stdout(&refused));
    let allowed = it.verify(&certificate, &record).arg("--waivers-allowed").assert().success();
    let out = stdout(&allowed);
    assert!(out.contains("the case of another role until 2999-12-31: later (owner: me)"), "{out}");
}

#[test]
fn the_key_comes_from_the_environment_or_standard_input_too() {
    let it = Certified::get();
    let key = std::fs::read_to_string(it.path("key.pem")).expect("readable");
    let certify = |source: &str| {
        let mut command = vouch();
        command.arg("certify").arg(it.path("run.vouch")).args(["--key", source]);
        command
    };
    let cert = std::fs::read_to_string(it.path("cert.json")).expect("readable");
    certify("env:VOUCH_KEY").env("VOUCH_KEY", &key).assert().success().stdout(cert.clone());
    certify("-").write_stdin(key).assert().success().stdout(cert);
    certify("env:VOUCH_NONE").assert().code(2).stderr(contains("VOUCH_NONE is not set"));
    let open = it.path("open.pem");
    std::fs::copy(it.path("key.pem"), &open).expect("copied");
    assert!(Command::new("chmod").arg("644").arg(&open).status().expect("chmod runs").success());
    certify(open.to_str().expect("UTF-8")).assert().code(2).stderr(contains("chmod 600"));
}

#[test]
fn securesystemslib_verifies_a_certificate() {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/examples/bin/python3");
    if !python.exists() {
        eprintln!("skipped: {} is missing; ci/test makes it", python.display());
        return;
    }
    let it = Certified::get();
    let verify = |certificate: &Path, key: &str| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certificates/verify.py");
        Command::new(&python).arg(script).arg(certificate).arg(it.path(key)).output().expect("python3 runs")
    };
    let out = verify(&it.path("cert.json"), "key.pem.pub");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let statement: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["predicateType"], "https://in-toto.io/attestation/test-result/v0.1");
    assert_eq!(statement["predicate"]["result"], "PASSED");
    assert_eq!(statement["subject"][0]["name"], "sdk.txt");
    let mutants = statement["predicate"]["vouch"]["detectableMutants"].as_array().expect("a list");
    assert!(mutants.iter().any(|name| name == "region-ignored"), "{statement}");
    vouch().arg("keygen").arg(it.path("third.pem")).assert().success();
    assert!(!verify(&it.path("cert.json"), "third.pem.pub").status.success(), "it verified with another key");
}
