//! `vouch keygen`.

use super::stdout::Out;
use super::{CliError, Done};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use vouch_certificate::{KeyError, SigningKey, write_key_pair};

#[derive(clap::Args)]
pub struct Args {
    /// The file for the private key (PEM, mode 0600). The public key goes beside it, as FILE.pub. Neither may exist.
    file: PathBuf,
}

pub fn run(args: &Args) -> Done {
    let key = SigningKey::generate()?;
    let public = write_key_pair(&key, &args.file)?;
    writeln!(Out, "private key  {}  (keep it secret)", args.file.display())?;
    writeln!(Out, "public key   {}  (give it to those who verify)", public.display())?;
    writeln!(Out, "key id       {}", key.public_key().id())?;
    Ok(ExitCode::SUCCESS)
}

impl From<KeyError> for CliError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Crypto | KeyError::Io { action: "write", .. } => CliError::Environment(error.to_string()),
            _ => CliError::Usage(error.to_string()),
        }
    }
}
