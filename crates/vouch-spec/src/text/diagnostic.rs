//! What is wrong in a file, where, and what to do.

use super::source::{Source, Span};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use std::fmt;

/// One mistake in a file that somebody wrote.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    pub message: String,
    /// Stands beside the caret.
    pub label: String,
    /// What to do; often the suggest valid word.
    pub help: Option<String>,
    pub source: Source,
    pub span: Span,
}

impl Diagnostic {
    pub fn new(source: &Source, span: Span, message: impl Into<String>) -> Self {
        Self { message: message.into(), label: "here".into(), help: None, source: source.clone(), span }
    }

    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// `file:line:column`.
    pub fn place(&self) -> String {
        self.source.place(self.span)
    }

    /// The problem as a person reads it, with the line of the file and a caret.
    pub fn render(&self, colours: bool) -> String {
        let theme = if colours { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_context_lines(1);
        let named = MietteDiagnostic {
            problem: self,
            code: NamedSource::new(self.source.path().display().to_string(), self.source.text().to_owned()),
        };
        let mut out = String::new();
        match handler.render_report(&mut out, &named) {
            Ok(()) => out,
            Err(_) => format!("{}: {}\n", self.place(), self.message),
        }
    }
}

/// A problem together with its text, as miette wants it.
struct MietteDiagnostic<'a> {
    problem: &'a Diagnostic,
    code: NamedSource<String>,
}

impl fmt::Debug for MietteDiagnostic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem.message)
    }
}

impl fmt::Display for MietteDiagnostic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem.message)
    }
}

impl std::error::Error for MietteDiagnostic<'_> {}

impl miette::Diagnostic for MietteDiagnostic<'_> {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.code)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let text = self.problem.source.text();
        let start = self.problem.span.start.min(text.len());
        // A caret under one line reads better than one under a whole block.
        let end = self.problem.span.end.clamp(start, text.len());
        let line_end = text.get(start..end).and_then(|t| t.find('\n')).map_or(end, |i| start + i);
        Some(Box::new(std::iter::once(LabeledSpan::new(Some(self.problem.label.clone()), start, line_end - start))))
    }

    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        self.problem.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }
}

/// All mistakes found, told in one go.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Sorted by place, each once.
    #[must_use]
    pub fn tidy(mut self) -> Self {
        self.0.sort_by(|a, b| (a.source.path(), a.span, &a.message).cmp(&(b.source.path(), b.span, &b.message)));
        self.0.dedup_by(|a, b| a.source.path() == b.source.path() && a.span == b.span && a.message == b.message);
        self
    }

    pub fn render(&self, colours: bool) -> String {
        let mut out: String = self.0.iter().map(|problem| problem.render(colours)).collect();
        let n = self.0.len();
        out.push_str(&format!("{n} problem{} found; nothing was run\n", if n == 1 { "" } else { "s" }));
        out
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}
