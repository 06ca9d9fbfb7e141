//! The page of a certificate. Each text from outside is cut, with its length, so that the page prints to one sheet; where a cut
//! text is still too high in print, the style sheet clamps it (classes `c1`, `c2`, `c6`: lines).

use super::{CertificateView, counted, cut, listed, untested_must_clauses, verdict};
use crate::statement::{CertifiedWaiver, Details};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use vouch_runner::run::summary::{ClauseResult, ClauseStatus, Summary};
use vouch_spec::scenario::Level;

const STYLE: &str = include_str!("page.css");
/// The browser itself refuses scripts and requests.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
/// The most characters of a text from outside.
const TEXT: usize = 90;
/// The most characters of the list of satisfied clauses, and of that of mutants.
const LONG_LIST: usize = 560;
const SHORT_LIST: usize = 160;
/// A page that says more of the build than so many bytes is printed in smaller letters.
const DENSE: usize = 1_600;
/// The most waivers that the page shows.
const WAIVERS: usize = 4;
/// The statuses of clauses that a certificate can have, with their headings.
const STATUSES: [(ClauseStatus, &str); 4] = [
    (ClauseStatus::Satisfied, "satisfied"),
    (ClauseStatus::Violated, "with a warning"),
    (ClauseStatus::Waived, "waived"),
    (ClauseStatus::NotTested, "not tested"),
];

pub(super) struct Page<'a> {
    view: CertificateView<'a>,
    summary: Summary,
    details: &'a Details,
}

impl<'a> Page<'a> {
    pub(super) fn new(view: CertificateView<'a>) -> Self {
        Self { view, summary: view.record.summary(), details: &view.statement.result().vouch }
    }

