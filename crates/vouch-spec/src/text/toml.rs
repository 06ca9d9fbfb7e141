//! TOML to the same spanned tree.

use super::diagnostic::Diagnostic;
use super::node::{Key, Node, NodeKind};
use super::source::{Source, Span};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads a document. All syntax errors are told; the tree holds what could be read.
pub fn parse(source: &Source) -> (Node, Vec<Diagnostic>) {
    let (table, errors) = DeTable::parse_recoverable(source.text());
    let problems = errors
        .iter()
        .map(|error| {
            let span = error.span().map_or(Span::default(), |r| Span { start: r.start, end: r.end });
            Diagnostic::new(source, span, format!("this is not TOML: {}", error.message()))
        })
        .collect();
    let span = span_of(&table);
    (Node::new(map(table.into_inner()), span), problems)
}

fn span_of<T>(spanned: &Spanned<T>) -> Span {
    let range = spanned.span();
    Span { start: range.start, end: range.end }
}

fn map(table: DeTable<'_>) -> NodeKind {
    let mut entries: Vec<_> = table
        .into_iter()
        .map(|(key, value)| {
            let span = span_of(&key);
            (Key { name: key.into_inner().into_owned(), span }, node(value))
        })
        .collect();
    entries.sort_by_key(|(key, _)| key.span);
    NodeKind::Map(entries)
}

fn node(value: Spanned<DeValue<'_>>) -> Node {
    let span = span_of(&value);
    let kind = match value.into_inner() {
        DeValue::String(text) => NodeKind::Text(text.into_owned()),
        DeValue::Boolean(b) => NodeKind::Bool(b),
        DeValue::Integer(i) => i64::from_str_radix(&i.as_str().replace('_', ""), i.radix())
            .map_or_else(|_| NodeKind::Text(i.to_string()), NodeKind::Int),
        DeValue::Float(f) => f.as_str().replace('_', "").parse().map_or(NodeKind::Null, NodeKind::Float),
        DeValue::Datetime(d) => NodeKind::Text(d.to_string()),
        DeValue::Array(items) => NodeKind::List(items.into_iter().map(node).collect()),
        DeValue::Table(table) => map(table),
    };
    Node::new(kind, span)
}
