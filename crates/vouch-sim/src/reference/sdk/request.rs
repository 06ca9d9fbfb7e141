//! Calls to the vendor API with the installation's own credentials.

use super::policy::{ApiNextStep, RefreshReason};
use super::ports::{Host, HttpRequest, HttpResponse};
use super::record::{ApiKeyRecord, Record};
use super::{Result, Sdk, SdkError};
use serde_json::Value;
use std::sync::Arc;
use vouch_spec::protocol::{ErrorKind, Realm};

/// A response of the API.
#[derive(Clone, Debug)]
pub struct ApiResponse {
    pub status: u16,
    /// Null if the body is not JSON.
    pub body: Value,
}

/// What the app asks for.
#[derive(Clone, Copy)]
struct ApiCall<'a> {
    method: &'a str,
    path: &'a str,
    /// JSON, or empty.
    body: &'a str,
}

impl From<HttpResponse> for ApiResponse {
    fn from(answer: HttpResponse) -> Self {
        Self { status: answer.status, body: answer.json().unwrap_or_default() }
    }
}

impl Sdk {
    /// One API call without a body.
    pub async fn request(self: &Arc<Self>, method: &str, path: &str) -> Result<ApiResponse> {
        self.request_with_body(method, path, "").await
    }

    /// One API call with a JSON body, which may be empty. Every HTTP status is a result, unless it ends the session.
    pub async fn request_with_body(self: &Arc<Self>, method: &str, path: &str, body: &str) -> Result<ApiResponse> {
        let call = ApiCall { method, path, body };
        // First, because it takes over what another process has done: a user whom that process signed in began an epoch.
        let record = self.record()?;
        // The call belongs to this epoch's user, however long it takes.
        let epoch = self.state.lock().epoch;
        match record {
            Some(Record::ApiKey(record)) if record.user_id.is_some() => self.request_with_key(record, call).await,
            Some(Record::SignInToken(_)) => self.request_with_token(epoch, call).await,
            _ => Err(SdkError::new(ErrorKind::NotSignedIn, "nobody is signed in")),
        }
    }

    async fn request_with_key(&self, record: ApiKeyRecord, call: ApiCall<'_>) -> Result<ApiResponse> {
        let headers = vec![("x-vital-api-key", record.api_key.expose().to_owned())];
        self.api(record.realm(), call, headers).await
    }

    /// A 401 leads to one refresh and one retry of the whole request, never more (REF-3).
    async fn request_with_token(self: &Arc<Self>, epoch: u64, call: ApiCall<'_>) -> Result<ApiResponse> {
        let mut session = self.fresh_session(epoch).await?;
        let mut retried = false;
        loop {
            let headers = self.device.policy.api_headers(&session);
            let body = self.device.policy.body_of_attempt(call.body, retried);
            let answer = self.api(session.realm(), ApiCall { body, ..call }, headers).await?;
            match self.device.policy.after_api_response(answer.status, retried) {
                ApiNextStep::ReturnToApp => return Ok(answer),
                ApiNextStep::Unauthorized => {
                    return Err(SdkError::new(ErrorKind::Unauthorized, "the API refuses a fresh access token"));
                }
                ApiNextStep::SignOut => return Err(self.user_gone(epoch)),
                ApiNextStep::RefreshAndRetry => {
                    // Another call may have refreshed since; then the retry uses the newer token.
                    session = self.newer_session(epoch, &session, RefreshReason::Refused).await?;
                    retried = true;
                }
            }
        }
    }

    async fn api(
        &self,
        realm: Realm,
        call: ApiCall<'_>,
        mut headers: Vec<(&'static str, String)>,
    ) -> Result<ApiResponse> {
        if !call.body.is_empty() {
            headers.push(("content-type", "application/json".to_owned()));
        }
        let (method, path, body) = (call.method.to_owned(), call.path.to_owned(), call.body.to_owned());
        let headers = headers.into_iter().map(|(name, value)| (name.into(), value)).collect();
        let call = HttpRequest { realm, host: Host::Api, method, path, headers, body };
        let no_answer = |_| SdkError::new(ErrorKind::Network, "no answer from the API; try again later");
        self.device.net.send(call).await.map(ApiResponse::from).map_err(no_answer)
    }
}
