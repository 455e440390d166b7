//! What is known of clients without asking the database, and the keys that follow from it.
//!
//! A key names everything that an answer depends on: a client's numbers, its name, what is said of freshness, the period's borders and the
//! classes. So an answer is never stale, and hosts that share a cache may use each other's.

use std::{
    borrow::Cow,
    fmt,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::ClientView;
use crate::{
    clock::Timestamp,
    digest::sha256_hex,
    feed::{ChangeFeed, Remembered, Row, Touched},
    id::ClientId,
    model::{client::ClientName, collection::CollectionRecord, period::PeriodQuery, rollup::Width},
    store::{Change, ClientSnapshot, Configured},
};

/// How many clients are remembered.
const REMEMBERED: usize = 10_000;
/// How many views over clients; there is one for all of them.
const OVERVIEWS: usize = 10;

/// What is remembered of clients.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(super) clients: Remembered<ClientId, Arc<KnownClient>>,
    pub(super) overviews: Remembered<Option<ClientId>, Overview>,
}

impl Known {
    /// As long as no client changes.
    pub(crate) fn by(feed: &Arc<ChangeFeed>) -> Self {
        let clients = Remembered::new(feed, REMEMBERED, |change| match change {
            Change::Client(id) => Touched::One(id),
            Change::User(_) | Change::Session(_) => Touched::Nothing,
        });
        let overviews = Remembered::new(feed, OVERVIEWS, |change| match change {
            Change::Client(_) => Touched::All,
            Change::User(_) | Change::Session(_) => Touched::Nothing,
        });
        Self { clients, overviews }
    }
}

/// A client as it is remembered, with the keys of what was asked about it. They go when it changes, as it does.
#[derive(Debug)]
pub(super) struct KnownClient {
    stored: Configured,
    keys: Mutex<Vec<KnownKey>>,
}

/// The key of an answer, and what it was made for.
#[derive(Debug)]
struct KnownKey {
    what: What<'static>,
    query: PeriodQuery,
    /// The quarter hour in which it holds: borders of periods lie on quarter hours.
    quarter: (Timestamp, Timestamp),
    /// The last instant at which it holds, if nothing happens.
    until: Option<Timestamp>,
    key: Arc<str>,
}

/// How many keys are remembered of a client: few ask for many periods.
const KEYS: usize = 8;

/// Which answer about a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What<'w> {
    View(ClientView),
    /// What a host makes of its numbers, under the name that it gave to that.
    Form(Cow<'w, str>),
}

impl What<'_> {
    fn into_owned(self) -> What<'static> {
        match self {
            Self::View(view) => What::View(view),
            Self::Form(form) => What::Form(form.into_owned().into()),
        }
    }
}

impl From<Configured> for KnownClient {
    fn from(stored: Configured) -> Self {
        Self { stored, keys: Mutex::default() }
    }
}

impl Deref for KnownClient {
    type Target = Configured;

    fn deref(&self) -> &Configured {
        &self.stored
    }
}

impl KnownClient {
    /// The key of an answer to what a query asks for at this moment, made where it is not known.
    pub(super) fn key(&self, (what, query): (What<'_>, &PeriodQuery), at: Moment) -> Arc<str> {
        let quarter = (Width::Quarter.floor(at.now), Width::Quarter.ceil(at.now));
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let holds =
            |known: &KnownKey| known.quarter == quarter && known.until.is_none_or(|until| at.now <= until);
        if let Some(known) =
            keys.iter().find(|known| known.what == what && holds(known) && known.query == *query)
        {
            return known.key.clone();
        }
        keys.retain(holds);
        if keys.len() >= KEYS {
            keys.remove(0);
        }
        let key: Arc<str> = match &what {
            What::View(view) => key_of((*view, query), &Facts::from(&self.stored), at),
            What::Form(form) => form_key((form, query), &self.stored, at),
        }
        .into();
        let Configured { n8n_api_url, collection, .. } = &self.stored;
        let until = collection.freshness_until(n8n_api_url.is_some(), at.now, at.sync_interval);
        let what = what.into_owned();
        keys.push(KnownKey { what, query: query.clone(), quarter, until, key: key.clone() });
        key
    }
}

/// The key of a view over what a query asks for at a moment.
pub(super) fn key_of((view, query): (ClientView, &PeriodQuery), facts: &Facts<'_>, at: Moment) -> String {
    key(view, facts.id, &(facts.answers(at), query.at(at.now), query.classes()))
}

/// The key of what a host makes of a client's numbers. It may also tell of the client's n8n, and how far its back-fill is.
pub(super) fn form_key((form, query): (&str, &PeriodQuery), client: &Configured, at: Moment) -> String {
    let facts = Facts::from(client);
    let of_client = (facts.answers(at), client.updated_at, client.collection.progress);
    key("Form", client.id, &(of_client, query.at(at.now), query.classes(), query.tz(), form))
}

/// Every client of a scope, as far as keys need it.
#[derive(Clone, Debug)]
pub(super) struct Overview {
    /// Stands for everything that an answer over all of them depends on.
    pub(super) answers: String,
    /// Stands for their numbers alone.
    pub(super) numbers: String,
    /// Until when what is said of their freshness stays, if nothing happens.
    holds_until: Option<Timestamp>,
}

impl Row for Overview {}

impl Overview {
    pub(super) fn of(clients: &[Configured], at: Moment) -> Self {
        let until = |client: &Configured| {
            client.collection.freshness_until(client.n8n_api_url.is_some(), at.now, at.sync_interval)
        };
        Self {
            answers: digest_of(clients.iter().map(|client| Facts::from(client).answers(at))),
            numbers: digest_of(clients.iter().map(|client| Facts::from(client).numbers())),
            holds_until: clients.iter().filter_map(until).min(),
        }
    }

