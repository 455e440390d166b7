//! New rows by `COPY` on Postgres, which takes them faster than a statement with arrays; for a role that sees all rows, since where row security
//! holds Postgres refuses it.

use sqlx::PgConnection;

/// Below so many rows a statement is as good.
const FEWEST: usize = 100;
/// So many bytes are sent at once.
const CHUNK: usize = 128 * 1024;
/// What every stream in the binary format begins with: its signature, no flags, no extension.
const HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The number of fields that says that no row follows.
const END: [u8; 2] = (-1_i16).to_be_bytes();

/// Whether so many rows go by `COPY`, where the role may.
pub(super) fn is_worth_it(rows: usize) -> bool {
    rows >= FEWEST
}

/// A row as fields.
pub(super) trait CopyRow {
    /// How many fields it has behind those that all rows share.
    const FIELDS: usize;

    /// Writes them in the order of the columns.
    fn write(&self, fields: &mut Fields);
}

/// Fields in the binary format: each has its length before it, and null has −1.
pub(super) struct Fields(Vec<u8>);

impl Fields {
    pub(super) fn long(&mut self, value: i64) {
        self.bytes(&value.to_be_bytes());
    }

    pub(super) fn optional(&mut self, value: Option<i64>) {
        match value {
            Some(value) => self.long(value),
            None => self.0.extend_from_slice(&(-1_i32).to_be_bytes()),
        }
    }

    pub(super) fn short(&mut self, value: i16) {
        self.bytes(&value.to_be_bytes());
    }

    pub(super) fn bytes(&mut self, value: &[u8]) {
        // Ids, words and sketches have a few thousand bytes at most; Postgres refuses a row whose length does not fit.
        let length = i32::try_from(value.len()).unwrap_or(i32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(value);
    }
}

/// Adds rows to a table: `sql` is `COPY … FROM STDIN (FORMAT binary)`, whose first columns all rows share.
pub(super) async fn copy<R: CopyRow>(
    pg: &mut PgConnection,
    sql: &str,
    shared: &[i64],
    rows: &[R],
) -> Result<(), sqlx::Error> {
    let count = i16::try_from(shared.len() + R::FIELDS).unwrap_or(i16::MAX);
    let mut copy = pg.copy_in_raw(sql).await?;
    let mut fields = Fields(Vec::with_capacity(CHUNK + CHUNK / 8));
    fields.0.extend_from_slice(HEAD);
    for row in rows {
        fields.0.extend_from_slice(&count.to_be_bytes());
        shared.iter().for_each(|value| fields.long(*value));
        row.write(&mut fields);
        if fields.0.len() >= CHUNK {
            copy.send(fields.0.as_slice()).await?;
            fields.0.clear();
        }
    }
    fields.0.extend_from_slice(&END);
    copy.send(fields.0.as_slice()).await?;
    copy.finish().await.map(drop)
}
