//! Many rows by one prepared statement on SQLite: placeholders for many rows at once, so that nothing is parsed but the statement, and that once.

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
};

use sqlx::{Arguments, SqliteConnection, error::BoxDynError, sqlite::SqliteArguments};

/// How many rows a statement takes. What is left over goes by the smaller ones.
const SIZES: [usize; 4] = [512, 64, 8, 1];

/// What a row has to say to a statement that writes many.
pub(super) trait BulkRow: Send {
    /// Adds its values in the order of the columns, without those that all rows share.
    fn bind(self, texts: &mut Texts, arguments: &mut SqliteArguments) -> Result<(), BoxDynError>;
}

/// The texts of one statement, each of which is in memory once: one thread allocates them, and the other frees them, which takes long.
#[derive(Default)]
pub(super) struct Texts(HashSet<Arc<str>, foldhash::fast::RandomState>);

impl Texts {
    pub(super) fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let shared: Arc<str> = text.into();
        self.0.insert(Arc::clone(&shared));
        shared
    }
}

/// A statement that writes rows. What they have in common is bound once: each value that is bound takes its time.
pub(super) struct Bulk {
    head: &'static str,
    row: &'static str,
    tail: &'static str,
    texts: [OnceLock<String>; SIZES.len()],
}

impl Bulk {
    /// What stands before the rows, ending in `(VALUES`, each of them, and what stands behind them, beginning with `)`. The values that all rows share
    /// are in the first part. Each value is a `?`: sqlx counts those apart from `?1`.
    pub(super) const fn new(head: &'static str, row: &'static str, tail: &'static str) -> Self {
        Self { head, row, tail, texts: [const { OnceLock::new() }; SIZES.len()] }
    }

    /// Writes all rows. While SQLite works on some, on its own thread, the next ones are prepared.
    pub(super) async fn write<R: BulkRow>(
        &'static self,
        lite: &mut SqliteConnection,
        shared: &[i64],
        rows: Vec<R>,
    ) -> Result<(), sqlx::Error> {
        let mut rows = rows.into_iter();
        let mut next = self.prepare(shared, &mut rows)?;
        while let Some((sql, arguments)) = next {
            let statement = sqlx::query_with(sql, arguments);
            let (done, prepared) =
                tokio::join!(statement.execute(&mut *lite), async { self.prepare(shared, &mut rows) });
            done?;
            next = prepared?;
        }
        Ok(())
    }

    fn prepare<R: BulkRow>(
        &'static self,
        shared: &[i64],
        rows: &mut std::vec::IntoIter<R>,
    ) -> Result<Option<(&'static str, SqliteArguments)>, sqlx::Error> {
        let fits = |(size, _): &(usize, _)| *size <= rows.len();
        let Some((size, text)) = SIZES.into_iter().zip(&self.texts).find(fits) else { return Ok(None) };
        let mut arguments = SqliteArguments::default();
        arguments.reserve(shared.len() + size * self.row.matches('?').count(), 0);
        for value in shared {
            arguments.add(*value).map_err(sqlx::Error::Encode)?;
        }
        let mut texts = Texts::default();
        for row in rows.take(size) {
            row.bind(&mut texts, &mut arguments).map_err(sqlx::Error::Encode)?;
        }
        Ok(Some((text.get_or_init(|| self.text(size)), arguments)))
    }

    fn text(&self, size: usize) -> String {
        format!("{} {} {}", self.head, vec![self.row; size].join(", "), self.tail)
    }
}
