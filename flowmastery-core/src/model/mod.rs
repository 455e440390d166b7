//! Pure data with checked constructors: what the services speak of. No I/O, no clock, no database.

pub mod audit;
pub mod client;
pub mod collection;
pub mod email;
pub mod epoch;
pub mod execution;
pub mod freshness;
pub mod import;
pub mod instance;
pub mod invitation;
pub mod listing;
pub mod outbound;
pub mod outbox;
pub mod password;
pub mod period;
pub mod report;
pub mod rollup;
pub mod schedule;
pub mod series;
pub mod session;
pub mod sketch;
pub mod user;
pub mod verification;
pub mod workflow;
