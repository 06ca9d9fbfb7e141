//! The spanned tree that YAML and TOML share.

use super::source::Span;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    pub kind: Kind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum Kind {
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

    fn map(&self, change: &impl Fn(&str) -> Kind) -> Self {
        match change(&self.name) {
            Kind::Text(name) if self.is_variable() => Self { name, span: self.span },
            _ => self.clone(),
        }
    }
}

impl Node {
    pub fn new(kind: Kind, span: Span) -> Self {
        Self { kind, span }
    }

    /// What the value is, for messages.
    pub fn what(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "true or false",
            Kind::Int(_) | Kind::Float(_) => "a number",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    pub fn as_map(&self) -> Option<&[(Key, Node)]> {
        if let Kind::Map(entries) = &self.kind { Some(entries) } else { None }
    }

    pub fn as_list(&self) -> Option<&[Node]> {
        if let Kind::List(items) = &self.kind { Some(items) } else { None }
    }

    pub fn as_text(&self) -> Option<&str> {
        if let Kind::Text(text) = &self.kind { Some(text) } else { None }
    }

    /// The value under a key of a map.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.as_map()?.iter().find(|(key, _)| key.name == name).map(|(_, value)| value)
    }

    /// A scalar as the words that stand in the file; none for lists and maps.
    pub fn scalar_words(&self) -> Option<String> {
        match &self.kind {
            Kind::Null => Some("null".into()),
            Kind::Bool(b) => Some(b.to_string()),
            Kind::Int(i) => Some(i.to_string()),
            Kind::Float(f) => Some(f.to_string()),
            Kind::Text(t) => Some(t.clone()),
            Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// Every text in the tree, keys that are variables too, in order, with its place.
    pub fn each_text(&self, visit: &mut impl FnMut(&str, Span)) {
        match &self.kind {
            Kind::Text(text) => visit(text, self.span),
            Kind::List(items) => items.iter().for_each(|item| item.each_text(visit)),
            Kind::Map(entries) => entries.iter().for_each(|(key, value)| {
                if key.is_variable() {
                    visit(&key.name, key.span);
                }
                value.each_text(visit);
            }),
            _ => {}
        }
    }

    /// The same tree with every text replaced by what `change` makes of it.
    pub fn map_texts(&self, change: &impl Fn(&str) -> Kind) -> Node {
        let kind = match &self.kind {
            Kind::Text(text) => change(text),
            Kind::List(items) => Kind::List(items.iter().map(|item| item.map_texts(change)).collect()),
            Kind::Map(entries) => {
                Kind::Map(entries.iter().map(|(key, value)| (key.map(change), value.map_texts(change))).collect())
            }
            other => other.clone(),
        };
        Node::new(kind, self.span)
    }
}
