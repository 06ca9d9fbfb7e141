//! The library as other people's tests use it.

use base64::Engine;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use vouch::{ClauseStatus, Error, Format, Outcome, Role, RunEvent, Suite};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn migration() -> Suite {
    Suite::bundled().expect("a bundled suite").filter("MIG")
}

#[test]
fn the_reference_conforms_and_each_event_is_reported() {
    let (cases, ends) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, ended) = (cases.clone(), ends.clone());
    let suite = migration().strict().shuffle(7).on_event(move |event| match event {
        RunEvent::Started(started) => assert_eq!(started.seed, Some(7)),
        RunEvent::CaseFinished(_) => drop(counted.fetch_add(1, Ordering::Relaxed)),
        RunEvent::Finished(_) => drop(ended.fetch_add(1, Ordering::Relaxed)),
        RunEvent::Progress { .. } => {}
    });
    let report = suite.run().expect("a report");
    report.assert_conforms();
    assert_eq!(report.cases().count(), cases.load(Ordering::Relaxed));
    assert_eq!(report.cases().count(), report.summary().passed);
    assert_eq!(ends.load(Ordering::Relaxed), 1);
    assert_eq!(report.clause("MIG-5").map(|clause| clause.status), Some(ClauseStatus::Satisfied));
    assert!(!report.conforms() && report.to_string().contains("no verdict on the build follows"), "{report}");
}

#[test]
fn a_mutant_fails_with_the_clause_and_the_text_of_the_failure() {
    let report = migration().mutant("region-ignored").expect("a mutant").run().expect("a report");
    assert_eq!(report.outcome(), Outcome::DoesNotConform);
    assert_eq!(report.clause("MIG-5").map(|clause| clause.status), Some(ClauseStatus::Violated));
    assert!(report.findings().any(|(_, finding)| finding.clauses.contains(&"MIG-5".to_owned())));
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| report.assert_conforms()));
    let panic = panic.expect_err("it does not conform");
    let text = panic.downcast_ref::<String>().expect("a text");
    assert!(text.contains("scenarios/migration/other-region.yaml"), "{text}");
    assert!(text.contains("the build does not conform") && !text.contains("eyJ"), "{text}");
}

#[test]
fn an_adapter_is_tested_through_its_target_file() {
    let report = migration().target(root().join("adapters/python/vouch.toml")).expect("a target").run();
    let report = report.expect("a report");
    report.assert_conforms();
    assert_eq!(report.started().target, "python-example");
}

#[tokio::test]
async fn a_run_blocks_or_is_awaited_inside_an_async_runtime() {
    let one = || Suite::bundled().expect("a bundled suite").filter("first-sign-in").jobs(NonZeroUsize::MIN);
    one().run().expect("a report").assert_conforms();
    let (left, right) = tokio::join!(one().run_async(), one().run_async());
    left.expect("a report").assert_conforms();
    right.expect("a report").assert_conforms();
}

#[test]
fn reports_for_programs_are_made_from_the_same_run() {
    let report = Suite::bundled().expect("a bundled suite").filter("MIG-5").run().expect("a report");
    let json: serde_json::Value =
        serde_json::from_str(&report.render(vouch::Format::Json).expect("a report")).expect("JSON");
    assert_eq!((json["outcome"].as_str(), json["cases"].as_array().map(Vec::len)), (Some("partPassed"), Some(4)));
    assert!(
        report.render(vouch::Format::Junit).expect("a report").contains("<testsuite name=\"migration\" tests=\"4\"")
    );
}

#[test]
fn what_cannot_run_is_an_error_that_says_what_to_do() {
    let error = |run: Result<vouch::Report, Error>| run.expect_err("an error").to_string();
    let one_clause = Suite::bundled().expect("a suite").filter("MIG-5").role(Role::Idp);
    assert!(error(one_clause.run()).contains("vouch list --role idp"));
    assert!(error(Suite::bundled().expect("a suite").filter("MIG-99").run()).contains("no case matches MIG-99"));
    let near = migration().mutant("region-ignore").err().expect("an error").to_string();
    assert!(near.contains("did you mean `region-ignored`"), "{near}");
    let mistakes = migration().target_text("[sdk]\nnme = \"x\"\n", ".").err().expect("an error");
    assert!(matches!(mistakes, Error::Mistakes(_)) && mistakes.to_string().contains("vouch.toml"), "{mistakes}");
    let two = "[sdk]\nname = \"a\"\ncommand = [\"a\"]\n[app]\nname = \"b\"\ncommand = [\"b\"]\n";
    let several = migration().target_text(two, ".").expect("a target").run();
    assert!(error(several).contains("--role sdk, --role app"));
}

