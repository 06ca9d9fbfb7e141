//! Requests that are ready but for a token or a user: made once from the wire profile, filled in for each arrival without
//! an allocation.

use form_urlencoded::byte_serialize;
use vouch_spec::profile::{self, Encoding, Profile, Values};

/// What is filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The JWT of a sign-in token.
    Token,
    PublicKey,
    Tenant,
    RefreshToken,
    AccessToken,
    /// A user's id, or at a backend its name there.
    User,
    /// A backend user's credential.
    Credential,
}

impl Slot {
    const ALL: [Slot; 7] = [
        Slot::Token,
        Slot::PublicKey,
        Slot::Tenant,
        Slot::RefreshToken,
        Slot::AccessToken,
        Slot::User,
        Slot::Credential,
    ];

    /// A text that no encoding changes, and that stands for the slot until a template is cut at it.
    pub const fn mark(self) -> &'static str {
        match self {
            Slot::Token => "VouchSlotToken7f3a",
            Slot::PublicKey => "VouchSlotPublicKey7f3a",
            Slot::Tenant => "VouchSlotTenant7f3a",
            Slot::RefreshToken => "VouchSlotRefresh7f3a",
            Slot::AccessToken => "VouchSlotAccess7f3a",
            Slot::User => "VouchSlotUser7f3a",
            Slot::Credential => "VouchSlotCredential7f3a",
        }
    }
}

/// How a value is written at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guise {
    Plain,
    Form,
    Json,
}

#[derive(Clone)]
enum Piece {
    Fixed(Vec<u8>),
    Slot(Slot),
}

/// A text with slots.
#[derive(Clone)]
struct Cut {
    pieces: Vec<Piece>,
    guise: Guise,
}

impl Cut {
    fn new(text: &str, guise: Guise) -> Self {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((at, slot)) =
            Slot::ALL.into_iter().filter_map(|s| Some((rest.find(s.mark())?, s))).min_by_key(|(at, _)| *at)
        {
            pieces.push(Piece::Fixed(rest[..at].into()));
            pieces.push(Piece::Slot(slot));
            rest = &rest[at + slot.mark().len()..];
        }
        pieces.push(Piece::Fixed(rest.into()));
        Self { pieces, guise }
    }

    fn fill<'v>(&self, value: impl Fn(Slot) -> &'v str, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Fixed(text) => out.extend_from_slice(text),
                Piece::Slot(slot) => write(value(*slot), self.guise, out),
            }
        }
    }
}

fn write(value: &str, guise: Guise, out: &mut Vec<u8>) {
    match guise {
        Guise::Plain => out.extend_from_slice(value.as_bytes()),
        Guise::Form if all_plain(value.as_bytes()) => out.extend_from_slice(value.as_bytes()),
        Guise::Form => byte_serialize(value.as_bytes()).for_each(|part| out.extend_from_slice(part.as_bytes())),
        Guise::Json if value.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') => {
            out.extend_from_slice(value.as_bytes());
        }
        Guise::Json => {
            let quoted = serde_json::Value::from(value).to_string();
            out.extend_from_slice(&quoted.as_bytes()[1..quoted.len() - 1]);
        }
    }
}

/// Whether a form leaves all of it as it is. Without a branch, so that it takes many bytes at once: tokens are long.
fn all_plain(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |all, byte| {
        let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        let digit = byte.wrapping_sub(b'0') < 10;
        all & (letter | digit | (*byte == b'-') | (*byte == b'.') | (*byte == b'_'))
    })
}

/// A call's request, but for its slots. It may hold an API key, so it does not print itself.
#[derive(Clone)]
pub struct Template {
    pub method: &'static str,
    path: Cut,
    /// `name: value` lines of HTTP/1.1, each with its end.
    fields: Cut,
    body: Option<Cut>,
}

/// A request that is about to be sent. Kept and filled again, so that it costs no allocation.
#[derive(Default)]
pub struct Draft {
    pub method: &'static str,
    /// With its query.
    pub path: Vec<u8>,
    /// `name: value` lines, each with its end; without `host` and `content-length`.
    pub fields: Vec<u8>,
    pub body: Option<Vec<u8>>,
    spare: Vec<u8>,
}

