//! The access log of this process, by the ids of requests, so that each answer can be held against its line.
//!
//! One subscriber for the whole process: one for each request would race for the cache of which events are wanted.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{LazyLock, Mutex, PoisonError},
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    layer::{Context, Layer, SubscriberExt},
    registry,
};

/// A line: its fields as text.
pub type Line = BTreeMap<&'static str, String>;

static LINES: LazyLock<Mutex<Vec<Line>>> = LazyLock::new(|| {
    tracing::subscriber::set_global_default(registry().with(AccessLog))
        .expect("nothing else in the tests listens to events");
    Mutex::default()
});

/// Starts to listen, where that was not done yet.
pub fn listen() {
    LazyLock::force(&LINES);
}

/// Takes out the lines of a request.
pub fn take(request_id: &str) -> Vec<Line> {
    let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    lines.extract_if(.., |line| line.get("request_id").is_some_and(|id| id == request_id)).collect()
}

struct AccessLog;

impl<S: Subscriber> Layer<S> for AccessLog {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target() == "flowmastery::access"
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields(Line::new());
        event.record(&mut fields);
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push(fields.0);
    }
}

struct Fields(Line);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}
