//! What admins do to clients on pages: making, naming, connecting and deleting them.

use flowmastery_core::{
    access::permission::Permission,
    model::client::{Client, ClientName},
    service::clients::InstanceConfig,
};
use http::StatusCode;

use super::{
    super::{
        Access, Call, Field,
        FieldKind::{Secret, Text},
        Route,
        endpoint::Answer,
    },
    DONE,
    home::now,
    told,
};
use crate::{
    dashboard::{
        Chrome, Notice, Section, answer,
        clients::{ClientSettingsPage, NewClientPage, tested},
    },
    problem::Problem,
};

const ADMINS: Access = Access::Requires(Permission::ManageClients);
const NAME: &[Field] = &[Field::optional("name", Text, "")];
const N8N: &[Field] = &[Field::optional("n8n_api_url", Text, ""), Field::optional("n8n_api_key", Secret, "")];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/dashboard/clients/new", ADMINS, show_new),
        Route::post("/dashboard/clients/new", ADMINS, create).body(NAME),
        Route::get("/dashboard/clients/{client_id}/settings", ADMINS, show_settings).query(&[DONE]),
        Route::post("/dashboard/clients/{client_id}/rename", ADMINS, rename).body(NAME),
        Route::post("/dashboard/clients/{client_id}/n8n", ADMINS, configure).body(N8N),
        Route::post("/dashboard/clients/{client_id}/disconnect", ADMINS, unconfigure).body(&[]),
        Route::post("/dashboard/clients/{client_id}/test", ADMINS, test).body(&[]),
        Route::post("/dashboard/clients/{client_id}/collect", ADMINS, collect).body(&[]),
        Route::post("/dashboard/clients/{client_id}/delete", ADMINS, remove).body(NAME),
    ]
}

async fn show_new(call: Call) -> Answer {
    let chrome = call.own_frame("New client", Section::Home)?;
    answer(StatusCode::OK, &NewClientPage { chrome, name: String::new() })
}

async fn create(mut call: Call) -> Answer {
    let actor = call.actor()?;
    let name = name_of(&mut call)?;
    match ClientName::parse(&name) {
        Ok(name) => {
            let client = call.context.flowmastery.clients().create(actor, name).await?;
            call.lead_to(&format!("/clients/{}/settings?done=made", client.id))
        }
        Err(fault) => {
            let (status, chrome) = told(call.own_frame("New client", Section::Home)?, &fault.into());
            answer(status, &NewClientPage { chrome, name })
        }
    }
}

fn name_of(call: &mut Call) -> Result<String, Problem> {
    std::mem::take(&mut call.fields).parse(|values| Ok::<_, Problem>(values.text("name").to_owned()))
}

/// The client of the path, and the frame of its settings.
async fn client_of(call: &Call) -> Result<(Client, Chrome), Problem> {
    let client = call.context.flowmastery.clients().get(call.actor()?, call.client_id()?).await?;
    let chrome = call.own_frame(client.name.to_string(), Section::Client)?;
    Ok((client, chrome))
}

async fn show_settings(mut call: Call) -> Answer {
    let done = call.word(DONE)?;
    let (client, chrome) = client_of(&call).await?;
    let notice = done.as_deref().and_then(|done| {
        let text = match done {
            "made" => "The client is made. Connect it to its n8n, and its numbers are collected.",
            "renamed" => "The client has another name.",
            "connected" => "Address and key are good, and saved. Numbers are being collected.",
            "disconnected" => "Address and key are forgotten; what was collected stays.",
            "collecting" => "A collection is under way.",
            _ => return None,
        };
        Some(Notice::done(text))
    });
    let page = ClientSettingsPage::new(chrome.notice(notice), &client, None, now(&call));
    answer(StatusCode::OK, &page)
}

/// The settings with what went wrong, and the address that was entered.
async fn refused(call: &Call, problem: Problem, url: Option<String>) -> Answer {
    let (client, chrome) = client_of(call).await?;
    let (status, chrome) = told(chrome, &problem);
    answer(status, &ClientSettingsPage::new(chrome, &client, url, now(call)))
}

async fn rename(mut call: Call) -> Answer {
    let (actor, id) = (call.actor()?, call.client_id()?);
    match ClientName::parse(&name_of(&mut call)?) {
        Ok(name) => {
            call.context.flowmastery.clients().rename(actor, id, &name).await?;
            call.lead_to(&format!("/clients/{id}/settings?done=renamed"))
        }
        Err(fault) => refused(&call, fault.into(), None).await,
    }
}

async fn configure(mut call: Call) -> Answer {
    let (actor, id) = (call.actor()?, call.client_id()?);
    let (url, key) = std::mem::take(&mut call.fields).parse(|values| {
        Ok::<_, Problem>((values.text("n8n_api_url").to_owned(), values.secret("n8n_api_key")))
    })?;
    let connected = async {
        let config = InstanceConfig::parse(&url, key)?;
        call.context.flowmastery.clients().configure(actor, id, config).await
    };
    match connected.await {
        Ok(_) => call.lead_to(&format!("/clients/{id}/settings?done=connected")),
        Err(error) => {
            let problem = Problem::from(error);
            if problem.status() != StatusCode::UNPROCESSABLE_ENTITY {
                return Err(problem);
            }
            refused(&call, problem, Some(url)).await
        }
    }
}

async fn unconfigure(call: Call) -> Answer {
    let id = call.client_id()?;
    call.context.flowmastery.clients().unconfigure(call.actor()?, id).await?;
    call.lead_to(&format!("/clients/{id}/settings?done=disconnected"))
}

async fn test(call: Call) -> Answer {
    let clients = call.context.flowmastery.clients();
    let connection = clients.test_connection(call.actor()?, call.client_id()?).await?;
    let is_good = connection.status == flowmastery_core::model::freshness::ConnectionStatus::Ok;
    let text = tested(&connection);
    let notice = if is_good { Notice::done(text) } else { Notice::fault(text) };
    let (client, chrome) = client_of(&call).await?;
    let page = ClientSettingsPage::new(chrome.notice(Some(notice)), &client, None, now(&call));
    answer(StatusCode::OK, &page)
}

async fn collect(call: Call) -> Answer {
    let id = call.client_id()?;
    call.context.flowmastery.clients().collect(call.actor()?, id).await?;
    call.lead_to(&format!("/clients/{id}/settings?done=collecting"))
}

async fn remove(mut call: Call) -> Answer {
    let (actor, id) = (call.actor()?, call.client_id()?);
    let name = name_of(&mut call)?;
    let (client, _) = client_of(&call).await?;
    if name.trim() != client.name.to_string().trim() {
        let detail = "This is not the name of the client, which is still here.";
        return refused(&call, Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail), None).await;
    }
    call.context.flowmastery.clients().remove(actor, id).await?;
    call.lead_to("?done=deleted")
}
