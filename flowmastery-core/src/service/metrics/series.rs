//! Series: the metrics of one client, or of all, point by point.

use std::{collections::HashMap, fmt};

use super::{Document, Facts, Metrics, key};
use crate::{
    access::{actor::Actor, permission::Permission, scope::TenantScope},
    clock::Timestamp,
    error::{Error, Result},
    id::ClientId,
    model::{
        execution::Class,
        rollup::{Range, Width},
        series::{ClientSeries, Series, SeriesPlan, SeriesQuery, TooManyPoints},
    },
};

impl Metrics {
    /// The series of a client. The first read of a client that was never collected waits for that, 10 s at most.
    ///
    /// # Errors
    /// [`crate::error::Kind::NotFound`], also for another tenant's client; [`crate::error::Kind::Invalid`] for too many points.
    pub async fn client_series(
        &self,
        actor: Actor,
        id: ClientId,
        query: &SeriesQuery,
    ) -> Result<ClientSeries> {
        let scope = actor.require_client(Permission::ViewClient, id)?;
        let plan = self.plan(query)?;
        self.ready(scope, id).await?;
        Ok(ClientSeries { client_id: id, series: self.read(scope, Some(id), &plan).await? })
    }

    /// The series over all clients.
    ///
    /// # Errors
    /// [`crate::error::Kind::Forbidden`] for all but admins; [`crate::error::Kind::Invalid`] for too many points.
    pub async fn all_series(&self, actor: Actor, query: &SeriesQuery) -> Result<Series> {
        actor.require(Permission::ViewAllClients)?;
        self.read(actor.scope(), None, &self.plan(query)?).await
    }

    /// How many production executions each of these clients had on each of the last days (UTC) that are over.
    ///
    /// # Errors
    /// [`crate::error::Kind::Forbidden`] for all but admins.
    pub async fn last_days(
        &self,
        actor: Actor,
        clients: &[ClientId],
        days: u32,
    ) -> Result<HashMap<ClientId, Vec<i64>>> {
        actor.require(Permission::ViewAllClients)?;
        let to = Width::Day.floor(self.clock.now());
        let from = Timestamp::from_millis(to.as_millis() - i64::from(days) * Width::Day.millis());
        let range = Range { from, to };
        let counts = self.store.day_counts(actor.scope(), clients, range, &[Class::Production]).await?;
        let none = vec![0; usize::try_from(days).unwrap_or(0)];
        let mut found: HashMap<_, _> = clients.iter().map(|client| (*client, none.clone())).collect();
        for count in counts {
            let place = (count.day.as_millis() - from.as_millis()) / Width::Day.millis();
            let days = found.get_mut(&count.client_id);
            let day = days.zip(usize::try_from(place).ok()).and_then(|(days, place)| days.get_mut(place));
            if let Some(day) = day {
                *day = count.total;
            }
        }
        Ok(found)
    }

    /// The series over all clients, serialised, from the cache where nothing has changed.
    ///
    /// # Errors
    /// As [`Metrics::all_series`].
    pub async fn all_series_document(&self, actor: Actor, query: &SeriesQuery) -> Result<Document> {
        actor.require(Permission::ViewAllClients)?;
        let plan = self.plan(query)?;
        let numbers = self.overview(actor.scope(), self.moment()).await?.numbers;
        let key = series_key("all", &numbers, &plan);
        let make = async {
            let series = self.read(actor.scope(), None, &plan).await?;
            Ok((Document::serialise(&series)?, key.clone()))
        };
        self.document_of(&key, make).await
    }

    /// The series of a client, serialised, from the cache where nothing has changed.
    ///
    /// # Errors
    /// As [`Metrics::client_series`].
    pub async fn series_document(&self, actor: Actor, id: ClientId, query: &SeriesQuery) -> Result<Document> {
        let scope = actor.require_client(Permission::ViewClient, id)?;
        let plan = self.plan(query)?;
        let client = self.ready(scope, id).await?;
        let key = series_key(id, &Facts::from(&**client).numbers(), &plan);
        let make = async {
            let series = self.read(scope, Some(id), &plan).await?;
            Ok((Document::serialise(&ClientSeries { client_id: id, series })?, key.clone()))
        };
        self.document_of(&key, make).await
    }

    /// The series as it is now. One that is too long is refused here, before anything is read for it; of `all` that is known only with
    /// its oldest bucket.
    fn plan(&self, query: &SeriesQuery) -> Result<SeriesPlan> {
        let plan = query.at(self.clock.now());
        plan.check().map_err(too_many)?;
        Ok(plan)
    }

    async fn read(&self, scope: TenantScope, client: Option<ClientId>, plan: &SeriesPlan) -> Result<Series> {
        let snapshot = self.store.series(scope, client, plan).await?;
        let snapshot = snapshot.ok_or_else(|| Error::not_found("client"))?;
        let points = snapshot.points.map_err(too_many)?;
        Ok(Series::of(plan, &points, snapshot.known))
    }
}

fn too_many(fault: TooManyPoints) -> Error {
    Error::invalid(vec![fault.into()])
}

/// The key of a series: numbers, borders, interval, time zone and classes. A series that is newer than the numbers of its key does no
/// harm, since numbers only count up.
fn series_key(whose: impl fmt::Display, numbers: &str, plan: &SeriesPlan) -> String {
    key("Series", whose, &(numbers, plan.period(), plan.interval(), plan.tz(), plan.classes()))
}
