//! The first page: all clients to admins, the own one's numbers to client users.

use flowmastery_core::{access::actor::Actor, clock::Timestamp, model::user::Role};
use http::StatusCode;

use super::{
    super::{Access, Call, Route, endpoint::Answer},
    client,
    view::{VIEW, View, view},
};
use crate::dashboard::{Section, answer, overview::OverviewPage};

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

async fn overview(mut call: Call, actor: Actor) -> Answer {
    let View { asked, period, series } = view(&mut call)?;
    let metrics = call.context.flowmastery.metrics();
    let all = metrics.all(actor, &period).await?;
    let series = metrics.all_series(actor, &series).await?;
    let chrome = call.own_frame("Clients", Section::Home)?;
    let here = chrome.base.clone();
    let page = OverviewPage::new(chrome, (here, asked), (&all, &series), now(&call))?;
    answer(StatusCode::OK, &page)
}

/// The instant of the services' clock.
pub(super) fn now(call: &Call) -> Timestamp {
    call.context.flowmastery.metrics().now()
}
