//! The tokens of an installation's session, as the wire saw them: what somebody else might show.

use super::{Exchange, Party};
use vouch_spec::profile::{IdpCall, TokenGrant};

/// The newest session of an SDK.
pub struct ObservedSession {
    /// The sign-in token that began it, as the identity provider was shown it.
    pub sign_in_token: String,
    /// The newest one.
    pub access_token: String,
    /// One that was rotated out, and whose successor the SDK has used.
    pub old_refresh_token: Option<String>,
}

impl ObservedSession {
    /// The session that the last exchange that worked began.
    pub fn newest(exchanges: &[Exchange]) -> Option<Self> {
        let own = |exchange: &&Exchange| exchange.link.from == Party::Sdk;
        let began =
            exchanges.iter().rposition(|e| own(&e) && e.call() == Some(IdpCall::Exchange) && e.granted().is_some())?;
        let since: Vec<_> = exchanges[began..].iter().filter(own).collect();
        let sign_in_token = since.first()?.tokens.token.clone()?;
        let access_token = since.iter().rev().find_map(|e| e.granted())?.access_token;
        let uses = |exchange: &Exchange, grant: &TokenGrant| {
            let bearer = exchange.request.bearer();
            exchange.tokens.refresh_token.as_ref() == Some(&grant.refresh_token)
                || bearer == Some(grant.access_token.as_str())
        };
        let old_refresh_token = since.iter().enumerate().find_map(|(at, exchange)| {
            let (old, grant) = (exchange.tokens.refresh_token.clone()?, exchange.granted()?);
            if old == grant.refresh_token {
                return None; // it came back: nothing was rotated out
            }
            since[at + 1..].iter().any(|later| later.fault.is_none() && uses(later, &grant)).then_some(old)
        });
        Some(Self { sign_in_token, access_token, old_refresh_token })
    }
}
