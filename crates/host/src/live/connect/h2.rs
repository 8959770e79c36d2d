//! One request over HTTP/2 (RFC 9113), its answer told as HTTP/1.1 tells it. Frames are bounded, so is their number.

use super::{
    MAX_HEARD, Talked,
    line::{Ear, Turn},
    tls::TlsLine,
};
use crate::{answer::End, visit::Visit};
use loona_hpack::{Decoder, Encoder};
use std::time::Instant;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 32;
/// A frame that is longer must be asked for by a setting (RFC 9113 section 4.2).
const LONGEST_FRAME: usize = 16 << 10;
/// Frames heard at most: a server may send empty ones for ever.
const MOST_FRAMES: usize = 2000;

/// Asks on stream 1, with this Cookie header unless it is empty, and hears it out.
pub(super) fn ask(line: &mut TlsLine, visit: &Visit, cookies: &[u8], until: Instant) -> Talked {
    let mut talked = Talked::default();
    let mut exchange = Exchange::default();
    let said = line.say(&opening(visit, cookies), until);
    let (mut raw, mut frames) = (Vec::new(), 0);
    let end = loop {
        match exchange.take(&mut raw, &mut frames) {
            Step::Over(end) => break end,
            Step::Reply(reply) => {
                let _ = line.say(&reply, until);
                continue;
            }
            Step::More => {}
        }
        match line.hear(&mut raw, until) {
            Turn::Heard => {
                talked.first_byte.get_or_insert_with(Instant::now);
            }
            Turn::Over(End::Closed) if said.is_err() => break End::Reset,
            Turn::Over(end) => break end,
        }
    };
    talked.heard = exchange.heard;
    talked.heard.truncate(MAX_HEARD);
    talked.end = Some(end);
    talked
}

/// The preface, our settings (none), and the request, which ends the stream on our side.
fn opening(visit: &Visit, cookies: &[u8]) -> Vec<u8> {
    let agent = visit.user_agent();
    let mut fields: Vec<(&[u8], &[u8])> = vec![
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":authority", visit.authority.as_bytes()),
        (b":path", visit.target.as_bytes()),
        (b"user-agent", agent.as_bytes()),
        (b"accept", b"text/html,application/xhtml+xml,*/*;q=0.8"),
    ];
    // each in a field of its own, as browsers send them (RFC 9113 section 8.2.3): servers bound fields, too
    let crumbs = cookies.split(|byte| *byte == b';').map(<[u8]>::trim_ascii_start);
    fields.extend(crumbs.filter(|it| !it.is_empty()).map(|it| (&b"cookie"[..], it)));
    let block = Encoder::new().encode(fields);
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    let parts = block.chunks(LONGEST_FRAME);
    let last = parts.len().saturating_sub(1);
    for (nth, part) in parts.enumerate() {
        let kind = if nth == 0 { HEADERS } else { CONTINUATION };
        let ends = if nth == 0 { END_STREAM } else { 0 };
        let whole = if nth == last { END_HEADERS } else { 0 };
        bytes.extend(frame(kind, ends | whole, 1, part));
    }
    bytes
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

enum Step {
    /// Say this first.
    Reply(Vec<u8>),
    /// Hear more.
    More,
    Over(End),
}

struct Exchange {
    /// Blocks build on those before.
    decoder: Decoder<'static>,
    block: Vec<u8>,
    ends: bool,
    has_head: bool,
    heard: Vec<u8>,
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            decoder: Decoder::new(),
            block: Vec::new(),
            ends: false,
            has_head: false,
            heard: Vec::new(),
        }
    }
}

impl Exchange {
    /// The next whole frame of what was heard.
    fn take(&mut self, raw: &mut Vec<u8>, frames: &mut usize) -> Step {
        let Some(head) = raw.get(..9) else {
            return Step::More;
        };
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (kind, flags) = (head[3], head[4]);
        let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
        *frames += 1;
        if length > LONGEST_FRAME || *frames > MOST_FRAMES {
            // larger than we allow: not HTTP/2, or a server that does not keep to it
            return Step::Over(End::Reset);
        }
        let Some(payload) = raw.get(9..9 + length).map(<[u8]>::to_vec) else {
            *frames -= 1;
            return Step::More;
        };
        raw.drain(..9 + length);
        match (kind, stream) {
            (SETTINGS, 0) if flags & ACK == 0 => Step::Reply(frame(SETTINGS, ACK, 0, &[])),
            (PING, 0) if flags & ACK == 0 => Step::Reply(frame(PING, ACK, 0, &payload)),
            (RST_STREAM, 1) => Step::Over(End::Reset),
            (GOAWAY, 0) if !self.has_head => Step::Over(End::Reset),
            (HEADERS | CONTINUATION, 1) => self.head(kind, flags, &payload),
            (DATA, 1) => self.body(flags, &payload),
            _ => Step::Reply(Vec::new()),
        }
    }

