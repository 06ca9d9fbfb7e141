//! The requirement clauses, as `clauses.yaml` lists them.

use crate::text::{Decoder, Diagnostic, Source, Spanned, did_you_mean, yaml};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One requirement.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Clause {
    /// For example `MIG-5`.
    pub id: String,
    pub level: Level,
    pub text: String,
    /// The heading it stands under.
    pub group: String,
    /// Where it comes from. A suite of one's own need not say.
    pub source: Option<ClauseSource>,
    /// The edition of the suite that introduced it.
    pub since: u32,
}

/// Where a clause comes from, as `kind: what it says there`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClauseSource {
    pub kind: SourceKind,
    /// What the source says, or the section of the RFC; empty if there is nothing to add.
    pub text: String,
}

/// The kinds of sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SourceKind {
    /// The vendor's guide.
    Guide,
    /// An RFC.
    Rfc,
    /// Without it, users or secrets are in danger.
    Safety,
    /// Observed behaviour of public releases.
    Vendor,
    /// Our own recommendation.
    Ours,
}

impl SourceKind {
    const ALL: [(&'static str, SourceKind); 5] = [
        ("guide", SourceKind::Guide),
        ("rfc", SourceKind::Rfc),
        ("safety", SourceKind::Safety),
        ("vendor", SourceKind::Vendor),
        ("ours", SourceKind::Ours),
    ];

    /// Whether it can stand behind a `must` clause.
    fn obliges(self) -> bool {
        matches!(self, SourceKind::Guide | SourceKind::Rfc | SourceKind::Safety)
    }

    /// The word that clause files use.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }
}

impl ClauseSource {
    fn parse(text: &str) -> Option<Self> {
        let (word, said) = text.split_once(':').unwrap_or((text, ""));
        let (_, kind) = SourceKind::ALL.into_iter().find(|(known, _)| *known == word.trim())?;
        Some(Self { kind, text: said.trim().to_owned() })
    }
}

impl std::fmt::Display for ClauseSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let said = if self.text.is_empty() { String::new() } else { format!(": {}", self.text) };
        write!(f, "{}{said}", self.kind.word())
    }
}

/// Whether a breach fails the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    Must,
    /// Warns, unless the run is strict.
    Should,
}

impl Level {
    /// The word that clause files use.
    pub fn word(self) -> &'static str {
        match self {
            Level::Must => "must",
            Level::Should => "should",
        }
    }
}

/// All clauses, in the order of the file.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
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
    #[serde(default)]
    source: Option<Spanned<String>>,
    #[serde(default = "first_edition")]
    since: u32,
}

fn first_edition() -> u32 {
    1
}

/// Reads the source of a clause. A `must` clause needs one that obliges.
fn read_source(entry: &Entry, decoder: &Decoder) -> Option<ClauseSource> {
    let written = entry.source.as_ref()?;
    let Some(source) = ClauseSource::parse(&written.value) else {
        let word = written.value.split(':').next().unwrap_or_default();
        let words = SourceKind::ALL.map(|(word, _)| word);
        decoder.wrong(written.span, format!("`{word}` is no kind of source"), did_you_mean(word, words));
        return None;
    };
    if entry.level == Level::Must && !source.kind.obliges() {
        decoder.wrong(
            written.span,
            format!("a `must` clause cannot come from `{}` alone", source.kind.word()),
            "name the guide, an RFC or safety, or make it `should`",
        );
    }
    Some(source)
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
                let source = read_source(&entry, &decoder);
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
                self.0.push(Clause {
                    id,
                    level: entry.level,
                    text: entry.text,
                    group: group.title.clone(),
                    source,
                    since: entry.since,
                });
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
