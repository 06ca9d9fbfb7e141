//! Tests an adapter alone against the adapter protocol (`docs/adapter-protocol.md`), before any scenario.
//!
//! It knows the rules of the protocol, one check each. It must not know what a scenario tests: nothing here signs in.

mod checks;
mod session;

pub(crate) use self::session::Session;
use crate::sut::{Deadlines, SdkRole, StartError};
use std::future::Future;
use std::pin::Pin;
use vouch_spec::protocol::Capability;
use vouch_spec::protocol::message::Initialized;

/// How an adapter did at one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Followed,
    /// What it did instead.
    Broken(String),
    /// It is one of our templates, and a function that the rule needs is not filled in: what the template says of it.
    NotFilledIn(String),
    /// Why the rule does not apply to it.
    NotApplicable(String),
}

/// One rule of the protocol and how the adapter did.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// A short name, for example `end of input`.
    pub name: &'static str,
    /// What the protocol asks, in a sentence.
    pub rule: &'static str,
    pub outcome: Outcome,
}

/// A check ends with nothing to say, with what the adapter did wrong, or because the environment failed.
type Checked<'a> = Pin<Box<dyn Future<Output = Result<(), Wrong>> + Send + 'a>>;

/// Why a check did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Wrong {
    #[error("{0}")]
    Adapter(String),
    #[error("{0}")]
    NotFilledIn(String),
    #[error(transparent)]
    Environment(#[from] StartError),
}

impl From<String> for Wrong {
    fn from(what: String) -> Self {
        Wrong::Adapter(what)
    }
}

/// One rule and its check.
struct Check {
    name: &'static str,
    rule: &'static str,
    /// Only for adapters that claim this.
    needs: Option<Capability>,
    /// Whether `start` comes before it.
    starts: bool,
    run: for<'a> fn(&'a Session) -> Checked<'a>,
}

/// Tests an adapter. Each check has a process of its own.
///
/// # Errors
/// If the environment cannot start it.
pub async fn test(role: &SdkRole, deadlines: Deadlines) -> Result<Vec<CheckReport>, StartError> {
    const FIRST: &str = "initialize";
    const RULE: &str = "`initialize` is answered with a protocol version, the name of the SDK, and known capabilities";
    role.install().await?;
    let claims = match role.probe(deadlines).await? {
        Ok(initialized) => initialized,
        Err(error) => {
            return Ok(vec![CheckReport { name: FIRST, rule: RULE, outcome: Outcome::Broken(with_stderr(error)) }]);
        }
    };
    let outcome = match claims.capabilities.unknown.as_slice() {
        [] => Outcome::Followed,
        words => Outcome::Broken(unknown_words(words)),
    };
    let mut reports = vec![CheckReport { name: FIRST, rule: RULE, outcome }];
    for check in checks::CHECKS {
        reports.push(CheckReport {
            name: check.name,
            rule: check.rule,
            outcome: run(check, role, deadlines, &claims).await?,
        });
    }
    Ok(reports)
}

/// What to say of words among the capabilities that this Vouch does not know.
pub(crate) fn unknown_words(words: &[String]) -> String {
    let known = Capability::WORDS;
    let word = |word: &String| format!("`{word}`");
    format!(
        "it claims {}, which this version of Vouch does not know; known are {}",
        words.iter().map(word).collect::<Vec<_>>().join(", "),
        known.join(", ")
    )
}

async fn run(check: &Check, role: &SdkRole, deadlines: Deadlines, claims: &Initialized) -> Result<Outcome, StartError> {
    if let Some(needed) = check.needs.filter(|needed| !claims.capabilities.known.contains(needed)) {
        return Ok(Outcome::NotApplicable(format!("the adapter does not claim {needed}")));
    }
    let session = match Session::launch(role, deadlines, claims, None).await {
        Ok(session) => session,
        Err(Wrong::Environment(error)) => return Err(error),
        Err(Wrong::Adapter(what)) => return Ok(Outcome::Broken(what)),
        Err(Wrong::NotFilledIn(what)) => return Ok(Outcome::NotFilledIn(what)),
    };
    let checked = async {
        if check.starts {
            session.start().await?;
        }
        (check.run)(&session).await
    };
    let checked = checked.await;
    let outcome = match checked {
        Ok(()) => Outcome::Followed,
        Err(Wrong::Environment(error)) => return Err(error),
        Err(Wrong::Adapter(what)) => Outcome::Broken(session.explain(what).await),
        Err(Wrong::NotFilledIn(what)) => Outcome::NotFilledIn(what),
    };
    session.end().await;
    Ok(outcome)
}

/// The error, and the line that the adapter wrote on standard error that says most: its last error, else its last line.
pub(crate) fn with_stderr(error: crate::sut::SutError) -> String {
    let is_error = |line: &&str| ["Error", "error:", "Exception"].iter().any(|word| line.contains(word));
    let mut lines = error.stderr.trim_end().lines().rev();
    match (lines.clone().find(is_error), lines.next()) {
        (Some(line), Some(last)) if line != last => format!("{}; standard error has: {}", error.what, line.trim()),
        (_, Some(last)) => format!("{}; standard error ends with: {last}", error.what),
        (_, None) => error.what,
    }
}

#[cfg(test)]
mod tests;
