//! The first page: all clients to admins, the own one's numbers to client users.

use bytes::Bytes;
use flowmastery_core::{
    access::actor::Actor, clock::Timestamp, error::Result as CoreResult, model::user::Role,
};
use http::StatusCode;

use super::{
    super::{Access, Call, Route, endpoint::Answer},
    client,
    view::{VIEW, View, view},
};
use crate::dashboard::{
    Chrome, Notice, Section, html_of,
    overview::{OverviewPage, Shown},
    rendered,
};

/// Of how many days there is a small line for each client.
const DAYS: u32 = 30;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/dashboard", Access::SignedIn, home).query(VIEW)]
}

async fn home(call: Call) -> Answer {
    let actor = call.actor()?;
    match (actor.role(), actor.client_id()) {
        (Role::Client, Some(client)) => client::page(call, client, "").await,
        _ => overview(call, actor).await,
    }
}

/// All clients, from the cache where nothing has changed.
async fn overview(mut call: Call, actor: Actor) -> Answer {
    let view = view(&mut call)?;
    let notice =
        (view.done == "deleted").then(|| Notice::done("The client is gone, with all of its numbers."));
    let chrome = call.own_frame("Clients", Section::Home)?.notice(notice);
    let form = format!("clients|{}{}", chrome.key(), view.asked.key());
    let made = make(&call, actor, &view, chrome);
    let document = call.context.flowmastery.metrics().form_of_all(actor, (&form, &view.period), made).await?;
    Ok(html_of(StatusCode::OK, document.body))
}

async fn make(call: &Call, actor: Actor, view: &View, chrome: Chrome) -> CoreResult<Bytes> {
    let metrics = call.context.flowmastery.metrics();
    let all = metrics.all(actor, &view.period).await?;
    let series = metrics.all_series(actor, &view.series).await?;
    let shown = Shown::of(&all, &view.asked);
    let days = metrics.last_days(actor, &shown.ids(), DAYS).await?;
    rendered(&OverviewPage::new(chrome, &view.asked, (&all, &series), (shown, &days))?)
}

/// The instant of the services' clock.
pub(super) fn now(call: &Call) -> Timestamp {
    call.context.flowmastery.metrics().now()
}
