//! What an endpoint is given: the services, the caller, the record its path names, and the fields that were sent.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use flowmastery_core::{
    Flowmastery,
    access::actor::Actor,
    id::{ClientId, InvitationId, SessionId, UserId},
    model::workflow::WorkflowId,
    request::RequestOrigin,
};
use http::{HeaderMap, Response};
use secrecy::SecretString;

use super::{Fields, Matched};
use crate::{auth::Authentication, body::ApiBody, guard::id_in_path, problem::Problem, site::Site};

/// What an endpoint answers.
pub(super) type Answer = Result<Response<ApiBody>, Problem>;

/// The one box of a call.
pub(crate) type EndpointFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// What all endpoints share.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) flowmastery: Flowmastery,
    /// Who makes a request.
    pub(crate) authentication: Authentication,
    /// Where browsers find the API.
    pub(crate) site: Site,
    /// The OpenAPI document; `None` where there is no documentation.
    pub(crate) openapi: Option<Bytes>,
    /// The dashboard; `None` where there is none.
    #[cfg(feature = "dashboard")]
    pub(crate) dashboard: Option<crate::dashboard::Dashboard>,
}

/// The record that a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// None.
    Nothing,
    /// A client.
    Client(ClientId),
    /// A workflow of a client.
    Workflow(ClientId, WorkflowId),
    /// A user.
    User(UserId),
    /// An invitation.
    Invitation(InvitationId),
    /// A session of the caller's.
    Session(SessionId),
}

impl Target {
    /// Reads the ids of a path.
    ///
    /// # Errors
    /// 404 for what is no id.
    pub(crate) fn of(matched: &Matched) -> Result<Self, Problem> {
        let mut target = Self::Nothing;
        for (name, value) in &matched.parameters {
            match *name {
                "client_id" => target = Self::Client(ClientId(id_in_path(value)?)),
                "workflow_id" => target = target.with_workflow(value),
                "user_id" => target = Self::User(UserId(id_in_path(value)?)),
                "invitation_id" => target = Self::Invitation(InvitationId(id_in_path(value)?)),
                "session_id" => target = Self::Session(SessionId(id_in_path(value)?)),
                _ => {}
            }
        }
        Ok(target)
    }

    fn with_workflow(self, id: &str) -> Self {
        match self {
            Self::Client(client) => Self::Workflow(client, WorkflowId::from(id)),
            other => other,
        }
    }

    /// Makes sure that the caller may see the record, before anything is said about what was sent for it.
    ///
    /// # Errors
    /// 404 where there is no such record for the caller.
    pub(crate) async fn look_up(
        &self,
        flowmastery: &Flowmastery,
        actor: Option<Actor>,
    ) -> Result<(), Problem> {
        match (self, actor) {
            (Self::Client(id), Some(actor)) => flowmastery.clients().get(actor, *id).await.map(drop)?,
            (Self::Workflow(client, id), Some(actor)) => {
                flowmastery.clients().get(actor, *client).await?;
                flowmastery.metrics().require_workflow(actor, *client, id).await?;
            }
            (Self::User(id), Some(actor)) => flowmastery.users().get(actor, *id).await.map(drop)?,
            (Self::Invitation(id), Some(actor)) => {
                flowmastery.invitations().get(actor, *id).await.map(drop)?;
            }
            (Self::Session(id), Some(actor)) => flowmastery.sessions().require_own(actor, *id).await?,
            _ => {}
        }
        Ok(())
    }
}

/// A request, as an endpoint sees it.
pub(crate) struct Call {
    pub(crate) context: Arc<Context>,
    pub(crate) actor: Option<Actor>,
    pub(crate) origin: RequestOrigin,
    pub(crate) target: Target,
    pub(crate) parameters: Vec<String>,
    pub(crate) headers: HeaderMap,
    /// What the host's layers left in the request; an answer that goes on asks again with them who is there.
    #[cfg(feature = "dashboard")]
    pub(crate) extensions: http::Extensions,
    pub(crate) fields: Fields,
}

impl Call {
    /// The call of a route that takes nothing.
    ///
    /// # Errors
    /// 422 when something was sent in the query all the same.
    pub(crate) fn without_fields(mut self) -> Result<Self, Problem> {
        std::mem::take(&mut self.fields).parse(|_| Ok::<_, Problem>(()))?;
        Ok(self)
    }

    /// The caller.
    ///
    /// # Errors
    /// 401 on a public route, which has none.
    pub(super) fn actor(&self) -> Result<Actor, Problem> {
        self.actor.ok_or_else(Problem::unauthenticated)
    }

    /// The client that the path names.
    ///
    /// # Errors
    /// 404 on a path that names none.
    pub(super) fn client_id(&self) -> Result<ClientId, Problem> {
        match self.target {
            Target::Client(id) => Ok(id),
            _ => Err(Problem::no_route()),
        }
    }

    /// The workflow that the path names, with its client.
    ///
    /// # Errors
    /// 404 on a path that names none.
    pub(super) fn workflow(&self) -> Result<(ClientId, WorkflowId), Problem> {
        match &self.target {
            Target::Workflow(client, id) => Ok((*client, id.clone())),
            _ => Err(Problem::no_route()),
        }
    }

    /// The user that the path names.
    ///
    /// # Errors
    /// 404 on a path that names none.
    pub(super) fn user_id(&self) -> Result<UserId, Problem> {
        match self.target {
            Target::User(id) => Ok(id),
            _ => Err(Problem::no_route()),
        }
    }

    /// The invitation that the path names.
    ///
    /// # Errors
    /// 404 on a path that names none.
    pub(super) fn invitation_id(&self) -> Result<InvitationId, Problem> {
        match self.target {
            Target::Invitation(id) => Ok(id),
            _ => Err(Problem::no_route()),
        }
    }

    /// The session that the path names.
    ///
    /// # Errors
    /// 404 on a path that names none.
    pub(super) fn session_id(&self) -> Result<SessionId, Problem> {
        match self.target {
            Target::Session(id) => Ok(id),
            _ => Err(Problem::no_route()),
        }
    }

    /// The path's last parameter, as a secret.
    pub(super) fn take_secret_parameter(&mut self) -> SecretString {
        self.parameters.pop().unwrap_or_default().into()
    }
}
