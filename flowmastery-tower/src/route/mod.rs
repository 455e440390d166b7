//! The route table: the one source of routing, access, the OpenAPI document and the `Allow` of a 405.
//!
//! A route is one entry: method, path, [`Access`], endpoint, and what it takes and answers. `Access` is an argument of the
//! constructor, so a route without it cannot be written. There is one file for each resource.

mod access;
mod account;
mod audit;
mod auth;
mod body;
mod clients;
mod delivery;
#[cfg_attr(not(feature = "openapi"), path = "undescribed.rs")]
mod description;
#[cfg(feature = "openapi")]
mod docs;
mod endpoint;
mod executions;
mod extract;
mod field;
mod invitations;
mod json;
mod meta;
mod metrics;
#[cfg(feature = "dashboard")]
mod pages;
mod reply;
mod series;
mod table;
mod users;

#[cfg(feature = "dashboard")]
pub(crate) use self::body::read_form;
#[cfg(feature = "dashboard")]
pub(crate) use self::pages::{Visit, refuse, renew_session, routes as pages};
#[cfg(feature = "openapi")]
pub(crate) use self::table::parameters;
pub(crate) use self::{
    access::Access,
    body::{Broken, RequestBody, read_object},
    endpoint::{Call, Context, Target},
    extract::Fields,
    field::{Field, FieldKind},
    json::Object,
    table::{Matched, Route, Table},
};

/// Every route, in the order of the documentation; those of the documentation itself only with `docs`.
pub(crate) fn routes(docs: bool) -> Vec<Route> {
    let mut routes = meta::routes();
    if docs {
        routes.extend(description::documentation());
    }
    routes.extend(auth::routes());
    routes.extend(account::routes());
    routes.extend(invitations::routes());
    routes.extend(users::routes());
    routes.extend(clients::routes());
    routes.extend(metrics::routes());
    routes.extend(executions::routes());
    routes.extend(series::routes());
    routes.extend(audit::routes());
    routes
}
