//! `vouch mock-cloud ctl`: changes and inspects a running mock cloud.

use super::super::stdout::Out;
use super::super::{CliError, Done};
use super::{duration, hook};
use serde::Deserialize;
use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use vouch_sim::serve::{CONTROL_KEY, CONTROL_URL, CTL_WORD, CtlCommand, UserQuery};
use vouch_spec::operation::Operation;
use vouch_spec::protocol::{Environment, Realm, Region};
use vouch_spec::step::{Fault, FaultKind};
use vouch_spec::text::OutsideText;

#[derive(clap::Args)]
pub struct Args {
    /// The target file that the mock cloud wrote with --target: it says where the mock cloud listens, and holds the key of
    /// its control calls. Default: the environment variables `VOUCH_CONTROL_URL` and `VOUCH_CONTROL_KEY`.
    #[arg(short, long, value_name = "FILE", global = true)]
    target: Option<PathBuf>,

    /// The environment of the user. Default: the one in which there is a user of this name; for a new user, production.
    #[arg(long, value_name = "ENVIRONMENT", global = true, value_parser = word::<Environment>)]
    environment: Option<Environment>,

    /// The region of the user. Default: the one in which there is a user of this name; for a new user, us.
    #[arg(long, value_name = "REGION", global = true, value_parser = word::<Region>)]
    region: Option<Region>,

    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Create, list, delete and bring back users, and issue sign-in tokens. USER is a `client_user_id` or a user id.
    #[command(subcommand)]
    User(UserVerb),
    /// Have the API refuse the access tokens that the user has: the app must refresh.
    Expire { user: String },
    /// End the sessions of the user: its refresh tokens and access tokens are refused.
    Revoke { user: String },
    /// Set the clock of the cloud ahead, for example by 2h: tokens expire.
    Advance {
        #[arg(value_name = "TIME", value_parser = duration)]
        time: Duration,
    },
    /// Add, list and clear faults, which strike what comes through the proxy.
    #[command(subcommand)]
    Fault(FaultVerb),
    /// Show the last exchanges that came through the proxy, without secrets.
    Log {
        /// How many.
        #[arg(long, value_name = "N", default_value_t = 20)]
        last: usize,
    },
}

#[derive(clap::Subcommand)]
enum UserVerb {
    /// Create a user; prints its user id.
    Create { name: String },
    /// List the users.
    List,
    /// Print a sign-in token for the user, a secret.
    Token { user: String },
    /// Delete the user.
    Delete { user: String },
    /// Bring a deleted user back.
    UndoDelete { user: String },
}

#[derive(clap::Subcommand)]
enum FaultVerb {
    /// Add a fault: a kind of `vouch steps fault`, for example status, loseResponse or delay.
    Add {
        #[arg(value_parser = word::<FaultKind>)]
        kind: FaultKind,
        /// What it strikes: exchange, refresh or api. Default: everything.
        #[arg(long, value_name = "OPERATION", value_parser = word::<Operation>)]
        on: Option<Operation>,
        /// How often it strikes. Default: until `fault clear`.
        #[arg(long, value_name = "N")]
        times: Option<u32>,
        /// With the kind status: the status.
        #[arg(long, value_name = "STATUS")]
        status: Option<u16>,
        /// With the kind status: the header Retry-After, in seconds.
        #[arg(long, value_name = "SECONDS")]
        retry_after: Option<u64>,
        /// With the kind status: `detail.error_type` of the body.
        #[arg(long, value_name = "WORD")]
        error_type: Option<String>,
    },
    /// List the faults in force.
    List,
    /// Remove all faults.
    Clear,
}

/// Reads a word of a closed set. The message of an unknown one lists them all.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

/// Sends the command and prints the answer.
pub fn run(args: &Args) -> Done {
    let (url, key) = control(args)?;
    let (status, body) = hook::post(&format!("{url}/control/{CTL_WORD}"), &key, &args.command())?;
    let answer: Answer = serde_json::from_str(&body).unwrap_or(Answer { detail: body });
    let text = OutsideText::block(&answer.detail);
    if status.is_success() {
        writeln!(Out, "{}", text.as_str())?;
        return Ok(ExitCode::SUCCESS);
    }
    Err(match status.as_u16() {
        401 => CliError::Usage(format!(
            "the mock cloud at {url} refuses the control key: the target file is of another run of `vouch mock-cloud`"
        )),
        409 => CliError::Usage(text.into_string()),
        _ => CliError::Environment(format!("{url} answered {status}: {}", text.as_str())),
    })
}

#[derive(Deserialize)]
struct Answer {
    detail: String,
}

impl Args {
    fn command(&self) -> CtlCommand {
        let query =
            |name: &String| UserQuery { name: name.clone(), environment: self.environment, region: self.region };
        match &self.verb {
            Verb::User(UserVerb::Create { name }) => {
                let environment = self.environment.unwrap_or(Environment::Production);
                let realm = Realm { environment, region: self.region.unwrap_or(Region::Us) };
                CtlCommand::CreateUser { name: name.clone(), realm }
            }
            Verb::User(UserVerb::List) => CtlCommand::ListUsers,
            Verb::User(UserVerb::Token { user }) => CtlCommand::SignInToken(query(user)),
            Verb::User(UserVerb::Delete { user }) => CtlCommand::DeleteUser(query(user)),
            Verb::User(UserVerb::UndoDelete { user }) => CtlCommand::UndoDelete(query(user)),
            Verb::Expire { user } => CtlCommand::ExpireAccessTokens(query(user)),
            Verb::Revoke { user } => CtlCommand::Revoke(query(user)),
            Verb::Advance { time } => CtlCommand::Advance { seconds: time.as_secs() },
            Verb::Fault(FaultVerb::Add { kind, on, times, status, retry_after, error_type }) => {
                CtlCommand::AddFault(Fault {
                    on: *on,
                    times: *times,
                    status: *status,
                    retry_after: *retry_after,
                    error_type: error_type.clone(),
                    ..Fault::new(*kind)
                })
            }
            Verb::Fault(FaultVerb::List) => CtlCommand::ListFaults,
            Verb::Fault(FaultVerb::Clear) => CtlCommand::ClearFaults,
            Verb::Log { last } => CtlCommand::Log { last: *last },
        }
    }
}

/// The parts of a target file that say how to reach a running mock cloud.
#[derive(Deserialize)]
struct ControlFile {
    cloud: ControlSection,
}

#[derive(Deserialize)]
struct ControlSection {
    env: HashMap<String, String>,
}

/// The URL of the mock cloud and its control key.
fn control(args: &Args) -> Result<(String, String), CliError> {
    let Some(path) = &args.target else {
        let variables = (std::env::var(CONTROL_URL), std::env::var(CONTROL_KEY));
        let (Ok(url), Ok(key)) = variables else {
            return Err(CliError::Usage(
                "which mock cloud? Start it with `vouch mock-cloud --target FILE`, and give the same --target FILE here".into(),
            ));
        };
        return Ok((url, key));
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| CliError::Usage(format!("cannot read {}: {error}", path.display())))?;
    let file = toml::from_str::<ControlFile>(&text).ok();
    let control = file
        .and_then(|file| Some((file.cloud.env.get(CONTROL_URL)?.clone(), file.cloud.env.get(CONTROL_KEY)?.clone())));
    control.ok_or_else(|| {
        CliError::Usage(format!("{} is not a target file that `vouch mock-cloud` wrote with --target", path.display()))
    })
}