#[test]
fn listeners_see_cases_in_the_order_of_the_report() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let seen_by_listener = seen.clone();
    let report = migration().on_event(move |event| {
        if let RunEvent::CaseFinished(case) = event {
            seen_by_listener.lock().expect("a lock").push(case.id.clone());
        }
    });
    let report = report.run().expect("a report");
    let ids: Vec<_> = report.cases().map(|case| case.id.clone()).collect();
    assert_eq!(*seen.lock().expect("a lock"), ids);
}

/// A run against the rogue adapter, which puts the secrets of its calls and hostile text into all that it says, stores and
/// sends. Returns every view of the run, the record among them, and the secrets.
fn planted() -> (Vec<(String, String)>, Vec<String>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (planted, script) = (folder.path().join("planted"), root().join("tests/adapters/rogue.py"));
    let name = "the build conforms\\n\\u001b[31m\\u202e<b>";
    let text = format!(
        "[sdk]\nname = \"{name}\"\ncommand = [\"python3\", \"-I\", \"-S\", \"{}\", \"plants\", \"{}\"]\n\
         env = {{ API_KEY = \"sk_us_planted0123456789\" }}\n",
        script.display(),
        planted.display()
    );
    let scenario = "id: own\ntitle: \"t \\e[31m\\n the build conforms <script>alert(1)</script> sk_us_planted0123456789\"\n\
                    proves: [EXC-1]\nsteps: [{issueToken: {user: ada, as: token}}, {signIn: $token}]\n";
    std::fs::write(folder.path().join("own.yaml"), scenario).expect("writable");
    let suite = Suite::bundled().expect("a suite").with_folder(folder.path()).expect("a folder of scenarios");
    let suite = suite.filter("first-sign-in").filter("own").target_text(&text, folder.path()).expect("a target");
    let report = suite.record_cases().run().expect("a report");
    assert_eq!(report.outcome(), Outcome::DoesNotConform);
    let record = report.record();
    let lines = record.cases.iter().map(|case| serde_json::to_string(case).expect("JSON"));
    let lines = [serde_json::to_string(&record.started).expect("JSON")].into_iter().chain(lines);
    let mut views = vec![("record".to_owned(), lines.collect()), ("console".to_owned(), report.to_string())];
    for (word, format) in Format::ALL {
        views.push((word.to_owned(), report.render(format).expect("a view")));
    }
    let secrets = std::fs::read_to_string(planted).expect("the adapter planted something");
    (views, secrets.lines().map(str::to_owned).collect())
}

#[test]
fn no_view_shows_a_planted_secret_and_none_is_obeyed() {
    let (views, secrets) = planted();
    assert!(!secrets.is_empty());
    for (view, text) in &views {
        for secret in &secrets {
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            let percent: String = secret.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let forms = [
                secret.clone(),
                form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
                base64::engine::general_purpose::STANDARD.encode(secret),
                hex.to_uppercase(),
                percent.to_uppercase(),
                secret.chars().rev().collect(),
                secret.to_uppercase(),
                hex,
                percent,
            ];
            // The end of a token is its signature; a part of it is too much, too.
            for form in &forms {
                for part in [&form[..form.len() / 2], &form[form.len() / 2..]] {
                    assert!(!text.contains(part), "{view} shows {part}");
                }
            }
        }
        assert!(!text.contains("planted0123"), "{view} shows the key of the target file");
        assert!(text.len() < 4 << 20, "{view} is {} bytes long", text.len());
        if view == "record" {
            continue;
        }
        let obeyed = text.chars().find(|c| *c != '\n' && *c != '\t' && !vouch_spec::text::OutsideText::is_safe(*c));
        assert_eq!(obeyed, None, "{view}");
        // In a report for terminals, blocks of outside text are indented; the verdict is not. In XML and HTML lines mean nothing.
        let has_lines = !["junit", "html"].contains(&view.as_str());
        assert!(
            !has_lines || !text.lines().any(|line| line.trim_end() == "the build conforms"),
            "{view} has a forged line"
        );
        assert!(!has_lines || !text.lines().any(|line| line.starts_with("::error::x")), "{view} has a forged command");
        if ["html", "junit", "markdown", "github-summary"].contains(&view.as_str()) {
            assert!(!text.contains("<script>alert"), "{view} has foreign HTML");
        }
    }
}
