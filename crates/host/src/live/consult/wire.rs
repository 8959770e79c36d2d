//! A line that is read in pieces, plain or under TLS, with a limit on time and size.

use super::Trouble;
use crate::{
    answer::End,
    live::connect::{
        line::{Ear, Line, Turn},
        tls::{self, TlsLine},
    },
};
use std::time::Instant;

/// Most that one visit hears, bytes.
const MAX_HEARD: usize = 1 << 20;

/// The other end of a visit.
pub(super) struct Wire {
    channel: Channel,
    /// Heard and not yet taken.
    heard: Vec<u8>,
    total: usize,
    until: Instant,
}

enum Channel {
    Plain(Line),
    Tls(Box<TlsLine>),
    Gone,
}

impl Wire {
    pub(super) fn new(line: Line, until: Instant) -> Self {
        Self {
            channel: Channel::Plain(line),
            heard: Vec::new(),
            total: 0,
            until,
        }
    }

    pub(super) fn say(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        let said = match &mut self.channel {
            Channel::Plain(line) => line.say(bytes, self.until),
            Channel::Tls(line) => line.say(bytes, self.until),
            Channel::Gone => return Err(Trouble::Over(End::Closed)),
        };
        said.map_err(|_| Trouble::Over(End::Reset))
    }

    /// So many bytes, no less.
    pub(super) fn exactly(&mut self, count: usize) -> Result<Vec<u8>, Trouble> {
        while self.heard.len() < count {
            self.hear(count)?;
        }
        Ok(self.heard.drain(..count).collect())
    }

    /// Everything up to and with this mark.
    pub(super) fn through(&mut self, mark: &[u8]) -> Result<Vec<u8>, Trouble> {
        loop {
            let found = self.heard.windows(mark.len()).position(|window| window == mark);
            if let Some(at) = found {
                return Ok(self.heard.drain(..at + mark.len()).collect());
            }
            self.hear(0)?;
        }
    }

    fn hear(&mut self, count: usize) -> Result<(), Trouble> {
        if self.total.max(count) > MAX_HEARD {
            return Err(Trouble::unclear("it says more than any answer needs"));
        }
        let before = self.heard.len();
        let turn = match &mut self.channel {
            Channel::Plain(line) => line.hear(&mut self.heard, self.until),
            Channel::Tls(line) => line.hear(&mut self.heard, self.until),
            Channel::Gone => Turn::Over(End::Closed),
        };
        self.total += self.heard.len() - before;
        match turn {
            Turn::Heard => Ok(()),
            Turn::Over(end) => Err(Trouble::Over(end)),
        }
    }

    /// Goes on under TLS. Any certificate will do, as it does for most applications' default settings.
    pub(super) fn upgrade(&mut self) -> Result<(), Trouble> {
        let Channel::Plain(line) = std::mem::replace(&mut self.channel, Channel::Gone) else {
            return Err(Trouble::unclear("TLS within TLS"));
        };
        let (talked, secured) = tls::handshake(line, None, self.until);
        let why = talked.tls.and_then(|sight| sight.error);
        let line = secured.ok_or_else(|| Trouble::Unclear(why.unwrap_or_else(|| "no TLS".into())))?;
        self.channel = Channel::Tls(Box::new(line));
        Ok(())
    }

    pub(super) fn is_secured(&self) -> bool {
        matches!(self.channel, Channel::Tls(_))
    }
}
