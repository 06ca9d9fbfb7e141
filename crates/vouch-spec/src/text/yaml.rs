//! YAML to the spanned tree. Depth and size are bounded, so no file can exhaust the harness.

use super::diagnostic::Diagnostic;
use super::node::{Key, Node, NodeKind};
use super::source::{Source, Span};
use saphyr_parser::{Event, Parser, ScalarStyle};
use std::collections::HashMap;

const MAX_DEPTH: usize = 64;
/// Counts aliases as often as they are used, which disarms "billion laughs" files.
const MAX_NODES: usize = 200_000;

/// Reads one document. On a syntax error the tree is missing and the problem says why.
pub fn parse(source: &Source) -> (Option<Node>, Vec<Diagnostic>) {
    let mut reader = YamlReader {
        source,
        parser: Parser::new_from_str(source.text()),
        byte_of_char: source.text().char_indices().map(|(i, _)| i).chain([source.text().len()]).collect(),
        anchors: HashMap::new(),
        nodes: 0,
        problems: Vec::new(),
    };
    match reader.document() {
        Ok(node) => (Some(node), reader.problems),
        Err(problem) => {
            reader.problems.push(*problem);
            (None, reader.problems)
        }
    }
}

struct YamlReader<'s> {
    source: &'s Source,
    parser: Parser<'s, saphyr_parser::StrInput<'s>>,
    byte_of_char: Vec<usize>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    problems: Vec<Diagnostic>,
}

type YamlResult<T> = Result<T, Box<Diagnostic>>;

impl<'s> YamlReader<'s> {
    fn document(&mut self) -> YamlResult<Node> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) => {}
                Event::StreamEnd | Event::DocumentEnd => return self.fail(span, "the file is empty"),
                other => {
                    let node = self.node(other, span, 0)?;
                    self.nothing_more()?;
                    return Ok(node);
                }
            }
        }
    }

    fn nothing_more(&mut self) -> YamlResult<()> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(()),
                Event::DocumentEnd => {}
                _ => return self.fail(span, "a second document in one file: put each in a file of its own"),
            }
        }
    }

    fn next(&mut self) -> YamlResult<(Event<'s>, Span)> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                let span = Span { start: self.byte(span.start.index()), end: self.byte(span.end.index()) };
                Ok((event, span))
            }
            Some(Err(error)) => {
                let at = self.byte(error.marker().index());
                let problem = Diagnostic::new(
                    self.source,
                    Span { start: at, end: at },
                    format!("this is not YAML: {}", error.info()),
                );
                Err(Box::new(if error.info().contains("mapping values are not allowed") {
                    problem.help("a name that is followed by fields of its own ends in a colon; a text with `: ` in it wants quotes")
                } else {
                    problem
                }))
            }
            None => self.fail(Span::default(), "the file ends too early"),
        }
    }

    fn byte(&self, index: usize) -> usize {
        self.byte_of_char.get(index).copied().unwrap_or(self.source.text().len())
    }

    fn fail<T>(&self, span: Span, message: impl Into<String>) -> YamlResult<T> {
        Err(Box::new(Diagnostic::new(self.source, span, message)))
    }

    fn node(&mut self, event: Event<'s>, span: Span, depth: usize) -> YamlResult<Node> {
        self.nodes += 1;
        if depth > MAX_DEPTH {
            return self.fail(span, format!("nested deeper than {MAX_DEPTH} levels"));
        }
        if self.nodes > MAX_NODES {
            return self.fail(span, format!("more than {MAX_NODES} values in one file"));
        }
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let kind = if plain { plain_scalar(&text) } else { NodeKind::Text(text.into_owned()) };
                (Node::new(kind, span), anchor)
            }
            Event::SequenceStart(anchor, _) => (self.list(span, depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.map(span, depth)?, anchor),
            Event::Alias(anchor) => return self.alias(anchor, span),
            _ => return self.fail(span, "unexpected end of a value"),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> YamlResult<Node> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return self.fail(span, "an alias inside its own anchor");
        };
        self.nodes += size(&node);
        if self.nodes > MAX_NODES {
            return self.fail(span, format!("aliases expand to more than {MAX_NODES} values"));
        }
        Ok(node)
    }

    fn list(&mut self, start: Span, depth: usize) -> YamlResult<Node> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                let end = span.end.max(start.end);
                return Ok(Node::new(NodeKind::List(items), Span { start: start.start, end }));
            }
            items.push(self.node(event, span, depth + 1)?);
        }
    }

    fn map(&mut self, start: Span, depth: usize) -> YamlResult<Node> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut first_places: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                let first = entries.first().map_or(start.start, |(key, _)| key.span.start);
                return Ok(Node::new(NodeKind::Map(entries), Span { start: first, end: span.end.max(start.end) }));
            }
            let key_node = self.node(event, span, depth + 1)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            let Some(name) = key_node.scalar_words() else {
                self.problems.push(Diagnostic::new(self.source, key_node.span, "a key must be one word"));
                continue;
            };
            let key = Key { name, span: key_node.span };
            if let Some(first) = first_places.get(&key.name) {
                let (line, _) = self.source.line_column(*first);
                self.problems.push(
                    Diagnostic::new(self.source, key.span, format!("`{}` is given twice", key.name))
                        .help(format!("the first stands in line {line}; keep one")),
                );
                continue;
            }
            first_places.insert(key.name.clone(), key.span.start);
            entries.push((key, value));
        }
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.kind {
        NodeKind::List(items) => items.iter().map(size).sum(),
        NodeKind::Map(entries) => entries.iter().map(|(_, value)| size(value)).sum(),
        _ => 0,
    }
}