    pub(super) fn render(&self) -> String {
        let name = self.view.build_name(TEXT);
        let tested = self.tested();
        let is_dense = tested.0.len() > DENSE || self.has_reservations();
        let parts = html! { (tested) (self.clauses()) (self.waivers()) (self.mutants()) (self.verification()) };
        let document = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { "Certificate of " (name) }
                    link rel="icon" href="data:,";
                    style { (PreEscaped(STYLE)) }
                }
                body class=[is_dense.then_some("dense")] {
                    (self.verdict(&name))
                    main { (parts) }
                }
            }
        };
        document.into_string()
    }

    fn verdict(&self, name: &str) -> Markup {
        let words = verdict(&self.view, &self.summary);
        let roles = cut(&self.details.roles.join(", "), TEXT);
        html! {
            header class=[(words != "conforms").then_some("warn")] {
                p class="kind" { "Certificate of conformance" }
                h1 class="c2" { (name) }
                p class="outcome" { "The build " (words) "." }
                p {
                    span class="c2" {
                        "Role " (roles) ", profile " (cut(&self.details.profile, TEXT)) ", run of " (day(&self.details.finished_on)) "."
                        @if untested_must_clauses(&self.summary) > 0 { " It conforms as far as it was tested." }
                    }
                }
            }
        }
    }

    fn tested(&self) -> Markup {
        let (started, of) = (&self.view.record.started, self.details);
        let build = started.build_digest.as_ref().map_or("", |build| build.name.as_str());
        let suite = if of.suite_bundled { "bundled with Vouch" } else { "the team's own" };
        let cases = [
            (of.passed_cases, "passed"),
            (of.warned_cases, "with a warning"),
            (of.waived_cases, "waived"),
            (of.skipped_cases, "skipped"),
        ];
        let cases: Vec<_> =
            cases.iter().filter(|(count, _)| *count > 0).map(|(n, word)| format!("{n} {word}")).collect();
        let rows = [
            ("Build", cut(build, TEXT)),
            ("Build digest", format!("SHA-256 {}", cut(self.view.statement.build_sha256(), TEXT))),
            ("Platform", cut(&started.sdk.platform, TEXT)),
            ("Target", cut(&of.target, TEXT)),
            ("Suite", format!("edition {}, {suite}", of.suite_edition)),
            ("Suite digest", format!("SHA-256 {}", cut(self.view.statement.suite_sha256(), TEXT))),
            ("Cases", cases.join(", ")),
            (
                "Should clauses",
                if of.strict { "a violation fails the build" } else { "a violation is a warning" }.into(),
            ),
            ("Run", format!("{} to {}", cut(&of.started_on, TEXT), cut(&of.finished_on, TEXT))),
            ("Vouch", format!("{}; certified by {}", cut(&of.vouch_version, TEXT), cut(&of.certified_by, TEXT))),
        ];
        html! {
            h2 { "What was tested" }
            dl {
                @for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) { dt { (name) } dd class="c2" { (value) } }
                @if !of.capabilities.is_empty() {
                    dt { "Capabilities" }
                    dd class="c2" { (list(of.capabilities.iter().map(String::as_str), SHORT_LIST)) }
                }
            }
        }
    }

    /// Whether the page has lists that most pages lack.
    fn has_reservations(&self) -> bool {
        let is_clean = |status| matches!(status, ClauseStatus::Satisfied | ClauseStatus::NotApplicable);
        !self.details.waivers.is_empty() || self.summary.clauses.iter().any(|clause| !is_clean(clause.status))
    }

    fn with_status(&self, status: ClauseStatus) -> impl Iterator<Item = &ClauseResult> {
        self.summary.clauses.iter().filter(move |clause| clause.status == status)
    }

    fn clauses(&self) -> Markup {
        let count = |level, status| self.with_status(status).filter(|clause| clause.level == level).count();
        html! {
            h2 { "Clauses" }
            table class="levels" {
                thead {
                    tr {
                        th scope="col" { "Level" }
                        @for (_, heading) in STATUSES { th scope="col" class="num" { (heading) } }
                    }
                }
                tbody {
                    @for level in [Level::Must, Level::Should] {
                        tr {
                            th scope="row" { (level.word()) }
                            @for (status, _) in STATUSES { td class="num" { (count(level, status)) } }
                        }
                    }
                }
            }
            @for (status, heading) in STATUSES {
                @if self.with_status(status).next().is_some() {
                    @let most = if status == ClauseStatus::Satisfied { LONG_LIST } else { SHORT_LIST };
                    p class=(if status == ClauseStatus::Satisfied { "c6" } else { "c2" }) {
                        b { (heading[..1].to_uppercase()) (heading[1..]) ": " }
                        (list(self.with_status(status).map(|clause| clause.id.as_str()), most))
                    }
                }
            }
        }
    }

    fn waivers(&self) -> Markup {
        let all = &self.details.waivers;
        let shown = &all[..all.len().min(WAIVERS)];
        html! {
            h2 { "Waivers and known failures" }
            p {
                @if all.is_empty() { "No waivers." } @else { (counted(all.len(), "waiver", "waivers")) "." }
                " No known failures: a run that has some cannot be certified."
            }
            @if !all.is_empty() {
                table class="waivers" {
                    thead { tr { @for heading in ["About", "Until", "Owner", "Reason"] { th scope="col" { (heading) } } } }
                    tbody { @for waiver in shown { (waiver_row(waiver)) } }
                }
                @if all.len() > shown.len() { p class="dim" { "The certificate lists " (all.len() - shown.len()) " more." } }
            }
        }
    }

    fn mutants(&self) -> Markup {
        let mutants = &self.details.detectable_mutants;
        html! {
            h2 { "Faults that these cases detect" }
            @if mutants.is_empty() {
                p { "Not known: the suite is not the one that is bundled with Vouch, or no fault is known for these clauses." }
            } @else {
                p class="c6" {
                    (counted(mutants.len(), "mutant", "mutants")) " (" code { "vouch mutants" } "): "
                    (list(mutants.iter().map(String::as_str), LONG_LIST))
                }
            }
        }
    }

    fn verification(&self) -> Markup {
        html! {
            h2 { "Verify it" }
            p {
                "This page proves nothing. It shows what a certificate says. Take the certificate, the run record and the public key of "
                "the team, and run:"
            }
            pre { code class="command" { (self.command()) } }
            dl {
                dt { "Key" } dd { "SHA-256 " (self.view.key.id()) }
                dt { "Record digest" } dd class="c2" { "SHA-256 " (cut(self.view.statement.record_sha256(), TEXT)) }
            }
            p class="dim" {
                "A certificate does not say that the build has no defects. It says which clauses passed in one run, and the team that holds "
                "the key answers for it."
            }
        }
    }

    /// The command that verifies the certificate, also by what it says of the build.
    fn command(&self) -> String {
        let files = &self.view.files;
        let [certificate, key, record] =
            [(files.certificate, "certificate.json"), (files.key, "team.pem.pub"), (files.record, "run.vouch")]
                .map(|(name, usual)| name.filter(|name| is_plain(name)).unwrap_or(usual));
        let require = if untested_must_clauses(&self.summary) == 0 { " --require must" } else { "" };
        let waivers = if self.details.waivers.is_empty() { "" } else { " --waivers-allowed" };
        let digest = cut(self.view.statement.build_sha256(), TEXT);
        format!("vouch verify {certificate} --key {key} --record {record}{require}{waivers} --build-digest {digest}")
    }
}

/// Whether a shell takes the name as it is, and the page has room for it.
fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    name.len() <= 60 && !name.starts_with('-') && name.bytes().all(is_plain)
}

/// The day of a time in RFC 3339.
fn day(time: &str) -> String {
    cut(time.get(..10).unwrap_or(time), 10)
}

/// The items, each on one line where there is room, and how many more there are.
fn list<'a>(items: impl Iterator<Item = &'a str>, most: usize) -> Markup {
    let (shown, more) = listed(items, most);
    html! {
        @for (index, item) in shown.iter().enumerate() {
            span class="i" { (item) @if index + 1 < shown.len() { "," } } " "
        }
        @if more > 0 { "and " (more) " more" }
    }
}

fn waiver_row(waiver: &CertifiedWaiver) -> Markup {
    let about: Vec<_> = [&waiver.clause, &waiver.case].into_iter().flatten().map(|id| cut(id, 40)).collect();
    html! {
        tr {
            th scope="row" { span class="c2" { (about.join(", ")) } }
            td { span class="c1" { (cut(&waiver.expires, 12)) } }
            td { span class="c2" { (cut(&waiver.owner, 40)) } }
            td { span class="c2" { (cut(&waiver.reason, TEXT)) } }
        }
    }
}
