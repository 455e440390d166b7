//! The audit log, for admins.

use flowmastery_core::{
    access::permission::Permission,
    error::FieldError,
    model::audit::{AuditAction, AuditEntry, AuditFilter, AuditPosition},
    page::PageRequest,
};
use http::StatusCode;

use super::{
    Access, Call, Field,
    FieldKind::{Integer, Text},
    Route,
    endpoint::Answer,
    extract::Values,
    field::PAGE,
    reply,
};

const LIST: &str = "/api/v1/audit";

const FILTER: &[Field] = &[
    Field::optional("action", Text, "Only entries of this action.").one_of(AuditAction::NAMES),
    Field::optional("actor_id", Integer, "Only what this user did."),
    Field::optional("client_id", Integer, "Only what this client is concerned by."),
    Field::optional("from", Text, "Only entries from then on: RFC 3339, or a date, which is a day in UTC."),
    Field::optional("to", Text, "Only entries before then: RFC 3339, or a date, which is a day in UTC."),
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(LIST, Access::Requires(Permission::ViewAudit), list)
            .summary("Lists who did what, when and from where, newest first.")
            .query(FILTER)
            .query(PAGE)
            .answers::<Vec<AuditEntry>>(StatusCode::OK),
    ]
}

async fn list(call: Call) -> Answer {
    let actor = call.actor()?;
    let ((filter, request), others) = call.fields.parse(|values| {
        let others = values.query_before_page(FILTER);
        Ok::<_, Vec<_>>((filtered(values)?, others))
    })?;
    let page = call.context.flowmastery.audit().list(actor, &filter, request).await?;
    let next = page.next.map(|next| format!("{others}{}", reply::next_page(request, next)));
    reply::linked(&call.context, LIST, reply::ok(&page.items), next)
}

/// Every fault of the parameters at once.
fn filtered(values: &Values) -> Result<(AuditFilter, PageRequest<AuditPosition>), Vec<FieldError>> {
    let text = |name| values.optional_text(name);
    let ids = (values.integer("actor_id"), values.integer("client_id"));
    match (AuditFilter::parse(text("action"), ids, (text("from"), text("to"))), values.page()) {
        (Ok(filter), Ok(page)) => Ok((filter, page)),
        (filter, page) => Err(filter.err().into_iter().chain(page.err()).flatten().collect()),
    }
}
