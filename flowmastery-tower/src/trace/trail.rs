//! A trail: what the access log will say of one request.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use flowmastery_core::access::actor::Actor;
use http::{HeaderMap, Method, StatusCode};

use crate::{auth::Seen, request_id::RequestId};

/// What the access log says where no route matched.
const NO_ROUTE: &str = "-";

/// What the access log will say of a request, as far as it is known; written when this is dropped. The API leaves one for each
/// request that reaches it.
#[derive(Debug)]
pub struct Trail {
    request_id: RequestId,
    method: Method,
    pub(crate) route: Option<&'static str>,
    pub(crate) actor: Option<Actor>,
    seen: Option<Seen>,
    pub(crate) address: Option<IpAddr>,
    status: Option<StatusCode>,
    start: Instant,
}

impl Trail {
    /// Of a request that begins now.
    pub fn start(method: &Method, headers: &HeaderMap) -> Self {
        Self {
            request_id: RequestId::of(headers),
            address: None,
            method: method.clone(),
            route: None,
            actor: None,
            seen: None,
            status: None,
            start: Instant::now(),
        }
    }

    /// The id of the request, for its answer.
    pub fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    fn route(&self) -> &'static str {
        self.route.unwrap_or(NO_ROUTE)
    }

    /// The span around everything that happens for the request.
    pub(crate) fn span(&self) -> tracing::Span {
        tracing::info_span!("request", request_id = %self.request_id, method = %self.method, route = self.route())
    }

    /// Where an authentication that happens inside tells whom it found.
    pub(super) fn seen(&mut self) -> Seen {
        self.seen.get_or_insert_default().clone()
    }

    /// Notes the answer's status.
    pub fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// Ends with the answer, which is told the request's id.
    pub(crate) fn close(mut self, status: StatusCode, headers: &mut HeaderMap) {
        headers.insert(RequestId::HEADER, self.request_id.to_header());
        self.answered(status);
    }
}

/// Writes the line, also for a caller who went away before the answer: that one has no status.
impl Drop for Trail {
    fn drop(&mut self) {
        let actor = self.actor.or_else(|| self.seen.as_ref()?.actor());
        tracing::info!(
            target: "flowmastery::access",
            request_id = %self.request_id,
            method = %self.method,
            route = self.route(),
            status = self.status.map(|status| status.as_u16()),
            duration_ms = milliseconds(self.start.elapsed()),
            address = self.address.map(tracing::field::display),
            user.id = actor.map(|actor| actor.user_id().0),
            client.id = actor.and_then(Actor::client_id).map(|client| client.0),
        );
    }
}

/// In whole microseconds, which no line shows in more than three decimals.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        fmt,
        sync::{Arc, Mutex},
    };

    use flowmastery_core::id::{ClientId, UserId};
    use tracing::{Event, Metadata, Subscriber, field::Field, field::Visit, span};

    use super::*;

    /// Collects the fields of every event.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<BTreeMap<String, String>>>>);

    impl Subscriber for Lines {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == "flowmastery::access"
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

        fn event(&self, event: &Event<'_>) {
            struct Line(BTreeMap<String, String>);
            impl Visit for Line {
                fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                    self.0.insert(field.name().to_owned(), format!("{value:?}"));
                }
            }
            let mut line = Line(BTreeMap::new());
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }

        fn enter(&self, _: &span::Id) {}

        fn exit(&self, _: &span::Id) {}
    }

    fn line_of(act: impl FnOnce(&mut Trail)) -> BTreeMap<String, String> {
        let lines = Lines::default();
        tracing::subscriber::with_default(lines.clone(), || {
            let mut trail = Trail::start(&Method::GET, &HeaderMap::new());
            act(&mut trail);
        });
        let mut written = lines.0.lock().unwrap().clone();
        assert_eq!(written.len(), 1);
        written.remove(0)
    }

    #[test]
    fn an_answered_request_has_one_line_with_route_status_and_caller() {
        let line = line_of(|trail| {
            trail.route = Some("/api/v1/clients/{client_id}");
            trail.actor = Some(Actor::client_user(UserId(3), ClientId(7)));
            trail.answered(StatusCode::OK);
        });
        assert_eq!(line["route"], "\"/api/v1/clients/{client_id}\"");
        assert_eq!((line["status"].as_str(), line["user.id"].as_str()), ("200", "3"));
        assert_eq!(line["client.id"], "7");
        assert_eq!(line["request_id"].len(), 32);
        assert!(line["duration_ms"].parse::<f64>().unwrap() >= 0.0);
    }

    #[test]
    fn durations_have_three_decimals_at_most() {
        for (nanoseconds, shown) in
            [(269_452, "0.269"), (269_700, "0.27"), (1_234_567_890, "1234.568"), (0, "0")]
        {
            assert_eq!(milliseconds(Duration::from_nanos(nanoseconds)).to_string(), shown);
        }
    }

    #[test]
    fn a_caller_who_went_away_is_logged_without_a_status() {
        let line = line_of(|_| {});
        assert_eq!(line["route"], "\"-\"");
        assert!(!line.contains_key("status") && !line.contains_key("user.id"));
    }
}
