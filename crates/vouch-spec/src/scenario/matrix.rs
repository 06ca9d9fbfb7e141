//! `matrix:` makes one file many cases.
//!
//! ```yaml
//! matrix:
//!   environment: [production, sandbox]      # an axis: one case for each
//!   region: [us, eu]
//!   otherRegion: {region: {us: eu, eu: us}} # follows another variable
//! ```

use crate::text::{Decoder, Node, NodeKind, did_you_mean};

/// More cases than this from one file is a slip, not a suite.
const MAX_CASES: usize = 500;

/// The variables of one case, in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct Combination(Vec<(String, Value)>);

#[derive(Clone, Debug)]
struct Value {
    words: String,
    /// The value as the file has it: a number stays one.
    kind: NodeKind,
    axis: bool,
}

impl Combination {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.words.as_str())
    }

    /// A whole text that is one variable becomes the variable's value, a number too.
    pub fn substitute(&self, text: &str) -> NodeKind {
        let whole = text.strip_prefix('$').and_then(|name| self.0.iter().find(|(n, _)| n == name));
        match whole {
            Some((_, value)) => value.kind.clone(),
            None => NodeKind::Text(super::variables::fill(text, &|name| self.get(name).map(str::to_owned))),
        }
    }

    /// What tells this case from its siblings: `[production us]`, or nothing without a matrix.
    pub fn suffix(&self) -> String {
        let words: Vec<_> =
            self.0.iter().filter(|(_, value)| value.axis).map(|(_, value)| value.words.as_str()).collect();
        if words.is_empty() { String::new() } else { format!("[{}]", words.join(" ")) }
    }
}

/// A matrix, read and checked.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    variables: Vec<Variable>,
    /// Every name that the file gives, those of broken variables too.
    names: Vec<String>,
}

#[derive(Clone, Debug)]
enum Variable {
    Axis { name: String, values: Vec<Value> },
    Follows { name: String, of: String, values: Vec<(String, Value)> },
}

impl Variable {
    fn name(&self) -> &str {
        match self {
            Variable::Axis { name, .. } | Variable::Follows { name, .. } => name,
        }
    }
}

impl Matrix {
    /// Reads the node under `matrix:`. What is wrong goes to the decoder.
    pub fn read(node: &Node, decoder: &Decoder) -> Self {
        let mut matrix = Self::default();
        let Some(entries) = node.as_map() else {
            decoder.wrong(
                node.span,
                format!("a matrix is a map of variables, not {}", node.what()),
                "write for example `region: [us, eu]`",
            );
            return matrix;
        };
        for (key, value) in entries {
            let variable = match &value.kind {
                NodeKind::List(items) => axis(&key.name, items, value, decoder),
                NodeKind::Map(_) => matrix.follows(&key.name, value, decoder),
                _ => {
                    decoder.wrong(
                        value.span,
                        format!("`{}` is neither a list nor follows another variable", key.name),
                        "write a list of values",
                    );
                    None
                }
            };
            matrix.names.push(key.name.clone());
            matrix.variables.extend(variable);
        }
        let cases = matrix.count();
        if cases > MAX_CASES {
            decoder.wrong(
                node.span,
                format!("this matrix makes {cases} cases, more than {MAX_CASES}"),
                "split the scenario or shorten an axis",
            );
            matrix.variables.clear();
        }
        matrix
    }

    fn follows(&self, name: &str, node: &Node, decoder: &Decoder) -> Option<Variable> {
        let Some([(of, table)]) = node.as_map() else {
            decoder.wrong(
                node.span,
                format!("`{name}` must follow exactly one variable"),
                "write for example `{region: {us: eu, eu: us}}`",
            );
            return None;
        };
        let Some(Variable::Axis { values: wanted, .. }) = self.variables.iter().find(|v| v.name() == of.name) else {
            let axes = self
                .variables
                .iter()
                .filter(|v| matches!(v, Variable::Axis { .. }))
                .map(Variable::name)
                .collect::<Vec<_>>();
            decoder.wrong(of.span, format!("`{}` is no axis that stands above", of.name), did_you_mean(&of.name, axes));
            return None;
        };
        let mut values = Vec::new();
        for value in wanted {
            let Some(found) = table.get(&value.words).and_then(|n| scalar(n, false)) else {
                decoder.wrong(
                    table.span,
                    format!("`{name}` has no value for {} `{}`", of.name, value.words),
                    "give one value for each",
                );
                return None;
            };
            values.push((value.words.clone(), found));
        }
        for (key, _) in table.as_map().unwrap_or_default() {
            if !wanted.iter().any(|value| value.words == key.name) {
                let words: Vec<_> = wanted.iter().map(|value| value.words.as_str()).collect();
                decoder.wrong(
                    key.span,
                    format!("`{}` is no value of `{}`", key.name, of.name),
                    did_you_mean(&key.name, words),
                );
            }
        }
        Some(Variable::Follows { name: name.to_owned(), of: of.name.clone(), values })
    }

