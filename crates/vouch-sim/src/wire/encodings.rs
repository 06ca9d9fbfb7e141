//! How a value may stand in a text: as it is, or as encoders of all kinds leave it.

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::borrow::Cow;

/// A way in which a value may stand in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SecretEncoding {
    AsIs,
    /// As a form or a URL has it.
    Percent,
    /// The same, of an encoder that writes `%2b` and `%20`; also of what changes letters to small ones.
    PercentInSmall,
    /// Base64, with a number of bytes before the value that is this more than a multiple of three; less the characters at
    /// either end that depend on what stands beside it.
    Base64(usize),
    Base64Url(usize),
    Hex,
    HexInCapitals,
    /// Either order, read as UTF-8, less a zero byte before or after it.
    Utf16,
    /// Every byte as `%4A`, of an encoder that spares no letter.
    PercentAll,
    /// The same as `%4a`.
    PercentAllInSmall,
    InCapitals,
    Reversed,
}

impl SecretEncoding {
    const BASE64: [Self; 6] =
        [Self::Base64(0), Self::Base64(1), Self::Base64(2), Self::Base64Url(0), Self::Base64Url(1), Self::Base64Url(2)];
    const OTHERS: [Self; 10] = [
        Self::AsIs,
        Self::Percent,
        Self::PercentInSmall,
        Self::Hex,
        Self::HexInCapitals,
        Self::Utf16,
        Self::PercentAll,
        Self::PercentAllInSmall,
        Self::InCapitals,
        Self::Reversed,
    ];

    fn all() -> impl Iterator<Item = Self> {
        Self::OTHERS.into_iter().chain(Self::BASE64)
    }

    /// The value in this encoding.
    pub fn of(self, value: &str) -> Cow<'_, str> {
        match self {
            Self::AsIs => Cow::Borrowed(value),
            Self::Percent => percent(value).into(),
            Self::PercentInSmall => percent(value).to_lowercase().replace('+', "%20").into(),
            Self::Base64(before) => in_base64(value, before, &STANDARD_NO_PAD).into(),
            Self::Base64Url(before) => in_base64(value, before, &URL_SAFE_NO_PAD).into(),
            Self::Hex => in_hex(value, "", LOWER_DIGITS).into(),
            Self::HexInCapitals => in_hex(value, "", UPPER_DIGITS).into(),
            Self::Utf16 => in_utf16(value).into(),
            Self::PercentAll => in_hex(value, "%", UPPER_DIGITS).into(),
            Self::PercentAllInSmall => in_hex(value, "%", LOWER_DIGITS).into(),
            Self::InCapitals => value.to_ascii_uppercase().into(),
            Self::Reversed => value.chars().rev().collect::<String>().into(),
        }
    }
}

/// A value in all its encodings; the longest first. What is too short to tell is left out.
pub(super) fn all(value: &str) -> Vec<String> {
    let mut encodings: Vec<_> = SecretEncoding::all().map(|encoding| encoding.of(value).into_owned()).collect();
    encodings.retain(|encoding| encoding.len() >= 8 || encoding == value);
    encodings.sort_by_key(|encoding| std::cmp::Reverse(encoding.len()));
    encodings.dedup();
    encodings
}

/// The last bytes of a value in each encoding in which it has so many. They are made from the value's own end.
pub(super) fn last_bytes<const LEN: usize>(value: &str) -> impl Iterator<Item = (SecretEncoding, [u8; LEN])> {
    // As many bytes more than it takes as Base64 may lose at either side; and a number that changes nothing there.
    let starts = (0..=value.len().saturating_sub(LEN + 3) / 3).rev().map(|third| 3 * third);
    let start = starts.into_iter().find(|at| value.is_char_boundary(*at)).unwrap_or(0);
    let tail = &value[start..];
    // What is reversed ends with its beginning.
    let length = (LEN..value.len()).find(|at| value.is_char_boundary(*at)).unwrap_or(value.len());
    let head = &value[..length];
    SecretEncoding::all().filter_map(move |encoding| {
        let part = if encoding == SecretEncoding::Reversed { head } else { tail };
        Some((encoding, *encoding.of(part).as_bytes().last_chunk()?))
    })
}

fn percent(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes()).collect()
}

const LOWER_DIGITS: &[u8; 16] = b"0123456789abcdef";
const UPPER_DIGITS: &[u8; 16] = b"0123456789ABCDEF";

fn in_hex(value: &str, prefix: &str, digits: &[u8; 16]) -> String {
    let mut text = String::with_capacity((2 + prefix.len()) * value.len());
    for byte in value.bytes() {
        text.push_str(prefix);
        text.push(char::from(digits[usize::from(byte >> 4)]));
        text.push(char::from(digits[usize::from(byte & 15)]));
    }
    text
}

fn in_base64(value: &str, before: usize, alphabet: &GeneralPurpose) -> String {
    let bytes = [&[0; 3][..before], value.as_bytes()].concat();
    let (first, end) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    alphabet.encode(&bytes).get(first..end).unwrap_or_default().to_owned()
}

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

/// A long value in pieces: its first three quarters, and its last characters. Of a value in two parts, at least two of the
/// quarters are whole. Quarters of different tokens may be equal; their ends are not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pieces {
    quarter: usize,
    end: usize,
}

