//! The `JUnit` XML report for CI servers: one test suite for each group.
//!
//! The document is valid by the schema of the Jenkins xUnit plugin, and each `testsuite` by that of Maven Surefire. These allow
//! properties at a test suite only and have no place for the host but a property.

use crate::ViewError;
use crate::excuse_text;
use crate::outside_text::{block, line};
use crate::run_text::{broken_clauses, build_name, finding_heading, finding_text, reason, shard_words, sorted_cases};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use vouch_runner::gate::GateProblem;
use vouch_runner::record::RunRecord;
use vouch_runner::run::event::Started;
use vouch_runner::run::summary::Summary;
use vouch_runner::run::verdict::{CaseReport, Verdict};

pub(crate) fn render(record: &RunRecord) -> Result<String, ViewError> {
    let mut suites: BTreeMap<&str, Vec<&CaseReport>> = BTreeMap::new();
    for case in sorted_cases(record) {
        suites.entry(&case.group).or_default().push(case);
    }
    let summary = record.summary();
    let problems = &summary.gate_problems;
    let mut total = Counts::of(record.cases.iter());
    total.tests += problems.len();
    total.failures += problems.len();
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    let _ = writeln!(
        xml,
        "<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3}\">",
        attribute(&format!("vouch: {}", build_name(&record.started))),
        total.tests,
        total.failures,
        total.errors,
        summary.duration.as_secs_f64()
    );
    let properties = properties(&record.started, &summary);
    for (group, cases) in suites {
        let counts = Counts::of(cases.iter().copied());
        let seconds: f64 = cases.iter().map(|case| case.duration.as_secs_f64()).sum();
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{seconds:.3}\" \
             timestamp=\"{}\">\n{properties}",
            attribute(&line(group)),
            counts.tests,
            counts.failures,
            counts.errors,
            counts.skipped,
            attribute(&line(&record.started.started_at))
        );
        cases.iter().for_each(|case| test_case(&mut xml, &record.started, case));
        xml += "  </testsuite>\n";
    }
    if !problems.is_empty() {
        outdated(&mut xml, problems, &record.started, &properties);
    }
    Ok(xml + "</testsuites>\n")
}

#[derive(Default)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl Counts {
    fn of<'a>(cases: impl Iterator<Item = &'a CaseReport>) -> Self {
        cases.fold(Self::default(), |mut counts, case| {
            counts.tests += 1;
            match &case.verdict {
                Verdict::Passed | Verdict::Warned(_) => {}
                Verdict::Failed(_) => counts.failures += 1,
                Verdict::Waived(_) | Verdict::KnownFailure(_) | Verdict::Skipped(_) | Verdict::NotReached(_) => {
                    counts.skipped += 1;
                }
                Verdict::InDoubt(_) | Verdict::BadScenario(_) | Verdict::HarnessFailed(_) => counts.errors += 1,
            }
            counts
        })
    }
}

/// What was tested, with what, where.
fn properties(started: &Started, summary: &Summary) -> String {
    let mut properties = vec![
        ("hostname", started.host.name.clone()),
        ("os", format!("{} {}", started.host.os, started.host.architecture)),
        ("vouch", started.vouch.clone()),
        ("build", build_name(started)),
        ("target", started.target.clone()),
        ("roles", started.roles.join(" ")),
        ("profile", started.profile.clone()),
        ("time", started.time.clone()),
        ("suite.edition", started.suite.edition.to_string()),
        ("suite.sha256", started.suite.sha256.clone()),
    ];
    if let Some(digest) = &started.build_digest {
        properties.push(("build.sha256", digest.sha256.clone()));
    }
    properties.extend(shard_words(started).map(|words| ("shard", words)));
    let clauses: Vec<_> =
        broken_clauses(summary).into_iter().map(|(key, ids)| (format!("clauses.{key}"), ids.join(" "))).collect();
    properties.extend(clauses.iter().map(|(name, ids)| (name.as_str(), ids.clone())));
    let seeds = [("seed", started.seed), ("vary", started.vary)];
    properties.extend(seeds.into_iter().filter_map(|(name, seed)| Some((name, seed?.to_string()))));
    let mut xml = "    <properties>\n".to_owned();
    for (name, value) in properties {
        let _ = writeln!(xml, "      <property name=\"{name}\" value=\"{}\"/>", attribute(&line(&value)));
    }
    xml + "    </properties>"
}

