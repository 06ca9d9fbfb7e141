//! Request templates: built once from the wire profile, and filled in for each request without allocations.

use form_urlencoded::byte_serialize;
use vouch_spec::profile::{self, Encoding, IdpRequest, Profile, RequestValues};

/// A value that is filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// The JWT of a sign-in token.
    Token,
    PublicKey,
    Tenant,
    RefreshToken,
    AccessToken,
    /// A user's id, or the name at a backend.
    User,
    /// The credential of a backend user.
    Credential,
}

impl Placeholder {
    const ALL: [Placeholder; 7] = [
        Placeholder::Token,
        Placeholder::PublicKey,
        Placeholder::Tenant,
        Placeholder::RefreshToken,
        Placeholder::AccessToken,
        Placeholder::User,
        Placeholder::Credential,
    ];

    /// The text of the placeholder in a template. No encoding changes it.
    pub const fn marker(self) -> &'static str {
        match self {
            Placeholder::Token => "VouchSlotToken7f3a",
            Placeholder::PublicKey => "VouchSlotPublicKey7f3a",
            Placeholder::Tenant => "VouchSlotTenant7f3a",
            Placeholder::RefreshToken => "VouchSlotRefresh7f3a",
            Placeholder::AccessToken => "VouchSlotAccess7f3a",
            Placeholder::User => "VouchSlotUser7f3a",
            Placeholder::Credential => "VouchSlotCredential7f3a",
        }
    }
}

/// The encoding of inserted values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ValueEncoding {
    Plain,
    Form,
    Json,
}

#[derive(Clone)]
enum RequestPart {
    Fixed(Vec<u8>),
    Placeholder(Placeholder),
}

/// A text with placeholders.
#[derive(Clone)]
struct TextTemplate {
    parts: Vec<RequestPart>,
    encoding: ValueEncoding,
}

impl TextTemplate {
    fn new(text: &str, encoding: ValueEncoding) -> Self {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((at, placeholder)) =
            Placeholder::ALL.into_iter().filter_map(|s| Some((rest.find(s.marker())?, s))).min_by_key(|(at, _)| *at)
        {
            parts.push(RequestPart::Fixed(rest[..at].into()));
            parts.push(RequestPart::Placeholder(placeholder));
            rest = &rest[at + placeholder.marker().len()..];
        }
        parts.push(RequestPart::Fixed(rest.into()));
        Self { parts, encoding }
    }

    fn fill<'v>(&self, value: impl Fn(Placeholder) -> &'v str, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                RequestPart::Fixed(text) => out.extend_from_slice(text),
                RequestPart::Placeholder(placeholder) => write_value(value(*placeholder), self.encoding, out),
            }
        }
    }
}

fn write_value(value: &str, encoding: ValueEncoding, out: &mut Vec<u8>) {
    match encoding {
        ValueEncoding::Plain => out.extend_from_slice(value.as_bytes()),
        ValueEncoding::Form if needs_no_encoding(value.as_bytes()) => out.extend_from_slice(value.as_bytes()),
        ValueEncoding::Form => byte_serialize(value.as_bytes()).for_each(|part| out.extend_from_slice(part.as_bytes())),
        ValueEncoding::Json if value.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') => {
            out.extend_from_slice(value.as_bytes());
        }
        ValueEncoding::Json => {
            let quoted = serde_json::Value::from(value).to_string();
            out.extend_from_slice(&quoted.as_bytes()[1..quoted.len() - 1]);
        }
    }
}

/// Whether form encoding leaves all bytes unchanged. Branch-free, so that it is vectorised: tokens are long.
#[allow(clippy::needless_bitwise_bool, reason = "a lazy operator is a branch, and a tenth of the generator's time")]
fn needs_no_encoding(bytes: &[u8]) -> bool {
    let mut others = 0;
    for byte in bytes {
        let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        let digit = byte.wrapping_sub(b'0') < 10;
        others |= u8::from(!(letter | digit | (*byte == b'-') | (*byte == b'.') | (*byte == b'_')));
    }
    others == 0
}

/// The request of a call, with placeholders. It may contain an API key, so it does not implement `Debug`.
#[derive(Clone)]
pub struct RequestTemplate {
    pub method: &'static str,
    path: TextTemplate,
    /// Header lines of HTTP/1.1, each with its line ending.
    headers: TextTemplate,
    body: Option<TextTemplate>,
}

