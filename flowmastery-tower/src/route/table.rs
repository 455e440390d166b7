//! Routes, and finding the one of a request: by path, with or without its trailing slash, then by method.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use flowmastery_core::error::{Error, Result};
use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;

use super::{
    Access, Call, Field,
    description::{Description, Shape},
    endpoint::{Answer, EndpointFuture},
};
use crate::problem::Problem;

/// One route.
pub(crate) struct Route {
    pub(crate) method: Method,
    /// Template, from the API's root.
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    pub(crate) endpoint: Box<dyn Fn(Call) -> EndpointFuture + Send + Sync>,
    /// Fields of the body; `None` where none is read.
    pub(crate) body: Option<&'static [Field]>,
    pub(crate) query: Vec<Field>,
    /// What the documentation says of it.
    pub(crate) description: Description,
}

impl Route {
    fn new<F>(method: Method, path: &'static str, access: Access, endpoint: fn(Call) -> F) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        Self {
            method,
            path,
            access,
            endpoint: Box::new(move |call| Box::pin(endpoint(call))),
            body: None,
            query: Vec::new(),
            description: Description::default().answers_nothing(StatusCode::NO_CONTENT),
        }
    }

    /// A route for GET, and with it for HEAD.
    pub(super) fn get<F>(path: &'static str, access: Access, endpoint: fn(Call) -> F) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        Self::new(Method::GET, path, access, endpoint)
    }

    /// A route for POST.
    pub(super) fn post<F>(path: &'static str, access: Access, endpoint: fn(Call) -> F) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        Self::new(Method::POST, path, access, endpoint)
    }

    /// A route for PUT.
    pub(super) fn put<F>(path: &'static str, access: Access, endpoint: fn(Call) -> F) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        Self::new(Method::PUT, path, access, endpoint)
    }

    /// A route for PATCH.
    pub(super) fn patch<F>(path: &'static str, access: Access, endpoint: fn(Call) -> F) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        Self::new(Method::PATCH, path, access, endpoint)
    }

    /// A route for DELETE.
    pub(super) fn delete<F>(path: &'static str, access: Access, endpoint: fn(Call) -> F) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        Self::new(Method::DELETE, path, access, endpoint)
    }

    /// What it does, in a sentence.
    pub(super) fn summary(self, summary: &'static str) -> Self {
        Self { description: self.description.summary(summary), ..self }
    }

    /// Reads a JSON object with these fields.
    pub(super) fn body(self, fields: &'static [Field]) -> Self {
        Self { body: Some(fields), ..self }
    }

    /// Reads these query parameters, too.
    pub(super) fn query(mut self, parameters: &'static [Field]) -> Self {
        self.query.extend(parameters);
        self
    }

    /// Answers `status` with JSON.
    pub(super) fn answers<T: Shape>(self, status: StatusCode) -> Self {
        self.answers_as::<T>(status, "application/json")
    }

    /// Answers `status` with another media type.
    pub(super) fn answers_as<T: Shape>(self, status: StatusCode, media_type: &'static str) -> Self {
        Self { description: self.description.answers::<T>(status, media_type), ..self }
    }

    /// The same answer comes with `status`, too.
    pub(super) fn also(self, status: StatusCode) -> Self {
        Self { description: self.description.also(status), ..self }
    }

    /// Answers `status` with nothing.
    pub(super) fn answers_nothing(self, status: StatusCode) -> Self {
        Self { description: self.description.answers_nothing(status), ..self }
    }

    /// Statuses of problems that do not follow from the rest of the entry.
    pub(super) fn problems(self, statuses: &'static [u16]) -> Self {
        Self { description: self.description.problems(statuses), ..self }
    }

    /// Whether it takes neither body nor query parameters.
    pub(crate) fn takes_nothing(&self) -> bool {
        self.body.is_none() && self.query.is_empty()
    }

    /// Whether it is a page of the dashboard.
    #[cfg(feature = "dashboard")]
    pub(crate) fn is_page(&self) -> bool {
        self.path.starts_with(crate::dashboard::PATH)
    }

    /// The names of the path's parameters.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &'static str> {
        parameters(self.path)
    }

    /// The path without the names of its parameters: routes that share it are told apart by their methods.
    pub(crate) fn place(&self) -> String {
        let unnamed = |(position, segment): (usize, &str)| match parameter(segment) {
            Some(_) => format!("{{{position}}}"),
            None => segment.to_owned(),
        };
        without_slash(self.path).split('/').enumerate().map(unnamed).collect::<Vec<_>>().join("/")
    }
}

/// The names of a template's parameters.
pub(crate) fn parameters(template: &str) -> impl Iterator<Item = &str> {
    template.split('/').filter_map(parameter)
}

fn parameter(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.method, self.path, self.access)
    }
}

/// A route with the values of its path's parameters.
#[derive(Debug)]
pub(crate) struct Matched {
    pub(crate) route: Arc<Route>,
    pub(crate) parameters: Vec<(&'static str, String)>,
}

/// Every route, by path.
#[derive(Debug)]
pub(crate) struct Table {
    by_place: matchit::Router<Vec<Arc<Route>>>,
    routes: Vec<Arc<Route>>,
}

impl Table {
    /// The table of these routes.
    ///
    /// # Errors
    /// [`flowmastery_core::error::Kind::Internal`] for two routes that answer the same requests.
    pub(crate) fn new(routes: Vec<Route>) -> Result<Self> {
        let routes: Vec<_> = routes.into_iter().map(Arc::new).collect();
        let mut beside_each_other = BTreeMap::<_, Vec<Arc<Route>>>::new();
        for route in &routes {
            let beside = beside_each_other.entry(route.place()).or_default();
            if let Some(other) = beside.iter().find(|other| other.method == route.method) {
                return Err(Error::internal(format!("{route:?} answers what {other:?} does")));
            }
            beside.push(route.clone());
        }
        let mut by_place = matchit::Router::new();
        for (place, beside) in beside_each_other {
            by_place.insert(place, beside).map_err(Error::internal)?;
        }
        Ok(Self { by_place, routes })
    }

