//! The OpenAPI 3.1 document, made from the route table: every route, who may call it, what it takes and what it answers.

mod example;
mod field;

use std::collections::BTreeSet;

use flowmastery_core::{
    error::{Error, Result},
    model::user::Role,
};
use http::StatusCode;
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use self::{example::Examples, field::body_schema};
use crate::{
    problem::ProblemDocument,
    route::{Access, Field, Route, parameters},
    site::Site,
};

/// What stands above the routes; states how each number of the metrics is counted.
const DESCRIPTION: &str = include_str!("openapi.md");

/// The document, serialised.
///
/// # Errors
/// [`flowmastery_core::error::Kind::Internal`] when it cannot be serialised.
pub(crate) fn document(routes: &[Route], site: &Site) -> Result<Option<bytes::Bytes>> {
    let json = serde_json::to_vec(&value(routes, site, &Examples::kept()?)).map_err(Error::internal)?;
    Ok(Some(json.into()))
}

fn value(routes: &[Route], site: &Site, examples: &Examples) -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut schemas = settings.into_generator();
    let mut paths = Map::new();
    for route in routes {
        let template = template(route, routes);
        let mut operation = operation(route, examples, &mut schemas);
        let parameters = path_parameters(route, &template).chain(route.query.iter().map(query_parameter));
        operation.insert("parameters".to_owned(), parameters.collect());
        let path = paths.entry(template).or_insert_with(|| json!({}));
        if let Value::Object(path) = path {
            path.insert(route.method.as_str().to_ascii_lowercase(), operation.into());
        }
    }
    let server = if site.base_path().is_empty() { "/" } else { site.base_path() };
    json!({
        "openapi": "3.1.0",
        "info": { "title": "FlowMastery", "version": env!("CARGO_PKG_VERSION"), "description": DESCRIPTION },
        "servers": [{ "url": server }],
        "paths": paths,
        "components": {
            "responses": problem_responses(routes, examples, &mut schemas),
            "schemas": schemas.take_definitions(true),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
                "cookie": { "type": "apiKey", "in": "cookie", "name": site.access_cookie() },
            },
        },
    })
}

/// The path of a route as the document has it: OpenAPI knows one template for each place, so routes that call a parameter differently
/// share one that has all of the names.
fn template(route: &Route, routes: &[Route]) -> String {
    let place = route.place();
    let beside: Vec<_> =
        routes.iter().filter(|other| other.place() == place).map(|other| other.path).collect();
    let mut template = route.path.to_owned();
    for (position, name) in route.parameters().enumerate() {
        let mut names = Vec::new();
        for name in beside.iter().filter_map(|path| parameters(path).nth(position)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        template = template.replace(&format!("{{{name}}}"), &format!("{{{}}}", names.join("_or_")));
    }
    template
}

fn operation(route: &Route, examples: &Examples, schemas: &mut SchemaGenerator) -> Map<String, Value> {
    let id = operation_id(route);
    let mut operation = Map::new();
    operation.insert("summary".to_owned(), route.description.summary.into());
    operation.insert("tags".to_owned(), json!([tag(route)]));
    operation.insert("x-access".to_owned(), access(route.access));
    if route.access != Access::Public {
        operation.insert("security".to_owned(), json!([{ "bearer": [] }, { "cookie": [] }]));
    }
    if let Some(fields) = route.body {
        let content = content("application/json", body_schema(fields).to_value(), examples.request(&id));
        operation.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
    }
    operation.insert("responses".to_owned(), responses(route, examples.response(&id), schemas).into());
    operation.insert("operationId".to_owned(), id.into());
    operation
}

/// A body of one media type.
fn content(media_type: &str, schema: Value, example: Option<&Value>) -> Value {
    let mut content = Map::from_iter([("schema".to_owned(), schema)]);
    content.extend(example.map(|example| ("example".to_owned(), example.clone())));
    json!({ (media_type): content })
}

fn operation_id(route: &Route) -> String {
    let path = route.path.strip_prefix("/api/v1").unwrap_or(route.path);
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let method = route.method.as_str().to_ascii_lowercase();
    let words = std::iter::once(method.as_str()).chain(words).collect::<Vec<_>>();
    if let [method] = words.as_slice() { format!("{method}_about") } else { words.join("_") }
}

fn tag(route: &Route) -> &'static str {
    let resource = route.path.strip_prefix("/api/v1/").and_then(|path| path.split('/').next());
    resource.unwrap_or("api")
}

