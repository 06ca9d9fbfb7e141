//! The badge of a certificate, in the shape of the flat badges of shields.io.

use super::{CertificateView, cut, verdict};
use maud::html;
use vouch_runner::run::summary::Summary;

const LABEL: &str = "vouch";
/// The space beside each text, in pixels.
const PADDING: usize = 6;
/// White text on them has a contrast of more than 4.5.
const GREEN: &str = "#2a7e2e";
const AMBER: &str = "#8f5f00";

pub(super) fn render(view: &CertificateView<'_>, summary: &Summary) -> String {
    let started = &view.record.started;
    let verdict = verdict(view, summary);
    let colour = if verdict == "conforms" { GREEN } else { AMBER };
    let message = [cut(&started.sdk.version, 20), verdict.clone()].join(" ");
    let message = message.trim();
    let title = format!(
        "{} {verdict} ({}, profile {}, suite edition {}, {})",
        view.build_name(80),
        cut(&started.roles.join(", "), 80),
        cut(&started.profile, 40),
        started.suite.edition,
        cut(started.started_at.get(..10).unwrap_or_default(), 10)
    );
    let (label_width, message_width) = (width(LABEL), width(message));
    let left = label_width + 2 * PADDING;
    let whole = left + message_width + 2 * PADDING;
    let texts = [(LABEL, label_width, PADDING), (message, message_width, left + PADDING)];
    // Each element has its end tag: this is XML.
    html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(whole) height="20" role="img" aria-label=(title) {
            title { (title) }
            linearGradient id="s" x2="0" y2="100%" {
                stop offset="0" stop-color="#bbb" stop-opacity=".1" {}
                stop offset="1" stop-opacity=".1" {}
            }
            clipPath id="r" { rect width=(whole) height="20" rx="3" fill="#fff" {} }
            g clip-path="url(#r)" {
                rect width=(left) height="20" fill="#555" {}
                rect x=(left) width=(whole - left) height="20" fill=(colour) {}
                rect width=(whole) height="20" fill="url(#s)" {}
            }
            g fill="#fff" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11" text-rendering="geometricPrecision" {
                @for (text, length, x) in texts {
                    text x=(x) y="15" fill="#010101" fill-opacity=".3" aria-hidden="true" textLength=(length) lengthAdjust="spacingAndGlyphs" { (text) }
                    text x=(x) y="14" textLength=(length) lengthAdjust="spacingAndGlyphs" { (text) }
                }
            }
        }
    }
    .into_string()
        + "\n"
}

/// The width of a text in Verdana of 11 pixels, in pixels, about. The badge gives it to the browser, which fits the text.
fn width(text: &str) -> usize {
    let of = |character| match character {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' => 4,
        'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '-' | '/' => 5,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 10,
        'A'..='Z' => 8,
        ' '..='~' => 7,
        _ => 11,
    };
    text.chars().map(of).sum()
}
