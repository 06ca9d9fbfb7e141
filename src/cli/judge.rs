//! `vouch judge`.

use super::rejudge::SuiteChoice;
use super::stdout::Out;
use super::{CliError, Done, show, target};
use crate::{Error, Suite};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use vouch_report::wrapped;
use vouch_runner::record::RunRecord;
use vouch_runner::recorded_traffic::{
    Dialect, Hosts, ShownExchange, TrafficFinding, TrafficJudgement, judge_har, judge_record,
};
use vouch_spec::profile::Profile;
use vouch_spec::scenario::{Clauses, Level};
use vouch_spec::text::OutsideText;

/// The exit code of a file that gives no occasion to judge anything.
const INCONCLUSIVE: u8 = 4;
/// How many findings are shown in full.
const MAX_FINDINGS: usize = 50;
/// The first bytes of a run record, which is compressed by zstd (RFC 8878 section 3.1.1).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

#[derive(clap::Args)]
#[command(after_help = "Examples:
  vouch judge traffic.har                       (traffic with the vendor's real host names)
  vouch judge traffic.har --target vouch.toml   (with the hosts of the target's [cloud])
  vouch judge record.vouch

Exit codes: 0 no violation of a `must` clause found, 1 one was found, or the verdicts of a record do not follow from what it
recorded, 2 usage or file error, 4 no exchange in the file could be judged.")]
pub struct Args {
    /// HAR files, as browsers and proxies export them, and run records.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Judge the traffic of HAR files with the hosts of [cloud] in this target file, in place of the vendor's.
    #[arg(short, long, value_name = "TARGET")]
    target: Option<PathBuf>,

    /// The wire profile of HAR files: junction, gcip or standard. Default: that of --target, else junction and gcip, by host.
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,

    /// Treat violations of `should` clauses as failures.
    #[arg(long)]
    strict: bool,

    /// Also list the clauses that a HAR file cannot show.
    #[arg(long)]
    all: bool,

    /// The findings as JSON, instead of text.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    suite: SuiteChoice,
}

pub fn run(args: &Args) -> Done {
    let dialects = dialects(args)?;
    // The invariants belong to the bundled suite, and so do their levels.
    let clauses = Suite::bundled()?.info().clauses;
    let (mut code, mut files) = (0, Vec::new());
    for file in &args.files {
        let judged = Judged::of(file, &dialects, args)?;
        code = worse(code, judged.exit_code(&clauses, args.strict));
        match args.json {
            true => files.push(judged.json(file, &clauses)),
            false => judged.print(file, &clauses, Others::of(args))?,
        }
    }
    if args.json {
        writeln!(Out, "{:#}", json!({ "schema": 1, "files": files }))?;
    }
    Ok(ExitCode::from(code))
}

/// What the traffic of HAR files may speak, and to which hosts.
fn dialects(args: &Args) -> Result<Vec<Dialect>, CliError> {
    let named = |name: &String| Profile::built_in(name).ok_or_else(|| Error::UnknownProfile(name.clone()));
    let profile: Option<_> = args.profile.as_ref().map(named).transpose()?;
    let Some(path) = &args.target else {
        let profiles = profile.map_or_else(|| vec![Profile::junction(), Profile::gcip()], |profile| vec![profile]);
        return Ok(profiles
            .into_iter()
            .map(|profile| Dialect { hosts: Hosts::of_profile(&profile), profile })
            .collect());
    };
    let target = target(Some(path))?;
    let cloud = target.cloud.as_ref().ok_or_else(|| {
        let what = format!(
            "{} has no [cloud], whose hosts are needed; without --target the vendor's are used",
            path.display()
        );
        CliError::Usage(what)
    })?;
    let profile = profile.or(target.profile.clone()).unwrap_or_else(Profile::junction);
    Ok(vec![Dialect { hosts: Hosts::of_cloud(cloud), profile }])
}

/// The worse of two exit codes: a violation, then a file without occasion.
fn worse(one: u8, other: u8) -> u8 {
    if one == 1 || other == 1 { 1 } else { one.max(other) }
}

/// Judges a HAR file of the vendor's real hosts and prints what was found. Returns the exit code.
pub fn judge_captured(file: &Path, profile: &Arc<Profile>) -> Result<u8, CliError> {
    let dialects = [Dialect { hosts: Hosts::of_profile(profile), profile: profile.clone() }];
    let judged = judge_har(file, &dialects).map_err(|error| CliError::Usage(error.to_string()))?;
    let clauses = Suite::bundled()?.info().clauses;
    let judged = Judged::Har(judged);
    judged.print(file, &clauses, Others::Counted)?;
    Ok(judged.exit_code(&clauses, false))
}

/// How the clauses that no HAR file can show are printed.
#[derive(Clone, Copy)]
enum Others {
    Counted,
    Listed,
}

impl Others {
    fn of(args: &Args) -> Self {
        if args.all { Self::Listed } else { Self::Counted }
    }
}

/// What was judged of a file.
enum Judged {
    Har(TrafficJudgement),
    /// The number of cases, what does not follow from the record, and whether its exchanges could be judged.
    Record {
        cases: usize,
        disagreements: Vec<String>,
        wire: bool,
    },
}

impl Judged {
    fn of(file: &Path, dialects: &[Dialect], args: &Args) -> Result<Self, CliError> {
        if is_record(file) {
            return Self::of_record(&show::read(file)?, args);
        }
        judge_har(file, dialects).map(Self::Har).map_err(|error| CliError::Usage(error.to_string()))
    }

    fn of_record(record: &RunRecord, args: &Args) -> Result<Self, CliError> {
        let judgement = args.suite.judge(record)?;
        let mut disagreements: Vec<_> = judgement.disagreements.iter().map(ToString::to_string).collect();
        let wire = judge_record(record);
        for found in wire.iter().flatten() {
            let (case, clause, expected, got) = (&found.case, found.clause, found.expected, &found.got);
            disagreements.push(format!("case {case}: its exchanges violate {clause}: expected {expected}, got {got}"));
        }
        Ok(Self::Record { cases: record.cases.len(), disagreements, wire: wire.is_some() })
    }

    fn exit_code(&self, clauses: &Clauses, strict: bool) -> u8 {
        let fails = |found: &TrafficFinding| strict || level(found.clause, clauses) == Level::Must;
        match self {
            Judged::Har(judged) if judged.findings.iter().any(fails) => 1,
            Judged::Har(judged) if judged.exchanges == 0 => INCONCLUSIVE,
            Judged::Har(_) => 0,
            Judged::Record { disagreements, .. } => u8::from(!disagreements.is_empty()),
        }
    }

    fn json(&self, file: &Path, clauses: &Clauses) -> Value {
        let mut json = match self {
            Judged::Har(judged) => serde_json::to_value(judged).unwrap_or_default(),
            Judged::Record { cases, disagreements, wire } => {
                json!({ "cases": cases, "disagreements": disagreements, "exchangesJudged": wire })
            }
        };
        json["file"] = file.display().to_string().into();
        for finding in json.get_mut("findings").and_then(Value::as_array_mut).into_iter().flatten() {
            let clause = finding["clause"].as_str().unwrap_or_default();
            finding["level"] = level(clause, clauses).word().into();
        }
        json
    }

    fn print(&self, file: &Path, clauses: &Clauses, others: Others) -> std::io::Result<()> {
        writeln!(Out, "{}", line(&file.display().to_string(), "", "  "))?;
        match self {
            Judged::Har(judged) => print_traffic(judged, clauses, others),
            Judged::Record { cases, disagreements, wire } => {
                for disagreement in disagreements {
                    writeln!(Out, "{}", line(disagreement, "  ", "    "))?;
                }
                if !wire {
                    writeln!(
                        Out,
                        "  its exchanges are not judged: the record does not have the mapping of its wire profile"
                    )?;
                }
                writeln!(Out, "  {cases} cases, {} disagreements", disagreements.len())
            }
        }
    }
}

fn is_record(file: &Path) -> bool {
    let mut start = [0; ZSTD.len()];
    std::fs::metadata(file).is_ok_and(|file| file.is_file())
        && std::fs::File::open(file).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && start == ZSTD
}

fn level(clause: &str, clauses: &Clauses) -> Level {
    clauses.get(clause).map_or(Level::Must, |clause| clause.level)
}

/// A text in lines that fit, without what a terminal would obey.
fn line(text: &str, first: &str, rest: &str) -> String {
    wrapped(OutsideText::line(text).as_str(), first, rest)
}

fn print_traffic(judged: &TrafficJudgement, clauses: &Clauses, others: Others) -> std::io::Result<()> {
    let TrafficJudgement { entries, exchanges, sessions, .. } = judged;
    let text = format!("entries: {entries}, exchanges with the vendor: {exchanges}, sessions: {sessions}");
    writeln!(Out, "{}", line(&text, "  ", "  "))?;
    for (why, count) in &judged.left_out {
        writeln!(Out, "{}", line(&format!("not judged, {why}: {count}"), "  ", "    "))?;
    }
    for (count, part) in [(judged.without_request_body, "request"), (judged.without_response_body, "response")] {
        if count > 0 {
            let text = format!(
                "{count} exchanges with the identity provider have no {part} body: their tokens are not judged; export the file \
                 with bodies"
            );
            writeln!(Out, "{}", line(&text, "  ", "    "))?;
        }
    }
    for finding in judged.findings.iter().take(MAX_FINDINGS) {
        print_finding(finding, clauses)?;
    }
    if let Some(more) = judged.findings.len().checked_sub(MAX_FINDINGS).filter(|more| *more > 0) {
        writeln!(Out, "\n  and {more} more findings: --json shows all")?;
    }
    print_clauses(judged, clauses, others)
}

fn print_finding(finding: &TrafficFinding, clauses: &Clauses) -> std::io::Result<()> {
    let level = level(finding.clause, clauses);
    let (word, style) = match level {
        Level::Must => ("FAIL", console::Style::new().red().bold()),
        Level::Should => ("WARN", console::Style::new().yellow()),
    };
    let text = clauses.get(finding.clause).map_or("", |clause| clause.text.as_str());
    writeln!(Out, "\n{} {} ({})", style.apply_to(word), finding.clause, level.word())?;
    writeln!(Out, "{}", line(text, "     ", "     "))?;
    writeln!(Out, "{}", line(finding.expected, "  expected ", "           "))?;
    writeln!(Out, "{}", line(finding.got.as_str(), "  got      ", "           "))?;
    for ShownExchange { number, started, request, status } in &finding.exchanges {
        let status = status.map_or_else(|| "no response".to_owned(), |status| status.to_string());
        let text = format!("{number:>3}  {started}  {request} → {status}  (.log.entries[{}])", number - 1);
        writeln!(Out, "{}", line(&text, "  ", "       "))?;
    }
    Ok(())
}

/// What the file can show of which clauses, and what not.
fn print_clauses(judged: &TrafficJudgement, clauses: &Clauses, others: Others) -> std::io::Result<()> {
    writeln!(Out, "\n  what a HAR file can show:")?;
    for of in &judged.clauses {
        let found = judged.findings.iter().any(|finding| finding.clause == of.clause);
        let state = match (found, of.occasions) {
            (true, _) => "violated".to_owned(),
            (false, 0) => "no occasion".to_owned(),
            (false, occasions) => format!("not violated in {occasions}"),
        };
        writeln!(Out, "{}", line(&format!("{:<6} {state}: {}", of.clause, of.judged), "  ", "         "))?;
    }
    let unseen = clauses.iter().filter(|clause| judged.clauses.iter().all(|of| of.clause != clause.id));
    let unseen: Vec<_> = unseen.map(|clause| clause.id.as_str()).collect();
    let needs = "the app's calls, storage, logs, launches or faults (`vouch run`)";
    let text = match others {
        Others::Counted => format!("{} more clauses need {needs}; `vouch judge --all` lists them", unseen.len()),
        Others::Listed => format!("what it cannot show, because it needs {needs}: {}", unseen.join(" ")),
    };
    writeln!(Out, "\n{}", line(&text, "  ", "  "))?;
    let count = judged.findings.len();
    match (judged.exchanges, count) {
        (0, _) => writeln!(Out, "\n  nothing to judge: no exchange with the vendor's hosts"),
        (_, 0) => writeln!(Out, "\n  no violation found; this is no verdict on the build"),
        (_, count) => writeln!(Out, "\n  {count} finding{}", if count == 1 { "" } else { "s" }),
    }
}
