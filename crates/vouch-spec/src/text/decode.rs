//! The spanned tree to Rust types, through serde, with every mistake kept.
//!
//! serde stops at its first error; a person who mends a file wants them all. So an unknown field or word is noted
//! with its place and the suggest valid one, and decoding goes on where it can.

mod access;

use super::diagnostic::Diagnostic;
use super::node::{Key, Node, NodeKind};
use super::source::{Source, Span};
use super::suggest::did_you_mean;
use access::{Entries, EnumVariant, Items, SpannedParts};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;

/// Decodes trees of one file and gathers what is wrong.
pub struct Decoder {
    source: Source,
    diagnostics: RefCell<Vec<Diagnostic>>,
    /// The innermost value that the last attempt failed at.
    failed_at: Cell<Option<Span>>,
}

/// How serde's message about a field that is not there begins.
const MISSING: &str = "missing field";

/// How many mistakes in one value are looked for.
const MAX_ERRORS: usize = 30;

impl Decoder {
    pub fn new(source: &Source) -> Self {
        Self { source: source.clone(), diagnostics: RefCell::default(), failed_at: Cell::new(None) }
    }

    /// The value, or nothing when the tree does not make one; [`Decoder::finish`] then tells why.
    pub fn decode<T: for<'de> Deserialize<'de>>(&self, node: &Node) -> Option<T> {
        let before = self.diagnostics.borrow().len();
        let value = self.attempt(node);
        if value.is_some() && self.diagnostics.borrow().len() == before {
            return value;
        }
        self.find_more_errors::<T>(node);
        None
    }

    fn attempt<T: for<'de> Deserialize<'de>>(&self, node: &Node) -> Option<T> {
        self.failed_at.set(None);
        match T::deserialize(NodeDeserializer { node, decoder: self }) {
            Ok(value) => Some(value),
            Err(DecodeError::Reported) => None,
            Err(DecodeError::New { message, span }) => {
                self.failed_at.set(self.failed_at.get().or(span));
                self.report(Diagnostic::new(&self.source, span.unwrap_or(node.span), message));
                None
            }
        }
    }

    /// serde gives up at its first error: removes the value that it failed at and tries again, for the mistakes
    /// behind it.
    fn find_more_errors<T: for<'de> Deserialize<'de>>(&self, node: &Node) {
        let mut rest = node.clone();
        for _ in 0..MAX_ERRORS {
            let Some(span) = self.failed_at.get() else { return };
            if !remove(&mut rest, span) {
                return;
            }
            let known = self.diagnostics.borrow().clone();
            let done = self.attempt::<T>(&rest).is_some();
            let mut diagnostics = self.diagnostics.borrow_mut();
            let new: Vec<_> = diagnostics
                .drain(known.len()..)
                // What is missing now was taken away just before.
                .filter(|p| !p.message.starts_with(MISSING))
                .filter(|p| !known.iter().any(|k| k.span == p.span && k.message == p.message))
                .collect();
            diagnostics.extend(new);
            if done {
                return;
            }
        }
    }

    fn record_failure(&self, node: &Node) {
        self.failed_at.set(self.failed_at.get().or(Some(node.span)));
    }

    pub fn report(&self, diagnostic: Diagnostic) {
        self.diagnostics.borrow_mut().push(diagnostic);
    }

    /// Notes a diagnostic at a place of this decoder's file.
    pub fn wrong(&self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.report(Diagnostic::new(&self.source, span, message).help(help));
    }

    pub fn source(&self) -> &Source {
        &self.source
    }

    pub fn finish(self) -> Vec<Diagnostic> {
        self.diagnostics.into_inner()
    }

    fn unknown(&self, what: &str, word: &str, span: Span, valid: &'static [&'static str]) {
        let help = did_you_mean(word, valid.iter().copied());
        self.report(
            Diagnostic::new(&self.source, span, format!("unknown {what} `{word}`")).label("not known").help(help),
        );
    }
}

/// A value with its place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    pub value: T,
    pub span: Span,
}

const SPANNED: &str = "$vouch::Spanned";
const SPANNED_FIELDS: &[&str] = &["start", "end", "value"];

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Visit<T> {
            type Value = Spanned<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value with its place")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
                let missing = || de::Error::custom("no place");
                let start = parts.next_element::<u64>()?.ok_or_else(missing)?;
                let end = parts.next_element::<u64>()?.ok_or_else(missing)?;
                let value = parts.next_element::<T>()?.ok_or_else(missing)?;
                #[allow(clippy::cast_possible_truncation, reason = "offsets of a text in memory")]
                Ok(Spanned { value, span: Span { start: start as usize, end: end as usize } })
            }
        }
        deserializer.deserialize_struct(SPANNED, SPANNED_FIELDS, Visit(PhantomData))
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for Spanned<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }

    fn inline_schema() -> bool {
        T::inline_schema()
    }
}

/// serde's error on its way up to the next node that knows its place.
#[derive(Debug)]
enum DecodeError {
    /// Already among the diagnostics.
    Reported,
    New {
        message: String,
        span: Option<Span>,
    },
}

