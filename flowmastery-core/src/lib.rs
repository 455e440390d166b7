//! FlowMastery's services: tenants, roles, encrypted n8n keys, collection and metrics. No HTTP server, no environment, no global.
//!
//! [`Flowmastery`] owns the ports (store, cache, mail, n8n) and hands out the services. A host keeps the runtime: it
//! starts what goes on beside requests ([`Flowmastery::start`]), and stops it.
//!
#![cfg_attr(all(feature = "n8n-http", feature = "sqlite"), doc = "```")]
#![cfg_attr(not(all(feature = "n8n-http", feature = "sqlite")), doc = "```ignore")]
//! use std::sync::Arc;
//! use flowmastery_core::{
//!     Config, Flowmastery,
//!     access::actor::Actor,
//!     model::{client::ClientName, email::Email, password::Password, period::PeriodQuery},
//!     store::sql::SqlStore,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let store = SqlStore::open("sqlite::memory:").await?;
//! let config = Config::new("a secret of at least 32 characters".into(), "https://agency.com");
//! let flowmastery = Flowmastery::builder(config, Arc::new(store)).build()?;
//!
//! let password = Password::choose("correct horse battery".into())?;
//! let email = Email::parse("anna@agency.com")?;
//! let anna = Actor::admin(flowmastery.users().create_admin(email, &password).await?.id);
//! let name = ClientName::parse("Acme Corp")?;
//! let acme = flowmastery.clients().create(anna, name).await?;
//!
//! let metrics = flowmastery.metrics().client(anna, acme.id, &PeriodQuery::default()).await?;
//! assert_eq!(metrics.executions.total_executions, None); // nothing is known yet, which is not zero
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! Each compiles alone. Without any of them there are the services, the ports, a cache and a log of mails in this process, and no SQL driver, TLS, mail or HTTP
//! client: a host brings its own [`store::Store`] and [`n8n::N8nApi`].
//!
//! | feature | what it adds | default |
//! |---|---|---|
//! | `postgres` | `store::sql::SqlStore` on PostgreSQL, and `PythonSource`, from which the import reads | yes |
//! | `sqlite` | `store::sql::SqlStore` on SQLite | yes |
//! | `redis` | `cache::RedisCache` and `LayeredCache`, which several hosts share | yes |
//! | `smtp` | `mail::SmtpMailer` | yes |
//! | `n8n-http` | `n8n::HttpN8n`, which the builder takes unless it is given another | yes |
//! | `schema` | JSON Schemas of the shapes in answers | no |
//! | `testing` | the contract suites of the ports, a clock and an entropy that tests set | no |

pub mod access;
pub mod app;
mod audit;
pub mod cache;
pub mod clock;
mod digest;
pub mod entropy;
pub mod error;
pub mod feed;
pub mod id;
pub mod mail;
pub mod model;
pub mod n8n;
mod outage;
pub mod page;
pub mod request;
pub mod secret;
pub mod service;
pub mod store;
pub mod sync;
#[cfg(feature = "testing")]
pub mod testing;
mod throttle;

pub use app::{Builder, Config, Flowmastery, Work};
