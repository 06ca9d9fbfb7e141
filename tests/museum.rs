//! Stored installations: `vouch capture installation`, and `stored` in `[sdk.previous]`.

mod common;

use common::{stderr, stdout, unwrapped, vouch};
use serde_json::Value;
use std::path::{Path, PathBuf};

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/adapters/python");

/// A folder with a museum of one release of the Python SDK, and a target file that updates from it.
struct Museum {
    folder: tempfile::TempDir,
}

impl Museum {
    fn of_release(release: u32, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let museum = Self { folder };
        let old =
            museum.write("old.toml", &sdk(&format!("{PYTHON}/adapter.py"), &format!(", \"--release={release}\"")));
        let stored = museum.stored();
        let mut command = vouch();
        command.args(["capture", "installation", "--note", "an old format", "--target"]).arg(&old).arg(&stored);
        let out = stdout(&command.args(options).assert().success());
        assert!(unwrapped(&out).contains("signedIn, signedInWithApiKey, signedOut"), "{out}");
        museum.write_target(&format!("{PYTHON}/adapter.py"));
        museum
    }

    fn stored(&self) -> PathBuf {
        self.folder.path().join("museum")
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("vouch.toml")
    }

    /// Writes a target file whose build is a script, and whose previous build is stored.
    fn write_target(&self, script: &str) {
        self.write("vouch.toml", &format!("{}\n[sdk.previous]\nstored = \"museum\"\n", sdk(script, "")));
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("writable");
        path
    }

    fn run(&self, code: i32, args: &[&str]) -> String {
        let mut command = vouch();
        let assert = command.args(["run", "--ci", "--strict", "--no-record", "-t"]).arg(self.target()).args(args);
        stdout(&assert.assert().code(code))
    }
}

fn sdk(script: &str, more: &str) -> String {
    format!("[sdk]\nname = \"python\"\ncommand = [\"python3\", \"-I\", \"-S\", \"{script}\"{more}]\n")
}

#[test]
fn updates_from_stored_releases_pass_without_the_releases() {
    for release in [1, 2, 3] {
        let museum = Museum::of_release(release, &[]);
        let out = museum.run(0, &["-f", "UPD"]);
        assert!(out.contains("6 passed, 5 skipped") && out.contains("2 satisfied, 0 violated"), "{release}: {out}");
        assert!(unwrapped(&out).contains("the stored installation of the previous build does not run"), "{out}");
        let out = stdout(&vouch().args(["doctor", "--target"]).arg(museum.target()).assert().success());
        let left = "left (junction): signedIn, signedInWithApiKey, signedOut";
        assert!(unwrapped(&out).contains("previous build: ") && unwrapped(&out).contains(left), "{out}");
    }
}

#[test]
fn a_stored_session_of_the_older_profile_goes_on_in_either_profile() {
    let museum = Museum::of_release(1, &["--profile", "gcip", "--environment", "sandbox", "--region", "eu"]);
    let description = std::fs::read_to_string(museum.stored().join("installation.json")).expect("readable");
    let description: Value = serde_json::from_str(&description).expect("JSON");
    assert_eq!(
        ["note", "profile", "environment", "region"].map(|field| description[field].as_str()),
        ["an old format", "gcip", "sandbox", "eu"].map(Some)
    );
    for profile in ["gcip", "junction"] {
        let out = museum.run(0, &["-f", "UPD-1", "--profile", profile]);
        assert!(out.contains("4 passed, 1 skipped"), "{profile}: {out}");
    }
}

#[test]
fn a_stored_session_is_old_in_real_time_and_goes_on_by_a_refresh() {
    let museum = Museum::of_release(2, &[]);
    let out = museum.run(0, &["--real-time", "-f", "UPD-1"]);
    assert!(out.contains("4 passed, 1 skipped") && out.contains("real time"), "{out}");
}

