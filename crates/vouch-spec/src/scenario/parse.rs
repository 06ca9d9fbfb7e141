//! One scenario file: header and matrix are read, `given` and `steps` stay trees until a case fills their variables.

use super::advice::Advice;
use super::clause::Clauses;
use super::matrix::Matrix;
use super::model::Header;
use crate::text::{Decoder, Diagnostic, Key, Node, NodeKind, Source, Span, Spanned, did_you_mean, yaml};

/// A scenario as its file says it.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub source: Source,
    /// The folder of the suite that it stands in.
    pub group: String,
    pub header: Header,
    pub matrix: Matrix,
    pub given: Option<Node>,
    pub steps: Vec<Node>,
    /// Where its wire snapshot is.
    pub snapshot: SnapshotStore,
    /// The whole file.
    whole: Span,
}

/// Where the wire snapshot of a scenario is.
#[derive(Clone, Debug)]
pub enum SnapshotStore {
    /// In the folder `snapshots` beside the scenario's file.
    Beside,
    /// Embedded in the program with the scenario, if there is one. It cannot be written.
    Embedded(Option<Source>),
}

const TREES: [&str; 3] = ["matrix", "given", "steps"];

impl Scenario {
    pub fn id(&self) -> &str {
        &self.header.id.value
    }

    /// The clauses that a passing run proves.
    pub fn proves(&self) -> impl Iterator<Item = &str> {
        self.header.proves.iter().map(|clause| clause.value.as_str())
    }

    /// Reads a file. All that is wrong with header and matrix is told together; what can be read comes back all the same,
    /// so that the plan can look for mistakes in the steps.
    pub fn parse(source: &Source, group: &str, clauses: &Clauses) -> (Option<Self>, Vec<Diagnostic>) {
        let (tree, mut problems) = yaml::parse(source);
        let decoder = Decoder::new(source);
        let scenario = tree.and_then(|tree| read(source, group, &tree, &decoder));
        if let Some(scenario) = &scenario {
            check_header(scenario, clauses, &decoder);
        }
        problems.extend(decoder.finish());
        (scenario, problems)
    }
}

/// As much of a broken header as the rest of the file needs. An empty id is not checked further.
fn recover(tree: &Node) -> Header {
    let nothing = || Spanned { value: String::new(), span: tree.span };
    let spanned = |node: &Node| Some(Spanned { value: node.as_text()?.to_owned(), span: node.span });
    Header {
        id: tree.get("id").and_then(spanned).unwrap_or_else(nothing),
        title: String::new(),
        note: None,
        proves: tree.get("proves").and_then(Node::as_list).unwrap_or_default().iter().filter_map(spanned).collect(),
        roles: super::model::sdk_only(),
        advice: None,
        claims: vec![],
        needs: vec![],
        rationale: None,
        wire: None,
    }
}

fn read(source: &Source, group: &str, tree: &Node, decoder: &Decoder) -> Option<Scenario> {
    let Some(entries) = tree.as_map() else {
        decoder.wrong(
            tree.span,
            format!("a scenario is a map, not {}", tree.what()),
            "begin with `id:`, `title:`, `proves:` and `steps:`",
        );
        return None;
    };
    let (trees, mut header): (Vec<(Key, Node)>, Vec<_>) =
        entries.iter().cloned().partition(|(key, _)| TREES.contains(&key.name.as_str()));
    header.retain(|(key, _)| !is_near_a_tree(key, decoder));
    let find = |name: &str| trees.iter().find(|(key, _)| key.name == name).map(|(_, node)| node);
    let matrix = find("matrix").map_or_else(Matrix::default, |node| Matrix::read(node, decoder));
    let steps = match find("steps").map(|node| (&node.kind, node)) {
        Some((NodeKind::List(steps), _)) if !steps.is_empty() => steps.clone(),
        Some((_, node)) => {
            decoder.wrong(
                node.span,
                "`steps` must be a list with at least one step",
                "write one step a line, each after a `- `",
            );
            return None;
        }
        None => {
            decoder.wrong(tree.span, "missing field `steps`", "a scenario has at least one step");
            return None;
        }
    };
    let given = find("given").cloned();
    let header = decoder.decode(&Node::new(NodeKind::Map(header), tree.span)).unwrap_or_else(|| recover(tree));
    Some(Scenario {
        source: source.clone(),
        group: group.to_owned(),
        header,
        matrix,
        given,
        steps,
        snapshot: SnapshotStore::Beside,
        whole: tree.span,
    })
}

/// The header alone would offer header fields for a misspelt `steps`.
fn is_near_a_tree(key: &Key, decoder: &Decoder) -> bool {
    const HEADER: [&str; 9] = ["id", "title", "note", "proves", "roles", "advice", "claims", "needs", "wire"];
    let near = crate::text::suggest(&key.name, TREES).is_some() && !HEADER.contains(&key.name.as_str());
    if near {
        decoder.wrong(key.span, format!("unknown field `{}`", key.name), did_you_mean(&key.name, TREES));
    }
    near
}

fn check_header(scenario: &Scenario, clauses: &Clauses, decoder: &Decoder) {
    let id = &scenario.header.id;
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let salvaged = id.span == scenario.whole;
    if !salvaged && (id.value.is_empty() || !id.value.chars().all(fine)) {
        decoder.wrong(id.span, format!("`{}` is not an id", id.value), "use lower-case words joined by hyphens");
    }
    if !salvaged && scenario.header.proves.is_empty() {
        decoder.wrong(id.span, "this scenario proves no clause", "name at least one under `proves`");
    }
    if let Some(advice) = &scenario.header.advice {
        advice.value.check(advice.span, decoder);
        if let Advice::ByRole(texts) = &advice.value {
            for role in texts.keys().filter(|role| !scenario.header.roles.contains(role)) {
                let what = format!("advice for the role `{role}`, which is not under `roles`");
                decoder.wrong(advice.span, what, "add the role, or remove the advice");
            }
        }
    }
    for clause in &scenario.header.proves {
        if clauses.get(&clause.value).is_none() {
            decoder.wrong(clause.span, format!("unknown clause `{}`", clause.value), clauses.help(&clause.value));
        }
    }
}
