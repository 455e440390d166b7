//! Who may do what: the permission table, the actor of a request, the tenant scope that it yields, and the tokens that name it.

pub mod actor;
pub(crate) mod issuer;
pub mod password;
pub mod permission;
pub mod scope;
pub mod token;
mod verified;
