//! The audit log on a page.

use flowmastery_core::{access::permission::Permission, model::audit::AuditFilter};
use http::StatusCode;

use super::super::{Access, Call, Field, FieldKind::Text, Route, endpoint::Answer, field::PAGE, reply};
use crate::dashboard::{Section, answer, audit::AuditPage};

const FILTER: &[Field] = &[Field::optional("action", Text, "")];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/dashboard/audit", Access::Requires(Permission::ViewAudit), show)
            .query(FILTER)
            .query(PAGE),
    ]
}

async fn show(mut call: Call) -> Answer {
    let actor = call.actor()?;
    let (action, request) = std::mem::take(&mut call.fields).parse(|values| {
        let action = values.optional_text("action").filter(|action| !action.is_empty());
        Ok::<_, Vec<_>>((action.map(ToOwned::to_owned), values.page()?))
    })?;
    let filter = AuditFilter::parse(action.as_deref(), (None, None), (None, None))?;
    let entries = call.context.flowmastery.audit().list(actor, &filter, request).await?;
    let action = action.unwrap_or_default();
    let next = entries.next.map(|next| {
        let filter = serde_urlencoded::to_string([("action", &action)]).unwrap_or_default();
        format!("{filter}&{}", reply::next_page(request, next))
    });
    let chrome = call.own_frame("Audit log", Section::Audit)?;
    answer(StatusCode::OK, &AuditPage::new(chrome, &entries.items, (action, next)))
}