#[test]
fn a_build_that_loses_a_stored_session_fails_and_its_record_is_consistent() {
    let museum = Museum::of_release(1, &[]);
    let copy = museum.folder.path().join("python");
    let script = format!("cp -R '{PYTHON}' '{}'", copy.display());
    assert!(std::process::Command::new("sh").args(["-c", &script]).status().expect("sh").success());
    let file = copy.join("signin/storage.py");
    let right = "if session is not None and self._secure.read(SESSION) != records.encode(session):";
    let text = std::fs::read_to_string(&file).expect("readable");
    assert!(text.contains(right));
    std::fs::write(&file, text.replace(right, &format!("old.erase()\n            {right}"))).expect("writable");
    museum.write_target(copy.join("adapter.py").to_str().expect("UTF-8"));
    let record = museum.folder.path().join("run.vouch");
    let assert =
        vouch().args(["run", "--ci", "-f", "UPD", "-t"]).arg(museum.target()).arg("--record").arg(&record).assert();
    let out = stdout(&assert.code(1));
    assert!(out.contains("UPD-2") && out.contains("crash-in-update"), "{out}");
    vouch().arg("judge").arg(&record).assert().success();
}

#[test]
fn a_stored_installation_of_another_format_fails_its_cases_and_leaves_the_others_intact() {
    let museum = Museum::of_release(3, &[]);
    let description = museum.stored().join("installation.json");
    let text = std::fs::read_to_string(&description).expect("readable");
    for (broken, reason) in [
        (text.replace("\"format\": 1", "\"format\": 9"), "has the format 9, and this version of Vouch reads 1"),
        (text.replace("\"format\": 1", "\"format\": \"new\""), "has the format \"new\""),
        (text.replace("\"refreshToken\"", "\"token\""), "missing field `refreshToken`"),
        (text.replace("\"states\": {", "\"states\": {}, \"other\": {"), "it has no state"),
        (text[..text.len() / 2].to_owned(), "does not describe a stored installation"),
    ] {
        std::fs::write(&description, broken).expect("writable");
        let out = museum.run(3, &["-f", "update-signed-out", "-f", "first-sign-in"]);
        assert!(unwrapped(&out).contains(reason) && out.contains("1 passed"), "{reason}: {out}");
        let said = stderr(&vouch().args(["check", "-t"]).arg(museum.target()).assert().code(2));
        assert!(unwrapped(&said).contains(reason), "{said}");
    }
    std::fs::write(&description, &text).expect("writable");
    let session = museum.stored().join("signedIn/secure/session");
    std::fs::write(&session, "{}").expect("writable");
    let out = museum.run(3, &["-f", "update-signed-out"]);
    assert!(unwrapped(&out).contains("its files are not those that were captured"), "{out}");
    assert!(std::fs::remove_dir_all(museum.stored()).is_ok());
    let out = museum.run(3, &["-f", "update-signed-out"]);
    assert!(unwrapped(&out).contains("cannot read the stored installation"), "{out}");
}

#[test]
fn a_state_without_files_survives_version_control_which_keeps_no_empty_folders() {
    let museum = Museum::of_release(2, &[]);
    std::fs::remove_dir_all(museum.stored().join("signedOut")).expect("removed");
    let out = museum.run(0, &["-f", "update-signed-out"]);
    assert!(out.contains("1 passed"), "{out}");
}

#[test]
fn wrong_target_files_and_folders_are_refused() {
    let museum = Museum::of_release(2, &[]);
    for (table, reason) in [
        ("[sdk.previous]\n", "[sdk.previous] names no build"),
        ("[sdk.previous]\ncommand = [\"x\"]\nstored = \"museum\"\n", "names a program and a stored installation"),
    ] {
        let file = museum.write("wrong.toml", &format!("{}{table}", sdk("adapter.py", "")));
        let said = stderr(&vouch().args(["check", "-t"]).arg(&file).assert().code(2));
        assert!(unwrapped(&said).contains(reason), "{said}");
    }
    let capture = |folder: &Path, target: &str, code: i32| {
        let assert = vouch().args(["capture", "installation", "-t", target]).arg(folder).assert().code(code);
        unwrapped(&stderr(&assert))
    };
    let said = capture(&museum.stored(), "adapters/python/vouch.toml", 2);
    assert!(said.contains("has files already; choose a new folder"), "{said}");
    let new = museum.folder.path().join("new");
    let said = capture(&new, "adapters/cloud-python/vouch.toml", 2);
    assert!(said.contains("has no [sdk]"), "{said}");
    assert!(!new.exists());
}
