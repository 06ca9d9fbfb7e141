//! One HTTP/1.1 answer (RFC 9112), read from the bytes that have come so far.

use std::borrow::Cow;
use std::mem::MaybeUninit;

/// What the bytes so far are.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// More must come.
    Partial,
    Whole(Whole<'a>),
    /// No HTTP: what is wrong.
    Bad(&'static str),
}

/// An answer with its whole body.
#[derive(Debug, PartialEq, Eq)]
pub struct Whole<'a> {
    pub status: u16,
    pub body: Cow<'a, [u8]>,
    /// How many bytes it took.
    pub used: usize,
    /// The connection can be used again.
    pub keep: bool,
}

/// The largest answer that is taken, in bytes. Token answers have about one thousand.
pub const MOST_BYTES: usize = 1 << 20;
const MOST_HEADERS: usize = 96;
/// How many interim answers may come before the real one.
const MOST_INTERIM: usize = 16;

enum Length {
    Known(usize),
    Chunked,
    UntilClose,
}

/// Reads an answer. `ended` says that the server has closed the connection.
pub fn parse(bytes: &[u8], ended: bool) -> Parsed<'_> {
    let mut passed = 0;
    for _ in 0..=MOST_INTERIM {
        match one(&bytes[passed..], ended) {
            Ok(Parsed::Whole(whole)) => return Parsed::Whole(Whole { used: whole.used + passed, ..whole }),
            Ok(other) => return other,
            Err(Interim { duration }) => passed += duration,
        }
    }
    Parsed::Bad("interim answers come without an end")
}

/// An answer that only says that the real one follows (RFC 9110 section 15.2), and how many bytes it took.
struct Interim {
    duration: usize,
}

fn one(bytes: &[u8], ended: bool) -> Result<Parsed<'_>, Interim> {
    // Not written before it is used: it has 3 KB, and most answers ten fields.
    let mut headers = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut head = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let start = match config.parse_response_with_uninit_headers(&mut head, bytes, &mut headers) {
        Ok(httparse::Status::Complete(start)) => start,
        Ok(httparse::Status::Partial) if bytes.len() > MOST_BYTES => return Ok(Parsed::Bad("its head is too long")),
        Ok(httparse::Status::Partial) => return Ok(Parsed::Partial),
        Err(httparse::Error::TooManyHeaders) => return Ok(Parsed::Bad("its head has too many fields")),
        Err(_) => return Ok(Parsed::Bad("it is no HTTP")),
    };
    let (status, version) = (head.code.unwrap_or(0), head.version.unwrap_or(1));
    if (100..200).contains(&status) && status != 101 {
        return Err(Interim { duration: start });
    }
    let mut keep = version == 1;
    let mut duration = Length::UntilClose;
    for header in head.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            // The same duration may be said more than once, two different ones may not (RFC 9112 section 6.3).
            for text in std::str::from_utf8(header.value).unwrap_or_default().split(',') {
                match (text.trim().parse(), &duration) {
                    (Ok(_), Length::Chunked) => {}
                    (Ok(bytes), Length::Known(before)) if bytes != *before => {
                        return Ok(Parsed::Bad("it has two lengths"));
                    }
                    (Ok(bytes), _) => duration = Length::Known(bytes),
                    (Err(_), _) => return Ok(Parsed::Bad("its content-length is no number")),
                }
            }
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if has(header.value, b"chunked") {
                duration = Length::Chunked;
            }
        } else if header.name.eq_ignore_ascii_case("connection") {
            keep = if has(header.value, b"close") { false } else { keep || has(header.value, b"keep-alive") };
        }
    }
    if matches!(status, 204 | 304) {
        duration = Length::Known(0);
    }
    let rest = &bytes[start..];
    Ok(match duration {
        Length::Known(duration) if duration > MOST_BYTES => Parsed::Bad("its body is too long"),
        Length::Known(duration) if rest.len() < duration => Parsed::Partial,
        Length::Known(duration) => {
            Parsed::Whole(Whole { status, body: Cow::Borrowed(&rest[..duration]), used: start + duration, keep })
        }
        Length::Chunked => match chunks(rest) {
            Ok(Some((body, used))) => Parsed::Whole(Whole { status, body: Cow::Owned(body), used: start + used, keep }),
            Ok(None) if rest.len() > MOST_BYTES => Parsed::Bad("its body is too long"),
            Ok(None) => Parsed::Partial,
            Err(what) => Parsed::Bad(what),
        },
        Length::UntilClose if rest.len() > MOST_BYTES => Parsed::Bad("its body is too long"),
        Length::UntilClose if ended => {
            Parsed::Whole(Whole { status, body: Cow::Borrowed(rest), used: bytes.len(), keep: false })
        }
        Length::UntilClose => Parsed::Partial,
    })
}