impl Draft {
    /// Appends the request as HTTP/1.1 (RFC 9112) to `out`.
    pub fn write_http1(&self, host: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(self.method.as_bytes());
        out.push(b' ');
        out.extend_from_slice(&self.path);
        out.extend_from_slice(b" HTTP/1.1\r\nhost: ");
        out.extend_from_slice(host.as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.fields);
        if let Some(body) = &self.body {
            out.extend_from_slice(b"content-length: ");
            number(body.len(), out);
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

fn number(mut value: usize, out: &mut Vec<u8>) {
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

impl Template {
    /// Exchange or refresh as a wire profile has them. `prefix` is the path of the identity provider's base URL.
    pub fn grant(profile: &Profile, call: profile::IdpCall, prefix: &str) -> Self {
        let request = profile.request(
            call,
            &Values {
                token: Slot::Token.mark(),
                public_key: Slot::PublicKey.mark(),
                tenant: Slot::Tenant.mark(),
                refresh_token: Slot::RefreshToken.mark(),
            },
        );
        let guise = match profile.shape(call).encoding {
            Encoding::Form => Guise::Form,
            Encoding::Json => Guise::Json,
        };
        Self {
            method: "POST",
            path: Cut::new(&format!("{prefix}{}", request.path), Guise::Form),
            fields: Cut::new(
                &format!("content-type: {}\r\naccept: application/json\r\n", request.content_type),
                Guise::Plain,
            ),
            body: Some(Cut::new(&request.body, guise)),
        }
    }

    /// Any other call, as a text with [`Slot::mark`]s. `body` is JSON.
    pub fn new(method: &'static str, path: &str, fields: &[(&str, &str)], body: Option<&str>) -> Self {
        let mut lines = String::from("accept: application/json\r\n");
        if body.is_some() && !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            lines.push_str("content-type: application/json\r\n");
        }
        for (name, value) in fields {
            lines.push_str(&format!("{name}: {value}\r\n"));
        }
        Self {
            method,
            path: Cut::new(path, Guise::Form),
            fields: Cut::new(&lines, Guise::Plain),
            body: body.map(|body| Cut::new(body, Guise::Json)),
        }
    }

    /// Fills the slots in.
    pub fn fill<'v>(&self, value: impl Fn(Slot) -> &'v str, draft: &mut Draft) {
        draft.method = self.method;
        draft.path.clear();
        self.path.fill(&value, &mut draft.path);
        draft.fields.clear();
        self.fields.fill(&value, &mut draft.fields);
        match (&self.body, &mut draft.body) {
            (Some(cut), body) => {
                let mut bytes = body.take().unwrap_or_else(|| std::mem::take(&mut draft.spare));
                bytes.clear();
                cut.fill(&value, &mut bytes);
                *body = Some(bytes);
            }
            (None, body) => {
                if let Some(bytes) = body.take() {
                    draft.spare = bytes;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vouch_spec::profile::{BUILT_IN, IdpCall};

    #[test]
    fn a_filled_template_is_the_request_of_the_profile() {
        let awkward = "eyJ.a-b_c+/=&%\"\\ü";
        for profile in BUILT_IN.into_iter().filter_map(Profile::built_in) {
            for call in [IdpCall::Exchange, IdpCall::Refresh] {
                let values = Values { token: awkward, public_key: "p+k", tenant: "t", refresh_token: awkward };
                let expected = profile.request(call, &values);
                let template = Template::grant(&profile, call, "/base");
                let mut draft = Draft::default();
                let value = |slot| match slot {
                    Slot::Token | Slot::RefreshToken => awkward,
                    Slot::PublicKey => "p+k",
                    Slot::Tenant => "t",
                    _ => "",
                };
                for _ in 0..2 {
                    template.fill(value, &mut draft);
                    assert_eq!(
                        String::from_utf8_lossy(&draft.path),
                        format!("/base{}", expected.path),
                        "{}",
                        profile.name
                    );
                    assert_eq!(draft.body.as_deref(), Some(expected.body.as_bytes()), "{}", profile.name);
                }
            }
        }
    }

    #[test]
    fn a_draft_writes_what_http_wants() {
        let template = Template::new(
            "GET",
            "/v2/user/VouchSlotUser7f3a",
            &[("authorization", "Bearer VouchSlotAccess7f3a")],
            None,
        );
        let mut draft = Draft::default();
        template.fill(|slot| if slot == Slot::User { "ada" } else { "at" }, &mut draft);
        let mut out = Vec::new();
        draft.write_http1("localhost:80", &mut out);
        let expected = "GET /v2/user/ada HTTP/1.1\r\nhost: localhost:80\r\naccept: application/json\r\nauthorization: Bearer at\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&out), expected);
        let template = Template::new("POST", "/x", &[], Some("{\"u\":\"VouchSlotUser7f3a\"}"));
        template.fill(|_| "a\"b", &mut draft);
        out.clear();
        draft.write_http1("h", &mut out);
        assert!(
            String::from_utf8_lossy(&out)
                .ends_with("content-type: application/json\r\ncontent-length: 12\r\n\r\n{\"u\":\"a\\\"b\"}")
        );
    }
}
