//! Checks the single fields of a target file: URLs, paths, templates, locations.

use super::resolve::Resolver;
use crate::sut::{Place, RequestLine, Template};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use vouch_spec::base_url::{BaseUrl, is_path};
use vouch_spec::profile::{ClientSecret, Profile};
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
            self.decoder.wrong(text.span, message, "write the value itself: environment variables are not read here");
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

    /// Reads the client secret of a mapping from the environment variable that it names.
    pub(super) fn read_client_secret(&self, mapping: &mut Spanned<Profile>) {
        let Some(client) = mapping.value.client.as_mut() else { return };
        let Some(name) = client.secret_env.take() else { return };
        match std::env::var(&name).ok().filter(|secret| !secret.is_empty()) {
            Some(secret) => client.secret = Some(ClientSecret::new(secret)),
            None => {
                let message = format!("the environment variable `{name}` is not set");
                let help =
                    "it holds the client secret, for Vouch and not for a program that it starts: `export` it first";
                self.decoder.wrong(self.place_in(mapping, &name), message, help);
            }
        }
    }

    /// Where a text stands in a mapping. The span of a TOML table is its heading; what is in it comes later in the file, or in
    /// one line with it.
    fn place_in(&self, mapping: &Spanned<Profile>, text: &str) -> Span {
        let quoted = format!("{text:?}");
        let rest = self.decoder.source().text().get(mapping.span.start..).unwrap_or_default();
        let found = rest.find(&quoted).map(|at| mapping.span.start + at);
        found.map_or(mapping.span, |start| Span { start, end: start + quoted.len() })
    }

    /// Reports what is wrong with the mapping of a custom profile, with a caret under the wrong text.
    pub(super) fn check_mapping(&self, mapping: &Spanned<Profile>) {
        for problem in mapping.value.check() {
            let span = problem.text.map_or(mapping.span, |text| self.place_in(mapping, &text));
            let message = format!("invalid mapping: `{}`: {}", problem.field, problem.why);
            self.decoder.wrong(span, message, "see docs/profiles.md");
        }
    }
}
