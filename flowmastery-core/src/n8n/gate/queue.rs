//! The queues of this process in front of n8n servers: whoever enters one waits until the one before has left, first come, first served.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// One queue for each key. Keys that nobody holds or waits for are forgotten.
#[derive(Debug, Default)]
pub(super) struct Queues {
    heads: Mutex<HashMap<String, Weak<AsyncMutex<()>>>>,
}

impl Queues {
    /// Waits for the head of the queue of `key`, which is held until the guard is dropped.
    pub(super) async fn enter(&self, key: &str) -> OwnedMutexGuard<()> {
        self.head(key).lock_owned().await
    }

    fn head(&self, key: &str) -> Arc<AsyncMutex<()>> {
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(head) = heads.get(key).and_then(Weak::upgrade) {
            return head;
        }
        heads.retain(|_, head| head.strong_count() > 0);
        let head = Arc::default();
        heads.insert(key.to_owned(), Arc::downgrade(&head));
        head
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_key_is_held_by_one_at_a_time() {
        let queues = Queues::default();
        let first = queues.enter("a").now_or_never().expect("free");
        let mut second = Box::pin(queues.enter("a"));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(queues.enter("b").now_or_never().is_some());
        drop(first);
        assert!(second.now_or_never().is_some());
    }

    #[test]
    fn keys_that_nobody_uses_are_forgotten() {
        let queues = Queues::default();
        let held = queues.enter("held").now_or_never();
        let waiting = queues.enter("held").now_or_never();
        assert!(held.is_some() && waiting.is_none());
        for key in 0..100 {
            assert!(queues.enter(&key.to_string()).now_or_never().is_some());
        }
        assert!(queues.heads.lock().unwrap().len() <= 2);
    }
}
