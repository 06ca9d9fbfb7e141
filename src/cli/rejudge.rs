//! `vouch rejudge`.

use super::stdout::Out;
use super::{Done, show};
use crate::{Error, Suite};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use vouch_runner::record::RunRecord;
use vouch_runner::record::judge::Judgement;

#[derive(clap::Args)]
pub struct Args {
    /// A run record.
    record: PathBuf,

    #[command(flatten)]
    suite: SuiteChoice,
}

/// The suite to judge by.
#[derive(clap::Args)]
pub struct SuiteChoice {
    /// Judge by these scenario files or folders, in place of the suite that is bundled with this program. May be repeated.
    #[arg(long, value_name = "PATH")]
    suite_files: Vec<PathBuf>,

    /// Add the scenarios of this folder, as `vouch run --with` does. May be repeated.
    #[arg(long, value_name = "DIR")]
    with: Vec<PathBuf>,
}

impl SuiteChoice {
    fn suite(&self) -> Result<Suite, Error> {
        let suite = if self.suite_files.is_empty() { Suite::bundled()? } else { Suite::load(&self.suite_files)? };
        self.with.iter().try_fold(suite, Suite::with_folder)
    }

    /// Judges a record by the chosen suite.
    pub fn judge(&self, record: &RunRecord) -> Result<Judgement, Error> {
        Ok(self.suite()?.judge(record))
    }
}

/// Prints what changes. The exit code is 1 if anything does.
pub fn run(args: &Args) -> Done {
    let record = show::read(&args.record)?;
    let suite = args.suite.suite()?;
    let judgement = suite.judge(&record);
    let (of_record, now) = (&record.started.suite, suite.info());
    if judgement.same_suite {
        writeln!(Out, "judged by the suite of the run (edition {})", now.edition)?;
    } else {
        let (before, now) = (of_record.edition, now.edition);
        writeln!(Out, "judged by another suite (edition {now}) than that of the run (edition {before})")?;
    }
    for disagreement in &judgement.disagreements {
        writeln!(Out, "{disagreement}")?;
    }
    match judgement.disagreements.len() {
        0 => writeln!(Out, "{} cases, no verdict changes", record.cases.len())?,
        changes => writeln!(Out, "{} cases, {changes} disagreements", record.cases.len())?,
    }
    Ok(ExitCode::from(u8::from(!judgement.disagreements.is_empty())))
}
