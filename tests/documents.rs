//! The documents: their links point to files that exist, and their commands and flags are those of the program.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A Markdown file of the repository.
struct Document {
    /// Relative to the repository's root.
    path: PathBuf,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Markdown files, without those of installed packages and of build folders.
fn documents() -> Vec<Document> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with('.') && name != "target" && name != "node_modules" {
                    folders.push(path);
                }
            } else if name.ends_with(".md") {
                let text = std::fs::read_to_string(&path).expect("UTF-8");
                let path = path.strip_prefix(root()).expect("below the root").to_path_buf();
                found.push(Document { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

impl Document {
    /// The lines with their numbers, and whether each is in a code block.
    fn lines(&self) -> impl Iterator<Item = (usize, &str, bool)> {
        let mut fenced = false;
        self.text.lines().enumerate().filter_map(move |(index, line)| {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
                return None;
            }
            Some((index + 1, line, fenced || line.starts_with("    ")))
        })
    }

    /// The code of this document with line numbers: the lines of code blocks, and code spans.
    fn code(&self) -> Vec<(usize, &str)> {
        self.lines()
            .flat_map(|(number, line, block)| {
                let pieces: Vec<&str> = if block { vec![line] } else { line.split('`').skip(1).step_by(2).collect() };
                pieces.into_iter().map(move |piece| (number, piece))
            })
            .collect()
    }
}

/// The targets of the inline links of a line: `](target)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

/// The words of a shell command up to a pipe, a redirection, a comment or the next command. A quoted text is one word.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    for letter in command.chars() {
        match quote {
            Some(open) if letter == open => quote = None,
            Some(_) => word.push('_'),
            None if letter == '"' || letter == '\'' => quote = Some(letter),
            None if letter == '#' && word.is_empty() => break,
            None if matches!(letter, '|' | ';' | '&' | '>' | '<') && !word.ends_with('\\') => break,
            None if letter.is_whitespace() || matches!(letter, '[' | ']') => words.push(std::mem::take(&mut word)),
            None => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// What follows `vouch` in each call of it: `vouch …`, `./vouch …`, or `cargo run -- …`.
fn calls(code: &str) -> Vec<Vec<String>> {
    let code = code.replace("cargo run -- ", "vouch ");
    code.match_indices("vouch ")
        .filter(|(at, _)| code[..*at].chars().next_back().is_none_or(|before| before.is_whitespace() || before == '/'))
        .map(|(at, name)| words(&code[at + name.len()..]))
        .filter(|words| !words.is_empty())
        .collect()
}

/// The help of a subcommand, or of the program.
fn help(subcommand: &[&str]) -> String {
    common::stdout(&common::vouch().args(subcommand).arg("--help").assert().success())
}

/// The options that a help text lists, long and short.
fn options(help: &str) -> BTreeSet<String> {
    help.lines()
        .map(str::trim_start)
        .filter(|line| line.starts_with('-'))
        .flat_map(|line| {
            line.split([' ', ',', '=', '[', '<']).take_while(|word| word.is_empty() || word.starts_with('-'))
        })
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The commands that a help text lists.
fn commands(help: &str) -> Vec<String> {
    let listed = help.split("Commands:").nth(1).unwrap_or_default();
    listed
        .lines()
        .skip(1)
        .take_while(|line| !line.starts_with(|letter: char| letter.is_alphabetic()))
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// The subcommands of the program, each with its options and those of its own subcommands.
fn subcommands() -> BTreeMap<String, BTreeSet<String>> {
    commands(&help(&[])).into_iter().map(|name| (name.clone(), options_below(&[&name]))).collect()
}

/// The options of a subcommand and of the subcommands below it.
fn options_below(subcommand: &[&str]) -> BTreeSet<String> {
    let text = help(subcommand);
    let below = commands(&text).into_iter().flat_map(|inner| options_below(&[subcommand, &[&inner]].concat()));
    options(&text).into_iter().chain(below).collect()
}

/// What is wrong with a call, if anything.
fn mistake(call: &[String], known: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    let name = &call[0];
    if name.starts_with('-') || !name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-') {
        return None; // `vouch --version`, `vouch …`, `vouch SUBCOMMAND`
    }
    let Some(options) = known.get(name) else {
        return Some(format!("`vouch {name}`: there is no such subcommand"));
    };
    let unknown = call[1..].iter().filter(|word| word.starts_with('-') && *word != "-" && *word != "--");
    let unknown = unknown.map(|word| word.split('=').next().unwrap_or(word)).find(|word| !options.contains(*word))?;
    Some(format!("`vouch {name} {unknown}`: `vouch {name} --help` does not list it"))
}

#[test]
fn every_relative_link_of_the_documents_points_to_a_file() {
    let documents = documents();
    let mut checked = 0;
    let mut broken = Vec::new();
    for document in &documents {
        let folder = root().join(&document.path);
        let folder = folder.parent().expect("a file is in a folder");
        for (number, line, _) in document.lines().filter(|(_, _, code)| !code) {
            for link in links(line) {
                let file = link.split('#').next().unwrap_or_default();
                if file.is_empty() || file.contains(':') {
                    continue;
                }
                checked += 1;
                if !folder.join(file).exists() {
                    broken.push(format!("{}:{number}: {link}", document.path.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "links to files that do not exist:\n{}", broken.join("\n"));
    assert!(checked > 20, "only {checked} links were found in {} documents", documents.len());
}

#[test]
fn every_command_of_the_documents_is_one_of_the_program() {
    let known = subcommands();
    assert!(known.contains_key("run") && known["run"].contains("--target"), "{known:?}");
    let mut checked = 0;
    let mut wrong = Vec::new();
    for document in documents() {
        if document.path == Path::new("CHANGELOG.md") {
            continue; // it names what is gone, too
        }
        for (number, code) in document.code() {
            for call in calls(code) {
                checked += 1;
                if let Some(mistake) = mistake(&call, &known) {
                    wrong.push(format!("{}:{number}: {mistake}", document.path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "commands that the program does not know:\n{}", wrong.join("\n"));
    assert!(checked > 60, "only {checked} commands were found");
}

#[test]
fn a_wrong_command_in_a_document_is_found() {
    let known = BTreeMap::from([("run".to_owned(), BTreeSet::from(["--target".to_owned(), "-f".to_owned()]))]);
    let mistakes = |code: &str| calls(code).iter().filter_map(|call| mistake(call, &known)).collect::<Vec<_>>();
    assert!(mistakes("$ vouch run --target FILE -f MIG | grep --colour x # --old").is_empty());
    assert!(mistakes("cargo run -- run [--target FILE]").is_empty());
    assert_eq!(mistakes("./vouch run --seat sdk"), ["`vouch run --seat`: `vouch run --help` does not list it"]);
    assert_eq!(mistakes("vouch cloud"), ["`vouch cloud`: there is no such subcommand"]);
}