    pub(super) fn holds(&self, now: Timestamp) -> bool {
        self.holds_until.is_none_or(|until| now <= until)
    }
}

/// What [`Overview::answers`] is for clients as they were read for an answer.
pub(super) fn answers_of(snapshots: &[ClientSnapshot], at: Moment) -> String {
    digest_of(snapshots.iter().map(|snapshot| Facts::from(snapshot).answers(at)))
}

fn digest_of(facts: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for fact in facts {
        text.push_str(&fact);
        text.push('\n');
    }
    sha256_hex(text.as_bytes())
}

/// The instant that an answer is for, and how often clients are collected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Timestamp,
    pub(super) sync_interval: Duration,
}

/// What answers about a client depend on.
pub(super) struct Facts<'f> {
    id: ClientId,
    name: &'f ClientName,
    configured: bool,
    collection: &'f CollectionRecord,
}

impl<'f> From<&'f Configured> for Facts<'f> {
    fn from(client: &'f Configured) -> Self {
        let Configured { id, name, n8n_api_url, collection, .. } = client;
        Self { id: *id, name, configured: n8n_api_url.is_some(), collection }
    }
}

impl<'f> From<&'f ClientSnapshot> for Facts<'f> {
    fn from(snapshot: &'f ClientSnapshot) -> Self {
        let ClientSnapshot { client_id, name, configured, collection, .. } = snapshot;
        Self { id: *client_id, name, configured: *configured, collection }
    }
}

impl Facts<'_> {
    /// The client's numbers, and whether they are known. The instant of the last change tells apart installations that share a cache.
    pub(super) fn numbers(&self) -> String {
        let CollectionRecord { data_version, changed_at, .. } = self.collection;
        let changed_at = changed_at.map(Timestamp::as_millis);
        format!("{}|{data_version}|{changed_at:?}|{}", self.id, self.collection.has_numbers())
    }

    /// The numbers, the name and what is said of freshness.
    pub(super) fn answers(&self, at: Moment) -> String {
        let freshness = self.collection.freshness(self.configured, at.now, at.sync_interval);
        format!("{}|{:?}|{freshness:?}", self.numbers(), self.name)
    }
}

/// The key of a kind of answer about `whose`, made of what it depends on. Another version may write answers in another form.
pub(super) fn key(kind: impl fmt::Debug, whose: impl fmt::Display, parts: &dyn fmt::Debug) -> String {
    let digest = sha256_hex(format!("{parts:?}").as_bytes());
    format!("metrics:{}:{whose}:{kind:?}:{digest}", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_798_732_800_000);

    fn client() -> Configured {
        let collection = CollectionRecord {
            data_version: 3,
            changed_at: Some(NOW),
            last_success_at: Some(NOW),
            back_filled: true,
            ..CollectionRecord::default()
        };
        Configured {
            id: ClientId(1),
            name: ClientName::parse("Acme").unwrap(),
            n8n_api_url: crate::model::instance::InstanceUrl::parse("https://n8n.acme.com").ok(),
            has_n8n_api_key: true,
            created_at: NOW,
            updated_at: NOW,
            collection,
        }
    }

    #[test]
    fn a_key_that_is_remembered_is_the_one_that_would_be_made() {
        let mut seen = std::collections::BTreeSet::new();
        let asked = [
            (None, None),
            (Some("24h"), Some("Asia/Kathmandu")),
            (Some("7d"), Some("Europe/Berlin")),
            (Some("all"), None),
        ];
        for (period, tz) in asked {
            let query = PeriodQuery::parse(period, (None, None), tz, None).unwrap();
            let known = KnownClient::from(client());
            // Two days: across quarter hours, hours, days and the instant from which on the numbers are not live any more.
            for step in 0..2 * 24 * 60 * 2 {
                let now = NOW.plus(Duration::from_millis(step * 30_000 + step % 3));
                let at = Moment { now, sync_interval: Duration::from_secs(60 * 60) };
                for view in [ClientView::Summary, ClientView::Workflows] {
                    let made = key_of((view, &query), &Facts::from(&known.stored), at);
                    assert_eq!(
                        *known.key((What::View(view), &query), at),
                        *made,
                        "{now:?} {period:?} {view:?}"
                    );
                    seen.insert(made);
                }
            }
            assert!(known.keys.lock().unwrap().len() <= KEYS);
        }
        assert!(seen.len() > 300, "{}", seen.len());
    }

    #[test]
    fn a_key_is_made_once() {
        let known = KnownClient::from(client());
        let at = |seconds| Moment {
            now: NOW.plus(Duration::from_secs(seconds)),
            sync_interval: Duration::from_secs(3600),
        };
        let key =
            |seconds| known.key((What::View(ClientView::Summary), &PeriodQuery::default()), at(seconds));
        assert!(Arc::ptr_eq(&key(1), &key(2)));
        assert!(!Arc::ptr_eq(&key(1), &key(15 * 60 + 1)), "another quarter hour");
    }
}
