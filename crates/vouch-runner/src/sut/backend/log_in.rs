//! Log-ins and log-outs of test users at a backend.

use super::{Backend, Kind, Login, Session, ValueCall};
use crate::sut::SutError;
use crate::sut::http::{HttpError, HttpReply, fill};
use vouch_sim::wire::redact::{Redactor, SecretKind};
use vouch_spec::scenario::Text;

/// Why a test user could not be logged in.
#[derive(Debug, thiserror::Error)]
enum LoginError {
    #[error("the target file lists no credential for `{0}`; add it under `[backend.credentials]`")]
    Unlisted(String),
    #[error("the login of a test user failed: {0}")]
    Http(#[from] HttpError),
    #[error("the login of a test user was answered with {0}")]
    Status(u16),
    #[error("the response to the login of a test user has no credential at the location in the target file")]
    NoCredential,
    #[error("the response to `{0}` has no `{1}` at the location in the target file")]
    NoValue(String, String),
}

/// A log-in that failed.
#[derive(Debug)]
pub struct LogInFailure {
    /// The backend answered, and refused it.
    pub refused: bool,
    pub error: SutError,
}

impl Backend {
    /// The credential of an app user. The user is logged in on the first call.
    pub async fn log_in(&self, user: &str, redactor: &Redactor) -> Result<String, SutError> {
        self.session(user, redactor).await.map(|session| session.credential).map_err(|failure| failure.error)
    }

    /// The session of an app user, from the first call on the same.
    pub async fn session(&self, user: &str, redactor: &Redactor) -> Result<Session, LogInFailure> {
        let mut credentials = self.credentials.lock().await;
        if let Some(known) = credentials.get(user) {
            return Ok(known.clone());
        }
        let session = self.log_in_anew(user, redactor).await?;
        credentials.insert(user.to_owned(), session.clone());
        Ok(session)
    }

    /// A session of an app user that nobody else uses.
    async fn log_in_anew(&self, user: &str, redactor: &Redactor) -> Result<Session, LogInFailure> {
        let session = match &self.kind {
            Kind::Reference(backend) => Session { credential: backend.log_in(user), values: vec![] },
            Kind::External { spec, .. } => {
                self.log_in_external(&spec.login, user).await.map_err(|error| LogInFailure {
                    refused: matches!(error, LoginError::Status(400..=499)),
                    error: self.error(error.to_string()),
                })?
            }
        };
        redactor.secret(SecretKind::AppCredential, &session.credential);
        Ok(session)
    }

    /// Whether the target file says how to log out.
    pub fn can_log_out(&self) -> bool {
        match &self.kind {
            Kind::Reference(_) => true,
            Kind::External { spec, .. } => spec.logout.is_some(),
        }
    }

    /// Logs an app user in once more and out again. Returns the session that has ended.
    pub async fn ended_session(&self, user: &str, redactor: &Redactor) -> Result<Session, LogInFailure> {
        match &self.kind {
            Kind::Reference(backend) => {
                let credential = backend.log_in_again(user);
                backend.log_out(&credential);
                Ok(Session { credential, values: vec![] })
            }
            Kind::External { spec, .. } => {
                let session = self.log_in_anew(user, redactor).await?;
                let Some(logout) = &spec.logout else { return Ok(session) };
                let call = logout.call(&session.variables(user));
                let failed = |what: String| LogInFailure { refused: false, error: self.error(what) };
                let reply = self.send_recorded(&call).await.map_err(|error| failed(format!("the log-out: {error}")))?;
                if reply.status >= 400 {
                    return Err(failed(format!("the log-out of a test user was answered with {}", reply.status)));
                }
                Ok(session)
            }
        }
    }

    async fn log_in_external(&self, login: &Login, user: &str) -> Result<Session, LoginError> {
        match login {
            Login::Fixed(list) => match list.get(user).or_else(|| list.get("*")) {
                Some(credential) => {
                    let credential = fill(&Text(credential.clone()), &[("user", user)]);
                    Ok(Session { credential, values: vec![] })
                }
                None => Err(LoginError::Unlisted(user.to_owned())),
            },
            Login::Call { before, line, headers, body, credential, values } => {
                let mut session = Session::default();
                for step in before {
                    self.send_for_values(step, user, &mut session).await?;
                }
                let step = ValueCall {
                    line: line.clone(),
                    headers: headers.clone(),
                    body: body.clone(),
                    values: values.clone(),
                };
                let reply = self.send_for_values(&step, user, &mut session).await?;
                session.credential = credential.read(&reply).ok_or(LoginError::NoCredential)?;
                Ok(session)
            }
        }
    }

    /// Sends a request and adds the values of its answer to the session.
    async fn send_for_values(
        &self,
        step: &ValueCall,
        user: &str,
        session: &mut Session,
    ) -> Result<HttpReply, LoginError> {
        let reply = self.send_recorded(&step.call(&session.variables(user))).await?;
        if !(200..400).contains(&reply.status) {
            return Err(LoginError::Status(reply.status));
        }
        for (name, place) in &step.values {
            let value =
                place.read(&reply).ok_or_else(|| LoginError::NoValue(step.line.path.0.clone(), name.clone()))?;
            session.values.retain(|(known, _)| known != name);
            session.values.push((name.clone(), value));
        }
        Ok(reply)
    }

    /// The values for a token request: those of the log-in, and of the requests that come before it. A request that fails has
    /// none, as when the credential is invalid.
    pub async fn values_for_token(&self, session: &Session, shown: &str, user: &str) -> Vec<(String, String)> {
        let mut session = Session { credential: shown.to_owned(), ..session.clone() };
        for step in self.token_call().before {
            let _ = self.send_for_values(&step, user, &mut session).await;
        }
        session.values
    }
}
