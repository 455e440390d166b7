//! The database of a Python FlowMastery: read only, in one transaction that sees one instant.
//!
//! Its statuses, roles and modes are texts in some installations and enums in upper case in others, so all are read as texts in lower case.

use std::{fmt, str::FromStr, time::Duration};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use sqlx::{Connection, FromRow, PgConnection, postgres::PgConnectOptions};
use tokio::sync::Mutex;

use super::{dialect, fault::fault, postgres::read_url};
use crate::{
    clock::Timestamp,
    model::{
        import::source::{
            SourceClient, SourceExecution, SourceHistory, SourceInvitation, SourceUser, SourceWorkflow,
        },
        workflow::{Workflow, WorkflowId},
    },
    store::{ImportSource, StoreError, StoreResult},
};

/// The longest that connecting may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// An instant in Unix milliseconds; nothing for an endless one.
macro_rules! millis {
    ($column:literal) => {
        concat!(
            "CASE WHEN isfinite(",
            $column,
            ") THEN CAST(ROUND(EXTRACT(EPOCH FROM date_trunc('milliseconds', ",
            $column,
            ")) * 1000) AS BIGINT) END"
        )
    };
}

/// n8n's number of an execution, where it is one.
macro_rules! number {
    ($table:literal) => {
        concat!(
            "CASE WHEN ",
            $table,
            ".n8n_execution_id ~ '^[0-9]{1,18}$' THEN CAST(",
            $table,
            ".n8n_execution_id AS BIGINT) END"
        )
    };
}

/// The database of a Python FlowMastery.
pub struct PythonSource {
    connection: Mutex<PgConnection>,
}

impl PythonSource {
    /// Connects and begins to read; nothing can be written.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer, [`StoreError::Internal`] for a URL that is none of Postgres or a
    /// refused sign-in, [`StoreError::Conflict`] when a table is missing. The URL is never repeated.
    pub async fn connect(url: &SecretString) -> StoreResult<Self> {
        let options = connect_options(url)?;
        let connection = tokio::time::timeout(PATIENCE, PgConnection::connect_with(&options)).await;
        let mut connection = connection.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(fault)?;
        // The transaction goes with its connection. It stands still while what was read is stored.
        for statement in [
            dialect::POSTGRES_SNAPSHOT,
            "SET LOCAL idle_in_transaction_session_timeout = 0",
            "SET LOCAL statement_timeout = 0",
        ] {
            sqlx::query(statement).execute(&mut connection).await.map_err(fault)?;
        }
        let (complete,): (bool,) = sqlx::query_as(
            "SELECT to_regclass('users') IS NOT NULL AND to_regclass('clients') IS NOT NULL AND to_regclass('invitations') IS NOT NULL
                 AND to_regclass('workflows') IS NOT NULL AND to_regclass('workflow_executions') IS NOT NULL",
        )
        .fetch_one(&mut connection)
        .await
        .map_err(fault)?;
        if !complete {
            return Err(StoreError::Conflict(
                "this is not the database of a Python FlowMastery: a table is missing",
            ));
        }
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Every row of a statement that may have one value.
    async fn rows<R>(&self, sql: &'static str, client: Option<&str>) -> StoreResult<Vec<R>>
    where
        R: for<'r> FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
    {
        let mut connection = self.connection.lock().await;
        let query = sqlx::query_as(sql);
        let query = if client.is_some() { query.bind(client) } else { query };
        query.fetch_all(&mut *connection).await.map_err(fault)
    }
}

/// How to connect. A role whose name is that of our schema would find our tables there before those of Python.
fn connect_options(url: &SecretString) -> StoreResult<PgConnectOptions> {
    let (scheme, _) = url.expose_secret().split_once(':').unwrap_or_default();
    if !matches!(scheme.split('+').next(), Some("postgres" | "postgresql")) {
        return Err(StoreError::Internal("its URL starts with postgres: or postgresql:".into()));
    }
    let options = PgConnectOptions::from_str(read_url(url.expose_secret())?.as_str()).map_err(fault)?;
    let options = options.application_name("flowmastery import");
    let says_where = options.get_options().is_some_and(|said| said.contains("search_path"));
    Ok(if says_where { options } else { options.options([("search_path", "public")]) })
}

impl fmt::Debug for PythonSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PythonSource").finish_non_exhaustive()
    }
}

#[derive(FromRow)]
struct ClientRow {
    id: String,
    name: String,
    n8n_api_url: Option<String>,
    n8n_api_key: Option<String>,
    created_by: Option<String>,
    created_at: Option<Timestamp>,
}

#[derive(FromRow)]
struct WorkflowRow {
    id: String,
    n8n_workflow_id: String,
    name: String,
    active: bool,
    archived: bool,
    time_saved: i64,
}

#[async_trait]
impl ImportSource for PythonSource {
    async fn users(&self) -> StoreResult<Vec<SourceUser>> {
        let sql = concat!(
            "SELECT CAST(id AS TEXT) AS id, COALESCE(email, '') AS email, COALESCE(hashed_password, '') AS hashed_password,
                    LOWER(CAST(role AS TEXT)) AS role, COALESCE(is_active, TRUE) AS is_active,
                    CAST(client_id AS TEXT) AS client_id, CAST(created_by_admin_id AS TEXT) AS created_by, ",
            millis!("last_login"),
            " AS last_login, ",
            millis!("created_at"),
            " AS created_at FROM users u ORDER BY u.created_at, u.id"
        );
        self.rows(sql, None).await
    }

