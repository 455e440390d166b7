//! Many rows by one prepared statement on SQLite: placeholders for many rows at once, so that nothing is parsed but the statement, and that once.

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
};

use sqlx::{SqliteConnection, error::BoxDynError, sqlite::SqliteArguments};

use crate::id::ClientId;

/// How many rows a statement takes. What is left over goes by the smaller ones.
const SIZES: [usize; 4] = [512, 64, 8, 1];

/// What a row has to say to a statement that writes many.
pub(super) trait BulkRow: Send {
    /// Adds its values in the order of the columns.
    fn bind(
        self,
        client: ClientId,
        texts: &mut Texts,
        arguments: &mut SqliteArguments,
    ) -> Result<(), BoxDynError>;
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

/// A statement that writes rows.
pub(super) struct Bulk {
    head: &'static str,
    columns: usize,
    tail: &'static str,
    texts: [OnceLock<String>; SIZES.len()],
}

impl Bulk {
    /// What stands before the rows, ending in `VALUES`, how many values each has, and what stands behind them.
    pub(super) const fn new(head: &'static str, columns: usize, tail: &'static str) -> Self {
        Self { head, columns, tail, texts: [const { OnceLock::new() }; SIZES.len()] }
    }

    /// Writes all rows. While SQLite works on some, on its own thread, the next ones are prepared.
    pub(super) async fn write<R: BulkRow>(
        &'static self,
        lite: &mut SqliteConnection,
        client: ClientId,
        rows: Vec<R>,
    ) -> Result<(), sqlx::Error> {
        let mut rows = rows.into_iter();
        let mut next = self.prepare(client, &mut rows)?;
        while let Some((sql, arguments)) = next {
            let statement = sqlx::query_with(sql, arguments);
            let (done, prepared) =
                tokio::join!(statement.execute(&mut *lite), async { self.prepare(client, &mut rows) });
            done?;
            next = prepared?;
        }
        Ok(())
    }

    fn prepare<R: BulkRow>(
        &'static self,
        client: ClientId,
        rows: &mut std::vec::IntoIter<R>,
    ) -> Result<Option<(&'static str, SqliteArguments)>, sqlx::Error> {
        let fits = |(size, _): &(usize, _)| *size <= rows.len();
        let Some((size, text)) = SIZES.into_iter().zip(&self.texts).find(fits) else { return Ok(None) };
        let mut arguments = SqliteArguments::default();
        sqlx::Arguments::reserve(&mut arguments, size * self.columns, 0);
        let mut texts = Texts::default();
        for row in rows.take(size) {
            row.bind(client, &mut texts, &mut arguments).map_err(sqlx::Error::Encode)?;
        }
        Ok(Some((text.get_or_init(|| self.text(size)), arguments)))
    }

    fn text(&self, size: usize) -> String {
        let row = format!("({})", vec!["?"; self.columns].join(", "));
        format!("{} {} {}", self.head, vec![row; size].join(", "), self.tail)
    }
}