    fn count(&self) -> usize {
        self.variables.iter().fold(1_usize, |count, variable| match variable {
            Variable::Axis { values, .. } => count.saturating_mul(values.len()),
            Variable::Follows { .. } => count,
        })
    }

    /// The names that the matrix gives.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.names.iter().map(String::as_str)
    }

    /// The names of the variables that others follow.
    pub fn followed(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().filter_map(|variable| match variable {
            Variable::Follows { of, .. } => Some(of.as_str()),
            Variable::Axis { .. } => None,
        })
    }

    /// Every case, in the order of the file.
    pub fn combinations(&self) -> Vec<Combination> {
        let mut cases = vec![Combination::default()];
        for variable in &self.variables {
            cases = cases.into_iter().flat_map(|case| extend(case, variable)).collect();
        }
        cases
    }
}

fn extend(case: Combination, variable: &Variable) -> Vec<Combination> {
    let with = |name: &str, value: &Value| {
        let mut case = case.clone();
        case.0.push((name.to_owned(), value.clone()));
        case
    };
    match variable {
        Variable::Axis { name, values } => values.iter().map(|value| with(name, value)).collect(),
        Variable::Follows { name, of, values } => {
            let current = case.get(of).unwrap_or_default();
            values.iter().filter(|(key, _)| key == current).map(|(_, value)| with(name, value)).collect()
        }
    }
}

fn axis(name: &str, items: &[Node], node: &Node, decoder: &Decoder) -> Option<Variable> {
    if items.is_empty() {
        decoder.wrong(
            node.span,
            format!("the axis `{name}` is empty: no case would be left"),
            "give at least one value",
        );
        return None;
    }
    let mut values: Vec<Value> = Vec::new();
    for item in items {
        let Some(value) = scalar(item, true) else {
            decoder.wrong(
                item.span,
                format!("a value of an axis is one word, not {}", item.what()),
                "use words or numbers",
            );
            return None;
        };
        if values.iter().any(|other| other.words == value.words) {
            decoder.wrong(item.span, format!("`{}` stands twice on the axis `{name}`", value.words), "keep one");
            return None;
        }
        values.push(value);
    }
    Some(Variable::Axis { name: name.to_owned(), values })
}

fn scalar(node: &Node, axis: bool) -> Option<Value> {
    Some(Value { words: node.scalar_words()?, kind: node.kind.clone(), axis })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Source, yaml};

    fn read(text: &str) -> (Matrix, Vec<String>) {
        let source = Source::new("m.yaml", text);
        let decoder = Decoder::new(&source);
        let matrix = Matrix::read(&yaml::parse(&source).0.unwrap(), &decoder);
        (matrix, decoder.finish().into_iter().map(|p| p.message).collect())
    }

    #[test]
    fn axes_multiply_and_followers_follow() {
        let (matrix, problems) =
            read("environment: [production, sandbox]\nregion: [us, eu]\nother: {region: {us: eu, eu: us}}\n");
        assert!(problems.is_empty(), "{problems:?}");
        let cases = matrix.combinations();
        assert_eq!(cases.len(), 4);
        assert_eq!(cases[1].suffix(), "[production eu]");
        assert_eq!(cases[1].get("other"), Some("us"));
    }

    #[test]
    fn impossible_matrices_say_why() {
        assert_eq!(read("a: []\n").1, ["the axis `a` is empty: no case would be left"]);
        assert_eq!(read("a: [x]\nb: {c: {x: y}}\n").1, ["`c` is no axis that stands above"]);
        assert_eq!(read("a: [x, z]\nb: {a: {x: y}}\n").1, ["`b` has no value for a `z`"]);
        assert_eq!(read("a: [x, x]\n").1, ["`x` stands twice on the axis `a`"]);
    }

    #[test]
    fn a_number_stays_a_number() {
        let (matrix, _) = read("code: [403, 404]\n");
        assert!(matches!(matrix.combinations()[0].substitute("$code"), NodeKind::Int(403)));
    }
}
