//! What a request is answered with: the answer of the upstream, changed or replaced by the fault of the moment.

use super::super::fault::{FaultEffect, FaultPoint};
use super::super::transcript::{Link, WireRequest};
use super::{ConnectionCut, ConnectionFault, ProxyState, Upstream, WireResponse};
use hyper::body::Bytes;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::{HeaderMap, StatusCode};
use serde_json::Value;

/// The connection ends without an answer.
pub(super) struct NoReply {
    /// The upstream has done its part.
    pub processed: bool,
}

/// The answer of the upstream, or what a fault makes of it.
pub(super) async fn answer(
    link: Link,
    shared: &ProxyState,
    upstream: &dyn Upstream,
    request: WireRequest,
    kind: Option<FaultEffect>,
    releases: u64,
) -> Result<WireResponse, NoReply> {
    let fault_at = |moment| match &kind {
        Some(FaultEffect::Lose(at) | FaultEffect::Reset(at)) if *at == moment => Some(ConnectionFault::Lose),
        Some(FaultEffect::Hold(at)) if *at == moment => Some(ConnectionFault::Hold { releases }),
        Some(FaultEffect::Kill(at)) if *at == moment => Some(ConnectionFault::Kill),
        _ => None,
    };
    if let Some(fault) = fault_at(FaultPoint::Request) {
        shared.apply_fault(fault).await.map_err(|ConnectionCut| NoReply { processed: false })?;
    }
    if let Some(FaultEffect::Redirect { status, base }) = &kind {
        let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::TEMPORARY_REDIRECT);
        let mut reply = WireResponse { status, headers: HeaderMap::new(), body: Bytes::new() };
        if let Ok(location) = HeaderValue::from_str(&format!("{base}{}", request.path)) {
            reply.headers.insert(LOCATION, location);
        }
        return Ok(reply);
    }
    if let Some(FaultEffect::Answer { status, retry_after_s, headers, content_type, body }) = &kind {
        let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut reply = WireResponse { status, headers: HeaderMap::new(), body: body.clone() };
        reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(seconds) = retry_after_s {
            reply.headers.insert(RETRY_AFTER, HeaderValue::from(*seconds));
        }
        for (name, value) in headers {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
                reply.headers.append(name, value);
            }
        }
        return Ok(reply);
    }
    if let Some(FaultEffect::UserUnknown) = &kind {
        return Ok(super::super::fault::unknown_user(&request));
    }
    if let Some(FaultEffect::RedirectElsewhere) = &kind {
        // There it goes on as if nothing were wrong.
        if !request.path.starts_with(super::super::fault::ELSEWHERE) {
            return Ok(super::super::fault::redirect_elsewhere(&request));
        }
        return Ok(super::super::fault::unknown_user(&request));
    }
    if let Some(FaultEffect::Delay(by)) = &kind {
        tokio::time::sleep(*by).await;
    }
    let again = matches!(kind, Some(FaultEffect::Twice)).then(|| request.clone());
    let mut reply = upstream.answer(link, request).await.ok_or(NoReply { processed: false })?;
    if let Some(again) = again {
        upstream.answer(link, again).await;
    }
    if let Some(fault) = fault_at(FaultPoint::Response) {
        shared.apply_fault(fault).await.map_err(|ConnectionCut| NoReply { processed: true })?;
    }
    match kind {
        Some(FaultEffect::Body { content_type, body }) => {
            reply.status = StatusCode::OK;
            reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            reply.body = body;
        }
        Some(FaultEffect::Omit(pointers)) => omit(&mut reply, &pointers),
        Some(FaultEffect::ContentType(content_type)) => {
            reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        Some(FaultEffect::Truncate) => {
            // A whole message by its length, half a document by its content.
            reply.body = reply.body.slice(..reply.body.len() / 2);
            reply.headers.remove(CONTENT_LENGTH);
        }
        _ => {}
    }
    Ok(reply)
}

/// Removes fields from a JSON body.
fn omit(reply: &mut WireResponse, pointers: &[String]) {
    let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) else { return };
    for pointer in pointers {
        let (parent, field) = pointer.rsplit_once('/').unwrap_or_default();
        if let Some(object) = body.pointer_mut(parent).and_then(Value::as_object_mut) {
            object.remove(field);
        }
    }
    reply.body = Bytes::from(body.to_string());
    // The length that the server announced is that of its own body.
    reply.headers.remove(CONTENT_LENGTH);
}
