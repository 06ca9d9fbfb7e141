//! `vouch mock-cloud-hook`: what the target file of `vouch mock-cloud` names as its hooks.

use super::{CliError, Done, runtime};
use serde_json::json;
use std::process::ExitCode;
use std::time::Duration;
use vouch_sim::serve::{CONTROL_HEADER, CONTROL_KEY, CONTROL_URL};

/// How long the server may take.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
pub struct Args {}

/// Tells the server what the environment says (docs/targets.md, hooks).
pub fn run(_: &Args) -> Done {
    let (url, key, hook) = (told(CONTROL_URL)?, told(CONTROL_KEY)?, told("VOUCH_HOOK")?);
    let seconds = told("VOUCH_SECONDS").ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let order = json!({
        "environment": told("VOUCH_ENVIRONMENT")?, "region": told("VOUCH_REGION")?,
        "userId": told("VOUCH_USER_ID").unwrap_or_default(), "seconds": seconds,
    });
    let url = format!("{url}/control/{hook}");
    let client = vouch_sim::wire::client(&url, PATIENCE).map_err(|error| CliError::Environment(error.to_string()))?;
    let sent = runtime()?.block_on(async {
        let response = client.post(&url).header(CONTROL_HEADER, key).json(&order).send().await?;
        let status = response.status();
        Ok::<_, reqwest::Error>((status, response.text().await?))
    });
    match sent {
        Ok((status, _)) if status.is_success() => Ok(ExitCode::SUCCESS),
        Ok((status, said)) => Err(CliError::Environment(format!("{url} answered {status}: {said}"))),
        Err(error) => {
            Err(CliError::Environment(format!("{url} cannot be reached; does `vouch mock-cloud` run? {error}")))
        }
    }
}

fn told(name: &str) -> Result<String, CliError> {
    std::env::var(name).map_err(|_| {
        CliError::Usage(format!(
            "{name} is not set: this command is for the hooks of a target file that `vouch mock-cloud` wrote"
        ))
    })
}
