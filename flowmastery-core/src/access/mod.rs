//! Who may do what: the permission table, the actor of a request, where the request comes from, the tenant scope that the actor yields, and the tokens that name it.

pub mod actor;
pub(crate) mod issuer;
pub mod origin;
pub mod password;
pub mod permission;
pub mod scope;
pub mod token;
