//! `--page` and `--badge`: views of a certificate, written to files.

use super::CliError;
use super::output_paths::Named;
use std::path::{Path, PathBuf};
use vouch_certificate::{CertificateView, FileNames, PublicKey, Statement};
use vouch_runner::record::RunRecord;

#[derive(clap::Args)]
pub struct Views {
    /// Also write a page for people: one HTML file, which prints to one A4 page.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,

    /// Also write a badge (SVG), for example for a README.
    #[arg(long, value_name = "FILE")]
    badge: Option<PathBuf>,
}

/// The files of a certificate, whose names the page shows. `None`: not in a file.
pub struct Files<'a> {
    pub certificate: Option<&'a Path>,
    /// The public key.
    pub key: Option<&'a Path>,
    pub record: &'a Path,
}

impl Views {
    /// The files that the arguments name, each with its option.
    pub fn outputs(&self) -> impl Iterator<Item = Named<'_>> {
        let named = [("--page", &self.page), ("--badge", &self.badge)];
        named.into_iter().filter_map(|(option, path)| Some((option, path.as_deref()?)))
    }

    /// Writes the views that the arguments name.
    pub fn write(
        &self,
        statement: &Statement,
        record: &RunRecord,
        key: &PublicKey,
        files: &Files<'_>,
    ) -> Result<(), CliError> {
        let files = FileNames {
            certificate: files.certificate.and_then(name),
            key: files.key.and_then(name),
            record: name(files.record),
        };
        let view = CertificateView { statement, record, key, files };
        if let Some(path) = &self.page {
            write_text("page", path, &view.page())?;
        }
        if let Some(path) = &self.badge {
            write_text("badge", path, &view.badge())?;
        }
        Ok(())
    }
}

fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

/// Writes a file of a certificate.
pub fn write_text(what: &str, path: &Path, text: &str) -> Result<(), CliError> {
    let failed = |error| CliError::Environment(format!("cannot write the {what} {}: {error}", path.display()));
    std::fs::write(path, text).map_err(failed)
}
