//! Serialised answers with their entity tags, made once and kept in the cache.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::Metrics;
use crate::{
    cache::Made,
    digest::sha256_hex,
    error::{Error, Result},
};

/// How long serialised answers are kept; their keys change with the data, so this only bounds memory.
const KEEP: Duration = Duration::from_secs(300);
/// How long a tag is: 64 digits in quotes.
const TAG: usize = 66;

/// A serialised answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// JSON, or what a host made.
    pub body: Bytes,
    /// A strong entity tag with its quotes: the same for the same bytes.
    pub etag: String,
}

impl Document {
    pub(super) fn serialise(answer: &impl Serialize) -> Result<Self> {
        Ok(Self::of(serde_json::to_vec(answer).map_err(Error::internal)?.into()))
    }

    pub(super) fn of(body: Bytes) -> Self {
        Self { etag: format!("\"{}\"", sha256_hex(&body)), body }
    }

    /// Tag and body in one piece, so that the tag of a kept answer need not be computed again.
    fn pack(&self) -> Bytes {
        [self.etag.as_bytes(), &self.body].concat().into()
    }

    fn unpack(packed: &Bytes) -> Option<Self> {
        let (etag, _) = packed.split_at_checked(TAG)?;
        Some(Self { etag: std::str::from_utf8(etag).ok()?.to_owned(), body: packed.slice(TAG..) })
    }
}

impl Metrics {
    /// The answer of a key, where it costs no waiting.
    pub(super) fn at_hand(&self, key: &str) -> Option<Document> {
        Document::unpack(&self.cache.at_hand(key)?)
    }

    /// The answer of a key from the cache, or made: a document, and the key that it belongs under.
    pub(super) async fn document_of(
        &self,
        key: &str,
        make: impl Future<Output = Result<(Document, String)>> + Send,
    ) -> Result<Document> {
        if let Some(document) = self.at_hand(key) {
            return Ok(document);
        }
        let making = async {
            let (document, made_key) = make.await?;
            Ok(Made { bytes: document.pack(), keep: made_key == key })
        };
        let packed = self.cache.get_or_make(key, KEEP, Box::pin(making)).await?;
        Document::unpack(&packed).ok_or_else(|| Error::internal("the cache keeps what is no document"))
    }
}
