//! Checks the single fields of a target file: URLs, paths, templates, locations.

use super::resolve::Resolver;
use crate::sut::{Place, RequestLine, Template};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use vouch_spec::base_url::{BaseUrl, is_path};
use vouch_spec::profile::Profile;
use vouch_spec::scenario::{Text, check_variables};
use vouch_spec::text::{Span, Spanned};

impl Resolver<'_> {
    /// A text in which the `known` variables are replaced.
    pub(super) fn template(&self, text: &Spanned<String>, known: &[&str]) -> Template {
        check_variables(&text.value, text.span, known, self.decoder);
        Text(text.value.clone())
    }

    /// A text in which nothing is replaced, and in which a `$` must be a mistake.
    pub(super) fn literal(&self, text: &Spanned<String>) -> String {
        if text.value.contains('$') {
            let message = format!("`{}` is not replaced here", text.value);
            self.decoder.wrong(
                text.span,
                message,
                "write the value itself: a target file reads no environment variables",
            );
        }
        text.value.clone()
    }

    /// Every text of a JSON body, with the place of the body.
    pub(super) fn body(&self, body: Option<&Spanned<Value>>, known: &[&str]) -> Option<Value> {
        let body = body?;
        self.check_body(&body.value, body.span, known);
        Some(body.value.clone())
    }

    fn check_body(&self, value: &Value, span: Span, known: &[&str]) {
        match value {
            Value::String(text) => check_variables(text, span, known, self.decoder),
            Value::Array(items) => items.iter().for_each(|item| self.check_body(item, span, known)),
            Value::Object(fields) => fields.values().for_each(|value| self.check_body(value, span, known)),
            _ => {}
        }
    }

    /// Headers by name.
    pub(super) fn headers(
        &self,
        headers: &BTreeMap<String, Spanned<String>>,
        known: &[&str],
    ) -> BTreeMap<String, Template> {
        for (name, value) in headers {
            if hyper::header::HeaderName::from_bytes(name.as_bytes()).is_err() {
                let message = format!("`{name}` is not the name of a header");
                self.decoder.wrong(value.span, message, "use letters, digits and hyphens");
            }
            if value.value.contains(|c: char| c.is_control()) {
                self.decoder.wrong(value.span, "a header has no line breaks", "write it on one line");
            }
        }
        self.templates(headers, known)
    }

    /// A base URL. The value of a variable is taken to be a number, as `$port` is.
    pub(super) fn url(&self, text: &Spanned<String>, known: &[&str]) -> Template {
        let template = self.template(text, known);
        let filled = template.resolve(|name| known.contains(&name).then(|| "1".to_owned()));
        if let Ok(Err(why)) = filled.map(|url| url.parse::<BaseUrl>()) {
            let message = format!("`{}` {why}", text.value);
            self.decoder.wrong(text.span, message, "write for example \"http://127.0.0.1:8080\"");
        }
        template
    }

    /// A path at the service, or a whole URL.
    pub(super) fn path_or_url(&self, text: &Spanned<String>, known: &[&str]) -> Template {
        // The query of a URL may stand here, unlike in a base URL.
        let base = text.value.split_once('?').map_or(text.value.as_str(), |(base, _)| base);
        if !text.value.contains("://") {
            if !is_path(&text.value) {
                let message = format!("`{}` is neither a path nor a URL", text.value);
                self.decoder.wrong(text.span, message, "write for example \"/health\"");
            }
            return self.template(text, known);
        }
        self.url(&Spanned { value: base.to_owned(), span: text.span }, known);
        Text(text.value.clone())
    }

    pub(super) fn pointer(&self, text: &Spanned<String>) -> String {
        if !text.value.starts_with('/') {
            let message = format!("`{}` is not a JSON pointer", text.value);
            self.decoder.wrong(text.span, message, "write for example \"/errors\"");
        }
        text.value.clone()
    }

    pub(super) fn line(&self, text: &Spanned<String>, known: &[&str]) -> Option<RequestLine> {
        let line = RequestLine::parse(&self.template(text, known).0).filter(|line| is_path(&line.path.0));
        if line.is_none() {
            let message = format!("`{}` is not a method and a path", text.value);
            self.decoder.wrong(text.span, message, "write for example \"POST /sign-in-token\"");
        }
        line
    }

    pub(super) fn place(&self, text: &Spanned<String>) -> Option<Place> {
        let place = Place::parse(&text.value);
        if place.is_none() {
            let message = format!("`{}` is not a location in a response", text.value);
            self.decoder.wrong(
                text.span,
                message,
                "write \"/json/pointer\", \"header:NAME\", \"cookie:NAME\" or \"body\"",
            );
        }
        place
    }

    pub(super) fn loopback(&self, text: &Spanned<String>) -> Option<SocketAddr> {
        let is_usable = |address: &SocketAddr| address.ip().is_loopback() && address.port() != 0;
        let address = text.value.parse::<SocketAddr>().ok().filter(is_usable);
        if address.is_none() {
            let message = format!("`{}` is not a loopback address with a port from 1 to 65535", text.value);
            self.decoder.wrong(text.span, message, "write for example \"127.0.0.1:9400\"");
        }
        address
    }

    /// Reports what is wrong with the mapping of a custom profile, with a caret under the wrong text.
    pub(super) fn check_mapping(&self, mapping: &Spanned<Profile>) {
        for problem in mapping.value.check() {
            // The span of a TOML table is its heading. What is in it comes later in the file, or in one line with it.
            let quoted = problem.text.map(|text| format!("{text:?}"));
            let rest = self.decoder.source().text().get(mapping.span.start..).unwrap_or_default();
            let found = quoted.and_then(|text| Some((mapping.span.start + rest.find(&text)?, text.len())));
            let span = found.map_or(mapping.span, |(start, length)| Span { start, end: start + length });
            let message = format!("invalid mapping: `{}`: {}", problem.field, problem.why);
            self.decoder.wrong(span, message, "see docs/profiles.md");
        }
    }
}
