//! Calls to the vendor API with the installation's own credentials.

use super::policy::{Next, Why};
use super::ports::{Host, HttpRequest, HttpResponse};
use super::record::{ApiKeyRecord, Record};
use super::{Result, Sdk, SdkError};
use serde_json::Value;
use std::sync::Arc;
use vouch_spec::protocol::{ErrorKind, Realm};

/// What the API answered.
#[derive(Clone, Debug)]
pub struct ApiAnswer {
    pub status: u16,
    /// Null when the body is no JSON.
    pub body: Value,
}

impl From<HttpResponse> for ApiAnswer {
    fn from(answer: HttpResponse) -> Self {
        Self { status: answer.status, body: answer.json().unwrap_or_default() }
    }
}

impl Sdk {
    /// One API call. Any HTTP status is a result, except what ends the session.
    pub async fn request(self: &Arc<Self>, method: &str, path: &str) -> Result<ApiAnswer> {
        // Whose call it is, however long it takes.
        let era = self.state.lock().era;
        match self.record()? {
            Some(Record::ApiKey(record)) if record.user_id.is_some() => {
                self.request_with_key(record, method, path).await
            }
            Some(Record::SignInToken(_)) => self.request_with_token(era, method, path).await,
            _ => Err(SdkError::new(ErrorKind::NotSignedIn, "nobody is signed in")),
        }
    }

    async fn request_with_key(&self, record: ApiKeyRecord, method: &str, path: &str) -> Result<ApiAnswer> {
        let headers = vec![("x-vital-api-key", record.api_key.expose().to_owned())];
        self.api(record.realm(), method, path, headers).await
    }

    /// A 401 leads to one refresh and one retry, never more (REF-3).
    async fn request_with_token(self: &Arc<Self>, era: u64, method: &str, path: &str) -> Result<ApiAnswer> {
        let mut session = self.fresh_session(era).await?;
        let mut retried = false;
        loop {
            let headers = self.device.policy.credentials(&session);
            let answer = self.api(session.realm(), method, path, headers).await?;
            match self.device.policy.after_api(answer.status, retried) {
                Next::WorkerState => return Ok(answer),
                Next::Unauthorized => {
                    return Err(SdkError::new(ErrorKind::Unauthorized, "the API refuses a fresh access token"));
                }
                Next::SignOut => return Err(self.user_gone(era)),
                Next::RefreshAndRetry => {
                    // Somebody may have refreshed since: then the newer token deserves the retry.
                    session = self.newer_session(era, &session, Why::Refused).await?;
                    retried = true;
                }
            }
        }
    }

    async fn api(
        &self,
        realm: Realm,
        method: &str,
        path: &str,
        headers: Vec<(&'static str, String)>,
    ) -> Result<ApiAnswer> {
        let call = HttpRequest {
            realm,
            host: Host::Api,
            method: method.to_owned(),
            path: path.to_owned(),
            headers,
            body: String::new(),
        };
        let no_answer = |_| SdkError::new(ErrorKind::Network, "no answer from the API; try again later");
        self.device.net.send(call).await.map(ApiAnswer::from).map_err(no_answer)
    }
}
