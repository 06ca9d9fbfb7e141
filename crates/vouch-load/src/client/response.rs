//! Parses an HTTP/1.1 response (RFC 9112) from the bytes received so far.

use crate::failure::Failure;
use std::borrow::Cow;
use std::mem::MaybeUninit;
use std::time::{Duration, SystemTime};

/// The result of parsing.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// More bytes are needed.
    Partial,
    Complete(Response<'a>),
    /// A response that cannot be read: the kind of failure, and the reason.
    Invalid(Failure, &'static str),
}

/// A response with its complete body.
#[derive(Debug, PartialEq, Eq)]
pub struct Response<'a> {
    pub status: u16,
    /// Of a refusal with status 429 or 503: when to come back.
    pub retry_after: Option<Duration>,
    /// The content encoding of the body, if it has one.
    pub encoding: Option<&'a [u8]>,
    pub body: Cow<'a, [u8]>,
    /// The number of bytes of the response.
    pub consumed: usize,
    /// The connection can be reused.
    pub keep_alive: bool,
}

/// The largest accepted response, in bytes. Token responses have about one thousand.
pub const MAX_BYTES: usize = 1 << 20;
const MAX_HEADERS: usize = 96;
pub const TOO_LONG: &str = "its body is longer than 1 MiB";
/// The most interim responses before the final one.
const MAX_INTERIM: usize = 16;

enum BodyLength {
    Known(usize),
    Chunked,
    UntilClose,
}

/// Parses a response. `eof`: the server has closed the connection.
pub fn parse(bytes: &[u8], eof: bool) -> Parsed<'_> {
    let mut skipped = 0;
    for _ in 0..=MAX_INTERIM {
        match parse_one(&bytes[skipped..], eof) {
            Ok(Parsed::Complete(response)) => {
                return Parsed::Complete(Response { consumed: response.consumed + skipped, ..response });
            }
            Ok(other) => return other,
            Err(Interim { length }) => skipped += length,
        }
    }
    Parsed::Invalid(Failure::TooLarge, "it has more than 16 interim responses")
}

/// An interim response (RFC 9110 section 15.2), and its number of bytes.
struct Interim {
    length: usize,
}

fn parse_one(bytes: &[u8], eof: bool) -> Result<Parsed<'_>, Interim> {
    // Left uninitialised: the array has 3 KB, and most responses have ten fields.
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let start = match config.parse_response_with_uninit_headers(&mut head, bytes, &mut headers) {
        Ok(httparse::Status::Complete(start)) => start,
        Ok(httparse::Status::Partial) if bytes.len() > MAX_BYTES => {
            return Ok(Parsed::Invalid(Failure::TooLarge, "its header section is longer than 1 MiB"));
        }
        Ok(httparse::Status::Partial) => return Ok(Parsed::Partial),
        Err(httparse::Error::TooManyHeaders) => {
            return Ok(Parsed::Invalid(Failure::TooLarge, "it has more than 96 header fields"));
        }
        Err(_) if bytes.starts_with(b"HTTP/1.") => {
            return Ok(Parsed::Invalid(Failure::InvalidHttp, "its header section is invalid"));
        }
        Err(_) => return Ok(Parsed::Invalid(Failure::NotHttp, "it is not HTTP")),
    };
    let (status, version) = (head.code.unwrap_or(0), head.version.unwrap_or(1));
    if (100..200).contains(&status) && status != 101 {
        return Err(Interim { length: start });
    }
    let mut keep_alive = version == 1;
    let mut length = BodyLength::UntilClose;
    let (mut retry_after, mut encoding) = (None, None);
    for header in head.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            // The same length may be repeated; two different lengths are an error (RFC 9112 section 6.3).
            for text in std::str::from_utf8(header.value).unwrap_or_default().split(',') {
                match (text.trim().parse(), &length) {
                    (Ok(_), BodyLength::Chunked) => {}
                    (Ok(bytes), BodyLength::Known(before)) if bytes != *before => {
                        return Ok(Parsed::Invalid(Failure::InvalidHttp, "it has two different content lengths"));
                    }
                    (Ok(bytes), _) => length = BodyLength::Known(bytes),
                    (Err(_), _) => {
                        return Ok(Parsed::Invalid(Failure::InvalidHttp, "its content-length is not a number"));
                    }
                }
            }
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if has_token(header.value, b"chunked") {
                length = BodyLength::Chunked;
            }
        } else if header.name.eq_ignore_ascii_case("connection") {
            keep_alive = if has_token(header.value, b"close") {
                false
            } else {
                keep_alive || has_token(header.value, b"keep-alive")
            };
        } else if header.name.eq_ignore_ascii_case("content-encoding") {
            encoding = content_encoding(header.value);
        } else if matches!(status, 429 | 503) && header.name.eq_ignore_ascii_case("retry-after") {
            retry_after = self::retry_after(header.value);
        }
    }
    if matches!(status, 204 | 304) {
        length = BodyLength::Known(0);
    }
    let rest = &bytes[start..];
    Ok(match length {
        BodyLength::Known(length) if length > MAX_BYTES => Parsed::Invalid(Failure::TooLarge, TOO_LONG),
        BodyLength::Known(length) if rest.len() < length => Parsed::Partial,
        BodyLength::Known(length) => Parsed::Complete(Response {
            status,
            retry_after,
            encoding,
            body: Cow::Borrowed(&rest[..length]),
            consumed: start + length,
            keep_alive,
        }),
        BodyLength::Chunked => match decode_chunked(rest) {
            Ok(Some((body, consumed))) => Parsed::Complete(Response {
                status,
                retry_after,
                encoding,
                body: Cow::Owned(body),
                consumed: start + consumed,
                keep_alive,
            }),
            Ok(None) if rest.len() > MAX_BYTES => Parsed::Invalid(Failure::TooLarge, TOO_LONG),
            Ok(None) => Parsed::Partial,
            Err((failure, what)) => Parsed::Invalid(failure, what),
        },
        BodyLength::UntilClose if rest.len() > MAX_BYTES => Parsed::Invalid(Failure::TooLarge, TOO_LONG),
        BodyLength::UntilClose if eof => Parsed::Complete(Response {
            status,
            retry_after,
            encoding,
            body: Cow::Borrowed(rest),
            consumed: bytes.len(),
            keep_alive: false,
        }),
        BodyLength::UntilClose => Parsed::Partial,
    })
}