impl Pieces {
    /// The pieces of a long value. `None` if its end is also elsewhere in it, and so tells nothing.
    pub fn of(value: &str) -> Option<Self> {
        let long = value.is_ascii() && value.len() >= LONG;
        let pieces = long.then(|| Self { quarter: value.len() / 4, end: value.len() - CUT })?;
        let is_unique = !value[..3 * pieces.quarter].contains(pieces.end(value));
        is_unique.then_some(pieces)
    }

    /// A quarter of the value, of the first three.
    pub fn quarter(self, value: &str, number: usize) -> &str {
        value.get(number * self.quarter..(number + 1) * self.quarter).unwrap_or_default()
    }

    /// The last characters of the value.
    pub fn end(self, value: &str) -> &str {
        value.get(self.end..).unwrap_or_default()
    }
}

/// Whether a text holds an id: in either case, without its dashes, or in Base64.
pub fn holds_id(text: &str, id: &str) -> bool {
    let (lower, id) = (text.to_lowercase(), id.to_lowercase());
    let bare = id.replace('-', "");
    let in_line = in_one_line(text);
    // Short ones would be found in anything.
    let stands = |encoding: &str| encoding.len() >= 16 && in_line.as_deref().unwrap_or(text).contains(encoding);
    let in_base64 = |id: &str| SecretEncoding::BASE64.iter().any(|encoding| stands(&encoding.of(id)));
    lower.contains(&id) || bare.len() >= 16 && lower.contains(&bare) || in_base64(&id) || in_base64(&id.to_uppercase())
}

/// A text without its line ends, also those that are written `\\n`: encoders of Base64 wrap what is long. None where it
/// has none.
pub fn in_one_line(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    // Nearly all texts are one line: one look tells.
    let may_wrap = memchr::memchr3_iter(b'\r', b'\n', b'\\', bytes)
        .any(|at| bytes[at] != b'\\' || matches!(bytes.get(at + 1), Some(b'r' | b'n')));
    may_wrap.then(|| ["\r", "\n", "\\r", "\\n"].iter().fold(text.to_owned(), |text, wrap| text.replace(wrap, "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_sixteen_guises() {
        let encodings: Vec<_> =
            SecretEncoding::all().map(|encoding| (encoding, encoding.of("k+/é >?Z").into_owned())).collect();
        let expected = [
            (SecretEncoding::AsIs, "k+/é >?Z"),
            (SecretEncoding::Percent, "k%2B%2F%C3%A9+%3E%3FZ"),
            (SecretEncoding::PercentInSmall, "k%2b%2f%c3%a9%20%3e%3fz"),
            (SecretEncoding::Hex, "6b2b2fc3a9203e3f5a"),
            (SecretEncoding::HexInCapitals, "6B2B2FC3A9203E3F5A"),
            (SecretEncoding::Utf16, "k\0+\0/\0é\0 \0>\0?\0Z"),
            (SecretEncoding::PercentAll, "%6B%2B%2F%C3%A9%20%3E%3F%5A"),
            (SecretEncoding::PercentAllInSmall, "%6b%2b%2f%c3%a9%20%3e%3f%5a"),
            (SecretEncoding::InCapitals, "K+/é >?Z"),
            (SecretEncoding::Reversed, "Z?> é/+k"),
            (SecretEncoding::Base64(0), "aysvw6kgPj9a"),
            (SecretEncoding::Base64(1), "srL8OpID4/W"),
            (SecretEncoding::Base64(2), "rKy/DqSA+P1"),
            (SecretEncoding::Base64Url(0), "aysvw6kgPj9a"),
            (SecretEncoding::Base64Url(1), "srL8OpID4_W"),
            (SecretEncoding::Base64Url(2), "rKy_DqSA-P1"),
        ];
        assert_eq!(encodings, expected.map(|(encoding, text)| (encoding, text.to_owned())));
    }

    #[test]
    fn the_ends_are_those_of_the_whole_value() {
        let long = "long-enough-to-have-an-end-that-is-not-the-whole";
        for value in ["tiny", "A+b/c=", "sixteen-letters!", long, "r3fr3sh/t0ken+WITH>odd?", "grüße-an-die-Ärztin"] {
            // Three bytes more or less change nothing: a Base64 text stands in three ways.
            for value in [value.to_owned(), format!("{value}+"), format!("{value}+/")] {
                let expected: Vec<(SecretEncoding, [u8; 8])> = SecretEncoding::all()
                    .filter_map(|encoding| Some((encoding, *encoding.of(&value).as_bytes().last_chunk()?)))
                    .collect();
                assert_eq!(last_bytes(&value).collect::<Vec<_>>(), expected, "{value}");
            }
        }
    }

    #[test]
    fn a_text_is_in_one_line_where_nothing_wraps_it() {
        for one in ["", "plain", "a\\b", "ends with \\", "quo\\\"te"] {
            assert_eq!(in_one_line(one), None, "{one}");
        }
        for wrapped in ["a\nb", "a\r\nb", "a\\nb", "a\\r\\nb", "\\\"a\rb"] {
            let one = in_one_line(wrapped).expect("it wraps");
            assert!(one.ends_with("ab"), "{wrapped}: {one}");
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