    fn head(&mut self, kind: u8, flags: u8, payload: &[u8]) -> Step {
        let mut part = if flags & PADDED != 0 && kind == HEADERS {
            unpadded(payload)
        } else {
            payload
        };
        if kind == HEADERS {
            self.ends = flags & END_STREAM != 0;
            if flags & PRIORITY != 0 {
                part = part.get(5..).unwrap_or_default();
            }
        }
        self.block.extend_from_slice(part);
        if self.block.len() > MAX_HEARD {
            return Step::Over(End::Reset);
        }
        if flags & END_HEADERS != 0 {
            let block = std::mem::take(&mut self.block);
            // 103 Early Hints come before, trailers after: only the answer's own head is told
            if !self.has_head && !self.tell(&block) {
                return Step::Over(End::Reset);
            }
            if self.ends {
                return Step::Over(End::Enough);
            }
        }
        Step::Reply(Vec::new())
    }

    /// `false` where the block can't be read.
    fn tell(&mut self, block: &[u8]) -> bool {
        let Ok(fields) = self.decoder.decode(block) else {
            return false;
        };
        let clean = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(['\r', '\n'], " ");
        let status = fields
            .iter()
            .find(|(name, _)| name == b":status")
            .map(|(_, value)| clean(value));
        let status = status.unwrap_or_default();
        if status.starts_with('1') {
            return true;
        }
        self.has_head = true;
        self.heard = format!("HTTP/1.1 {status} \r\n").into_bytes();
        for (name, value) in fields.iter().filter(|(name, _)| !name.starts_with(b":")).take(90) {
            self.heard
                .extend(format!("{}: {}\r\n", clean(name), clean(value)).into_bytes());
        }
        self.heard.extend_from_slice(b"\r\n");
        true
    }

    fn body(&mut self, flags: u8, payload: &[u8]) -> Step {
        let part = if flags & PADDED != 0 {
            unpadded(payload)
        } else {
            payload
        };
        self.heard.extend_from_slice(part);
        // the window was never widened: what it holds is enough
        if flags & END_STREAM != 0 || self.heard.len() >= MAX_HEARD - (1 << 10) {
            return Step::Over(End::Enough);
        }
        Step::Reply(Vec::new())
    }
}

fn unpadded(payload: &[u8]) -> &[u8] {
    let padding = payload.first().copied().map_or(0, usize::from);
    let end = payload.len().saturating_sub(padding);
    payload.get(1..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(frames: &[Vec<u8>]) -> (String, Option<End>) {
        let (mut exchange, mut raw, mut count) = (Exchange::default(), frames.concat(), 0);
        loop {
            match exchange.take(&mut raw, &mut count) {
                Step::Reply(_) => {}
                Step::More => return (String::from_utf8_lossy(&exchange.heard).into_owned(), None),
                Step::Over(end) => return (String::from_utf8_lossy(&exchange.heard).into_owned(), Some(end)),
            }
        }
    }

    #[test]
    fn an_answer_is_told_as_http_1_tells_it() {
        let block = |fields: &[(&[u8], &[u8])]| Encoder::new().encode(fields.iter().copied());
        let head = block(&[(b":status", b"502"), (b"server", b"nginx")]);
        let (first, last) = head.split_at(3);
        let frames = [
            frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 1]),
            frame(HEADERS, END_HEADERS, 1, &block(&[(b":status", b"103")])),
            frame(HEADERS, 0, 1, first),
            frame(CONTINUATION, END_HEADERS, 1, last),
            frame(DATA, END_STREAM, 1, b"bad"),
        ];
        let told = "HTTP/1.1 502 \r\nserver: nginx\r\n\r\nbad".to_owned();
        assert_eq!(answer(&frames), (told, Some(End::Enough)));
        assert_eq!(answer(&frames[..4]).1, None);
        assert_eq!(answer(&[frame(RST_STREAM, 0, 1, &[0; 4])]).1, Some(End::Reset));
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            answer(std::slice::from_ref(&bytes));
            answer(&[frame(HEADERS, END_HEADERS, 1, &bytes)]);
        }
    }
}
