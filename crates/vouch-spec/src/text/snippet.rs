//! The lines of a file around a mistake, as a diagnostic draws them: long lines are cut, and nothing in them moves the cursor.

use super::outside::OutsideText;
use super::source::{Source, Span};
use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

/// A longer line is cut, in characters.
const MAX_LINE: usize = 300;
/// Of a line that is cut, this many characters before the mistake stay.
const BEFORE: usize = 40;
/// The most characters of a mistake that are marked.
const MAX_MARK: usize = 100;

/// A safe excerpt of a file.
pub(super) struct Snippet {
    name: String,
    text: String,
    /// The marked part of `text`, in bytes.
    pub start: usize,
    pub length: usize,
    /// The line of the file in which the excerpt begins, from 0.
    first_line: usize,
    /// The column of the mistake in the file, from 0, in characters.
    column: usize,
}

impl Snippet {
    pub fn new(source: &Source, span: Span) -> Self {
        let text = source.text();
        let start = boundary(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        // A caret under one line reads better than one under a whole block.
        let end = boundary(text, span.end).clamp(start, line_end);
        let mut out = String::new();
        let before = line_start.checked_sub(1);
        if let Some(line) = before.map(|end| &text[text[..end].rfind('\n').map_or(0, |at| at + 1)..end]) {
            out += &whole(line);
            out.push('\n');
        }
        let (line, mark) = marked(&text[line_start..line_end], start - line_start, end - line_start);
        let marked_from = out.len() + mark.0;
        out += &line;
        if let Some(next) = text.get(line_end + 1..) {
            out.push('\n');
            out += &whole(next.lines().next().unwrap_or_default());
            // So that an empty line is drawn, too.
            out += if next.contains('\n') { "\n" } else { "" };
        }
        let (line, column) = source.line_column(start);
        Self {
            name: OutsideText::line(&source.path().display().to_string()).into_string(),
            text: out,
            start: marked_from,
            length: mark.1,
            first_line: line - 1 - usize::from(before.is_some()),
            column: column - 1,
        }
    }
}

fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// A line that has no mark.
fn whole(line: &str) -> String {
    let shown: String = line.chars().take(MAX_LINE).collect();
    let rest = if shown.len() < line.len() { "…" } else { "" };
    safe(&shown) + rest
}

/// Tabs stay, for which the drawing knows a width.
fn safe(text: &str) -> String {
    let pieces: Vec<_> = text.split('\t').map(|piece| OutsideText::line(piece).into_string()).collect();
    pieces.join("\t")
}

/// A line with the mark from byte `start` to `end`. Returns where the mark is in the result, and its length.
fn marked(line: &str, start: usize, end: usize) -> (String, (usize, usize)) {
    let is_long = line.chars().nth(MAX_LINE).is_some();
    let (mut before, mut mark, mut after) = (line[..start].to_owned(), line[start..end].to_owned(), &line[end..]);
    let mut cut = "";
    if is_long {
        if let Some((at, _)) = before.char_indices().rev().nth(BEFORE) {
            before.replace_range(..at, "…");
        }
        if let Some((at, _)) = mark.char_indices().nth(MAX_MARK) {
            mark.truncate(at);
            (after, cut) = ("", "…");
        } else if let Some((at, _)) = after.char_indices().nth(MAX_LINE - BEFORE - MAX_MARK) {
            (after, cut) = (&after[..at], "…");
        }
    }
    let (before, mark) = (safe(&before), safe(&mark));
    let place = (before.len(), mark.len());
    (before + &mark + &safe(after) + cut, place)
}

impl SourceCode for Snippet {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let of = self.text.read_span(span, before, after)?;
        // Without context, the place of the mistake itself is asked for.
        let column = if before == 0 { self.column } else { of.column() };
        let (line, count) = (self.first_line + of.line(), of.line_count());
        Ok(Box::new(MietteSpanContents::new_named(self.name.clone(), of.data(), *of.span(), line, column, count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snippet(text: &str, mistake: &str) -> Snippet {
        let start = text.find(mistake).expect("it is there");
        Snippet::new(&Source::new("f", text), Span { start, end: start + mistake.len() })
    }

    #[test]
    fn a_short_line_stays_whole_between_its_neighbours() {
        let of = snippet("one\ntwo is bad\nthree\nfour", "is");
        assert_eq!((of.text.as_str(), of.first_line, of.column), ("one\ntwo is bad\nthree\n", 0, 4));
        assert_eq!(&of.text[of.start..of.start + of.length], "is");
        let first = snippet("bad\n", "bad");
        assert_eq!((first.text.as_str(), first.first_line, first.start), ("bad\n", 0, 0));
    }

    #[test]
    fn a_long_line_is_cut_around_the_mistake() {
        let long = "x".repeat(100_000);
        let of = snippet(&format!("{long}\n{long}HERE{long}\n{long}"), "HERE");
        assert_eq!((&of.text[of.start..of.start + of.length], of.column), ("HERE", 100_000));
        assert!(of.text.lines().count() == 3 && of.text.lines().all(|line| line.len() < 400), "{}", of.text);
        let wide = snippet(&format!("a{}b", "ö".repeat(70_000)), &"ö".repeat(70_000));
        assert_eq!(wide.text, format!("a{}…", "ö".repeat(MAX_MARK)));
    }

    #[test]
    fn what_moves_the_cursor_is_escaped_and_the_mark_stays() {
        let of = snippet("a: \u{1b}[31m\tBAD\u{202e}\r", "BAD");
        assert_eq!(of.text, "a: \\u{1b}[31m\tBAD\\u{202e}\\r");
        assert_eq!(&of.text[of.start..of.start + of.length], "BAD");
    }

    #[test]
    fn a_place_beyond_the_text_or_inside_a_character_is_its_nearest() {
        for (start, end) in [(0, 0), (1, 1), (2, 3), (99, 999), (5, 1)] {
            let of = Snippet::new(&Source::new("f", "éa\n"), Span { start, end });
            assert!(of.text.get(of.start..of.start + of.length).is_some(), "{start} {end}");
        }
    }
}