/// A buffer for a request, reused to avoid allocations.
#[derive(Default)]
pub struct RequestBuffer {
    pub method: &'static str,
    /// The path with its query.
    pub path: Vec<u8>,
    /// Header lines, each with its line ending, without `host` and `content-length`.
    pub headers: Vec<u8>,
    pub body: Option<Vec<u8>>,
    spare: Vec<u8>,
}

impl RequestBuffer {
    /// Appends the request as HTTP/1.1 (RFC 9112) to `out`.
    pub fn write_http1(&self, host: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(self.method.as_bytes());
        out.push(b' ');
        out.extend_from_slice(&self.path);
        out.extend_from_slice(b" HTTP/1.1\r\nhost: ");
        out.extend_from_slice(host.as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.headers);
        if let Some(body) = &self.body {
            out.extend_from_slice(b"content-length: ");
            write_number(body.len(), out);
            out.extend_from_slice(b"\r\n\r\n");
            out.extend_from_slice(body);
        } else {
            if self.method != "GET" {
                out.extend_from_slice(b"content-length: 0\r\n");
            }
            out.extend_from_slice(b"\r\n");
        }
    }
}

fn write_number(mut value: usize, out: &mut Vec<u8>) {
    let (mut digits, mut at) = ([0_u8; 20], 20);
    loop {
        at -= 1;
        #[allow(clippy::cast_possible_truncation, reason = "a digit")]
        let digit = (value % 10) as u8;
        digits[at] = b'0' + digit;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Without this header any content encoding is acceptable (RFC 9110, section 12.5.3), and the checks read bodies as they are.
const NO_ENCODING: &str = "accept-encoding: identity\r\n";

/// The header lines of an exchange or a refresh.
fn header_lines(request: &IdpRequest) -> String {
    let mut lines = format!("content-type: {}\r\n", request.content_type);
    if !request.headers.iter().any(|(name, _)| name == "accept") {
        lines.push_str("accept: application/json\r\n");
    }
    if !request.headers.iter().any(|(name, _)| name == "accept-encoding") {
        lines.push_str(NO_ENCODING);
    }
    for (name, value) in &request.headers {
        lines.push_str(&format!("{name}: {value}\r\n"));
    }
    lines
}

impl RequestTemplate {
    /// Exchange or refresh according to a wire profile. `prefix` is the path of the identity provider's base URL.
    pub fn grant(profile: &Profile, call: profile::IdpCall, prefix: &str) -> Self {
        let request = profile.request(
            call,
            &RequestValues {
                token: Placeholder::Token.marker(),
                public_key: Placeholder::PublicKey.marker(),
                tenant: Placeholder::Tenant.marker(),
                refresh_token: Placeholder::RefreshToken.marker(),
            },
        );
        let encoding = match profile.shape(call).encoding {
            Encoding::Form => ValueEncoding::Form,
            Encoding::Json => ValueEncoding::Json,
        };
        Self {
            method: "POST",
            path: TextTemplate::new(&format!("{prefix}{}", request.path), ValueEncoding::Form),
            headers: TextTemplate::new(&header_lines(&request), ValueEncoding::Plain),
            body: Some(TextTemplate::new(&request.body, encoding)),
        }
    }

    /// Any other call. The texts contain [`Placeholder::marker`]s; `body` is JSON.
    pub fn new(method: &'static str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Self {
        let mut lines = format!("accept: application/json\r\n{NO_ENCODING}");
        if body.is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            lines.push_str("content-type: application/json\r\n");
        }
        for (name, value) in headers {
            lines.push_str(&format!("{name}: {value}\r\n"));
        }
        Self {
            method,
            path: TextTemplate::new(path, ValueEncoding::Form),
            headers: TextTemplate::new(&lines, ValueEncoding::Plain),
            body: body.map(|body| TextTemplate::new(body, ValueEncoding::Json)),
        }
    }

    /// Fills the placeholders in.
    pub fn fill<'v>(&self, value: impl Fn(Placeholder) -> &'v str, buffer: &mut RequestBuffer) {
        buffer.method = self.method;
        buffer.path.clear();
        self.path.fill(&value, &mut buffer.path);
        buffer.headers.clear();
        self.headers.fill(&value, &mut buffer.headers);
        match (&self.body, &mut buffer.body) {
            (Some(template), body) => {
                let mut bytes = body.take().unwrap_or_else(|| std::mem::take(&mut buffer.spare));
                bytes.clear();
                template.fill(&value, &mut bytes);
                *body = Some(bytes);
            }
            (None, body) => {
                if let Some(bytes) = body.take() {
                    buffer.spare = bytes;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vouch_spec::profile::{BUILT_IN, BasicAuth, ClientSecret, IdpCall, OauthClient};

    #[test]
    fn a_filled_template_is_the_request_of_the_profile() {
        let awkward = "eyJ.a-b_c+/=&%\"\\ü";
        for profile in BUILT_IN.into_iter().filter_map(Profile::built_in) {
            for call in [IdpCall::Exchange, IdpCall::Refresh] {
                let values = RequestValues { token: awkward, public_key: "p+k", tenant: "t", refresh_token: awkward };
                let expected = profile.request(call, &values);
                let template = RequestTemplate::grant(&profile, call, "/base");
                let mut buffer = RequestBuffer::default();
                let value = |placeholder| match placeholder {
                    Placeholder::Token | Placeholder::RefreshToken => awkward,
                    Placeholder::PublicKey => "p+k",
                    Placeholder::Tenant => "t",
                    _ => "",
                };
                for _ in 0..2 {
                    template.fill(value, &mut buffer);
                    assert_eq!(
                        String::from_utf8_lossy(&buffer.path),
                        format!("/base{}", expected.path),
                        "{}",
                        profile.name
                    );
                    assert_eq!(buffer.body.as_deref(), Some(expected.body.as_bytes()), "{}", profile.name);
                }
            }
        }
    }

    #[test]
    fn headers_of_the_profile_are_sent() {
        let mut profile = Profile::clone(&Profile::junction());
        profile.client =
            Some(OauthClient { id: "app".into(), secret: Some(ClientSecret::new("s3cr3t/of")), secret_env: None });
        let basic = BasicAuth { user: "$clientId".into(), password: "$clientSecret".into() };
        profile.refresh.basic_auth = Some(basic);
        profile.refresh.headers.insert("Accept".into(), "*/*".into());
        let lines = |call| {
            let mut buffer = RequestBuffer::default();
            RequestTemplate::grant(&profile, call, "").fill(|_| "x", &mut buffer);
            String::from_utf8(buffer.headers).expect("text")
        };
        let form = "content-type: application/x-www-form-urlencoded\r\n";
        let basic = "authorization: Basic YXBwOnMzY3IzdCUyRm9m\r\n";
        assert_eq!(lines(IdpCall::Refresh), format!("{form}accept-encoding: identity\r\naccept: */*\r\n{basic}"));
        assert_eq!(
            lines(IdpCall::Exchange),
            format!("{form}accept: application/json\r\naccept-encoding: identity\r\n")
        );
    }

    #[test]
    fn a_request_is_written_as_http() {
        let template = RequestTemplate::new(
            "GET",
            "/v2/user/VouchSlotUser7f3a",
            &[("authorization", "Bearer VouchSlotAccess7f3a")],
            None,
        );
        let mut buffer = RequestBuffer::default();
        template.fill(|placeholder| if placeholder == Placeholder::User { "ada" } else { "at" }, &mut buffer);
        let mut out = Vec::new();
        buffer.write_http1("localhost:80", &mut out);
        let expected = "GET /v2/user/ada HTTP/1.1\r\nhost: localhost:80\r\naccept: application/json\r\naccept-encoding: identity\r\nauthorization: Bearer at\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&out), expected);
        let template = RequestTemplate::new("POST", "/x", &[], Some("{\"u\":\"VouchSlotUser7f3a\"}"));
        template.fill(|_| "a\"b", &mut buffer);
        out.clear();
        buffer.write_http1("h", &mut out);
        assert!(
            String::from_utf8_lossy(&out)
                .ends_with("content-type: application/json\r\ncontent-length: 12\r\n\r\n{\"u\":\"a\\\"b\"}")
        );
    }
}
