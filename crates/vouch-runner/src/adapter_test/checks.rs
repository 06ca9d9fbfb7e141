//! The rules of the protocol that can be checked without a server.

use super::{Check, Checked, Session, Wrong};
use serde_json::{Value, json};
use std::time::Duration;
use vouch_spec::protocol::message::{CurrentUser, Items, Status};
use vouch_spec::protocol::{Capability, ErrorKind, is_documented};

/// How long a process may take to end after the end of its input.
const END_OF_INPUT: Duration = Duration::from_secs(5);

macro_rules! check {
    ($name:literal, $rule:literal, $needs:expr, $run:ident) => {
        check!($name, $rule, $needs, $run, starts: true)
    };
    ($name:literal, $rule:literal, $needs:expr, $run:ident, starts: $starts:literal) => {
        Check {
            name: $name,
            rule: $rule,
            needs: $needs,
            starts: $starts,
            run: |session| -> Checked<'_> { Box::pin($run(session)) },
        }
    };
}

/// In the order of the protocol's page.
pub(super) const CHECKS: &[Check] = &[
    check!("before start", "a call that comes before `start` is answered with the code -32600", None, before_start, starts: false),
    check!("start", "`start` is answered at once, with an object", None, start, starts: false),
    check!("unknown method", "an unknown method is answered with the code -32601", None, unknown_method),
    check!("wrong params", "params that cannot be read are answered with the code -32602", None, wrong_params),
    check!("unknown notification", "an unknown notification is ignored", None, unknown_notification),
    check!("calls at once", "calls that are sent without waiting are all answered, by their id", None, calls_at_once),
    check!("new installation", "a new installation has no user and a documented status", None, new_installation),
    check!(
        "sign-in token",
        "a malformed sign-in token is refused with the kind invalidSignInToken",
        None,
        malformed_token
    ),
    check!("long line", "a line of half a MiB is read like any other", None, long_line),
    check!("no session", "`request` without a session is refused with notSignedIn or notConfigured", None, no_session),
    check!("storage", "`storage` lists items by area, unless the adapter claims storageFiles", None, storage),
    check!(
        "apiKey",
        "an adapter that claims apiKey knows `configure` and `setUserId`",
        Some(Capability::ApiKey),
        api_key
    ),
    check!(
        "identify",
        "an adapter that claims identify calls `authenticate`, and reports that it failed",
        Some(Capability::Identify),
        identify
    ),
    check!(
        "refresh",
        "`refresh` without a session is refused with notSignedIn or unsupported",
        Some(Capability::Refresh),
        refresh
    ),
    check!("clock", "`clock` is answered at once", Some(Capability::Clock), clock),
    check!(
        "storageLock",
        "`lockStorage` is answered, and status can be asked while storage is locked",
        Some(Capability::StorageLock),
        lock
    ),
    check!("cancel", "`cancel` of a call that has ended is ignored", Some(Capability::Cancel), cancel),
    check!("stop", "`stop` is answered, then the process ends with code 0", None, stop),
    check!("end of input", "the process ends when its input ends", None, end_of_input, starts: false),
];

async fn before_start(session: &Session) -> Result<(), Wrong> {
    session.refused_with_code("status", json!({}), -32600).await
}

async fn start(session: &Session) -> Result<(), Wrong> {
    session.start().await
}

async fn unknown_method(session: &Session) -> Result<(), Wrong> {
    session.refused_with_code("vouchProbe", json!({}), -32601).await
}

async fn wrong_params(session: &Session) -> Result<(), Wrong> {
    session.refused_with_code("signIn", json!({ "token": 7 }), -32602).await
}

async fn unknown_notification(session: &Session) -> Result<(), Wrong> {
    session.notify("vouchProbe", json!({ "any": "thing" }));
    status(session).await
}

async fn calls_at_once(session: &Session) -> Result<(), Wrong> {
    let calls = (0..16).map(|number| async move {
        if number % 2 == 0 { status(session).await } else { nobody_is_signed_in(session).await }
    });
    futures_util::future::try_join_all(calls).await.map(|_| ())
}

async fn new_installation(session: &Session) -> Result<(), Wrong> {
    status(session).await?;
    nobody_is_signed_in(session).await
}

async fn malformed_token(session: &Session) -> Result<(), Wrong> {
    for token in ["", "not base64!", "bm90IGpzb24="] {
        session.refused("signIn", json!({ "token": token }), &[ErrorKind::InvalidSignInToken]).await?;
    }
    Ok(())
}

