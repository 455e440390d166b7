//! What every implementation of a port keeps: each case is written once and run on every implementation, ours and others'.
//!
//! | port | one line | what it asks for |
//! |---|---|---|
//! | [`Store`](crate::store::Store) | [`store_contract!`](crate::store_contract) | a new store with its schema and nothing in it |
//! | [`Cache`](crate::cache::Cache) | [`cache_contract!`](crate::cache_contract) | an empty cache |
//! | [`Mailer`](crate::mail::Mailer) | [`mailer_contract!`](crate::mailer_contract) | a [`MailFixture`](mailer::MailFixture): a mailer, its server, and what came |
//! | [`N8nApi`](crate::n8n::N8nApi) | [`n8n_api_contract!`](crate::n8n_api_contract) | an [`N8nFixture`](n8n_api::N8nFixture): a way to an n8n that can be filled |
//! | [`Clock`](crate::clock::Clock) | [`clock_contract!`](crate::clock_contract) | a clock |
//! | [`Entropy`](crate::entropy::Entropy) | [`entropy_contract!`](crate::entropy_contract) | a source |
//!
//! Each takes the name of an async function of the calling module, which makes what is asked for, hands it to the case and clears up. Every case
//! becomes a test of its own, under a name that says what it holds; the crate that calls needs tokio with `macros` and `rt`, and this one with
//! the feature `testing`. Two implementations stand in two modules, since names of tests would meet otherwise.
//!
//! The cases of a module are private and listed once at its end, so that the compiler complains about one that is forgotten.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "these are tests"
)]

pub mod aging;
pub mod audit;
pub mod cache;
pub mod change;
pub mod client;
pub mod clock;
pub mod entropy;
pub mod execution;
mod fixtures;
pub mod import;
pub mod invitation;
pub mod isolation;
pub mod lease;
pub mod listing;
pub mod lives;
pub mod mailer;
pub mod metrics;
pub mod n8n_api;
pub mod origin;
pub mod outbox;
pub mod own_session;
pub mod password_reset;
pub mod sealed;
pub mod session;
pub mod sign_in;
pub mod store;
pub mod user;
pub mod verification;

/// Makes the cases of a module public, and a macro that expands them to tests. Of a store, unless it says of what.
macro_rules! suite {
    ($d:tt $name:ident in $module:ident: $($case:ident),+ $(,)?) => {
        suite! { $d $name in $module of std::sync::Arc<dyn crate::store::Store>: $($case),+ }
    };
    ($d:tt $name:ident in $module:ident of $subject:ty: $($case:ident),+ $(,)?) => {
        /// The cases of this module, for every implementation.
        pub mod cases {
            $(
                #[doc = concat!("Checks that `", stringify!($case), "` holds of a fresh one.")]
                pub async fn $case(fresh: $subject) {
                    super::$case(fresh).await;
                }
            )+
        }

        #[doc = concat!("Expands the cases of [`crate::testing::contract::", stringify!($module), "`] to tests.")]
        #[macro_export]
        macro_rules! $name {
            ($d on_fresh:ident) => {
                $(
                    #[tokio::test]
                    async fn $case() {
                        $d on_fresh($crate::testing::contract::$module::cases::$case).await;
                    }
                )+
            };
        }
    };
}
use suite;
