//! Lists of a client's executions, and what an execution of a workflow saves.

use flowmastery_core::{
    access::permission::Permission,
    error::FieldError,
    id::ClientId,
    model::{
        execution::Status,
        listing::{ListedExecution, ListingFilter},
        report::WorkflowMetrics,
        workflow::{TimeSaved, WorkflowId},
    },
    service::metrics::listing::ExecutionsQuery,
};
use http::StatusCode;

use super::{
    Access, Call, Field,
    FieldKind::{Integer, Text},
    Route,
    endpoint::Answer,
    extract::Values,
    field::PAGE,
    metrics::{PERIOD, period},
    reply,
};

const OF_CLIENT: &str = "/api/v1/metrics/client/{client_id}/executions";
const OWN: &str = "/api/v1/metrics/my-executions";

const FILTER: &[Field] = &[
    Field::optional("status", Text, "Only executions in this state.")
        .one_of(&["new", "running", "waiting", "success", "error", "crashed", "canceled", "unknown"]),
    Field::optional("workflow_id", Text, "Only executions of the workflow that has this id in n8n."),
];

const TIME_SAVED: &[Field] = &[Field::required(
    "time_saved_per_execution_minutes",
    Integer,
    "Minutes of manual work that one successful execution saves: 0 to 525,600, which is a year.",
)
.within(0, 525_600)];

pub(super) fn routes() -> Vec<Route> {
    vec![
        listing(Route::get(OF_CLIENT, Access::Requires(Permission::ViewClient), of_client)).summary(
            "Lists a client's executions, newest first: those that its metrics of the same period count, as long as they are kept.",
        ),
        listing(Route::get(OWN, Access::Requires(Permission::ViewOwnClient), own))
            .summary("Lists the executions of the caller's own client, newest first."),
        Route::patch(
            "/api/v1/metrics/client/{client_id}/workflows/{workflow_id}",
            Access::Requires(Permission::ManageClients),
            set_time_saved,
        )
        .summary("Sets what an execution of a workflow saves, for those that ran before as well; answers its metrics of 30 days.")
        .body(TIME_SAVED)
        .answers::<WorkflowMetrics>(StatusCode::OK),
    ]
}

fn listing(route: Route) -> Route {
    route.query(PERIOD).query(FILTER).query(PAGE).answers::<Vec<ListedExecution>>(StatusCode::OK)
}

async fn of_client(call: Call) -> Answer {
    let id = call.client_id()?;
    let path = OF_CLIENT.replace("{client_id}", &id.to_string());
    list(call, id, &path).await
}

async fn own(call: Call) -> Answer {
    let id = call.context.flowmastery.metrics().own_client(call.actor()?)?;
    list(call, id, OWN).await
}

async fn list(call: Call, id: ClientId, path: &str) -> Answer {
    let actor = call.actor()?;
    let (query, others) = call.fields.parse(|values| {
        let others = values.query_before_page(PERIOD.iter().chain(FILTER));
        Ok::<_, Vec<_>>((executions(values)?, others))
    })?;
    let page = call.context.flowmastery.metrics().executions_document(actor, id, &query).await?;
    let next = page.next.map(|next| format!("{others}{}", reply::next_page(query.page, next)));
    reply::linked(&call.context, path, reply::document(&call.headers, page.document), next)
}

async fn set_time_saved(call: Call) -> Answer {
    let (actor, (client, workflow)) = (call.actor()?, call.workflow()?);
    let saved = call.fields.parse(|values| {
        // One that is no number is a fault already.
        TimeSaved::of_minutes(values.integer("time_saved_per_execution_minutes").unwrap_or_default())
    })?;
    let metrics = call.context.flowmastery.metrics();
    reply::ok(&metrics.set_time_saved(actor, (client, &workflow), saved).await?)
}

/// Every fault of the parameters at once.
fn executions(values: &mut Values) -> Result<ExecutionsQuery, Vec<FieldError>> {
    let status = values.optional_text("status").map(Status::parse).transpose();
    let workflow_id = values.optional_text("workflow_id").map(WorkflowId::from);
    match (period(values), status, values.page()) {
        (Ok(period), Ok(status), Ok(page)) => {
            Ok(ExecutionsQuery { period, filter: ListingFilter { status, workflow_id }, page })
        }
        (period, status, page) => {
            let faults = period.err().into_iter().flatten().chain(status.err());
            Err(faults.chain(page.err().into_iter().flatten()).collect())
        }
    }
}

#[cfg(test)]
#[cfg(feature = "openapi")]
mod tests {
    use super::*;

    #[test]
    fn every_status_can_be_asked_for_and_no_other() {
        let documented = FILTER.iter().find(|field| field.name == "status").unwrap().description.values;
        assert_eq!(documented, Status::ALL.map(Status::as_str));
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Ok(status));
        }
        assert_eq!(Status::parse("SUCCESS").unwrap_err().field, "status");
    }
}
