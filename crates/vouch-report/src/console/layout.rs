//! Lines that fit the width.

use textwrap::{Options, WordSeparator, WordSplitter};

/// The width where standard output is no terminal, and the least that a text is wrapped to.
const USUAL: usize = 80;
const LEAST: usize = 40;
/// Longer lines are hard to read.
const MOST: usize = 100;

/// The width of the report, in columns.
pub(super) fn width() -> usize {
    let terminal = console::Term::stdout();
    match terminal.size_checked() {
        Some((_, columns)) => usize::from(columns).clamp(LEAST, MOST),
        None => USUAL,
    }
}

/// A text in lines that fit. `first` begins the first line, `rest` the others.
pub(super) fn wrap(text: &str, width: usize, first: &str, rest: &str) -> String {
    let options = Options::new(width)
        .initial_indent(first)
        .subsequent_indent(rest)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .break_words(true);
    textwrap::fill(text, options)
}

/// A text in lines that fit the terminal, or 80 columns. `first` begins the first line, `rest` the others.
pub fn wrapped(text: &str, first: &str, rest: &str) -> String {
    wrap(text, width(), first, rest)
}

/// Several lines, each wrapped, with an indent.
pub(super) fn block(text: &str, width: usize, indent: &str) -> String {
    let deeper = format!("{indent}       ");
    text.lines().map(|line| wrap(line, width, indent, &deeper)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_wrapped_under_their_beginning() {
        assert_eq!(wrap("one two three four", 12, "a ", "  "), "a one two\n  three four");
        assert_eq!(block("one\ntwo", 40, "  "), "  one\n  two");
        assert!(block(&"x".repeat(300), 40, "").lines().all(|line| line.len() <= 40));
    }
}
