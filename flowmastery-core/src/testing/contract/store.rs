//! The contract of [`crate::store::Store`], which is that of all its traits.
//!
//! `store_contract!(on_fresh_store)` expands every case of every trait to a test, in a module a trait.
//!
//! ```
//! use std::sync::Arc;
//!
//! use flowmastery_core::store::{
//!     Store,
//!     sql::{SqlConfig, SqlStore},
//! };
//!
//! /// Makes a new store with its schema, hands it to the case, and clears up.
//! async fn on_fresh_store(case: impl AsyncFnOnce(Arc<dyn Store>)) {
//!     let store = SqlStore::connect(&SqlConfig::new("sqlite::memory:")).await.unwrap();
//!     store.migrate_up().await.unwrap();
//!     case(Arc::new(store.clone())).await;
//!     store.close().await;
//! }
//!
//! flowmastery_core::store_contract!(on_fresh_store);
//! # fn main() {}
//! ```
//!
//! Some cases call the store from many tasks at once, and every one of them wants a store for itself.

/// Expands every case of every store port to a test; see [`crate::testing::contract::store`].
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
