//! Clients: making, naming and removing them, and connecting them to their n8n.

use flowmastery_core::{
    access::permission::Permission,
    model::client::{Client, ClientName, Connection},
    service::clients::{ConnectedClient, InstanceConfig},
};
use http::StatusCode;

use super::{
    Access, Call, Field,
    FieldKind::{Secret, Text},
    Route,
    endpoint::Answer,
    field::PAGE,
    reply,
};

const ADMINS: Access = Access::Requires(Permission::ManageClients);
const LIST: &str = "/api/v1/clients/";
const ONE: &str = "/api/v1/clients/{client_id}";
const CONFIG: &str = "/api/v1/clients/{client_id}/n8n-config";

const NAME: &[Field] =
    &[Field::required("name", Text, "1 to 255 characters; need not be unique.").within(1, 255)];

const N8N: &[Field] = &[
    Field::required("n8n_api_url", Text, "Address of the client's n8n, with or without `/api/v1`.")
        .within(1, 2048),
    Field::required("n8n_api_key", Secret, "An API key of that n8n; it is stored encrypted and never shown.")
        .within(1, 4096),
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post(LIST, ADMINS, create)
            .summary("Makes a client.")
            .body(NAME)
            .answers::<Client>(StatusCode::CREATED),
        Route::get(LIST, ADMINS, list)
            .summary("Lists clients by id.")
            .query(PAGE)
            .answers::<Vec<Client>>(StatusCode::OK),
        Route::get(ONE, Access::Requires(Permission::ViewClient), get)
            .summary("Shows a client: any to admins, the own one to client users.")
            .answers::<Client>(StatusCode::OK),
        Route::put(ONE, ADMINS, rename)
            .summary("Renames a client.")
            .body(NAME)
            .answers::<Client>(StatusCode::OK),
        Route::delete(ONE, ADMINS, remove)
            .summary("Deletes a client with everything that belongs to it.")
            .answers_nothing(StatusCode::NO_CONTENT),
        Route::post(CONFIG, ADMINS, configure)
            .summary("Tests an n8n, saves its address with its key, and starts collecting. A key that n8n refuses is not saved.")
            .body(N8N)
            .answers::<ConnectedClient>(StatusCode::OK),
        Route::delete(CONFIG, ADMINS, unconfigure)
            .summary("Forgets a client's n8n; what was collected stays.")
            .answers_nothing(StatusCode::NO_CONTENT),
        Route::post("/api/v1/clients/{client_id}/test-connection", ADMINS, test_connection)
            .summary("Tests the n8n that is configured.")
            .answers::<Connection>(StatusCode::OK)
            .problems(&[409]),
        Route::post("/api/v1/clients/{client_id}/sync", ADMINS, sync)
            .summary("Starts a collection now.")
            .answers_nothing(StatusCode::ACCEPTED)
            .problems(&[409]),
    ]
}

async fn create(call: Call) -> Answer {
    let actor = call.actor()?;
    let name = call.fields.parse(|values| ClientName::parse(values.text("name")))?;
    let client = call.context.flowmastery.clients().create(actor, name).await?;
    reply::created(&call.context, &format!("{LIST}{}", client.id), &client)
}

async fn list(call: Call) -> Answer {
    let actor = call.actor()?;
    let request = call.fields.parse(|values| values.page())?;
    let page = call.context.flowmastery.clients().list(actor, request).await?;
    reply::page(&call.context, LIST, request, &page)
}

async fn get(call: Call) -> Answer {
    reply::ok(&call.context.flowmastery.clients().get(call.actor()?, call.client_id()?).await?)
}

async fn rename(call: Call) -> Answer {
    let (actor, id) = (call.actor()?, call.client_id()?);
    let name = call.fields.parse(|values| ClientName::parse(values.text("name")))?;
    reply::ok(&call.context.flowmastery.clients().rename(actor, id, &name).await?)
}

async fn remove(call: Call) -> Answer {
    call.context.flowmastery.clients().remove(call.actor()?, call.client_id()?).await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

async fn configure(call: Call) -> Answer {
    let (actor, id) = (call.actor()?, call.client_id()?);
    let config = call.fields.parse(|values| {
        let key = values.secret("n8n_api_key");
        InstanceConfig::parse(values.text("n8n_api_url"), key)
    })?;
    reply::ok(&call.context.flowmastery.clients().configure(actor, id, config).await?)
}

async fn unconfigure(call: Call) -> Answer {
    call.context.flowmastery.clients().unconfigure(call.actor()?, call.client_id()?).await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

async fn test_connection(call: Call) -> Answer {
    let clients = call.context.flowmastery.clients();
    reply::ok(&clients.test_connection(call.actor()?, call.client_id()?).await?)
}

async fn sync(call: Call) -> Answer {
    call.context.flowmastery.clients().collect(call.actor()?, call.client_id()?).await?;
    Ok(reply::empty(StatusCode::ACCEPTED))
}
