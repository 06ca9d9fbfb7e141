//! Views of a certificate for people: a page that prints to one A4 page, and a badge. They prove nothing; `vouch verify` does.

mod badge;
mod page;
#[cfg(test)]
mod tests;

use crate::key::PublicKey;
use crate::statement::Statement;
use vouch_runner::record::RunRecord;
use vouch_runner::run::summary::{ClauseStatus, Summary};
use vouch_spec::scenario::Level;
use vouch_spec::text::OutsideText;

/// What the views of a certificate show.
#[derive(Clone, Copy, Debug)]
pub struct CertificateView<'a> {
    pub statement: &'a Statement,
    /// The record of the certificate, which has the levels of the clauses.
    pub record: &'a RunRecord,
    /// The key that signed.
    pub key: &'a PublicKey,
    pub files: FileNames<'a>,
}

/// The names of the files that the command for verification takes, without their folders. `None`: not known.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileNames<'a> {
    pub certificate: Option<&'a str>,
    /// The public key.
    pub key: Option<&'a str>,
    pub record: Option<&'a str>,
}

impl CertificateView<'_> {
    /// The page: one HTML file, without a script and without requests.
    pub fn page(self) -> String {
        page::Page::new(self).render()
    }

    /// The badge: an SVG file.
    pub fn badge(self) -> String {
        badge::render(&self, &self.record.summary())
    }

    /// The name and version of the build, in at most about so many characters.
    fn build_name(&self, most: usize) -> String {
        let sdk = &self.record.started.sdk;
        cut(format!("{} {}", sdk.name, sdk.version).trim(), most)
    }
}

/// What the certificate says, in a few words: `conforms`, and with what reservation.
fn verdict(view: &CertificateView<'_>, summary: &Summary) -> String {
    let of = &view.statement.result().vouch;
    let untested = untested_must_clauses(summary);
    let reservations = [
        (of.waivers.len(), "waiver", "waivers"),
        (of.warned_cases, "warning", "warnings"),
        (untested, "clause not tested", "clauses not tested"),
    ];
    let reservations = reservations.into_iter().filter(|(count, ..)| *count > 0);
    let words = reservations.map(|(count, one, many)| format!(", {}", counted(count, one, many)));
    format!("conforms{}", words.collect::<String>())
}

/// The number of `must` clauses that no case tested.
fn untested_must_clauses(summary: &Summary) -> usize {
    let is_untested = |status| status == ClauseStatus::NotTested;
    summary.clauses.iter().filter(|clause| clause.level == Level::Must && is_untested(clause.status)).count()
}

/// A count with the noun in the right number.
fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The text in one line without what a reader cannot see, in at most about so many characters, those of escapes counted.
fn cut(text: &str, most: usize) -> String {
    let line = OutsideText::line_up_to(text, most).into_string();
    // An escape is longer than its character, and the length of a cut text stands behind it.
    let longest = most + "… (18446744073709551615 characters)".len();
    if line.chars().count() <= longest {
        return line;
    }
    let shown: String = line.chars().take(most).collect();
    format!("{shown}… ({} characters)", text.chars().count())
}

/// As many of the items as have at most about so many characters, and how many more there are.
fn listed<'a>(items: impl Iterator<Item = &'a str>, most: usize) -> (Vec<String>, usize) {
    /// The most characters of an item.
    const ITEM: usize = 60;
    let (mut shown, mut characters, mut more) = (vec![], 0, 0);
    for item in items {
        let item = cut(item, ITEM);
        let length = item.chars().count() + 2;
        if more > 0 || characters + length > most {
            more += 1;
            continue;
        }
        shown.push(item);
        characters += length;
    }
    (shown, more)
}
