//! What is wrong in a file, where, and what to do.

use super::outside::OutsideText;
use super::snippet::Snippet;
use super::source::{Source, Span};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};
use std::fmt;

/// The longest message that is shown whole, in characters.
const MAX_MESSAGE: usize = 1_000;
/// So many mistakes are shown. Each takes a look through its file.
const MAX_SHOWN: usize = 100;

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

    /// The problem as a person reads it, with the line of the file and a caret. What the file says is escaped, and long lines
    /// are cut.
    pub fn render(&self, colours: bool) -> String {
        let theme = if colours { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_context_lines(1);
        let safe = |text: &String| OutsideText::line_up_to(text, MAX_MESSAGE).into_string();
        let drawn = MietteDiagnostic {
            message: safe(&self.message),
            label: safe(&self.label),
            help: self.help.as_ref().map(safe),
            code: Snippet::new(&self.source, self.span),
        };
        let mut out = String::new();
        match handler.render_report(&mut out, &drawn) {
            Ok(()) => out,
            Err(_) => format!("{}: {}\n", OutsideText::line(&self.place()), drawn.message),
        }
    }
}

/// A problem in safe text, as miette wants it.
struct MietteDiagnostic {
    message: String,
    label: String,
    help: Option<String>,
    code: Snippet,
}

impl fmt::Debug for MietteDiagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for MietteDiagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for MietteDiagnostic {}

impl miette::Diagnostic for MietteDiagnostic {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.code)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Snippet { start, length, .. } = self.code;
        Some(Box::new(std::iter::once(LabeledSpan::new(Some(self.label.clone()), start, length))))
    }

    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
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
        let mut out: String = self.0.iter().take(MAX_SHOWN).map(|problem| problem.render(colours)).collect();
        let n = self.0.len();
        if n > MAX_SHOWN {
            out.push_str(&format!("… and {} more\n", n - MAX_SHOWN));
        }
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
