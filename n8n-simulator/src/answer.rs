//! What n8n answers to a request: which route it is, and whether the key opens it.

mod discover;
mod executions;
mod insights;
mod pages;
mod params;
mod people;
mod rows;
mod workflows;

use serde::Serialize;
use serde_json::json;

use crate::{quirks::Dialect, state::State};

/// Where the public API lies.
pub(crate) const API: &str = "/api/v1";

const JSON: &str = "application/json; charset=utf-8";

/// A request, however it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    /// Empty is none.
    pub(crate) key: &'a [u8],
}

impl Asked<'_> {
    /// Path and query.
    pub(crate) fn target(&self) -> String {
        let question_mark = if self.query.is_empty() { "" } else { "?" };
        format!("{}{question_mark}{}", self.path, self.query)
    }
}

/// An answer before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        // Nothing of ours can fail to be written; if it did, the empty body would fail whoever reads it.
        Self { status, content_type: JSON, body: serde_json::to_vec(body).unwrap_or_default() }
    }

    pub(crate) fn refusal(status: u16, message: &str) -> Self {
        Self::json(status, &json!({ "message": message }))
    }

    /// Express's own page for a route that it does not have.
    pub(crate) fn cannot(method: &str, path: &str) -> Self {
        let page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n</head>\n<body>\n\
             <pre>Cannot {method} {path}</pre>\n</body>\n</html>\n"
        );
        Self { status: 404, content_type: "text/html; charset=utf-8", body: page.into_bytes() }
    }

    /// "during migrations: 200 text/html `n8n is starting up. Please wait` on any path".
    pub(crate) fn starting_up() -> Self {
        let body = b"n8n is starting up. Please wait".to_vec();
        Self { status: 200, content_type: "text/html; charset=utf-8", body }
    }

    pub(crate) fn unauthorized(dialect: Dialect) -> Self {
        Self::refusal(401, if dialect == Dialect::V1 { "unauthorized" } else { "Unauthorized" })
    }

    fn bad(message: impl AsRef<str>) -> Self {
        Self::refusal(400, message.as_ref())
    }

    fn not_found() -> Self {
        Self::refusal(404, "Not Found")
    }
}

/// A body or a refusal.
type Answered = Result<Answer, Answer>;

/// A route of the public API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route<'a> {
    Executions,
    Execution(&'a str),
    Workflows,
    Workflow(&'a str),
    Tags,
    Users,
    Credentials,
    Insights,
    Discover,
    /// What needs a licence, by its feature.
    Licensed(&'static str),
}

impl<'a> Route<'a> {
    fn of(dialect: Dialect, resource: &'a str) -> Option<Self> {
        let is_v2 = dialect == Dialect::V2;
        Some(match resource.split_once('/').map_or((resource, None), |(list, rest)| (list, Some(rest))) {
            ("executions", None) => Self::Executions,
            ("executions", Some(id)) if !id.contains('/') => Self::Execution(id),
            ("workflows", None) => Self::Workflows,
            ("workflows", Some(id)) if !id.contains('/') => Self::Workflow(id),
            ("tags", None) => Self::Tags,
            ("users", None) => Self::Users,
            ("credentials", None) => Self::Credentials,
            ("insights", Some("summary")) if is_v2 => Self::Insights,
            ("discover", None) if is_v2 => Self::Discover,
            ("variables", None) => Self::Licensed("feat:variables"),
            ("projects", None) => Self::Licensed("feat:projectRole:admin"),
            _ => return None,
        })
    }

    /// The scope that n8n 2 asks for.
    fn scope(self) -> Option<&'static str> {
        match self {
            Self::Executions => Some("execution:list"),
            Self::Execution(_) => Some("execution:read"),
            Self::Workflows => Some("workflow:list"),
            Self::Workflow(_) => Some("workflow:read"),
            Self::Tags => Some("tag:list"),
            Self::Users => Some("user:list"),
            Self::Credentials => Some("credential:list"),
            Self::Insights => Some("insights:read"),
            Self::Discover | Self::Licensed(_) => None,
        }
    }
}

/// The proper answer.
pub(crate) fn answer(state: &State, asked: &Asked<'_>) -> Answer {
    answered(state, asked).unwrap_or_else(|refusal| refusal)
}

fn answered(state: &State, asked: &Asked<'_>) -> Answered {
    let Some(resource) = asked.path.strip_prefix(API).and_then(|rest| rest.strip_prefix('/')) else {
        return Ok(discover::outside(state, asked));
    };
    let route = Route::of(state.dialect, resource).ok_or_else(|| Answer::refusal(404, "not found"))?;
    let is_missing = route == Route::Credentials && state.dialect == Dialect::V1;
    if !matches!(asked.method, "GET" | "HEAD") || is_missing {
        return Err(Answer::refusal(405, &format!("{} method not allowed", asked.method)));
    }
    authorize(state, asked.key, route)?;
    match route {
        Route::Executions => executions::list(state, asked.query),
        Route::Execution(id) => executions::find(state, id, asked.query),
        Route::Workflows => workflows::list(state, asked.query),
        Route::Workflow(id) => workflows::find(state, id),
        Route::Tags => people::tags(state, asked.query),
        Route::Users => people::users(state, asked.query),
        Route::Credentials => people::credentials(state, asked.query),
        Route::Insights => insights::summary(state, asked.query),
        Route::Discover => Ok(discover::discover(state)),
        Route::Licensed(feature) => Err(Answer::refusal(
            403,
            &format!(
                "Your license does not allow for {feature}. To enable {feature}, please upgrade to a license that supports this feature."
            ),
        )),
    }
}

fn authorize(state: &State, key: &[u8], route: Route<'_>) -> Result<(), Answer> {
    if key.is_empty() && state.dialect == Dialect::V1 {
        return Err(Answer::refusal(401, "'X-N8N-API-KEY' header required"));
    }
    if key != state.key.as_bytes() {
        return Err(Answer::unauthorized(state.dialect));
    }
    let scopes = state.quirks().scopes.as_ref().filter(|_| state.dialect == Dialect::V2);
    let lacks = |scope| scopes.is_some_and(|scopes| !scopes.iter().any(|known| known == scope));
    if route.scope().is_some_and(lacks) {
        return Err(Answer::refusal(403, "Forbidden"));
    }
    Ok(())
}
