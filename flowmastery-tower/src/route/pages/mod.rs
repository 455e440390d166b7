//! The dashboard's pages: which there are, who may see them, and what they are made of.
//!
//! They are asked for with cookies, changed by forms, and answered with pages also where a request is refused: who is not signed in is led to
//! where one signs in, and back from there.

mod account;
mod audit;
mod client;
mod clients;
mod home;
mod live;
mod people;
mod renewal;
mod report;
mod session;
mod sheets;
mod view;

use http::{StatusCode, header};

pub(crate) use self::renewal::{Visit, refuse, renew_session};
use super::{Access, Call, Context, Field, FieldKind::Text, Route, endpoint::Answer, reply};
use crate::{
    body::ApiBody,
    dashboard::{self, Chrome, Notice, Section, asset, words},
    problem::Problem,
    protection::protected,
};

/// Every page.
pub(crate) fn routes() -> Vec<Route> {
    let mut routes = vec![Route::get("/dashboard/assets/{file}", Access::Public, assets).query(VERSION)];
    routes.extend(session::routes());
    routes.extend(home::routes());
    routes.extend(client::routes());
    routes.extend(report::routes());
    routes.extend(clients::routes());
    routes.extend(people::routes());
    routes.extend(account::routes());
    routes.extend(audit::routes());
    routes.extend(live::routes());
    routes.extend(sheets::routes());
    routes
}

/// Another one for other assets, so that none is kept for longer than it is good.
const VERSION: &[Field] = &[Field::optional("v", Text, "")];

async fn assets(call: Call) -> Answer {
    let name = call.parameters.last().map(String::as_str).unwrap_or_default();
    let (media_type, bytes) = asset(name, call.dashboard()?).ok_or_else(Problem::no_route)?;
    reply::kept(&call.headers, media_type, bytes)
}

/// What was done before a page is shown, in a word.
const DONE: Field = Field::optional("done", Text, "");

/// The frame of a page with what the visitor can mend, and the status of that.
fn told(chrome: Chrome, problem: &Problem) -> (StatusCode, Chrome) {
    let faults: Vec<_> = problem.errors().iter().map(|fault| fault.message.as_str()).collect();
    let mut text = if faults.is_empty() { problem.detail().to_owned() } else { faults.join(" ") };
    if let Some(wait) = problem.wait() {
        let wait = words::duration(Some(wait.as_secs_f64().ceil()));
        text.push_str(&format!(" That is in {wait}."));
    }
    (problem.status(), chrome.notice(Some(Notice::fault(text))))
}

/// The most of a page of a list.
const MOST: i64 = 250;

impl Context {
    /// A path of pages as templates of routes have it; `None` for what is no page.
    pub(crate) fn page_path(&self, path: &str) -> Option<String> {
        let dashboard = self.dashboard.as_ref()?;
        let below = || dashboard.canonical(self.site.below_base_path(path)?);
        dashboard.canonical(path).or_else(below)
    }

    /// Where pages are, as browsers see it.
    fn page_base(&self) -> String {
        let path = self.dashboard.as_ref().map(|dashboard| dashboard.path()).unwrap_or_default();
        format!("{}{path}", self.site.base_path())
    }
}

impl Call {
    /// What the query has in its one field.
    ///
    /// # Errors
    /// 422 for other fields.
    fn word(&mut self, field: Field) -> Result<Option<String>, Problem> {
        let fields = std::mem::take(&mut self.fields);
        fields.parse(|values| Ok::<_, Problem>(values.optional_text(field.name).map(ToOwned::to_owned)))
    }

    /// The dashboard that the page is of.
    ///
    /// # Errors
    /// 404 where there is none, which has no route then.
    fn dashboard(&self) -> Result<&dashboard::Dashboard, Problem> {
        self.context.dashboard.as_ref().ok_or_else(Problem::no_route)
    }

    /// The frame of a page that everybody may see.
    fn frame(&self, title: impl Into<String>) -> Result<Chrome, Problem> {
        Ok(Chrome::new(self.dashboard()?, &self.context.site, title))
    }

    /// The frame of a page for who is signed in.
    fn own_frame(&self, title: impl Into<String>, section: Section) -> Result<Chrome, Problem> {
        Ok(self.frame(title)?.signed_in(self.actor()?.role(), section))
    }

    /// The answer that leads to another page, which a browser asks for by GET; its path is below the dashboard's.
    fn lead_to(&self, path: &str) -> Answer {
        see_other(&format!("{}{path}", self.context.page_base()))
    }
}

/// The answer that leads to another place, which a browser asks for by GET.
fn see_other(to: &str) -> Answer {
    lead(StatusCode::SEE_OTHER, to)
}

/// The answer that leads to another place; its status says how a browser asks for that.
fn lead(status: StatusCode, to: &str) -> Answer {
    reply::with_header(Ok(protected(status, ApiBody::empty())), header::LOCATION, to.to_owned())
}
