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

#[cfg(test)]
mod tests {
    use super::super::{toml, yaml};
    use super::*;

    /// A file, changed at places that the seed draws: cut off, doubled, or with what a terminal obeys.
    fn damaged(text: &str, seed: u64) -> String {
        let insertions = [
            "\u{1b}[31m",
            "\u{202e}",
            "\0",
            "\r",
            "[[[[",
            "]}",
            ": ",
            "\t\t",
            "\"",
            "'''",
            "&a *a",
            "\u{feff}",
            "- - -",
        ];
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut draw = |below: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random >> 33).unwrap_or(0) % below.max(1)
        };
        let mut characters: Vec<char> = text.chars().collect();
        for _ in 0..=draw(4) {
            let at = draw(characters.len());
            match draw(4) {
                0 => characters.truncate(at),
                1 => characters.splice(at..at, "y".repeat(80_000).chars()).for_each(drop),
                2 => characters = [&characters[..], &characters[..at]].concat(),
                _ => characters.splice(at..at, insertions[draw(insertions.len())].chars()).for_each(drop),
            }
        }
        characters.into_iter().collect()
    }

    #[test]
    fn every_mistake_of_a_damaged_file_is_drawn_safely() {
        let texts = [
            "id: a\ntitle: 'b c'\nmatrix: {x: [1, 2]}\nsteps:\n  - {signIn: $token, expect: ok}\n  - status: []\n",
            "[sdk]\nname = \"a\"\ncommand = [\"b\", 'c']\nenv = { D = \"e\" }\n[deadlines]\ncall = \"1s\"\n",
        ];
        let mut drawn = 0;
        for seed in 0..400 {
            let source = Source::new("f\u{1b}", damaged(texts[usize::from(seed % 2 == 0)], seed));
            let mistakes = if seed % 3 == 0 { toml::parse(&source).1 } else { yaml::parse(&source).1 };
            let text = Diagnostics(mistakes).tidy().render(false);
            drawn += usize::from(text.lines().count() > 1);
            let obeyed = text.chars().find(|character| *character != '\n' && !OutsideText::is_safe(*character));
            assert_eq!(obeyed, None, "seed {seed}: {text:?}");
            assert!(text.lines().all(|line| line.chars().count() < 2_000), "seed {seed}");
        }
        assert!(drawn > 100, "only {drawn} files had a mistake");
    }
}
