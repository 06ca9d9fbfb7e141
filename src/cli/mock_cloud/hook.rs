//! `vouch mock-cloud-hook`: what the target file of `vouch mock-cloud` names as its hooks.

use super::super::{CliError, Done, runtime};
use reqwest::StatusCode;
use serde::Serialize;
use serde_json::json;
use std::process::ExitCode;
use std::time::Duration;
use vouch_sim::serve::{CONTROL_HEADER, CONTROL_KEY, CONTROL_URL};
use vouch_sim::wire::{BodyError, read_body};

/// Time-out of the request to the server.
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
pub struct Args {}

/// Sends the server the hook that the environment variables describe (docs/targets.md, hooks).
pub fn run(_: &Args) -> Done {
    let (url, key, hook) = (variable(CONTROL_URL)?, variable(CONTROL_KEY)?, variable("VOUCH_HOOK")?);
    let seconds = variable("VOUCH_SECONDS").ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let body = json!({
        "environment": variable("VOUCH_ENVIRONMENT")?, "region": variable("VOUCH_REGION")?,
        "userId": variable("VOUCH_USER_ID").unwrap_or_default(), "seconds": seconds,
    });
    let url = format!("{url}/control/{hook}");
    match post(&url, &key, &body)? {
        (status, _) if status.is_success() => Ok(ExitCode::SUCCESS),
        (status, text) => Err(CliError::Environment(format!("{url} answered {status}: {text}"))),
    }
}

/// Sends a control call; the status of the answer, and its body.
pub(super) fn post(url: &str, key: &str, body: &impl Serialize) -> Result<(StatusCode, String), CliError> {
    let client = vouch_sim::wire::client(url, TIMEOUT).map_err(|error| CliError::Environment(error.to_string()))?;
    let sent = runtime()?.block_on(async {
        let response = client.post(url).header(CONTROL_HEADER, key).json(body).send().await?;
        let status = response.status();
        let body = read_body(response).await?;
        Ok::<_, BodyError>((status, String::from_utf8_lossy(&body).into_owned()))
    });
    sent.map_err(|error| {
        CliError::Environment(format!("{url} cannot be reached; is `vouch mock-cloud` running? {error}"))
    })
}

fn variable(name: &str) -> Result<String, CliError> {
    std::env::var(name).map_err(|_| {
        CliError::Usage(format!(
            "{name} is not set: this command runs as a hook of a target file that `vouch mock-cloud` wrote"
        ))
    })
}
