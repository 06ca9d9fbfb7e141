//! The files that a command reads and writes: no two may be one.

use super::CliError;
use std::path::{Path, PathBuf};

/// A file of a command line, with the option that names it.
pub type Named<'a> = (&'a str, &'a Path);

/// Checks that every output is a file of its own, and none of the inputs.
///
/// # Errors
/// If two options name one file.
pub fn check_distinct(inputs: &[Named<'_>], outputs: &[Named<'_>]) -> Result<(), CliError> {
    for (index, (option, path)) in outputs.iter().enumerate() {
        let mut others = inputs.iter().chain(&outputs[..index]);
        let same = others.find(|(_, other)| *path != Path::new("-") && real(other) == real(path));
        if let Some((other, _)) = same {
            let file = path.display();
            return Err(CliError::Usage(format!("{other} and {option} name the same file, {file}; give each its own")));
        }
    }
    Ok(())
}

/// The path without links and `..`, as far as it exists.
fn real(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    match (folder.canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_by_two_paths_is_found_and_standard_output_is_no_file() {
        let path = |text: &'static str| Path::new(text);
        let same = |one, other| check_distinct(&[], &[("--page", path(one)), ("--badge", path(other))]).is_err();
        assert!(same("a.html", "./a.html") && same("Cargo.toml", "src/../Cargo.toml"));
        assert!(!same("a.html", "b.html") && !same("-", "-"));
        let error =
            check_distinct(&[("RECORD", path("a.vouch"))], &[("--report", path("a.vouch"))]).expect_err("one file");
        assert_eq!(error.text(), "RECORD and --report name the same file, a.vouch; give each its own");
    }
}
