//! Text from outside, escaped by [`OutsideText`], as the views take it.

use vouch_runner::run::verdict::Excerpt;
use vouch_spec::text::OutsideText;

/// The text in one line.
pub(crate) fn line(text: &str) -> String {
    OutsideText::line(text).into_string()
}

/// As [`line`], cut after `characters`.
pub(crate) fn line_up_to(text: &str, characters: usize) -> String {
    OutsideText::line_up_to(text, characters).into_string()
}

/// The text with its line breaks and tabs.
pub(crate) fn block(text: &str) -> String {
    OutsideText::block(text).into_string()
}

/// The excerpt of a scenario file in safe text, with the marked part where it was.
pub(crate) fn excerpt(of: &Excerpt) -> Excerpt {
    let end = of.start.saturating_add(of.length);
    let piece = |from: usize, to: usize| block(of.text.get(from..to).unwrap_or_default());
    let (before, marked) = (piece(0, of.start), piece(of.start, end));
    let (start, length) = (before.len(), marked.len());
    Excerpt { first_line: of.first_line, text: before + &marked + &piece(end, of.text.len()), start, length }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marked_part_of_an_excerpt_stays_marked() {
        let of = Excerpt { first_line: 3, text: "\u{1b}a\nbcd".into(), start: 3, length: 2 };
        let safe = excerpt(&of);
        assert_eq!(&safe.text[safe.start..safe.start + safe.length], "bc");
        assert_eq!((safe.first_line, safe.text.as_str()), (3, "\\u{1b}a\nbcd"));
        let wrong = Excerpt { start: 100, length: usize::MAX, ..of };
        assert_eq!(excerpt(&wrong).length, 0);
    }
}
