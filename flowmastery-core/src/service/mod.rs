//! The services: one use case per method, each for an actor, none calling another.

pub mod audit;
pub mod clients;
pub mod collect;
pub mod health;
pub mod import;
pub mod invitations;
pub mod metrics;
pub mod outbox;
pub mod password_resets;
pub mod rewrap;
pub mod sessions;
pub mod users;
pub mod verification;
