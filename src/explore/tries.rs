//! What a client other than the SDK tries at the vendor in a walk.

use super::direct::Direct;
use super::model::{Seen, Try};
use crate::profile::{Call as AuthCall, Granted, Request, Values};
use crate::protocol::{ErrorKind, Realm};
use crate::wire::{Exchange, Link, Party, Received};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};
use std::time::Duration;

/// Tokens of a session that somebody else might show.
struct Loot {
    jwt: String,
    access_token: String,
    old_refresh_token: Option<String>,
}

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

    /// What there is to try with: the current session's sign-in token, newest access token, and a refresh token whose
    /// successor the SDK has used.
    fn loot(&self) -> Option<Loot> {
        self.ether.transcript.look(|exchanges| {
            let granted = |exchange: &Exchange| exchange.granted(&self.profile);
            let own = |exchange: &&Exchange| exchange.link.from == Party::Sdk;
            let began = exchanges
                .iter()
                .rposition(|e| own(&e) && e.call() == Some(AuthCall::Exchange) && granted(e).is_some())?;
            let since: Vec<_> = exchanges[began..].iter().filter(own).collect();
            let jwt = since.first()?.carried.token.clone()?;
            let access_token = since.iter().rev().find_map(|e| granted(e))?.access_token;
            let uses = |exchange: &Exchange, grant: &Granted| {
                let bearer = exchange.request.bearer();
                exchange.carried.refresh_token.as_ref() == Some(&grant.refresh_token)
                    || bearer == Some(grant.access_token.as_str())
            };
            let old_refresh_token = since.iter().enumerate().find_map(|(at, exchange)| {
                let (old, grant) = (exchange.carried.refresh_token.clone()?, granted(exchange)?);
                since[at + 1..].iter().any(|later| later.fault.is_none() && uses(later, &grant)).then_some(old)
            });
            Some(Loot { jwt, access_token, old_refresh_token })
        })
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
        let Some(Loot { jwt, access_token, old_refresh_token }) = self.loot() else {
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
                post(self.profile.request(AuthCall::Exchange, &Values { token: &jwt, ..Values::default() })).await
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
