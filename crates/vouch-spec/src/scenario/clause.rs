//! The requirement clauses, as `clauses.yaml` lists them.

use crate::text::{Decoder, Diagnostic, Source, Spanned, did_you_mean, yaml};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One requirement.
#[derive(Clone, Debug)]
pub struct Clause {
    /// For example `MIG-5`.
    pub id: String,
    pub level: Level,
    pub text: String,
    /// The heading it stands under.
    pub group: String,
}

/// Whether a breach fails the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    Must,
    /// Warns, unless the run is strict.
    Should,
}

/// All clauses, in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct Clauses(Vec<Clause>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    id: String,
    title: String,
    clauses: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: Spanned<String>,
    level: Level,
    text: String,
}

impl Clauses {
    /// Parses a `clauses.yaml`.
    pub fn parse(source: &Source) -> Result<Self, Vec<Diagnostic>> {
        let mut clauses = Self::default();
        let mistakes = clauses.add(source);
        if mistakes.is_empty() { Ok(clauses) } else { Err(mistakes) }
    }

    /// Adds the clauses of another `clauses.yaml`; returns its mistakes, ids that are taken among them.
    #[must_use]
    pub fn add(&mut self, source: &Source) -> Vec<Diagnostic> {
        let (tree, mut mistakes) = yaml::parse(source);
        let decoder = Decoder::new(source);
        let file: Option<File> = tree.and_then(|tree| decoder.decode(&tree));
        let others = self.0.len();
        for group in file.into_iter().flat_map(|file| file.groups) {
            for entry in group.clauses {
                let (id, span) = (entry.id.value, entry.id.span);
                if !id.starts_with(&format!("{}-", group.id)) {
                    decoder.wrong(
                        span,
                        format!("`{id}` stands under {}", group.id),
                        format!("begin it with {}-", group.id),
                    );
                }
                match self.0.iter().position(|clause| clause.id == id) {
                    Some(at) if at < others => decoder.wrong(
                        span,
                        format!("the clause id `{id}` is taken"),
                        "another clauses.yaml of this suite defines it; choose another id",
                    ),
                    Some(_) => decoder.wrong(span, format!("clause `{id}` is listed twice"), "keep one"),
                    None => {}
                }
                self.0.push(Clause { id, level: entry.level, text: entry.text, group: group.title.clone() });
            }
        }
        mistakes.extend(decoder.finish());
        mistakes
    }

    pub fn get(&self, id: &str) -> Option<&Clause> {
        self.0.iter().find(|clause| clause.id == id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Clause> {
        self.0.iter()
    }

    /// Where a clause stands in the file, for ordered reports.
    pub fn rank(&self, id: &str) -> usize {
        self.0.iter().position(|clause| clause.id == id).unwrap_or(usize::MAX)
    }

    /// What to say of a clause id that does not exist.
    pub fn help(&self, id: &str) -> String {
        let group = id.split('-').next().unwrap_or_default().to_uppercase();
        let same: Vec<_> =
            self.0.iter().map(|c| c.id.as_str()).filter(|c| c.starts_with(&format!("{group}-"))).collect();
        if same.is_empty() {
            let mut groups: Vec<_> = self.0.iter().filter_map(|c| c.id.split('-').next()).collect();
            groups.dedup();
            return format!("clauses begin with {}", groups.join(", "));
        }
        did_you_mean(id, same)
    }
}