/// YAML 1.2 core schema, decimal numbers only: nobody means octal in a scenario.
fn plain_scalar(text: &str) -> NodeKind {
    match text {
        "" | "~" | "null" => return NodeKind::Null,
        "true" => return NodeKind::Bool(true),
        "false" => return NodeKind::Bool(false),
        _ => {}
    }
    if let Ok(number) = text.parse::<i64>() {
        return NodeKind::Int(number);
    }
    let numeric = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    match text.parse::<f64>() {
        Ok(number) if numeric && number.is_finite() => NodeKind::Float(number),
        _ => NodeKind::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_text(text: &str) -> (Option<Node>, Vec<Diagnostic>) {
        parse(&Source::new("t.yaml", text))
    }

    #[test]
    fn a_repeated_key_is_a_problem_at_the_second_one() {
        let (_, problems) = parse_text("a: 1\nb: 2\na: 3\n");
        assert_eq!(problems[0].place(), "t.yaml:3:1");
        assert!(problems[0].message.contains("given twice"));
    }

    #[test]
    fn spans_count_bytes_and_columns_count_characters() {
        let (node, _) = parse_text("é: x\nk: [ü, ö]\n");
        let node = node.unwrap();
        let list = node.get("k").unwrap().as_list().unwrap();
        let source = Source::new("t.yaml", "é: x\nk: [ü, ö]\n");
        assert_eq!(&source.text()[list[1].span.start..list[1].span.end], "ö");
        assert_eq!(source.place(list[1].span), "t.yaml:2:8");
    }

    #[test]
    fn aliases_that_multiply_are_refused() {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for i in 1..9 {
            let refs = vec![format!("*a{}", i - 1); 10].join(", ");
            text.push_str(&format!("a{i}: &a{i} [{refs}]\n"));
        }
        let (node, problems) = parse_text(&text);
        assert!(node.is_none());
        assert!(problems[0].message.contains("aliases expand"));
    }

    #[test]
    fn deep_nesting_is_refused_not_a_stack_overflow() {
        let (node, problems) = parse_text(&"[".repeat(100_000));
        assert!(node.is_none());
        assert!(!problems.is_empty());
    }

    #[test]
    fn words_that_look_a_little_like_numbers_stay_words() {
        let (node, _) = parse_text("[1e3, v1.2, inf, a-b, 12, 1.5, 0x10]");
        let kinds: Vec<_> = node.unwrap().as_list().unwrap().iter().map(Node::what).collect();
        assert_eq!(kinds, ["a number", "text", "text", "text", "a number", "a number", "text"]);
    }
}
