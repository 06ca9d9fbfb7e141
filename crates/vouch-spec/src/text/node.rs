//! The spanned tree that YAML and TOML share.

use super::source::Span;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    pub kind: NodeKind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum NodeKind {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    /// In the order of the file; keys are unique.
    Map(Vec<(Key, Node)>),
}

/// A key of a map and where it stands.
#[derive(Clone, Debug)]
pub struct Key {
    pub name: String,
    pub span: Span,
}

impl Key {
    /// Whether a variable stands in its place.
    fn is_variable(&self) -> bool {
        self.name.starts_with('$')
    }

    fn map(&self, change: &impl Fn(&str) -> NodeKind) -> Self {
        match change(&self.name) {
            NodeKind::Text(name) if self.is_variable() => Self { name, span: self.span },
            _ => self.clone(),
        }
    }
}

impl Node {
    pub fn new(kind: NodeKind, span: Span) -> Self {
        Self { kind, span }
    }

    /// What the value is, for messages.
    pub fn what(&self) -> &'static str {
        match self.kind {
            NodeKind::Null => "nothing",
            NodeKind::Bool(_) => "true or false",
            NodeKind::Int(_) | NodeKind::Float(_) => "a number",
            NodeKind::Text(_) => "text",
            NodeKind::List(_) => "a list",
            NodeKind::Map(_) => "a map",
        }
    }

    pub fn as_map(&self) -> Option<&[(Key, Node)]> {
        if let NodeKind::Map(entries) = &self.kind { Some(entries) } else { None }
    }

    pub fn as_list(&self) -> Option<&[Node]> {
        if let NodeKind::List(items) = &self.kind { Some(items) } else { None }
    }

    pub fn as_text(&self) -> Option<&str> {
        if let NodeKind::Text(text) = &self.kind { Some(text) } else { None }
    }

    /// The value under a key of a map.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.as_map()?.iter().find(|(key, _)| key.name == name).map(|(_, value)| value)
    }

    /// A scalar as the words that stand in the file; none for lists and maps.
    pub fn scalar_words(&self) -> Option<String> {
        match &self.kind {
            NodeKind::Null => Some("null".into()),
            NodeKind::Bool(b) => Some(b.to_string()),
            NodeKind::Int(i) => Some(i.to_string()),
            NodeKind::Float(f) => Some(f.to_string()),
            NodeKind::Text(t) => Some(t.clone()),
            NodeKind::List(_) | NodeKind::Map(_) => None,
        }
    }

    /// Every text in the tree, keys that are variables too, in order, with its place.
    pub fn each_text(&self, visit: &mut impl FnMut(&str, Span)) {
        match &self.kind {
            NodeKind::Text(text) => visit(text, self.span),
            NodeKind::List(items) => items.iter().for_each(|item| item.each_text(visit)),
            NodeKind::Map(entries) => entries.iter().for_each(|(key, value)| {
                if key.is_variable() {
                    visit(&key.name, key.span);
                }
                value.each_text(visit);
            }),
            _ => {}
        }
    }

    /// The same tree with every text replaced by what `change` makes of it.
    #[must_use]
    pub fn map_texts(&self, change: &impl Fn(&str) -> NodeKind) -> Node {
        let kind = match &self.kind {
            NodeKind::Text(text) => change(text),
            NodeKind::List(items) => NodeKind::List(items.iter().map(|item| item.map_texts(change)).collect()),
            NodeKind::Map(entries) => {
                NodeKind::Map(entries.iter().map(|(key, value)| (key.map(change), value.map_texts(change))).collect())
            }
            other => other.clone(),
        };
        Node::new(kind, self.span)
    }
}
