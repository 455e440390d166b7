//! What a host makes of numbers, such as pages: made by it, and kept as answers are.

use bytes::Bytes;

use super::{
    Document, Metrics,
    known::{What, form_key, key},
};
use crate::{
    access::{actor::Actor, permission::Permission},
    error::{Error, Result},
    id::ClientId,
    model::period::PeriodQuery,
};

impl Metrics {
    /// What `make` makes of a client, from the cache where nothing has changed. `form` names everything that it depends on besides the client,
    /// its numbers, its n8n and the period: two forms of one name have to be the same, in every host that shares the cache.
    ///
    /// Everything in it has to come from these services; the time of day must not show but as instants.
    ///
    /// # Errors
    /// As [`Metrics::client`], and those of `make`.
    pub async fn form(
        &self,
        actor: Actor,
        id: ClientId,
        (form, query): (&str, &PeriodQuery),
        make: impl Future<Output = Result<Bytes>> + Send,
    ) -> Result<Document> {
        let scope = actor.require_client(Permission::ViewClient, id)?;
        let client = self.ready(scope, id).await?;
        let at = self.moment();
        let key = client.key((What::Form(form.into()), query), at);
        if let Some(document) = self.at_hand(&key) {
            return Ok(document);
        }
        let make = async {
            let document = Document::of(make.await?);
            // Versions only count up: if the client is still as the key says, so was everything that was read meanwhile.
            let found = self.store.find_client(scope, id).await?;
            let found = found.ok_or_else(|| Error::not_found("client"))?;
            Ok((document, form_key((form, query), &found, at)))
        };
        // In a box, so that a request whose answer is at hand has no room to carry for this.
        Box::pin(self.document_of(&key, make)).await
    }

    /// The same of all clients.
    ///
    /// # Errors
    /// As [`Metrics::all`], and those of `make`.
    pub async fn form_of_all(
        &self,
        actor: Actor,
        (form, query): (&str, &PeriodQuery),
        make: impl Future<Output = Result<Bytes>> + Send,
    ) -> Result<Document> {
        actor.require(Permission::ViewAllClients)?;
        let at = self.moment();
        let (scope, period) = (actor.scope(), query.at(at.now));
        let key_of =
            |answers: &str| key("Form", "all", &(answers, period, query.classes(), query.tz(), form));
        let key = key_of(&self.overview(scope, at).await?.answers);
        let make = async {
            let document = Document::of(make.await?);
            Ok((document, key_of(&self.read_overview(scope, at).await?.answers)))
        };
        self.document_of(&key, make).await
    }
}
