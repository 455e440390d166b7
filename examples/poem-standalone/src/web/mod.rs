//! The API mounted on poem, behind the check of the `Host` header and the answers to browsers of other origins.

mod cors;
mod hosts;
mod peer;

use flowmastery_tower::Api;
use poem::{Endpoint, EndpointExt, Response, endpoint::TowerCompatExt};

use self::{cors::Cors, hosts::HostCheck, peer::with_peer};
use crate::settings::Settings;

/// Everything that the server answers.
pub(crate) fn endpoint(api: Api, settings: &Settings) -> impl Endpoint<Output = Response> + 'static {
    let cors = Cors::new(settings.server.cors.clone(), settings.pages());
    let hosts = HostCheck::new(settings.server.allowed_hosts.clone());
    // Without a route of poem's around it: every path is the API's to answer, even the `*` of OPTIONS.
    api.compat().before(with_peer).with(cors).with(hosts)
}