fn access(access: Access) -> Value {
    let admits = |role: &Role| match access {
        Access::Public => false,
        Access::SignedIn => true,
        Access::Requires(permission) => permission.is_granted_to(*role),
    };
    let roles: Vec<_> = [Role::Admin, Role::Client].into_iter().filter(admits).map(Role::as_str).collect();
    match access {
        Access::Public => json!({ "level": "public" }),
        Access::SignedIn => json!({ "level": "signed_in", "roles": roles }),
        Access::Requires(permission) => {
            json!({ "level": "permission", "permission": format!("{permission:?}"), "roles": roles })
        }
    }
}

/// The parameters of a route's path, by their names in the document.
fn path_parameters(route: &Route, template: &str) -> impl Iterator<Item = Value> {
    route.parameters().zip(parameters(template)).map(|(name, documented)| {
        let schema = match name {
            "client_id" | "user_id" | "invitation_id" | "session_id" => {
                json!({ "type": "integer", "format": "int64" })
            }
            _ => json!({ "type": "string" }),
        };
        json!({ "name": documented, "in": "path", "required": true, "schema": schema })
    })
}

fn query_parameter(field: &Field) -> Value {
    json!({
        "name": field.name, "in": "query", "required": field.required,
        "description": field.description.about, "schema": field.schema(),
    })
}

fn responses(route: &Route, example: Option<&Value>, schemas: &mut SchemaGenerator) -> Map<String, Value> {
    let mut responses = Map::new();
    for status in problems(route) {
        responses.insert(
            status.to_string(),
            json!({ "$ref": format!("#/components/responses/problem_{status}") }),
        );
    }
    for status in route.description.also.into_iter().chain([route.description.status]) {
        let schema = route.description.answer.map(|(media_type, schema_of)| (media_type, schema_of(schemas)));
        let content = schema.map(|(media_type, schema)| content(media_type, schema.to_value(), example));
        responses.insert(status.as_str().to_owned(), response(status, content));
    }
    responses
}

fn response(status: StatusCode, content: Option<Value>) -> Value {
    let mut response = Map::new();
    response.insert("description".to_owned(), status.canonical_reason().unwrap_or_default().into());
    response.extend(content.map(|content| ("content".to_owned(), content)));
    response.into()
}

/// The problems that routes name, each written once.
fn problem_responses(
    routes: &[Route],
    examples: &Examples,
    schemas: &mut SchemaGenerator,
) -> Map<String, Value> {
    let schema = schemas.subschema_for::<ProblemDocument<'static>>().to_value();
    let statuses: BTreeSet<_> = routes.iter().flat_map(problems).collect();
    let known = statuses.into_iter().filter_map(|status| StatusCode::from_u16(status).ok());
    let written = known.map(|status| {
        let example = examples.problem(status.as_str());
        let content = content("application/problem+json", schema.clone(), example);
        (format!("problem_{}", status.as_str()), response(status, Some(content)))
    });
    written.collect()
}