async fn long_line(session: &Session) -> Result<(), Wrong> {
    let token = "A".repeat(512 * 1024);
    session.refused("signIn", json!({ "token": token }), &[ErrorKind::InvalidSignInToken]).await
}

async fn no_session(session: &Session) -> Result<(), Wrong> {
    let params = json!({ "method": "GET", "path": "/v2/user/1" });
    session.refused("request", params, &[ErrorKind::NotSignedIn, ErrorKind::NotConfigured]).await
}

async fn storage(session: &Session) -> Result<(), Wrong> {
    match session.call("storage", json!({})).await? {
        Ok(result) => read::<Items>("storage", result).map(|_| ()),
        Err(_) if session.claims(Capability::StorageFiles) => Ok(()),
        Err(refusal) => Err(format!("`storage` was refused: {}", refusal.message).into()),
    }
}

async fn api_key(session: &Session) -> Result<(), Wrong> {
    let params = json!({ "apiKey": "sk_us_0123456789", "environment": "sandbox", "region": "us" });
    session.accepted("configure", params).await?;
    session.accepted("setUserId", json!({ "userId": "6e0bd6c4-8a5f-4a35-9b3f-1f4f0f6f4b8e" })).await?;
    let user = session.accepted("currentUserId", json!({})).await?;
    match read::<CurrentUser>("currentUserId", user)?.user_id {
        Some(_) => Ok(()),
        None => Err("after `setUserId`, `currentUserId` is null".to_owned().into()),
    }
}

async fn identify(session: &Session) -> Result<(), Wrong> {
    // The callback is refused, as by an app whose backend failed.
    match session.call("identify", json!({ "externalUserId": "app-user-ada" })).await? {
        Err(refusal) if refusal.kind().is_some_and(|kind| kind != ErrorKind::Unsupported) => Ok(()),
        Err(refusal) => Err(format!("`identify` was answered with the error code {} and no kind", refusal.code).into()),
        Ok(_) => Err("`identify` succeeded although `authenticate` was refused".to_owned().into()),
    }
}

async fn refresh(session: &Session) -> Result<(), Wrong> {
    let kinds = [ErrorKind::NotSignedIn, ErrorKind::NotConfigured, ErrorKind::Unsupported];
    session.refused("refresh", json!({}), &kinds).await
}

async fn clock(session: &Session) -> Result<(), Wrong> {
    session.accepted("clock", json!({ "now": 1_767_229_200_000_i64 })).await.map(|_| ())
}

async fn lock(session: &Session) -> Result<(), Wrong> {
    session.accepted("lockStorage", json!({ "locked": true })).await?;
    session
        .call("status", json!({}))
        .await?
        .map_err(|refusal| format!("`status` was refused while storage is locked: {}", refusal.message))?;
    session.accepted("lockStorage", json!({ "locked": false })).await.map(|_| ())
}

async fn cancel(session: &Session) -> Result<(), Wrong> {
    // `initialize` was the first call.
    session.notify("cancel", json!({ "id": 1 }));
    session.notify("cancel", json!({ "id": 1_000_000 }));
    status(session).await
}

async fn stop(session: &Session) -> Result<(), Wrong> {
    session.stop().await
}

async fn end_of_input(session: &Session) -> Result<(), Wrong> {
    session.close_input(END_OF_INPUT).await
}

/// The status can be asked and is a documented one.
async fn status(session: &Session) -> Result<(), Wrong> {
    let answer = session.accepted("status", json!({})).await?;
    let status = read::<Status>("status", answer.clone())?.status;
    if is_documented(&status) {
        return Ok(());
    }
    Err(format!("`status` was answered with {answer}, which is no documented combination").into())
}

async fn nobody_is_signed_in(session: &Session) -> Result<(), Wrong> {
    let answer = session.accepted("currentUserId", json!({})).await?;
    match read::<CurrentUser>("currentUserId", answer.clone())?.user_id {
        None => Ok(()),
        Some(_) => Err(format!("`currentUserId` of a new installation was answered with {answer}").into()),
    }
}

/// Reads a result as its type.
fn read<R: serde::de::DeserializeOwned>(method: &str, result: Value) -> Result<R, Wrong> {
    serde_json::from_value(result)
        .map_err(|why| Wrong::Adapter(format!("the result of `{method}` has the wrong shape: {why}")))
}
