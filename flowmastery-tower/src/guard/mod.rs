//! Guards: what is asked of a request's actor before a service of the host's own. [`require`](crate::require) and
//! [`tenant`](crate::tenant) have the layers; service and future here only plumb.

mod future;
mod service;
mod template;

use std::sync::Arc;

use flowmastery_core::{
    access::{actor::Actor, permission::Permission},
    error::{Error, Kind, Result},
    id::ClientId,
    model::user::Role,
};
use http::{Extensions, HeaderMap, Method};

pub(crate) use self::template::{PathTemplate, id_in_path};
pub use self::{future::GuardFuture, service::Guard};
use crate::{denial::Denials, problem::Problem, request_id::RequestId};

/// The client that a request's path names, once its actor may see it. It stands in the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tenant(pub ClientId);

impl Tenant {
    /// The one that [`TenantLayer`](crate::TenantLayer) found.
    pub fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get().copied()
    }

    /// The one of a request whose route is behind the layer.
    #[cfg(any(feature = "axum", feature = "poem"))]
    pub(crate) fn required(headers: &HeaderMap, extensions: &Extensions) -> Result<Self, Problem> {
        let missing = || Problem::from(Error::internal("no TenantLayer stands before this route"));
        Self::of(extensions).ok_or_else(|| missing().in_request(RequestId::of(headers)))
    }
}

/// What is asked of an actor.
#[derive(Clone, Debug)]
pub(crate) enum Rule {
    /// A role that has this permission.
    Permission(Permission),
    /// This role.
    Role(Role),
    /// That the client which the path names may be seen.
    Client(Arc<PathTemplate>),
}

/// A check of requests, plain for any framework.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    rule: Rule,
    denials: Option<Denials>,
}

impl Check {
    /// A check that notes nothing.
    pub(crate) const fn new(rule: Rule) -> Self {
        Self { rule, denials: None }
    }

    /// The same, with its denials noted.
    pub(crate) fn noting(self, denials: Denials) -> Self {
        Self { denials: Some(denials), ..self }
    }

    /// Lets a request pass; what its path says goes into its extensions.
    ///
    /// # Errors
    /// 401 without an actor, 403 for what the role does not allow, 404 for what the actor may not see.
    pub(crate) fn pass(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        extensions: &mut Extensions,
    ) -> Result<(), Problem> {
        self.ask(method, path, extensions).map_err(|problem| problem.in_request(RequestId::of(headers)))
    }

    fn ask(&self, method: &Method, path: &str, extensions: &mut Extensions) -> Result<(), Problem> {
        let actor = extensions.get::<Actor>().copied().ok_or_else(Problem::unauthenticated)?;
        let (asked, named) = match &self.rule {
            Rule::Permission(permission) => (actor.require(*permission), None),
            Rule::Role(role) => (require_role(actor, *role), None),
            Rule::Client(template) => {
                let client = template.client_in(path)?;
                (require_client(actor, client), Some(client))
            }
        };
        if let (Err(_), Some(denials)) = (&asked, &self.denials) {
            denials.note(actor, method, named);
        }
        asked?;
        if let Some(client) = named {
            extensions.insert(Tenant(client));
        }
        Ok(())
    }
}

fn require_role(actor: Actor, role: Role) -> Result<()> {
    if actor.role() == role {
        return Ok(());
    }
    let denial =
        if role == Role::Admin { "Only admins may do this." } else { "Only users of a client may do this." };
    Err(Error::new(Kind::Forbidden, denial))
}

fn require_client(actor: Actor, client: ClientId) -> Result<()> {
    if actor.scope().admits(client) { Ok(()) } else { Err(Error::not_found("client")) }
}
