//! Sends the requests of a client other than the SDK to the vendor in a walk.

use super::action::{ClientRequest, UNKNOWN_KEY, UNKNOWN_USER};
use super::in_process::InProcess;
use super::state::Observation;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};
use std::time::Duration;
use vouch_sim::mock_cloud::TokenShape;
use vouch_sim::sign_in_token::{TokenParts, forge};
use vouch_sim::wire::{Link, ObservedSession, Party, WireRequest, WireResponse};
use vouch_spec::profile::{IdpCall as AuthCall, IdpRequest, RequestValues};
use vouch_spec::protocol::{ErrorKind, Realm};
use vouch_spec::step::Forgery;

impl InProcess {
    /// Sends one call of a client other than the SDK.
    async fn client(
        &self,
        to: Party,
        realm: Realm,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: String,
    ) -> Observation {
        let request = WireRequest { method, path: path.to_owned(), headers, body: Bytes::from(body) };
        let link = Link { from: Party::Client, to, realm };
        let reply = self.network.proxy.forward(link, &self.network.cloud, request).await;
        reply.map_or(Observation::Refused(ErrorKind::Network), |reply| Observation::Http(reply.status.as_u16()))
    }

    pub(super) async fn attempt(&self, what: ClientRequest) -> Observation {
        let show = async |token: &str, realm: Realm| {
            let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
            let headers = HeaderMap::from_iter(bearer.map(|value| (AUTHORIZATION, value)));
            self.client(Party::Api, realm, Method::GET, &format!("/v2/user/{}", self.ids[0]), headers, String::new())
                .await
        };
        let session = self.network.transcript.read(ObservedSession::newest);
        let Some(ObservedSession { sign_in_token, access_token, old_refresh_token }) = session else {
            return self.attempt_alone(what).await;
        };
        let post = async |request: IdpRequest| {
            let headers = request.header_map();
            self.client(Party::Auth, self.home, Method::POST, &request.path, headers, request.body).await
        };
        match what {
            ClientRequest::AccessTokenAt(place) => show(&access_token, self.place(place)).await,
            ClientRequest::ExpiredAccessToken => {
                self.clock.advance(self.network.cloud.lifetimes().access_token + Duration::from_secs(1)).await;
                show(&access_token, self.home).await
            }
            ClientRequest::SignInTokenAgain => {
                post(
                    self.profile.request(
                        AuthCall::Exchange,
                        &RequestValues { token: &sign_in_token, ..RequestValues::default() },
                    ),
                )
                .await
            }
            ClientRequest::OldRefreshToken => match old_refresh_token {
                Some(old) => {
                    let values = RequestValues { refresh_token: &old, ..RequestValues::default() };
                    post(self.profile.request(AuthCall::Refresh, &values)).await
                }
                None => Observation::Ok,
            },
            _ => self.attempt_alone(what).await,
        }
    }

    /// Sends a request that needs no session.
    async fn attempt_alone(&self, what: ClientRequest) -> Observation {
        let json = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let with_key = |key: &str| {
            let mut headers = json.clone();
            headers.extend(HeaderValue::from_str(key).map(|key| (HeaderName::from_static("x-vital-api-key"), key)));
            headers
        };
        let own = with_key(&self.network.cloud.store().team(self.home).key.clone());
        let ada = format!("/v2/user/{}", self.ids[0]);
        let api = async |method, path: &str, realm, headers, body: &str| {
            self.client(Party::Api, realm, method, path, headers, body.to_owned()).await
        };
        match what {
            // The client user id of a deleted user can be used again.
            ClientRequest::DuplicateUser
                if self.network.cloud.store().by_client_id(self.home, "app-user-ada").is_none() =>
            {
                Observation::Ok
            }
            ClientRequest::DuplicateUser => {
                api(Method::POST, "/v2/user", self.home, own, "{\"client_user_id\":\"app-user-ada\"}").await
            }
            ClientRequest::NoCredential => api(Method::GET, &ada, self.home, json.clone(), "").await,
            ClientRequest::UnknownKey => api(Method::GET, &ada, self.home, with_key(UNKNOWN_KEY), "").await,
            ClientRequest::KeyAt(place) => api(Method::GET, "/v2/user", self.place(place), own, "").await,
            ClientRequest::UserWithoutClientId => api(Method::POST, "/v2/user", self.home, own, "{}").await,
            ClientRequest::TokenForUnknownUser => {
                api(Method::POST, &format!("/v2/user/{UNKNOWN_USER}/sign_in_token"), self.home, own, "").await
            }
            ClientRequest::UnsignedToken => {
                match self.ada_signs_in(|good| forge(&good, Forgery::AlgorithmNone)).await {
                    Some(reply) => Observation::Http(reply.status.as_u16()),
                    None => Observation::Ok,
                }
            }
            ClientRequest::Metrics | ClientRequest::NewUser => {
                let reply = self.ada_signs_in(Some).await;
                let granted = reply.and_then(|reply| self.profile.granted(AuthCall::Exchange, &reply.body, None));
                let Some(granted) = granted else { return Observation::Ok };
                let mut headers = json.clone();
                let bearer = HeaderValue::from_str(&format!("Bearer {}", granted.access_token));
                headers.extend(bearer.map(|value| (AUTHORIZATION, value)));
                match what {
                    ClientRequest::Metrics => api(Method::GET, "/v2/user/metrics", self.home, headers, "").await,
                    _ => api(Method::POST, "/v2/user", self.home, headers, "{\"client_user_id\":\"intruder\"}").await,
                }
            }
            ClientRequest::Garbage => {
                self.client(Party::Auth, self.home, Method::POST, &self.profile.refresh.path, json, "{".into()).await
            }
            // Not possible without a session.
            _ => Observation::Ok,
        }
    }

    /// Exchanges a changed copy of Ada's sign-in token, and returns the response.
    async fn ada_signs_in(&self, change: impl FnOnce(String) -> Option<String>) -> Option<WireResponse> {
        let token = change(self.network.cloud.sign_in_token(self.home, &self.ids[0], &TokenShape::default())?)?;
        let TokenParts { jwt, public_key, tenant, .. } = TokenParts::of(&token);
        let values =
            RequestValues { token: &jwt, public_key: &public_key, tenant: &tenant, ..RequestValues::default() };
        let request = self.profile.request(AuthCall::Exchange, &values);
        let headers = request.header_map();
        let (method, body) = (Method::POST, Bytes::from(request.body));
        let received = WireRequest { method, path: request.path, headers, body };
        let link = Link { from: Party::Client, to: Party::Auth, realm: self.home };
        self.network.proxy.forward(link, &self.network.cloud, received).await
    }
}
