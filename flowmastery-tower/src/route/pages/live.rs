//! Events that say that numbers changed, for pages which then ask for them anew.
//!
//! Each look costs what a warm request does: it is asked of what the process remembers. A stream ends when its caller may not see the numbers any
//! more, and when the host stops its work; browsers ask for another one then.

use std::time::Duration;

use bytes::Bytes;
use flowmastery_core::{
    access::{actor::Actor, permission::Permission},
    id::ClientId,
};
use futures_util::stream::unfold;
use http::{HeaderValue, StatusCode, header};

use super::super::{Access, Call, Route, endpoint::Answer};
use crate::{auth::Credentials, body::ApiBody, protection::protected};

/// How often is looked whether something changed.
const EVERY: Duration = Duration::from_secs(1);
/// So many looks without an event, and a line is sent that says nothing: who went away is noticed by it.
const SILENCE: u32 = 15;
/// How long a browser waits before it asks for another stream.
const FIRST: Bytes = Bytes::from_static(b"retry: 5000\n\n");
const CHANGED: Bytes = Bytes::from_static(b"event: changed\ndata: \n\n");
const NOTHING: Bytes = Bytes::from_static(b":\n\n");

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/dashboard/live", Access::SignedIn, all),
        Route::get("/dashboard/clients/{client_id}/live", Access::Requires(Permission::ViewClient), client),
    ]
}

async fn all(call: Call) -> Answer {
    let own = call.actor()?.client_id();
    stream(call, own).await
}

async fn client(call: Call) -> Answer {
    let id = call.client_id()?;
    stream(call, Some(id)).await
}

/// Whose numbers are watched, and by whom.
struct Watch {
    call: Call,
    client: Option<ClientId>,
    actor: Actor,
    version: String,
    begun: bool,
    silent: u32,
}

async fn stream(call: Call, client: Option<ClientId>) -> Answer {
    let actor = call.actor()?;
    let version = call.context.flowmastery.metrics().version(actor, client).await?;
    let watch = Watch { call, client, actor, version, begun: false, silent: 0 };
    let events = unfold(watch, |mut watch| async move { Some((watch.next().await?, watch)) });
    let mut response = protected(StatusCode::OK, ApiBody::stream(events));
    let media_type = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    Ok(response)
}

impl Watch {
    /// The next bytes of the stream; `None` at its end.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.begun {
            self.begun = true;
            return Some(FIRST);
        }
        loop {
            tokio::time::sleep(EVERY).await;
            let context = &self.call.context;
            if !context.flowmastery.feed().is_fresh() || !self.is_still_signed_in().await {
                return None;
            }
            let version = context.flowmastery.metrics().version(self.actor, self.client).await.ok()?;
            if version != self.version {
                self.version = version;
                self.silent = 0;
                return Some(CHANGED);
            }
            self.silent += 1;
            if self.silent >= SILENCE {
                self.silent = 0;
                return Some(NOTHING);
            }
        }
    }

    async fn is_still_signed_in(&self) -> bool {
        let credentials = Credentials::new(&self.call.headers, &self.call.extensions);
        let found = self.call.context.authentication.identify(credentials).await;
        found.ok().flatten().is_some_and(|actor| actor.user_id() == self.actor.user_id())
    }
}
