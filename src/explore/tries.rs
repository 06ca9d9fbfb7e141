//! What a client other than the SDK tries at the vendor in a walk.

use super::direct::Direct;
use super::model::{Seen, Try};
use crate::profile::{Call as AuthCall, Request, Values};
use crate::protocol::{ErrorKind, Realm};
use crate::wire::{Link, Party, Received, Session};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};
use std::time::Duration;

impl Direct {
    /// A call of somebody else than the SDK.
    async fn client(
        &self,
        to: Party,
        realm: Realm,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: String,
    ) -> Seen {
        let request = Received { method, path: path.to_owned(), headers, body: Bytes::from(body) };
        let link = Link { from: Party::Client, to, realm };
        let reply = self.ether.front.pass(link, &self.ether.cloud, request).await;
        reply.map_or(Seen::Refused(ErrorKind::Network), |reply| Seen::Http(reply.status.as_u16()))
    }

    pub(super) async fn attempt(&self, what: Try) -> Seen {
        let form =
            |content_type: &'static str| HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        let show = async |token: &str, realm: Realm| {
            let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
            let headers = HeaderMap::from_iter(bearer.map(|value| (AUTHORIZATION, value)));
            self.client(Party::Api, realm, Method::GET, &format!("/v2/user/{}", self.ids[0]), headers, String::new())
                .await
        };
        let loot = self.ether.transcript.look(|exchanges| Session::newest(exchanges, &self.profile));
        let Some(Session { sign_in_token, access_token, old_refresh_token }) = loot else {
            return match what {
                Try::Garbage | Try::Twin => self.attempt_alone(what).await,
                _ => Seen::Ok,
            };
        };
        let post = async |request: Request| {
            let headers = form(request.content_type);
            self.client(Party::Auth, self.home, Method::POST, &request.path, headers, request.body).await
        };
        match what {
            Try::AccessTokenAt(place) => show(&access_token, self.place(place)).await,
            Try::ExpiredAccessToken => {
                self.clock.advance(self.ether.cloud.lifetimes().access_token + Duration::from_secs(1)).await;
                show(&access_token, self.home).await
            }
            Try::SignInTokenAgain => {
                post(self.profile.request(AuthCall::Exchange, &Values { token: &sign_in_token, ..Values::default() }))
                    .await
            }
            Try::OldRefreshToken => match old_refresh_token {
                Some(old) => {
                    let values = Values { refresh_token: &old, ..Values::default() };
                    post(self.profile.request(AuthCall::Refresh, &values)).await
                }
                None => Seen::Ok,
            },
            Try::Garbage | Try::Twin => self.attempt_alone(what).await,
        }
    }

    async fn attempt_alone(&self, what: Try) -> Seen {
        let json = HeaderValue::from_static("application/json");
        match what {
            Try::Twin => {
                let key = self.ether.cloud.store().team(self.home).key.clone();
                let Ok(key) = HeaderValue::from_str(&key) else { return Seen::Ok };
                let headers =
                    HeaderMap::from_iter([(CONTENT_TYPE, json), (HeaderName::from_static("x-vital-api-key"), key)]);
                // A deleted user's name is free again.
                if self.ether.cloud.store().by_client_id(self.home, "app-user-ada").is_none() {
                    return Seen::Ok;
                }
                let body = "{\"client_user_id\":\"app-user-ada\"}".to_owned();
                self.client(Party::Api, self.home, Method::POST, "/v2/user", headers, body).await
            }
            _ => {
                let headers = HeaderMap::from_iter([(CONTENT_TYPE, json)]);
                self.client(Party::Auth, self.home, Method::POST, &self.profile.refresh.path, headers, "{".into()).await
            }
        }
    }
}
