//! `vouch init`.

mod files;
mod publish;
mod questions;

use super::shell_word::shell_word;
use super::stdout::Out;
use super::{CliError, Done};
use clap::ValueEnum;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vouch_runner::report::print_stderr;
use vouch_spec::text::OutsideText;

#[derive(clap::Args)]
#[command(after_help = "Examples:
  vouch init                                    (asks for what it needs)
  vouch init --role sdk --language python --ci github
  vouch init --role backend --name acme-backend conformance

On a terminal it asks for what is not given. Elsewhere it never asks: --role must be given, --language is `python`, --name is the
name of the folder, and --ci is `none`.

Exit codes: 0 written, 2 usage error or a file is there already, 3 a file cannot be written, 130 interrupted. Where it is not 0,
nothing is written.")]
pub struct Args {
    /// What is under test.
    #[arg(long, value_enum)]
    role: Option<Part>,

    /// The language of the adapter, for an SDK or an app. `other` and `jvm` write the target file without an adapter.
    #[arg(long, value_enum)]
    language: Option<Language>,

    /// What reports call the build: letters, digits, `.`, `_` and `-`.
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,

    /// The CI system to write a step for.
    #[arg(long, value_enum)]
    ci: Option<Ci>,

    /// The folder to write into. It is made if it does not exist; a file in it is never overwritten.
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// What is under test, as one would say it: a cloud fills two roles.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Part {
    /// A mobile SDK, behind an adapter.
    Sdk,
    /// An app's reconciliation with its SDK, behind an adapter.
    App,
    /// A backend that issues sign-in tokens, over HTTP.
    Backend,
    /// A vendor cloud, over HTTP.
    Cloud,
}

/// The language of the adapter.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Language {
    /// An adapter that runs as it is, to fill in call by call.
    Python,
    /// The same for an SDK, with the kit that speaks the protocol.
    Node,
    /// Java or Kotlin: the command that starts the adapter.
    Jvm,
    /// Any program that reads and writes lines.
    Other,
}

/// The CI system.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Ci {
    /// GitHub Actions.
    Github,
    /// GitLab CI.
    Gitlab,
    /// Jenkins.
    Jenkins,
    /// A shell script that every CI system can call.
    Shell,
    /// None.
    None,
}

/// What to write.
struct Choice {
    part: Part,
    language: Language,
    name: String,
    ci: Ci,
}

pub fn run(args: &Args) -> Done {
    // Before it asks anything.
    refuse_to_overwrite(&args.folder, ["vouch.toml"])?;
    let choice = questions::choice(args).inspect_err(|error| {
        if matches!(error, CliError::Interrupted) {
            print_stderr("vouch: nothing was written");
        }
    })?;
    let files = files::of(&choice);
    refuse_to_overwrite(&args.folder, files.iter().map(|file| file.path.as_str()))?;
    publish::write(&args.folder, &files).map_err(|(path, error)| not_written(path, &error))?;
    print(&args.folder, &choice, &files)?;
    Ok(ExitCode::SUCCESS)
}

/// Says which files are there already: the first by its name, as a kit has many.
fn refuse_to_overwrite<'a>(folder: &Path, files: impl IntoIterator<Item = &'a str>) -> Result<(), CliError> {
    let paths = files.into_iter().map(|file| folder.join(file));
    // A broken link too.
    let there: Vec<_> = paths.filter(|path| path.symlink_metadata().is_ok()).map(shown).collect();
    let names = match there.as_slice() {
        [] => return Ok(()),
        [only] => format!("{only} exists"),
        [first, second] => format!("{first} and {second} exist"),
        [first, more @ ..] => format!("{first} and {} more files exist", more.len()),
    };
    let what = "nothing is overwritten, and nothing was written; name another folder, or move what is there away";
    Err(CliError::Usage(format!("{names} already: {what}")))
}

fn shown(path: PathBuf) -> String {
    OutsideText::line(&path.display().to_string()).into_string()
}

fn not_written(path: PathBuf, error: &std::io::Error) -> CliError {
    let path = shown(path);
    match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => CliError::Usage(format!(
            "cannot write {path}: a file is where it, or its folder, would be; nothing was written"
        )),
        _ => CliError::Environment(format!("cannot write {path}: {error}; nothing was written")),
    }
}

