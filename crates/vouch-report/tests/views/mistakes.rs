//! Reports of mistakes in files are valid by the schema of their format, and name line and column.

use crate::common::{HOSTILE, assert_valid, unsafe_characters};
use crate::junit;
use crate::sarif::SCHEMA;
use serde_json::{Value, json};
use vouch_report::Format;
use vouch_spec::text::{Diagnostic, Diagnostics, Source, Span};

/// Two mistakes: one in the second line, behind a letter of two bytes, and one of no length.
fn mistakes(path: &str, message: &str) -> Diagnostics {
    let source = Source::new(path, "a: 1\né: signin\n");
    let of = |start, end| Diagnostic::new(&source, Span { start, end }, message).help("did you mean `signIn`?");
    Diagnostics(vec![of(9, 15), of(5, 5)])
}

fn render(format: Format, mistakes: &Diagnostics, failure: Option<&str>) -> String {
    format.render_mistakes(mistakes, failure).expect("a format of mistakes").expect("a report")
}

fn all() -> [(Diagnostics, Option<&'static str>); 4] {
    [
        (mistakes("./a b/x.yaml", "unknown step `signin`"), None),
        (Diagnostics::default(), None),
        (Diagnostics::default(), Some("cannot read x.yaml: no such file")),
        (mistakes(HOSTILE, HOSTILE), Some(HOSTILE)),
    ]
}

#[test]
fn code_scanning_shows_each_mistake_at_its_line_and_column() {
    for (mistakes, failure) in all() {
        assert_valid(SCHEMA, &render(Format::Sarif, &mistakes, failure));
    }
    let (mistakes, _) = &all()[0];
    let document: Value = serde_json::from_str(&render(Format::Sarif, mistakes, None)).expect("JSON");
    let run = &document["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let place = |number: usize| &run["results"][number]["locations"][0]["physicalLocation"];
    assert_eq!(place(0)["artifactLocation"]["uri"], "a%20b/x.yaml");
    assert_eq!(place(0)["region"], json!({ "startLine": 2, "startColumn": 4, "endLine": 2, "endColumn": 10 }));
    assert_eq!(place(1)["region"], json!({ "startLine": 2, "startColumn": 1 }));
    let text = "unknown step `signin`\ndid you mean `signIn`?";
    assert_eq!(run["results"][0]["message"]["text"], text);
}

#[test]
fn other_ci_servers_get_each_mistake_too() {
    for (mistakes, failure) in all() {
        let document = render(Format::Junit, &mistakes, failure);
        junit::assert_valid("junit-10.xsd", &document);
        junit::suites(&document).iter().for_each(|suite| junit::assert_valid("surefire-test-report.xsd", suite));
        serde_json::from_str::<Value>(&render(Format::GitlabCodeQuality, &mistakes, failure)).expect("JSON");
    }
    let (mistakes, _) = &all()[0];
    let annotations = render(Format::GithubAnnotations, mistakes, None);
    let first =
        "::error file=./a b/x.yaml,line=2,col=4,title=invalid-file::unknown step `signin`%0Adid you mean `signIn`?";
    assert_eq!(annotations.lines().next(), Some(first));
    assert!(render(Format::Junit, mistakes, None).contains("tests=\"2\" failures=\"0\" errors=\"2\""));
    let quality: Value = serde_json::from_str(&render(Format::GitlabCodeQuality, mistakes, None)).expect("JSON");
    assert_eq!(quality[0]["location"], json!({ "path": "a b/x.yaml", "lines": { "begin": 2 } }));
}

#[test]
fn hostile_text_has_no_effect() {
    for format in Format::OF_MISTAKES {
        let text = render(format, &mistakes(HOSTILE, HOSTILE), Some(HOSTILE));
        assert_eq!(unsafe_characters(&text), "", "{format:?}");
        assert!(!text.contains("<script") || format != Format::Junit, "{text}");
    }
    let annotations = render(Format::GithubAnnotations, &mistakes(HOSTILE, HOSTILE), Some(HOSTILE));
    assert_eq!(annotations.lines().filter(|line| line.starts_with("::")).count(), 3, "{annotations}");
    assert!(Format::Html.render_mistakes(&Diagnostics::default(), None).is_none());
}