/// A longer `Retry-After` is taken as this.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// The value of `Retry-After`: seconds or a date (RFC 9110 section 10.2.3).
pub fn retry_after(value: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).unwrap_or_default(),
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// The value of `Content-Encoding`; `None` if it says that the body has none.
pub fn content_encoding(value: &[u8]) -> Option<&[u8]> {
    let value = value.trim_ascii();
    Some(value).filter(|value| !value.is_empty() && !value.eq_ignore_ascii_case(b"identity"))
}

/// What a server sent after the end of a response, where nothing more is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// A notice of a server that closes an idle connection (RFC 9110, section 15.5.9), or an empty line. It belongs to no
    /// request.
    Notice,
    /// A second response, with its status.
    Response(u16),
    /// Something else.
    Bytes,
}

impl Excess {
    /// What it is, for a report; `None` if it is no fault. The bytes are not shown: they may be tokens of another user.
    pub fn describe(self) -> Option<String> {
        match self {
            Excess::Notice => None,
            Excess::Response(status) => Some(format!("a second response follows, with status {status}")),
            Excess::Bytes => Some("bytes follow that are no response".into()),
        }
    }
}

/// Classifies the bytes after a response.
pub fn excess(bytes: &[u8]) -> Excess {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let parsed = config.parse_response_with_uninit_headers(&mut head, bytes, &mut headers);
    let closes = || {
        let closes = |header: &httparse::Header<'_>| {
            header.name.eq_ignore_ascii_case("connection") && has_token(header.value, b"close")
        };
        head.version == Some(0) || head.headers.iter().any(closes)
    };
    match (parsed, head.code) {
        (Err(_), _) => Excess::Bytes,
        (Ok(_), None | Some(408)) => Excess::Notice,
        (Ok(httparse::Status::Complete(_)), Some(400..)) if closes() => Excess::Notice,
        // Whether it closes the connection is not known yet.
        (Ok(httparse::Status::Partial), Some(400..)) => Excess::Notice,
        (Ok(_), Some(status)) => Excess::Response(status),
    }
}

/// Whether a comma-separated header value contains a token, compared without case.
fn has_token(value: &[u8], word: &[u8]) -> bool {
    value.split(|byte| *byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(word))
}

