//! Text from outside: what a build, a backend, a cloud, or a file of a user says. Whoever shows it must not obey it: no character
//! of it moves a cursor, reorders a line, ends a line of the format, or is forbidden in XML 1.0.

use std::fmt::{self, Write as _};

/// The longest text that stays whole in one line, in characters.
const MAX_LINE: usize = 2_000;
/// The longest text of several lines, in characters.
const MAX_BLOCK: usize = 40_000;

/// A text from outside that is safe to show: it is escaped when it is made.
///
/// ```
/// use vouch_spec::text::OutsideText;
/// assert_eq!(OutsideText::line("a\u{1b}[31m\nb").as_str(), "a\\u{1b}[31m\\nb");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideText(String);

impl OutsideText {
    /// The text in one line: also line breaks and tabs are escaped. A long text is cut, and its length given.
    pub fn line(text: &str) -> Self {
        Self::line_up_to(text, MAX_LINE)
    }

    /// As [`line`](Self::line), cut after `characters`.
    pub fn line_up_to(text: &str, characters: usize) -> Self {
        Self(escape(text, characters, |_| false))
    }

    /// The text with its line breaks and tabs; everything else that is unsafe is escaped. A long text is cut, and its length
    /// given.
    pub fn block(text: &str) -> Self {
        Self(escape(&text.replace("\r\n", "\n"), MAX_BLOCK, is_layout))
    }

    /// Whether a character can be shown as it is.
    pub fn is_safe(character: char) -> bool {
        !is_unsafe(character)
    }

    /// The escaped text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The escaped text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for OutsideText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_layout(character: char) -> bool {
    matches!(character, '\n' | '\t')
}

/// Escapes what is unsafe, as Rust writes it in a string: `\u{1b}`, `\n`.
fn escape(text: &str, characters: usize, keep: fn(char) -> bool) -> String {
    let (shown, cut) = match text.char_indices().nth(characters) {
        Some((at, _)) => (&text[..at], true),
        None => (text, false),
    };
    let mut out = String::with_capacity(shown.len());
    for character in shown.chars() {
        if keep(character) || !is_unsafe(character) {
            out.push(character);
        } else {
            let _ = write!(out, "{}", visible(character));
        }
    }
    if cut {
        let _ = write!(out, "… ({} characters)", text.chars().count());
    }
    out
}

fn visible(character: char) -> String {
    match character {
        '\n' | '\r' | '\t' => character.escape_default().to_string(),
        _ => character.escape_unicode().to_string(),
    }
}

/// Control characters, marks of direction, invisible characters, and code points that are no characters.
fn is_unsafe(character: char) -> bool {
    let is_invisible = matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    character.is_control() || is_invisible || u32::from(character) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> String {
        OutsideText::line(text).into_string()
    }

    fn block(text: &str) -> String {
        OutsideText::block(text).into_string()
    }

    #[test]
    fn control_characters_and_marks_of_direction_become_visible() {
        assert_eq!(line("a\u{1b}[31m\0\u{9b}b"), "a\\u{1b}[31m\\u{0}\\u{9b}b");
        assert_eq!(line("x\u{202e}y\u{feff}\u{ffff}\u{2028}"), "x\\u{202e}y\\u{feff}\\u{ffff}\\u{2028}");
        assert_eq!(line("a\r\n\tb"), "a\\r\\n\\tb");
    }

    #[test]
    fn a_block_keeps_its_lines_and_nothing_else() {
        assert_eq!(block("a\n\tb\r\u{7}"), "a\n\tb\\r\\u{7}");
    }

    #[test]
    fn letters_of_every_script_and_emoji_stay() {
        let text = "Zoë 名前 שלום 👩\u{200d}🔬";
        assert_eq!((line(text), block(text)), (text.to_owned(), text.to_owned()));
    }

    #[test]
    fn a_long_text_is_cut_and_its_length_is_given() {
        assert_eq!(OutsideText::line_up_to("äöüß", 4).as_str(), "äöüß");
        assert_eq!(OutsideText::line_up_to("äöüßx", 4).to_string(), "äöüß… (5 characters)");
        assert!(block(&"x".repeat(1 << 20)).ends_with("x… (1048576 characters)"));
    }
}
