//! How a value may stand in a text: as it is, or as encoders of all kinds leave it.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A value as it may stand in a URL, a form, a Base64 text, in hex or UTF-16; the longest first.
pub fn all(value: &str) -> Vec<String> {
    let mut guises = vec![value.to_owned()];
    if value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte)) {
        // A form leaves all of it as it is.
        guises.push(value.to_ascii_lowercase());
    } else {
        let percent: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
        guises.extend([percent.to_lowercase().replace('+', "%20"), percent]);
    }
    guises.extend(in_base64(value));
    let hex = in_hex(value);
    guises.extend([hex.to_ascii_uppercase(), hex]);
    guises.push(in_utf16(value));
    guises.retain(|guise| guise.len() >= 8 || guise == value);
    guises.sort_by_key(|guise| std::cmp::Reverse(guise.len()));
    guises.dedup();
    guises
}

/// The last bytes of each of a value's guises, as far as they are so long: all that most texts have to be looked through
/// for, and made from the value's own end only.
pub fn ends<const LEN: usize>(value: &str) -> Vec<[u8; LEN]> {
    // Each guise of an end is the end of a guise: one byte is half a letter of Base64 or more, less three at the sides.
    let tail = (0..=value.len().saturating_sub(2 * LEN)).rev().find(|at| value.is_char_boundary(*at));
    let tail = all(&value[tail.unwrap_or(0)..]);
    let mut ends: Vec<_> = tail.iter().filter_map(|guise| guise.as_bytes().last_chunk().copied()).collect();
    ends.sort_unstable();
    ends.dedup();
    ends
}

fn in_hex(value: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * value.len());
    for byte in value.bytes() {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// The value as it stands in Base64 texts: three ways, by what precedes it, less the characters at either end that
/// depend on what stands beside it.
fn in_base64(value: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for before in 0..3 {
        let bytes = [&[0; 3][..before], value.as_bytes()].concat();
        let (first, end) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        for encoded in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            texts.extend(encoded.get(first..end).map(str::to_owned));
        }
    }
    texts
}

/// The value in UTF-16 of either order, read as UTF-8, less a zero byte before or after it.
fn in_utf16(value: &str) -> String {
    let mut text = String::with_capacity(value.len() * 2);
    for (at, letter) in value.chars().enumerate() {
        if at > 0 {
            text.push('\0');
        }
        text.push(letter);
    }
    text
}

/// Shorter secrets are not looked for by their beginning: two of them may well begin alike.
const LONG: usize = 64;
/// How much of a long secret may lack.
const CUT: usize = 16;

/// A long value less its last characters.
pub fn beginning(value: &str) -> Option<String> {
    let long = value.is_ascii() && value.len() >= LONG;
    long.then(|| value[..value.len() - CUT].to_owned())
}

/// Whether a text holds an id: in either case, without its dashes, or in Base64.
pub fn holds_id(text: &str, id: &str) -> bool {
    let (lower, id) = (text.to_lowercase(), id.to_lowercase());
    let bare = id.replace('-', "");
    // Short ones would be found in anything.
    let guises = in_base64(&id).into_iter().chain(in_base64(&id.to_uppercase())).filter(|guise| guise.len() >= 16);
    let in_line = in_one_line(text);
    lower.contains(&id)
        || bare.len() >= 16 && lower.contains(&bare)
        || guises.into_iter().any(|guise| in_line.as_deref().unwrap_or(text).contains(&guise))
}

/// A text without its line ends, also those that are written `\\n`: encoders of Base64 wrap what is long. None where it
/// has none.
pub fn in_one_line(text: &str) -> Option<String> {
    let wraps = ["\r", "\n", "\\r", "\\n"];
    // Nearly all texts are one line: one look tells.
    let may_wrap = memchr::memchr3(b'\r', b'\n', b'\\', text.as_bytes()).is_some()
        && wraps.iter().any(|wrap| text.contains(wrap));
    may_wrap.then(|| wraps.iter().fold(text.to_owned(), |text, wrap| text.replace(wrap, "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_those_of_all_guises_and_no_others() {
        let long = "long-enough-to-have-an-end-that-is-not-the-whole";
        for value in ["tiny", "A+b/c=", "sixteen-letters!", "r3fr3sh/t0ken+WITH>odd?letters", long, "grüße-an-die-Ärztin+1"] {
            // Three bytes more or less change nothing: a Base64 text stands in three ways.
            for value in [value.to_owned(), format!("{value}+"), format!("{value}+/")] {
                let mut expected: Vec<[u8; 8]> =
                    all(&value).iter().filter_map(|guise| guise.as_bytes().last_chunk().copied()).collect();
                expected.sort_unstable();
                expected.dedup();
                let ends = ends(&value);
                assert!(expected.iter().all(|end| ends.contains(end)), "{value}: {expected:?} {ends:?}");
                // More than one for each guise of a plain tail would be looked for in vain.
                assert!(ends.len() <= expected.len() + 2, "{value}");
            }
        }
    }

    #[test]
    fn an_id_is_found_in_its_guises_and_in_no_other_text() {
        let id = "0f3b6c1e-1111-4222-8333-9a0b1c2d3e4f";
        let base64 = STANDARD_NO_PAD.encode(format!("{{\"user\":\"{id}\"}}"));
        for text in [id.to_owned(), id.to_uppercase(), id.replace('-', ""), base64] {
            assert!(holds_id(&format!("x={text};"), id), "{text}");
            assert!(!holds_id(&text, "1f3b6c1e-1111-4222-8333-9a0b1c2d3e4f"), "{text}");
        }
        assert!(
            !holds_id("installed=", id) && !holds_id("app", "app-user-ada") && holds_id("App-User-Ada", "app-user-ada")
        );
    }
}
