//! The gate in front of n8n servers: whoever enters with a key waits until the one before has left, first come, first served.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// One slot a key. Keys that nobody holds or waits for are forgotten.
#[derive(Debug, Default)]
pub(super) struct Gate {
    slots: Mutex<HashMap<String, Weak<AsyncMutex<()>>>>,
}

impl Gate {
    /// Waits for the slot of `key`, which is held until the guard is dropped.
    pub(super) async fn enter(&self, key: &str) -> OwnedMutexGuard<()> {
        self.slot(key).lock_owned().await
    }

    fn slot(&self, key: &str) -> Arc<AsyncMutex<()>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(key).and_then(Weak::upgrade) {
            return slot;
        }
        slots.retain(|_, slot| slot.strong_count() > 0);
        let slot = Arc::default();
        slots.insert(key.to_owned(), Arc::downgrade(&slot));
        slot
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_key_is_held_by_one_at_a_time() {
        let gate = Gate::default();
        let first = gate.enter("a").now_or_never().expect("free");
        let mut second = Box::pin(gate.enter("a"));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(gate.enter("b").now_or_never().is_some());
        drop(first);
        assert!(second.now_or_never().is_some());
    }

    #[test]
    fn keys_that_nobody_uses_are_forgotten() {
        let gate = Gate::default();
        let held = gate.enter("held").now_or_never();
        let waiting = gate.enter("held").now_or_never();
        assert!(held.is_some() && waiting.is_none());
        for key in 0..100 {
            assert!(gate.enter(&key.to_string()).now_or_never().is_some());
        }
        assert!(gate.slots.lock().unwrap().len() <= 2);
    }
}