    /// All of them, in the order in which they were given.
    pub(crate) fn routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().map(|route| &**route)
    }

    /// The route of a request; HEAD is answered by GET's.
    ///
    /// # Errors
    /// 404 without a route, 405 with the methods there are.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Result<Matched, Problem> {
        let found = self.by_place.at(without_slash(path)).map_err(|_| Problem::no_route())?;
        let wanted = if method == Method::HEAD { &Method::GET } else { method };
        let route = found.value.iter().find(|route| route.method == *wanted);
        let route = route.ok_or_else(|| Problem::method_not_allowed(&methods(found.value)))?;
        if found.params.is_empty() {
            return Ok(Matched { route: route.clone(), parameters: Vec::new() });
        }
        let values = found.params.iter().map(|(_, value)| percent_decode_str(value).decode_utf8());
        let values = values.map(|value| value.map(std::borrow::Cow::into_owned));
        let values = values.collect::<Result<Vec<_>, _>>().map_err(|_| Problem::no_route())?;
        // Postgres takes no text with NUL, and nothing that we store has one.
        if values.iter().any(|value| value.contains('\0')) {
            return Err(Problem::no_route());
        }
        let parameters = route.parameters().zip(values).collect();
        Ok(Matched { route: route.clone(), parameters })
    }
}

/// The methods of a path's routes, for `Allow`.
fn methods(routes: &[Arc<Route>]) -> BTreeSet<&str> {
    let mut methods: BTreeSet<_> = routes.iter().map(|route| route.method.as_str()).collect();
    if methods.contains("GET") {
        methods.insert("HEAD");
    }
    methods
}

/// The path without one trailing slash; the root is empty then, and so is a prefix that a host stripped to nothing.
fn without_slash(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::routes;

    fn found(method: Method, path: &str) -> Result<Matched, Problem> {
        Table::new(routes(true)).unwrap().find(&method, path)
    }

    #[test]
    fn every_route_is_found_with_and_without_a_trailing_slash() {
        for route in routes(true) {
            let path = without_slash(route.path).replace(['{', '}'], "");
            for path in [path.clone(), format!("{path}/")] {
                let matched = found(route.method.clone(), &path).unwrap();
                assert_eq!(matched.route.path, route.path, "{path}");
                assert_eq!(matched.parameters.len(), route.parameters().count());
            }
        }
    }

    #[test]
    fn paths_that_are_near_a_route_are_not_found() {
        for path in ["/api", "/api/v1", "/api/v1/clients//", "//", "/api/v1/clients/1/", "/API/v1/clients"] {
            let found = found(Method::GET, path);
            assert_eq!(found.is_ok(), path == "/api/v1/clients/1/", "{path}");
        }
    }

    #[test]
    fn head_is_answered_where_get_is() {
        assert_eq!(found(Method::HEAD, "/health").unwrap().route.method, Method::GET);
        assert_eq!(found(Method::HEAD, "/api/v1/auth/login").unwrap_err().status(), 405);
    }

    #[test]
    fn other_methods_are_told_which_there_are() {
        let cases = [
            (Method::OPTIONS, "/api/v1/clients", "GET, HEAD, POST"),
            (Method::POST, "/api/v1/clients/7", "DELETE, GET, HEAD, PUT"),
            (Method::GET, "/api/v1/auth/login", "POST"),
            (Method::TRACE, "/health", "GET, HEAD"),
        ];
        for (method, path, allow) in cases {
            let problem = found(method, path).unwrap_err();
            let response = problem.answer(&crate::RequestId::of(&http::HeaderMap::new()));
            assert_eq!(response.status(), 405);
            assert_eq!(response.headers()["allow"], allow);
        }
    }

    #[test]
    fn parameters_are_decoded() {
        let matched = found(Method::GET, "/api/v1/auth/invitations/a%2Fb").unwrap();
        assert_eq!(matched.parameters, [("token", "a/b".to_owned())]);
        assert_eq!(found(Method::GET, "/api/v1/auth/invitations/%ff").unwrap_err().status(), 404);
    }

    #[test]
    fn routes_at_one_place_have_names_of_their_own_for_it() {
        let token = found(Method::GET, "/api/v1/auth/invitations/7").unwrap();
        assert_eq!(token.parameters, [("token", "7".to_owned())]);
        let id = found(Method::DELETE, "/api/v1/auth/invitations/7").unwrap();
        assert_eq!(id.parameters, [("invitation_id", "7".to_owned())]);
        assert_eq!(found(Method::POST, "/api/v1/auth/invitations/accept").unwrap().parameters, []);
    }

    #[test]
    fn routes_that_answer_the_same_requests_are_refused() {
        let mut routes = routes(false);
        let twice = routes.iter_mut().find(|route| route.path == "/api/v1/auth/me").unwrap();
        twice.path = "/api/v1/auth/invitations/{id}";
        assert!(Table::new(routes).is_err());
    }
}