/// The problems that follow from what a route takes and who may call it, and its own. Each can find an unknown query parameter (422).
fn problems(route: &Route) -> BTreeSet<u16> {
    let mut statuses = BTreeSet::from([422, 500, 503]);
    statuses.extend(route.description.problems);
    if route.access != Access::Public {
        statuses.insert(401);
    }
    // A cookie vouches for no change that another site's page asks for.
    if matches!(route.access, Access::Requires(_))
        || (route.access != Access::Public && !route.method.is_safe())
    {
        statuses.insert(403);
    }
    if route.parameters().next().is_some() {
        statuses.insert(404);
    }
    if route.body.is_some() {
        statuses.extend([400, 413, 415]);
    }
    statuses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::routes;

    fn document_of(routes: &[Route], site: &Site) -> Value {
        value(routes, site, &Examples::kept().unwrap())
    }

    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str).map(ToOwned::to_owned));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn the_document_holds_exactly_the_routes_of_the_table() {
        let routes = routes(true);
        let document = document_of(&routes, &Site::default());
        let documented: BTreeSet<_> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, methods)| {
                methods.as_object().unwrap().keys().map(move |m| format!("{m} {path}"))
            })
            .collect();
        let table: BTreeSet<_> = routes
            .iter()
            .map(|route| format!("{} {}", route.method.as_str().to_lowercase(), template(route, &routes)))
            .collect();
        assert_eq!(documented, table);
        assert_eq!(table.len(), routes.len(), "a route stands in the table twice");
    }

    #[test]
    fn every_operation_says_who_may_call_it() {
        for route in routes(true) {
            let document = document_of(std::slice::from_ref(&route), &Site::default());
            let operation = &document["paths"][route.path][route.method.as_str().to_lowercase()];
            let level = operation["x-access"]["level"].as_str().unwrap();
            assert_eq!(level == "public", operation.get("security").is_none(), "{route:?}");
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{route:?} has no summary");
        }
        let document = document_of(&routes(true), &Site::default());
        let all = &document["paths"]["/api/v1/metrics/all"]["get"]["x-access"];
        assert_eq!(
            *all,
            json!({ "level": "permission", "permission": "ViewAllClients", "roles": ["admin"] })
        );
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document_of(&routes(true), &Site::of(None, "/flow").unwrap());
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 20);
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn operations_have_different_ids() {
        let routes = routes(true);
        let ids: BTreeSet<_> = routes.iter().map(operation_id).collect();
        assert_eq!(ids.len(), routes.len());
    }

    #[test]
    fn names_of_fields_do_not_meet_those_of_parameters() {
        for route in routes(true) {
            let body = route.body.unwrap_or_default().iter();
            let names: Vec<_> = body.chain(&route.query).map(|field| field.name).collect();
            let different: BTreeSet<_> = names.iter().collect();
            assert_eq!(different.len(), names.len(), "{route:?}");
        }
    }

    #[test]
    fn answers_and_problems_are_documented() {
        let document = document_of(&routes(true), &Site::default());
        let responses = |path: &str, method: &str| {
            let responses = document["paths"][path][method]["responses"].as_object().unwrap();
            responses.keys().map(String::as_str).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            responses("/api/v1/users/{user_id}", "patch"),
            "200 400 401 403 404 409 413 415 422 500 503"
        );
        assert_eq!(responses("/api/v1/auth/logout", "post"), "204 401 403 422 500 503");
        assert_eq!(responses("/api/v1/auth/me", "get"), "200 401 422 500 503");
        let health = &document["paths"]["/health"]["get"]["responses"];
        assert_eq!(health["503"]["content"], health["200"]["content"]);
    }

    #[test]
    fn links_start_at_the_base_path() {
        let site = Site::of(None, "/flow").unwrap();
        assert_eq!(document_of(&[], &site)["servers"][0]["url"], "/flow");
        assert_eq!(document_of(&[], &Site::default())["servers"][0]["url"], "/");
    }

    #[test]
    fn routes_at_one_place_share_a_template() {
        let document = document_of(&routes(true), &Site::default());
        let one = &document["paths"]["/api/v1/auth/invitations/{token_or_invitation_id}"];
        for (method, kind) in [("get", "string"), ("delete", "integer")] {
            let parameter = &one[method]["parameters"][0];
            assert_eq!(parameter["name"], "token_or_invitation_id");
            assert_eq!(parameter["schema"]["type"], kind, "{method}");
        }
        assert!(document["paths"]["/api/v1/auth/invitations/{invitation_id}/resend"]["post"].is_object());
    }
}