impl DecodeError {
    fn at(self, place: Span) -> Self {
        match self {
            DecodeError::New { message, span: None } => DecodeError::New { message, span: Some(place) },
            other => other,
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Reported => f.write_str("already reported"),
            DecodeError::New { message, .. } => f.write_str(message),
        }
    }
}

impl std::error::Error for DecodeError {}

impl de::Error for DecodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        DecodeError::New { message: message.to_string(), span: None }
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        match found {
            de::Unexpected::Signed(number) if number < 0 => {
                Self::custom(format!("`{number}` is negative; the value must be 0 or more"))
            }
            _ => Self::custom(format!("invalid value: {found}, expected {expected}")),
        }
    }
}

#[derive(Clone, Copy)]
struct NodeDeserializer<'a> {
    node: &'a Node,
    decoder: &'a Decoder,
}

impl NodeDeserializer<'_> {
    fn mismatch(self, wanted: &str) -> DecodeError {
        let message = format!("expected {wanted}, found {}", self.node.what());
        DecodeError::New { message, span: Some(self.node.span) }
    }

    fn walk_map<'de, V: Visitor<'de>>(self, entries: Vec<&(Key, Node)>, visitor: V) -> Result<V::Value, DecodeError> {
        visitor
            .visit_map(Entries { entries: entries.into_iter(), value: None, decoder: self.decoder, failed: false })
            .map_err(|error| error.at(self.node.span))
    }
}

impl<'de> Deserializer<'de> for NodeDeserializer<'_> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let span = self.node.span;
        match &self.node.kind {
            NodeKind::Null => visitor.visit_unit(),
            NodeKind::Bool(b) => visitor.visit_bool(*b),
            NodeKind::Int(i) if *i >= 0 => visitor.visit_u64(i.unsigned_abs()),
            NodeKind::Int(i) => visitor.visit_i64(*i),
            NodeKind::Float(f) => visitor.visit_f64(*f),
            NodeKind::Text(t) => visitor.visit_str(t),
            NodeKind::List(items) => {
                visitor.visit_seq(Items { items: items.iter(), decoder: self.decoder, failed: false })
            }
            NodeKind::Map(entries) => return self.walk_map(entries.iter().collect(), visitor),
        }
        .map_err(|error: DecodeError| error.at(span))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if matches!(self.node.kind, NodeKind::Null) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.node.kind {
            NodeKind::Text(_) => self.deserialize_any(visitor),
            NodeKind::Int(_) | NodeKind::Float(_) | NodeKind::Bool(_) => Err(self.mismatch("text (put it in quotes)")),
            _ => Err(self.mismatch("text")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.node.as_list().is_some() { self.deserialize_any(visitor) } else { Err(self.mismatch("a list")) }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.node.as_map().is_some() { self.deserialize_any(visitor) } else { Err(self.mismatch("a map")) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if name == SPANNED {
            return visitor.visit_seq(SpannedParts { at: self, part: 0 });
        }
        let entries = match &self.node.kind {
            NodeKind::Map(entries) => entries,
            NodeKind::Null => return self.walk_map(Vec::new(), visitor),
            // A bare value stands for the first field: `signIn: $token` is `signIn: {token: $token}`.
            _ => {
                let Some(first) = fields.first() else { return Err(self.mismatch("nothing here")) };
                let key = Key { name: (*first).to_owned(), span: self.node.span };
                let entry = (key, self.node.clone());
                return self.walk_map(vec![&entry], visitor);
            }
        };
        let (known, unknown): (Vec<_>, Vec<_>) =
            entries.iter().partition(|(key, _)| fields.contains(&key.name.as_str()));
        for (key, _) in &unknown {
            self.decoder.unknown("field", &key.name, key.span, fields);
        }
        self.walk_map(known, visitor).map_err(|error| match error {
            // With a misspelt field beside it, "missing field" is noise.
            DecodeError::New { message, .. } if !unknown.is_empty() && message.starts_with(MISSING) => {
                DecodeError::Reported
            }
            other => other,
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let (word, span, value) = match &self.node.kind {
            NodeKind::Text(text) => (text.as_str(), self.node.span, None),
            NodeKind::Map(entries) if entries.len() == 1 => {
                (entries[0].0.name.as_str(), entries[0].0.span, Some(&entries[0].1))
            }
            _ => return Err(self.mismatch(&format!("one of {}", words(variants)))),
        };
        if !variants.contains(&word) {
            self.decoder.unknown("word", word, span, variants);
            return Err(DecodeError::Reported);
        }
        visitor
            .visit_enum(EnumVariant { word, span, value, decoder: self.decoder })
            .map_err(|error| error.at(self.node.span))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

/// Takes the value at a place out of a tree; whether it was there.
fn remove(node: &mut Node, span: Span) -> bool {
    match &mut node.kind {
        NodeKind::Map(entries) => match entries.iter().position(|(_, value)| value.span == span) {
            Some(at) => {
                entries.remove(at);
                true
            }
            None => entries.iter_mut().any(|(_, value)| remove(value, span)),
        },
        NodeKind::List(items) => match items.iter().position(|item| item.span == span) {
            Some(at) => {
                items.remove(at);
                true
            }
            None => items.iter_mut().any(|item| remove(item, span)),
        },
        _ => false,
    }
}

fn words(list: &[&str]) -> String {
    list.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
