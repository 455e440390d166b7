//! The contract of the store ports: each case is written once and run on every backend.
//!
//! `store_contract!(on_fresh_store)` expands every case to a test. `on_fresh_store` is an async function of the calling module that makes
//! an empty store, hands it to the case and clears up: `async fn on_fresh_store(case: impl AsyncFnOnce(Arc<dyn Store>))`. The cases of a
//! module are private and listed once at its end, so that the compiler complains about one that is forgotten.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

pub mod aging;
pub mod audit;
pub mod change;
pub mod client;
pub mod execution;
mod fixtures;
pub mod import;
pub mod invitation;
pub mod isolation;
pub mod lease;
pub mod listing;
pub mod lives;
pub mod metrics;
pub mod origin;
pub mod outbox;
pub mod own_session;
pub mod password_reset;
pub mod sealed;
pub mod session;
pub mod sign_in;
pub mod user;
pub mod verification;

/// Makes the cases of a module public, and a macro that expands them to tests.
macro_rules! suite {
    ($d:tt $name:ident in $module:ident: $($case:ident),+ $(,)?) => {
        /// The cases of this module, for every backend.
        pub mod cases {
            $(
                #[doc = concat!("Checks that `", stringify!($case), "` holds of an empty store.")]
                pub async fn $case(store: std::sync::Arc<dyn crate::store::Store>) {
                    super::$case(store).await;
                }
            )+
        }

        /// Expands the cases to tests.
        #[macro_export]
        macro_rules! $name {
            ($d on_fresh_store:ident) => {
                $(
                    #[tokio::test]
                    async fn $case() {
                        $d on_fresh_store($crate::testing::contract::$module::cases::$case).await;
                    }
                )+
            };
        }
    };
}
use suite;

/// Expands every case of every store port to a test; see [`crate::testing::contract`].
#[macro_export]
macro_rules! store_contract {
    ($on_fresh_store:ident) => {
        mod user {
            use super::$on_fresh_store;
            $crate::user_contract!($on_fresh_store);
        }
        mod session {
            use super::$on_fresh_store;
            $crate::session_contract!($on_fresh_store);
        }
        mod own_session {
            use super::$on_fresh_store;
            $crate::own_session_contract!($on_fresh_store);
        }
        mod sign_in {
            use super::$on_fresh_store;
            $crate::sign_in_contract!($on_fresh_store);
        }
        mod import {
            use super::$on_fresh_store;
            $crate::import_contract!($on_fresh_store);
        }
        mod invitation {
            use super::$on_fresh_store;
            $crate::invitation_contract!($on_fresh_store);
        }
        mod outbox {
            use super::$on_fresh_store;
            $crate::outbox_contract!($on_fresh_store);
        }
        mod password_reset {
            use super::$on_fresh_store;
            $crate::password_reset_contract!($on_fresh_store);
        }
        mod sealed {
            use super::$on_fresh_store;
            $crate::sealed_contract!($on_fresh_store);
        }
        mod client {
            use super::$on_fresh_store;
            $crate::client_contract!($on_fresh_store);
        }
        mod lease {
            use super::$on_fresh_store;
            $crate::lease_contract!($on_fresh_store);
        }
        mod origin {
            use super::$on_fresh_store;
            $crate::origin_contract!($on_fresh_store);
        }
        mod execution {
            use super::$on_fresh_store;
            $crate::execution_contract!($on_fresh_store);
        }
        mod lives {
            use super::$on_fresh_store;
            $crate::lives_contract!($on_fresh_store);
        }
        mod change {
            use super::$on_fresh_store;
            $crate::change_contract!($on_fresh_store);
        }
        mod aging {
            use super::$on_fresh_store;
            $crate::aging_contract!($on_fresh_store);
        }
        mod verification {
            use super::$on_fresh_store;
            $crate::verification_contract!($on_fresh_store);
        }
        mod metrics {
            use super::$on_fresh_store;
            $crate::metrics_contract!($on_fresh_store);
        }
        mod listing {
            use super::$on_fresh_store;
            $crate::listing_contract!($on_fresh_store);
        }
        mod audit {
            use super::$on_fresh_store;
            $crate::audit_contract!($on_fresh_store);
        }
        mod isolation {
            use super::$on_fresh_store;
            $crate::isolation_contract!($on_fresh_store);
        }
    };
}