/// Entries of the waivers or known failures that are out of date fail the run, and no case shows them.
fn outdated(xml: &mut String, problems: &[GateProblem], started: &Started, properties: &str) {
    let (count, started_at) = (problems.len(), attribute(&line(&started.started_at)));
    let _ = writeln!(
        xml,
        "  <testsuite name=\"waivers and known failures\" tests=\"{count}\" failures=\"{count}\" errors=\"0\" skipped=\"0\" \
         time=\"0.000\" timestamp=\"{started_at}\">\n{properties}"
    );
    for problem in problems {
        let name = attribute(&excuse_text::problem(problem));
        let _ = writeln!(xml, "    <testcase name=\"{name}\" classname=\"vouch.gate\" time=\"0.000\">");
        result(xml, "failure", problem.kind.words(), &line(&problem.text), "");
        *xml += "    </testcase>\n";
    }
    *xml += "  </testsuite>\n";
}

/// A case with warnings is a success, in agreement with the exit code; its output contains the findings.
fn test_case(xml: &mut String, started: &Started, case: &CaseReport) {
    let _ = writeln!(
        xml,
        "    <testcase name=\"{}\" classname=\"vouch.{}\" time=\"{:.3}\">",
        attribute(&line(&case.id)),
        attribute(&line(&case.group)),
        case.duration.as_secs_f64()
    );
    let all = || case.verdict.findings().iter().map(finding_text).collect::<Vec<_>>().join("\n");
    match &case.verdict {
        Verdict::Passed | Verdict::Warned(_) => {}
        Verdict::Failed(findings) => {
            let message = findings.first().map(finding_heading).unwrap_or_default();
            result(xml, "failure", "nonconformance", &message, &all());
        }
        // It is no success, and it does not fail the run.
        Verdict::Waived(_) | Verdict::KnownFailure(_) => {
            result(xml, "skipped", "", &excuse_text::of_case(started, case).join("; "), &all());
        }
        Verdict::Skipped(_) | Verdict::NotReached(_) => {
            let setup = match &case.verdict {
                Verdict::NotReached(not_reached) => finding_text(&not_reached.setup),
                _ => String::new(),
            };
            result(xml, "skipped", "", &reason(&case.verdict).unwrap_or_default(), &setup);
        }
        Verdict::InDoubt(_) | Verdict::BadScenario(_) | Verdict::HarnessFailed(_) => {
            result(xml, "error", "harness", &reason(&case.verdict).unwrap_or_default(), "");
        }
    }
    let _ = writeln!(xml, "      <system-out>{}</system-out>\n    </testcase>", content(&output(case, all)));
}

/// What a reader of the case wants to know beside its result.
fn output(case: &CaseReport, findings: impl Fn() -> String) -> String {
    let mut output =
        format!("{}\nscenario: {}\nclauses: {}\n", line(&case.title), line(&case.file), line(&case.proves.join(" ")));
    for (name, value) in &case.conditions {
        let _ = writeln!(output, "{}: {}", line(name), line(value));
    }
    if let Some(late) = &case.late {
        let _ = writeln!(output, "ran again, alone: {}", line(&late.to_string()));
    }
    if let Some(survived) = &case.survived {
        let _ = writeln!(output, "ran again, in new processes: {}", line(&survived.to_string()));
    }
    if matches!(case.verdict, Verdict::Warned(_)) {
        output += "warning: a should clause is violated\n";
        output += &findings();
    }
    output
}

/// The element that says how a case ended. An empty `kind` has no attribute: `skipped` takes none.
fn result(xml: &mut String, element: &str, kind: &str, message: &str, text: &str) {
    let kind = if kind.is_empty() { String::new() } else { format!(" type=\"{kind}\"") };
    let message = attribute(message);
    let _ = writeln!(xml, "      <{element}{kind} message=\"{message}\">{}</{element}>", content(text));
}

/// A test case that is an error of this kind and message.
pub(crate) fn error_case(xml: &mut String, name: &str, class: &str, (kind, message): (&str, &str), text: &str) {
    let _ = writeln!(xml, "    <testcase name=\"{}\" classname=\"{class}\" time=\"0.000\">", attribute(name));
    result(xml, "error", kind, message, text);
    *xml += "    </testcase>\n";
}

/// An attribute's value in double quotes.
fn attribute(text: &str) -> String {
    content(text).replace('"', "&quot;").replace('\n', "&#10;").replace('\t', "&#9;")
}

/// The text between tags. What XML 1.0 forbids becomes visible escapes.
fn content(text: &str) -> String {
    block(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