/// What was written, and the commands to type next.
fn print(folder: &Path, choice: &Choice, files: &[files::NewFile]) -> std::io::Result<()> {
    let mut out = Out;
    writeln!(out, "written:")?;
    for alike in files.chunk_by(|one, next| one.what == next.what) {
        let [first, more @ ..] = alike else { continue };
        // The folder of a library stands for its files.
        let place = match first.path.split_once('/') {
            Some((library, _)) if !more.is_empty() => format!("{library}/"),
            _ => first.path.clone(),
        };
        writeln!(out, "  {:40} {}", shown(folder.join(place)), first.what)?;
    }
    if choice.language == Language::Node {
        writeln!(out, "\nthe adapter needs Node.js 20 or newer")?;
    }
    if choice.ci != Ci::None && folder != Path::new(".") {
        writeln!(
            out,
            "\nmove the CI step to the root of your repository, and write the path of the target file in it"
        )?;
    }
    let target =
        shell_word(&shown(if folder == Path::new(".") { "vouch.toml".into() } else { folder.join("vouch.toml") }));
    let second = match choice.part {
        Part::Sdk => format!("vouch adapter test --target {target}"),
        Part::App | Part::Backend => format!("vouch list --role {}", choice.part.section()),
        Part::Cloud => "vouch list --role idp".to_owned(),
    };
    let role = if choice.part == Part::Cloud { " --role idp" } else { "" };
    writeln!(out, "\nnext:")?;
    writeln!(out, "  vouch doctor --target {target}")?;
    writeln!(out, "  {second}")?;
    writeln!(out, "  vouch run --target {target}{role} --report html=report.html")?;
    writeln!(out, "\nFill in the places marked FILL IN. docs/targets.md and docs/sdk-authors.md of Vouch explain them.")
}

impl Part {
    /// The section of the target file.
    fn section(self) -> &'static str {
        match self {
            Part::Sdk => "sdk",
            Part::App => "app",
            Part::Backend => "backend",
            Part::Cloud => "cloud",
        }
    }

    /// Whether an adapter is between Vouch and the build.
    fn has_adapter(self) -> bool {
        matches!(self, Part::Sdk | Part::App)
    }
}

/// A name that needs no quotes in any of the files.
fn name(text: &str) -> Result<String, String> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    if text.is_empty() || text.len() > 60 || !text.chars().all(allowed) {
        return Err("write 1 to 60 letters, digits, `.`, `_` or `-`".into());
    }
    Ok(text.to_owned())
}

/// The folder's name, as far as it can be a name.
fn name_of(folder: &Path, part: Part) -> String {
    let folder = std::path::absolute(folder).unwrap_or_default();
    let last = folder.file_name().map(|last| last.to_string_lossy().into_owned()).unwrap_or_default();
    name(&last).unwrap_or_else(|_| format!("my-{}", part.section()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vouch_runner::target_file::Target;
    use vouch_spec::text::Source;

    #[test]
    fn every_choice_gives_a_target_file_without_mistakes_and_no_placeholder_is_left() {
        for &part in Part::value_variants() {
            for &language in Language::value_variants() {
                for &ci in Ci::value_variants() {
                    let files = files::of(&Choice { part, language, name: "acme-1.0".into(), ci });
                    let target = &files[0];
                    assert_eq!(target.path, "vouch.toml");
                    let parsed = Target::parse(&Source::new("vouch.toml", &*target.text));
                    assert!(parsed.is_ok(), "{}: {}", target.text, parsed.err().map(|e| e.len()).unwrap_or_default());
                    assert!(target.text.contains("name = \"acme-1.0\"") && !target.text.contains("{command}"));
                    assert_eq!(files.len() > 1, ci != Ci::None || part.has_adapter() && language.has_skeleton(part));
                }
            }
        }
    }

    #[test]
    fn a_folder_whose_name_cannot_be_a_name_gives_a_name_of_the_part() {
        assert_eq!(name_of(Path::new("/x/acme.sdk"), Part::Sdk), "acme.sdk");
        assert_eq!(name_of(Path::new("/x/two words"), Part::App), "my-app");
        assert_eq!(name_of(Path::new("/"), Part::Cloud), "my-cloud");
    }
}