    async fn clients(&self) -> StoreResult<Vec<SourceClient>> {
        let sql = concat!(
            "SELECT CAST(id AS TEXT) AS id, COALESCE(name, '') AS name, NULLIF(n8n_api_url, '') AS n8n_api_url,
                    NULLIF(n8n_api_key_encrypted, '') AS n8n_api_key, CAST(created_by_admin_id AS TEXT) AS created_by, ",
            millis!("created_at"),
            " AS created_at FROM clients c ORDER BY c.created_at, c.id"
        );
        let client = |row: ClientRow| SourceClient {
            id: row.id,
            name: row.name,
            n8n_api_url: row.n8n_api_url,
            n8n_api_key: row.n8n_api_key.map(SecretString::from),
            created_by: row.created_by,
            created_at: row.created_at,
        };
        Ok(self.rows(sql, None).await?.into_iter().map(client).collect())
    }

    async fn pending_invitations(&self) -> StoreResult<Vec<SourceInvitation>> {
        let sql = concat!(
            "SELECT CAST(id AS TEXT) AS id, COALESCE(email, '') AS email, LOWER(CAST(role AS TEXT)) AS role,
                    CAST(client_id AS TEXT) AS client_id, CAST(invited_by_admin_id AS TEXT) AS invited_by, ",
            millis!("expiry_date"),
            " AS expiry_date FROM invitations i WHERE LOWER(CAST(i.status AS TEXT)) = 'pending' ORDER BY i.created_at, i.id"
        );
        self.rows(sql, None).await
    }

    async fn workflows(&self, client: &str) -> StoreResult<Vec<SourceWorkflow>> {
        let sql = "SELECT CAST(id AS TEXT) AS id, COALESCE(n8n_workflow_id, '') AS n8n_workflow_id, COALESCE(name, '') AS name,
                          COALESCE(active, FALSE) AS active, COALESCE(archived, FALSE) AS archived,
                          CAST(COALESCE(time_saved_per_execution_minutes, 30) AS BIGINT) AS time_saved
                   FROM workflows w WHERE w.client_id = CAST($1 AS UUID) ORDER BY w.n8n_workflow_id";
        let workflow = |row: WorkflowRow| SourceWorkflow {
            id: row.id,
            workflow: Workflow {
                id: WorkflowId::from(row.n8n_workflow_id.as_str()),
                name: row.name,
                active: row.active,
                archived: row.archived,
            },
            time_saved: row.time_saved,
        };
        Ok(self.rows(sql, Some(client)).await?.into_iter().map(workflow).collect())
    }

    async fn history(&self, client: &str) -> StoreResult<SourceHistory> {
        let sql = concat!(
            "SELECT own.rows, (SELECT COUNT(*) FROM workflow_executions o
                     WHERE o.client_id <> CAST($1 AS UUID) AND ",
            number!("o"),
            " BETWEEN own.lowest AND own.highest)
             FROM (SELECT COUNT(*) AS rows, MIN(",
            number!("e"),
            ") AS lowest, MAX(",
            number!("e"),
            ") AS highest FROM workflow_executions e WHERE e.client_id = CAST($1 AS UUID)) own"
        );
        let rows: Vec<(i64, i64)> = self.rows(sql, Some(client)).await?;
        let history = rows.first().map(|&(rows, shared)| SourceHistory { rows, shared });
        Ok(history.unwrap_or_default())
    }

    async fn open_history(&self, client: &str) -> StoreResult<()> {
        let sql = concat!(
            "DECLARE history NO SCROLL CURSOR FOR
             SELECT CAST(e.id AS TEXT) AS id, COALESCE(e.n8n_execution_id, '') AS number, w.n8n_workflow_id AS workflow,
                    COALESCE(w.client_id <> e.client_id, FALSE) AS is_foreign,
                    COALESCE(LOWER(CAST(e.status AS TEXT)), '') AS status, LOWER(CAST(e.mode AS TEXT)) AS mode, ",
            millis!("e.started_at"),
            " AS started_at, ",
            millis!("COALESCE(e.stopped_at, e.finished_at)"),
            " AS stopped_at, e.is_production, CAST(e.retry_of AS TEXT) AS retry_of
             FROM workflow_executions e LEFT JOIN workflows w ON w.id = e.workflow_id
             WHERE e.client_id = CAST($1 AS UUID) ORDER BY ",
            number!("e"),
            " NULLS FIRST, e.id"
        );
        let mut connection = self.connection.lock().await;
        sqlx::query("CLOSE ALL").execute(&mut *connection).await.map_err(fault)?;
        sqlx::query(sql).bind(client).persistent(false).execute(&mut *connection).await.map_err(fault)?;
        Ok(())
    }

    async fn more_executions(&self, rows: u32) -> StoreResult<Vec<SourceExecution>> {
        // The number of rows is a part of the statement, and our own.
        let sql = sqlx::AssertSqlSafe(format!("FETCH FORWARD {rows} FROM history"));
        let mut connection = self.connection.lock().await;
        // Each cursor has a statement of its own.
        sqlx::query_as(sql).persistent(false).fetch_all(&mut *connection).await.map_err(fault)
    }
}

#[cfg(test)]
mod tests {
    use sqlx::postgres::PgSslMode;

    use super::*;

    #[test]
    fn tls_is_asked_for_in_asyncpgs_spelling() {
        let url = "postgresql+asyncpg://u@h/d?ssl=verify-full";
        assert!(matches!(connect_options(&url.into()).unwrap().get_ssl_mode(), PgSslMode::VerifyFull));
    }

    #[test]
    fn tables_are_looked_for_in_public_unless_the_url_says_where() {
        for (query, said) in [
            ("", "-c search_path=public"),
            ("?options[search_path]=theirs", "-c search_path=theirs"),
            ("?options=-csearch_path%3Dtheirs", "-csearch_path=theirs"),
        ] {
            let options = connect_options(&format!("postgres://u@h/d{query}").into()).unwrap();
            assert_eq!(options.get_options(), Some(said));
        }
    }
}
