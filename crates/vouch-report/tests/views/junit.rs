//! The `JUnit` report is valid by the schemas of Jenkins and Maven. `ci/test` installs `xmllint`, which validates it.

use crate::common::{HOSTILE, excused, failing, hostile, hostile_of, of_every_verdict, render, unsafe_characters};
use std::path::Path;
use std::process::{Command, Stdio};

/// Validates a document by an XML Schema in `tests/schemas`.
pub fn assert_valid(schema: &str, document: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("report.xml");
    std::fs::write(&file, document).expect("written");
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas").join(schema);
    let mut xmllint = Command::new("xmllint");
    xmllint.args(["--nonet", "--noout", "--schema"]).arg(schema).arg(&file).stdin(Stdio::null());
    let done = xmllint.output().expect("xmllint: apt-get install libxml2-utils (ci/test does it)");
    assert!(done.status.success(), "{}\n{document}", String::from_utf8_lossy(&done.stderr));
}

pub fn suites(document: &str) -> Vec<String> {
    let end = "</testsuite>";
    let starts = document.match_indices("<testsuite ").map(|(at, _)| at);
    starts.map(|at| document[at..].split_inclusive(end).next().expect("an element").to_owned()).collect()
}

#[test]
fn the_document_is_valid_for_jenkins_and_each_suite_for_maven() {
    for record in [failing(), of_every_verdict(), excused(), hostile(), hostile_of(excused(), HOSTILE)] {
        let document = render("junit", &record);
        assert_valid("junit-10.xsd", &document);
        let suites = suites(&document);
        assert!(!suites.is_empty());
        for suite in suites {
            assert_valid("surefire-test-report.xsd", &suite);
        }
    }
}

#[test]
fn an_invalid_document_is_refused() {
    let document =
        render("junit", &failing()).replace("<properties>", "<features>").replace("</properties>", "</features>");
    assert!(std::panic::catch_unwind(|| assert_valid("junit-10.xsd", &document)).is_err());
}

#[test]
fn every_verdict_is_counted_where_ci_servers_look_for_it() {
    let document = render("junit", &of_every_verdict());
    assert!(document.contains("tests=\"8\" failures=\"2\" errors=\"2\" skipped=\"2\""), "{document}");
    let started = &failing().started;
    assert!(document.contains(&format!("timestamp=\"{}\"", started.started_at)), "{document}");
    assert!(document.contains(&format!("<property name=\"hostname\" value=\"{}\"/>", started.host.name)), "{document}");
    assert!(document.contains("<failure type=\"nonconformance\" message=\"MIG-5: expected "), "{document}");
    assert!(document.contains("<skipped message=\"it needs the capability `cancel`\">"), "{document}");
    assert!(document.contains("warning: a should clause is violated"), "{document}");
}

#[test]
fn hostile_text_has_no_effect() {
    let document = render("junit", &hostile());
    assert_eq!(unsafe_characters(&document), "");
    assert!(!document.contains("<script>"));
}
