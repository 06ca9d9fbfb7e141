//! Escapes text for HTML and SVG.

use vouch_spec::text::OutsideText;

/// Escapes a text. What neither HTML nor a reader may obey is written as in a Rust string: `\u{1b}`.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in OutsideText::block(text).as_str().chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
