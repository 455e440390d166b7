//! Answers as they come from a socket, read by the length that they say.

use std::io::{ErrorKind, Read};

use crate::Fallible;

/// The most bytes of an answer.
const ROOM: usize = 256 * 1024;
/// The most headers of an answer.
const HEADERS: usize = 32;

/// An answer, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its media type; empty without one.
    pub content_type: String,
    /// Its body.
    pub body: Vec<u8>,
}

/// An answer as far as it has come.
#[derive(Debug)]
pub(crate) struct Reading {
    bytes: Vec<u8>,
    filled: usize,
}

/// What the head of an answer says.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Of the head itself.
    size: usize,
    /// Of the body.
    pub(crate) length: usize,
}

impl Reading {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; ROOM], filled: 0 }
    }

    /// Reads what there is; the head of the answer once that is whole, and then begins anew.
    pub(crate) fn read(&mut self, stream: &mut impl Read) -> Fallible<Option<Head>> {
        let room = self.bytes.get_mut(self.filled..).ok_or("an answer is too long")?;
        match stream.read(room) {
            Ok(0) => return Err("the server closed a connection".into()),
            Ok(read) => self.filled += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let Some(head) = self.head(|_| ())? else { return Ok(None) };
        if self.filled < head.size + head.length {
            return Ok(None);
        }
        self.filled = 0;
        Ok(Some(head))
    }

    /// The head, if it is whole.
    fn head(&self, mut seen: impl FnMut(&httparse::Header<'_>)) -> Fallible<Option<Head>> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let bytes = self.bytes.get(..self.filled).unwrap_or_default();
        let httparse::Status::Complete(size) = response.parse(bytes)? else { return Ok(None) };
        let mut length = None;
        for header in response.headers.iter() {
            if header.name.eq_ignore_ascii_case("content-length") {
                length = std::str::from_utf8(header.value)?.parse().ok();
            }
            seen(header);
        }
        let status = response.code.ok_or("an answer has a status")?;
        Ok(Some(Head { status, size, length: length.ok_or("an answer says its length")? }))
    }

    /// The answer that was read last.
    pub(super) fn answer(&mut self, head: &Head) -> Fallible<Answer> {
        let (mut content_type, end) = (String::new(), head.size + head.length);
        self.filled = end;
        self.head(|header| {
            if header.name.eq_ignore_ascii_case("content-type") {
                content_type = String::from_utf8_lossy(header.value).into_owned();
            }
        })?;
        self.filled = 0;
        let body = self.bytes.get(head.size..end).ok_or("an answer is too long")?.to_owned();
        Ok(Answer { status: head.status, content_type, body })
    }
}