/// Why a response cannot be read.
type Unreadable = (Failure, &'static str);

/// Decodes a chunked body (RFC 9112 section 7.1). Returns the body and its encoded length; `None` while it is incomplete.
fn decode_chunked(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Unreadable> {
    const INVALID: Unreadable = (Failure::InvalidHttp, "its chunked encoding is invalid");
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let (size_line, size) = match httparse::parse_chunk_size(&bytes[at..]) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(INVALID),
        };
        at += size_line;
        let size = usize::try_from(size).ok().filter(|size| *size <= MAX_BYTES).ok_or((Failure::TooLarge, TOO_LONG))?;
        if size == 0 {
            // Trailers end with an empty line.
            let mut trailers = [httparse::EMPTY_HEADER; MAX_HEADERS];
            return match httparse::parse_headers(&bytes[at..], &mut trailers) {
                Ok(httparse::Status::Complete((consumed, _))) => Ok(Some((body, at + consumed))),
                Ok(httparse::Status::Partial) => Ok(None),
                Err(_) => Err(INVALID),
            };
        }
        let Some(chunk) = bytes.get(at..at + size) else { return Ok(None) };
        match bytes.get(at + size..at + size + 2) {
            None => return Ok(None),
            Some(b"\r\n") => {}
            Some(_) => return Err(INVALID),
        }
        body.extend_from_slice(chunk);
        at += size + 2;
        if body.len() > MAX_BYTES {
            return Err((Failure::TooLarge, TOO_LONG));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str, consumed: usize, keep_alive: bool) -> Parsed<'_> {
        let body = Cow::Borrowed(body.as_bytes());
        Parsed::Complete(Response { status, retry_after: None, encoding: None, body, consumed, keep_alive })
    }

    #[test]
    fn a_response_is_complete_at_its_last_byte_and_not_before() {
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
            assert_eq!(parse(more.as_bytes(), false), response(status, body, text.len(), true), "{text}");
        }
    }

    #[test]
    fn a_connection_is_reused_unless_the_server_closes_it() {
        let text = "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(parse(text.as_bytes(), false), response(200, "ok", text.len(), false));
        let text = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(parse(text.as_bytes(), false), response(200, "ok", text.len(), true));
        let text = "HTTP/1.0 500 No\r\n\r\nall until the end";
        assert_eq!(parse(text.as_bytes(), false), Parsed::Partial);
        assert_eq!(parse(text.as_bytes(), true), response(500, "all until the end", text.len(), false));
    }

    #[test]
    fn a_refusal_says_when_to_come_back() {
        let of = |status: u16, value: &str| {
            let text = format!("HTTP/1.1 {status} No\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n");
            match parse(text.as_bytes(), false) {
                Parsed::Complete(response) => response.retry_after.map(|wait| wait.as_secs()),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!((of(429, "7"), of(503, " 0 "), of(500, "7")), (Some(7), Some(0), None));
        assert_eq!((of(429, "soon"), of(429, "-1"), of(429, "99999999999")), (None, None, Some(86_400)));
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(30));
        assert!(of(503, &date).is_some_and(|wait| (28..=30).contains(&wait)), "{date}");
        assert_eq!(of(503, "Sun, 06 Nov 1994 08:49:37 GMT"), Some(0), "a date in the past");
    }

    #[test]
    fn invalid_responses_are_rejected_and_sizes_are_limited() {
        for (text, kind) in [
            ("SSH-2.0-OpenSSH\r\n", Failure::NotHttp),
            ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", Failure::InvalidHttp),
            ("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", Failure::InvalidHttp),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", Failure::TooLarge),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", Failure::InvalidHttp),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Failure::InvalidHttp),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef", Failure::InvalidHttp),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n", Failure::TooLarge),
        ] {
            assert!(matches!(parse(text.as_bytes(), false), Parsed::Invalid(failure, _) if failure == kind), "{text}");
        }
        let interim = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(40_000);
        assert!(matches!(parse(interim.as_bytes(), false), Parsed::Invalid(Failure::TooLarge, _)));
        let endless = "HTTP/1.1 200 OK\r\nx: ".to_owned() + &"x".repeat(MAX_BYTES + 1);
        assert!(matches!(parse(endless.as_bytes(), false), Parsed::Invalid(Failure::TooLarge, _)));
        let fields = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(MAX_HEADERS + 1));
        assert!(matches!(parse(fields.as_bytes(), false), Parsed::Invalid(Failure::TooLarge, _)));
    }

    #[test]
    fn a_content_encoding_is_read_unless_it_is_none() {
        for (value, expected) in [("gzip", Some("gzip")), (" br ", Some("br")), ("Identity", None), ("", None)] {
            let text = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {value}\r\nContent-Length: 0\r\n\r\n");
            let Parsed::Complete(response) = parse(text.as_bytes(), false) else { panic!("{text}") };
            assert_eq!(response.encoding, expected.map(str::as_bytes));
        }
    }

    #[test]
    fn a_notice_of_a_server_that_closes_the_connection_is_no_second_response() {
        for (text, expected) in [
            ("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n", Excess::Notice),
            ("HTTP/1.0 408 Request Time-out\r\n\r\n<html>", Excess::Notice),
            ("HTTP/1.1 503 Going away\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n", Excess::Notice),
            ("HTTP/1.1 40", Excess::Notice),
            ("HTTP/1.1 400 Bad Request\r\nDate", Excess::Notice),
            ("\r\n", Excess::Notice),
            ("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", Excess::Response(400)),
            ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", Excess::Response(200)),
            ("HTTP/1.1 200 OK\r\nDate", Excess::Response(200)),
            ("lo\"}", Excess::Bytes),
        ] {
            assert_eq!(excess(text.as_bytes()), expected, "{text}");
        }
    }
}
