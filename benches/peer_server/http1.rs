//! HTTP/1.1: requests are parsed, their bodies are skipped.

use crate::responses::Responses;

/// Takes the complete requests from `inbox` and passes the target of each to `answer`. Returns whether the input is HTTP.
pub fn take_requests(inbox: &mut Vec<u8>, mut answer: impl FnMut(&[u8])) -> bool {
    let mut at = 0;
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut headers);
        let head = match request.parse(&inbox[at..]) {
            Ok(httparse::Status::Complete(head)) => head,
            Ok(httparse::Status::Partial) => break,
            Err(_) => return false,
        };
        let length = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
        let length: usize = length.and_then(|h| std::str::from_utf8(h.value).ok()?.parse().ok()).unwrap_or(0);
        if inbox.len() < at + head + length {
            break;
        }
        answer(request.path.unwrap_or("/").as_bytes());
        at += head + length;
    }
    inbox.drain(..at);
    true
}

/// The head of a response with a JSON body of `length` bytes.
pub fn head(length: usize) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-type: application/json\r\ncache-control: no-store\r\ncontent-length: {length}\r\n\r\n"
    )
    .into_bytes()
}

/// Writes the response to a request for `target`, the `number`-th of the server.
pub fn respond(responses: &Responses, target: &[u8], number: u64, out: &mut Vec<u8>) {
    if target.ends_with(b"/token") {
        out.extend_from_slice(&responses.grant_head);
        return responses.write_grant(number, out);
    }
    let body = if target.ends_with(b"/sign_in_token") { &responses.sign_in_token } else { &responses.user };
    out.extend_from_slice(&head(body.len()));
    out.extend_from_slice(body);
}
