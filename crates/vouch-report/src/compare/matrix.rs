//! Builds side by side: the status of each clause in each record.

use super::table;
use crate::markdown::inline;
use crate::outside_text::line;
use crate::run_text::{build_name, outcome_sentence};
use maud::{Markup, html};
use std::fmt::Write as _;
use vouch_runner::record::RunRecord;
use vouch_runner::run::summary::{ClauseStatus, Summary};
use vouch_spec::scenario::Level;

/// A format of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatrixFormat {
    /// Aligned text.
    Console,
    /// A table of GitHub-flavoured Markdown.
    Markdown,
    /// One HTML file without script.
    Html,
}

impl MatrixFormat {
    /// Every format with its word on the command line.
    pub const ALL: [(&'static str, MatrixFormat); 3] =
        [("console", MatrixFormat::Console), ("markdown", MatrixFormat::Markdown), ("html", MatrixFormat::Html)];

    /// The format of this name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == word).map(|(_, format)| format)
    }
}

/// A table of builds by clause. Clauses that apply to none of the runs are left out.
#[derive(Clone, Debug)]
pub struct Matrix {
    builds: Vec<Build>,
    rows: Vec<Row>,
    left_out: usize,
}

#[derive(Clone, Debug)]
struct Build {
    /// `A`, `B`, …, in the order of the command line.
    letter: String,
    name: String,
    source: String,
    outcome: String,
    edition: u32,
}

#[derive(Clone, Debug)]
struct Row {
    id: String,
    level: Level,
    text: String,
    /// The status in each build. None: the suite of that run does not have the clause.
    statuses: Vec<Option<ClauseStatus>>,
}

impl Matrix {
    /// The table of these records; each has the name of the file that it comes from.
    pub fn of(records: &[(String, RunRecord)]) -> Self {
        let summaries: Vec<_> = records.iter().map(|(_, record)| record.summary()).collect();
        let builds = records.iter().zip(&summaries).enumerate();
        let builds = builds.map(|(number, ((source, record), summary))| Build {
            letter: letter(number),
            name: build_name(&record.started),
            source: line(source),
            outcome: outcome_sentence(summary),
            edition: record.started.suite.edition,
        });
        let mut rows: Vec<Row> = Vec::new();
        for (column, summary) in summaries.iter().enumerate() {
            add_column(&mut rows, column, summaries.len(), summary);
        }
        let all = rows.len();
        rows.retain(|row| row.statuses.iter().flatten().any(|status| *status != ClauseStatus::NotApplicable));
        Self { builds: builds.collect(), left_out: all - rows.len(), rows }
    }

    /// The table in a format.
    pub fn render(&self, format: MatrixFormat) -> String {
        match format {
            MatrixFormat::Console => self.console(),
            MatrixFormat::Markdown => self.markdown(),
            MatrixFormat::Html => self.html().into_string(),
        }
    }

    fn console(&self) -> String {
        let mut text = String::new();
        for build in &self.builds {
            let Build { letter, name, source, outcome, edition } = build;
            let _ = writeln!(text, "{letter}  {name} ({source}, edition {edition}): {outcome}");
        }
        let width = self.rows.iter().map(|row| row.id.chars().count()).max().unwrap_or(0).max(6);
        let _ = write!(text, "\n{:<width$}  level ", "clause");
        self.builds.iter().for_each(|build| {
            let _ = write!(text, "  {:<14}", build.letter);
        });
        text.truncate(text.trim_end().len());
        text.push('\n');
        for row in &self.rows {
            let _ = write!(text, "{:<width$}  {:<6}", row.id, row.level.word());
            for status in &row.statuses {
                let _ = write!(text, "  {:<14}", words(*status));
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text + &self.note()
    }

    fn markdown(&self) -> String {
        let mut text = String::from("| | build | record | suite | outcome |\n|---|---|---|---|---|\n");
        for build in &self.builds {
            let Build { letter, name, source, outcome, edition } = build;
            let _ =
                writeln!(text, "| {letter} | {} | {} | edition {edition} | {outcome} |", inline(name), inline(source));
        }
        let letters: Vec<_> = self.builds.iter().map(|build| build.letter.as_str()).collect();
        let _ = write!(text, "\n| clause | level | {} | requirement |\n|---|---|", letters.join(" | "));
        text += &"---|".repeat(letters.len() + 1);
        text.push('\n');
        for row in &self.rows {
            let statuses: Vec<_> = row.statuses.iter().map(|status| marked(*status)).collect();
            let (id, requirement) = (inline(&row.id), inline(&row.text));
            let _ = writeln!(text, "| {id} | {} | {} | {requirement} |", row.level.word(), statuses.join(" | "));
        }
        text + &self.note()
    }

    fn html(&self) -> Markup {
        let body = html! {
            (self.html_builds())
            (self.html_clauses())
            p { (self.note().trim()) }
        };
        table::page("builds by clause", "Builds by clause", &body)
    }

    fn html_builds(&self) -> Markup {
        html! {
            table {
                caption { "Builds" }
                tr { @for heading in ["", "Build", "Record", "Suite", "Outcome"] { th scope="col" { (heading) } } }
                @for Build { letter, name, source, outcome, edition } in &self.builds {
                    tr {
                        th scope="row" { (letter) }
                        td { (name) }
                        td { (source) }
                        td { "edition " (edition) }
                        td { (outcome) }
                    }
                }
            }
        }
    }

    fn html_clauses(&self) -> Markup {
        html! {
            table {
                caption { "Clauses" }
                tr {
                    @for heading in ["Clause", "Level"] { th scope="col" { (heading) } }
                    @for build in &self.builds { th scope="col" { (build.letter) } }
                    th scope="col" { "Requirement" }
                }
                @for row in &self.rows {
                    tr {
                        th scope="row" { (line(&row.id)) }
                        td { (row.level.word()) }
                        @for status in &row.statuses {
                            td class=[(*status == Some(ClauseStatus::Violated)).then_some("violated")] { (words(*status)) }
                        }
                        td { (line(&row.text)) }
                    }
                }
            }
        }
    }

    fn note(&self) -> String {
        match self.left_out {
            0 => String::new(),
            1 => "\n1 clause applies to none of the runs.\n".into(),
            count => format!("\n{count} clauses apply to none of the runs.\n"),
        }
    }
}

fn add_column(rows: &mut Vec<Row>, column: usize, columns: usize, summary: &Summary) {
    for clause in &summary.clauses {
        let known = rows.iter().position(|row| row.id == line(&clause.id));
        let at = known.unwrap_or_else(|| {
            let (id, text) = (line(&clause.id), line(&clause.text));
            rows.push(Row { id, level: clause.level, text, statuses: vec![None; columns] });
            rows.len() - 1
        });
        rows[at].statuses[column] = Some(clause.status);
    }
}

/// `A` to `Z`, then `A2` and so on.
fn letter(number: usize) -> String {
    let letter = char::from(b'A' + u8::try_from(number % 26).unwrap_or_default());
    match number / 26 {
        0 => letter.to_string(),
        round => format!("{letter}{}", round + 1),
    }
}

fn words(status: Option<ClauseStatus>) -> &'static str {
    status.map_or("not in suite", ClauseStatus::words)
}

fn marked(status: Option<ClauseStatus>) -> String {
    match status {
        Some(ClauseStatus::Violated) => "**violated**".into(),
        Some(ClauseStatus::KnownFailing) => "*known failing*".into(),
        Some(ClauseStatus::Waived) => "*waived*".into(),
        _ => words(status).into(),
    }
}
