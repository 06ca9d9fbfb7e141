//! HTTP/2 (RFC 9113), as much as load generators need: header blocks are not decoded. A request
//! for tokens is told by its body; every other one is answered with a user and its sign-in token.

use crate::responses::Responses;
use std::collections::VecDeque;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
/// The window of a connection before the first update, in bytes (section 6.9.2).
const INITIAL_WINDOW: i64 = 65_535;
/// The window that this server opens for the bodies of requests, and the rest at which it opens it again, in bytes.
const REQUEST_WINDOW: u32 = 1 << 30;
const LOW_WINDOW: u32 = 1 << 20;

/// The state of one connection.
pub struct Http2 {
    started: bool,
    /// How many bytes of bodies may still be received.
    receive_window: u32,
    /// How many bytes of bodies may still be sent.
    send_window: i64,
    /// Streams with a complete request, and whether it is one for a token.
    waiting: VecDeque<(u32, bool)>,
    /// A stream whose body has begun and not ended, and whether it is one for a token.
    open: Vec<(u32, bool)>,
}

impl Http2 {
    pub fn new() -> Self {
        Self { started: false, receive_window: 0, send_window: INITIAL_WINDOW, waiting: VecDeque::new(), open: vec![] }
    }

    /// Whether a plain connection begins as HTTP/2.
    pub fn starts(inbox: &[u8]) -> bool {
        inbox.starts_with(&PREFACE[..PREFACE.len().min(inbox.len())])
    }

    /// Takes the complete frames from `inbox` and writes what they call for. Returns whether the input is HTTP/2.
    pub fn receive(&mut self, inbox: &mut Vec<u8>, out: &mut Vec<u8>) -> bool {
        let mut at = 0;
        if !self.started {
            if inbox.len() < PREFACE.len() {
                return true;
            }
            if !inbox.starts_with(PREFACE) {
                return false;
            }
            at = PREFACE.len();
            self.started = true;
            frame(SETTINGS, 0, 0, &[], out);
        }
        if self.receive_window < LOW_WINDOW {
            frame(WINDOW_UPDATE, 0, 0, &REQUEST_WINDOW.to_be_bytes(), out);
            self.receive_window += REQUEST_WINDOW;
        }
        while let Some(head) = inbox[at..].first_chunk::<FRAME_HEAD>() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let (kind, flags) = (head[3], head[4]);
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & (u32::MAX >> 1);
            let Some(payload) = inbox.get(at + FRAME_HEAD..at + FRAME_HEAD + length) else { break };
            self.on_frame(kind, flags, stream, payload, out);
            at += FRAME_HEAD + length;
        }
        inbox.drain(..at);
        true
    }

    fn on_frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
        match kind {
            DATA => {
                self.receive_window =
                    self.receive_window.saturating_sub(u32::try_from(payload.len()).unwrap_or(u32::MAX));
                let begun = self.open.iter().position(|(number, _)| *number == stream);
                let begun = begun.map(|at| self.open.swap_remove(at));
                let is_grant = begun.map_or_else(|| payload.starts_with(b"grant_type="), |(_, is_grant)| is_grant);
                if flags & END_STREAM != 0 {
                    self.waiting.push_back((stream, is_grant));
                } else {
                    self.open.push((stream, is_grant));
                }
            }
            HEADERS if flags & END_STREAM != 0 => self.waiting.push_back((stream, false)),
            SETTINGS if flags & ACK == 0 => frame(SETTINGS, ACK, 0, &[], out),
            PING if flags & ACK == 0 => frame(PING, ACK, 0, payload, out),
            WINDOW_UPDATE if stream == 0 => {
                let more = payload.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
                self.send_window += i64::from(more);
            }
            _ => {}
        }
    }

    /// Writes the responses for which the window has room. `served` is counted up for each.
    pub fn respond(&mut self, responses: &Responses, served: &mut u64, out: &mut Vec<u8>) {
        while let Some((stream, is_grant)) = self.waiting.front().copied() {
            let length = if is_grant { responses.grant_length() } else { responses.sign_in_token.len() };
            let bytes = i64::try_from(length).unwrap_or(i64::MAX);
            if bytes > self.send_window {
                return;
            }
            self.waiting.pop_front();
            self.send_window -= bytes;
            *served += 1;
            headers(stream, length, out);
            frame_head(length, DATA, END_STREAM, stream, out);
            if is_grant { responses.write_grant(*served, out) } else { out.extend_from_slice(&responses.sign_in_token) }
        }
    }
}

/// `:status: 200`, `content-type: application/json` and `content-length`, without the dynamic table (RFC 7541).
fn headers(stream: u32, length: usize, out: &mut Vec<u8>) {
    let mut block = [0; 64];
    let start = b"\x88\x0f\x10\x10application/json\x0f\x0d";
    block[..start.len()].copy_from_slice(start);
    let digits = length.to_string();
    block[start.len()] = u8::try_from(digits.len()).unwrap_or(0);
    let end = start.len() + 1 + digits.len();
    block[start.len() + 1..end].copy_from_slice(digits.as_bytes());
    frame(HEADERS, END_HEADERS, stream, &block[..end], out);
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    frame_head(payload.len(), kind, flags, stream, out);
    out.extend_from_slice(payload);
}

fn frame_head(length: usize, kind: u8, flags: u8, stream: u32, out: &mut Vec<u8>) {
    let length = u32::try_from(length).unwrap_or(0).to_be_bytes();
    out.extend_from_slice(&[length[1], length[2], length[3], kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
}