/// Whether a header's list holds a word, in any case.
fn has(value: &[u8], word: &[u8]) -> bool {
    value.split(|byte| *byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(word))
}

/// A chunked body (RFC 9112 section 7.1) and how many bytes it took; None while it is not whole.
fn chunks(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, &'static str> {
    const BROKEN: &str = "its chunks are broken";
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let (size_line, size) = match httparse::parse_chunk_size(&bytes[at..]) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(BROKEN),
        };
        at += size_line;
        let size = usize::try_from(size).ok().filter(|size| *size <= MOST_BYTES).ok_or("its body is too long")?;
        if size == 0 {
            // Trailers end with an empty line.
            let mut trailers = [httparse::EMPTY_HEADER; MOST_HEADERS];
            return match httparse::parse_headers(&bytes[at..], &mut trailers) {
                Ok(httparse::Status::Complete((used, _))) => Ok(Some((body, at + used))),
                Ok(httparse::Status::Partial) => Ok(None),
                Err(_) => Err(BROKEN),
            };
        }
        let Some(chunk) = bytes.get(at..at + size) else { return Ok(None) };
        match bytes.get(at + size..at + size + 2) {
            None => return Ok(None),
            Some(b"\r\n") => {}
            Some(_) => return Err(BROKEN),
        }
        body.extend_from_slice(chunk);
        at += size + 2;
        if body.len() > MOST_BYTES {
            return Err("its body is too long");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(status: u16, body: &str, used: usize, keep: bool) -> Parsed<'_> {
        Parsed::Whole(Whole { status, body: Cow::Borrowed(body.as_bytes()), used, keep })
    }

    #[test]
    fn an_answer_is_whole_at_its_last_byte_and_not_before() {
        for (text, body) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: t\r\n\r\n",
                "hello",
            ),
            ("HTTP/1.1 204 No Content\r\n\r\n", ""),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\ncontent-length: 5\r\n\r\nhello", "hello"),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
        ] {
            for cut in 0..text.len() {
                assert_eq!(parse(&text.as_bytes()[..cut], false), Parsed::Partial, "{cut} bytes of {text}");
            }
            let more = format!("{text}HTTP/1.1");
            let status = if text.contains("204") { 204 } else { 200 };
            assert_eq!(parse(more.as_bytes(), false), whole(status, body, text.len(), true), "{text}");
        }
    }

    #[test]
    fn connections_end_when_the_server_says_so() {
        let text = "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(parse(text.as_bytes(), false), whole(200, "ok", text.len(), false));
        let text = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(parse(text.as_bytes(), false), whole(200, "ok", text.len(), true));
        let text = "HTTP/1.0 500 No\r\n\r\nall until the end";
        assert_eq!(parse(text.as_bytes(), false), Parsed::Partial);
        assert_eq!(parse(text.as_bytes(), true), whole(500, "all until the end", text.len(), false));
    }

    #[test]
    fn garbage_is_told_and_nothing_is_taken_without_bound() {
        for text in [
            "SSH-2.0-OpenSSH\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
        ] {
            assert!(matches!(parse(text.as_bytes(), false), Parsed::Bad(_)), "{text}");
        }
        let interim = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(40_000);
        assert!(matches!(parse(interim.as_bytes(), false), Parsed::Bad(_)));
        let endless = "HTTP/1.1 200 OK\r\n".to_owned() + &"x".repeat(MOST_BYTES + 1);
        assert!(matches!(parse(endless.as_bytes(), false), Parsed::Bad(_)));
    }
}
