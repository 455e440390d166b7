//! The second wall between tenants, as raw SQL meets it: a role that owns nothing sees the rows of its scope, and without one none.

use std::collections::BTreeSet;

use flowmastery_core::store::{
    ClientStore, Store,
    sql::{SqlConfig, SqlStore},
};
use flowmastery_tests::postgres::Database;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

use super::*;

const NOTHING: [i64; 0] = [];

/// A row in every table of tenants, for each of two clients; what a table needs is made up from its columns.
async fn filled() -> Database {
    let database = Database::migrated().await;
    let mut owner = PgConnection::connect(&database.url()).await.unwrap();
    owner.execute("SET search_path = flowmastery; SET session_replication_role = replica").await.unwrap();
    for (table, column) in tenant_tables(&mut owner).await {
        for client in [1, 2] {
            insert(&mut owner, &table, &column, client).await.unwrap();
        }
    }
    database
}

/// Tables whose rows belong to clients, and the column that says to which.
async fn tenant_tables(db: &mut PgConnection) -> Vec<(String, String)> {
    let sql = "SELECT table_name::TEXT, column_name::TEXT FROM information_schema.columns
               WHERE table_schema = 'flowmastery' AND (column_name = 'client_id' OR table_name = 'clients' AND column_name = 'id')";
    let tables: Vec<_> = sqlx::query_as(sql).fetch_all(db).await.unwrap();
    assert!(tables.len() >= 8, "{tables:?}");
    tables
}

/// Inserts a row of a client with something in every column that wants it.
async fn insert(db: &mut PgConnection, table: &str, column: &str, client: i64) -> sqlx::Result<()> {
    let sql = "SELECT a.attname::TEXT, format_type(a.atttypid, NULL) FROM pg_attribute a
               WHERE a.attrelid = $1::REGCLASS AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull AND a.attidentity = ''
                   AND NOT a.atthasdef AND a.attname <> $2";
    let columns: Vec<(String, String)> =
        sqlx::query_as(sql).bind(format!("flowmastery.{table}")).bind(column).fetch_all(&mut *db).await?;
    let (mut names, mut values) = (vec![column.to_owned()], vec![client.to_string()]);
    for (name, kind) in columns {
        values.push(match (name.as_str(), kind.as_str()) {
            ("role", _) => "'client'".to_owned(),
            ("status", "text") if table == "workflows" => "'active'".to_owned(),
            ("status", "text") => "'pending'".to_owned(),
            (_, "text") => format!("'{table} of {client}'"),
            (_, "boolean") => "TRUE".to_owned(),
            (_, "bytea") => "''".to_owned(),
            _ => "1".to_owned(),
        });
        names.push(name);
    }
    if table == "outbox" {
        names.push("address_digest".to_owned());
        values.push(format!("'{client}'"));
    }
    let sql = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), values.join(", "));
    db.execute(AssertSqlSafe(sql)).await.map(drop)
}

async fn application(database: &Database) -> PgConnection {
    let mut db = PgConnection::connect(&database.application_url()).await.unwrap();
    db.execute("SET search_path = flowmastery").await.unwrap();
    db
}

/// Whose rows a table shows.
async fn shown(db: &mut PgConnection, (table, column): &(String, String)) -> Vec<i64> {
    let sql = format!("SELECT {column} FROM {table} ORDER BY 1");
    let rows = db.fetch_all(AssertSqlSafe(sql)).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[track_caller]
fn denied(result: sqlx::Result<impl std::fmt::Debug>) {
    let error = result.unwrap_err();
    let code = error.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
    assert_eq!(code.as_deref(), Some("42501"), "{error}");
}

#[tokio::test]
async fn with_the_application_role_a_forgotten_filter_returns_nothing() {
    let database = filled().await;
    let mut db = application(&database).await;
    for table in tenant_tables(&mut db).await {
        assert_eq!(shown(&mut db, &table).await, NOTHING, "{table:?}");
        denied(insert(&mut db, &table.0, &table.1, 3).await);
        for statement in
            [format!("UPDATE {0} SET {1} = {1}", table.0, table.1), format!("DELETE FROM {}", table.0)]
        {
            let done = db.execute(AssertSqlSafe(statement)).await;
            if table.0 == "audit_log" {
                denied(done);
            } else {
                assert_eq!(done.unwrap().rows_affected(), 0, "{table:?}");
            }
        }
        for (scope, expected) in
            [("1", vec![1]), ("2", vec![2]), ("3", vec![]), ("all", vec![1, 2]), ("", vec![])]
        {
            let mut tx = db.begin().await.unwrap();
            sqlx::query("SELECT set_config('flowmastery.scope', $1, TRUE)")
                .bind(scope)
                .execute(&mut *tx)
                .await
                .unwrap();
            assert_eq!(shown(&mut tx, &table).await, expected, "{table:?} in {scope:?}");
            if scope == "1" {
                denied(insert(&mut tx, &table.0, &table.1, 2).await);
            }
            tx.rollback().await.unwrap();
        }
        assert_eq!(shown(&mut db, &table).await, NOTHING, "the scope ends with its transaction");
    }
}

#[tokio::test]
async fn every_table_of_tenants_has_a_policy_and_none_is_forced_on_the_owner() {
    let database = filled().await;
    let mut db = PgConnection::connect(&database.url()).await.unwrap();
    let tables: BTreeSet<_> = tenant_tables(&mut db).await.into_iter().map(|(table, _)| table).collect();
    let sql =
        "SELECT c.relname::TEXT, c.relforcerowsecurity FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid
               WHERE c.relnamespace = 'flowmastery'::REGNAMESPACE AND c.relrowsecurity AND p.polcmd = '*'";
    let policies: Vec<(String, bool)> = sqlx::query_as(sql).fetch_all(&mut db).await.unwrap();
    assert!(policies.iter().all(|(_, forced)| !forced), "{policies:?}");
    let protected: BTreeSet<_> = policies.into_iter().map(|(table, _)| table).collect();
    let of_users =
        ["imported", "known_addresses", "password_resets", "refresh_tokens", "sessions"].map(str::to_owned);
    assert_eq!(protected, tables.into_iter().chain(of_users).collect());
    // What has no policy holds nothing of tenants: positions, turns and numbers of migrations.
    let sql = "SELECT relname::TEXT FROM pg_class WHERE relnamespace = 'flowmastery'::REGNAMESPACE AND relkind = 'r'";
    let all: Vec<(String,)> = sqlx::query_as(sql).fetch_all(&mut db).await.unwrap();
    let open: Vec<_> =
        all.into_iter().map(|(table,)| table).filter(|table| !protected.contains(table)).collect();
    let known = ["_flowmastery_migrations", "change_horizon", "change_life", "changes", "origins"];
    assert!(open.iter().all(|table| known.contains(&table.as_str())), "{open:?}");
}

#[tokio::test]
async fn what_belongs_to_users_is_seen_in_the_scope_of_their_client() {
    let database = filled().await;
    let mut owner = PgConnection::connect(&database.url()).await.unwrap();
    let sql = "SET search_path = flowmastery;
               INSERT INTO sessions (id, user_id, created_at, expires_at) SELECT client_id, id, 1, 1 FROM users;
               INSERT INTO refresh_tokens (hash, session_id, expires_at) SELECT 'of ' || id, id, 1 FROM sessions;
               INSERT INTO password_resets (user_id, token, created_at, expires_at) SELECT id, 'of ' || id, 1, 1 FROM users;
               INSERT INTO known_addresses (user_id, network, last_at) SELECT id, '203.0.113.7', 1 FROM users;
               INSERT INTO imported (kind, source_id, id) VALUES ('client', 'a', 1)";
    owner.execute(sqlx::raw_sql(sql)).await.unwrap();
    let mut db = application(&database).await;
    for (scope, seen) in [("all", (2, 1)), ("1", (1, 0)), ("3", (0, 0)), ("", (0, 0))] {
        let mut tx = db.begin().await.unwrap();
        sqlx::query("SELECT set_config('flowmastery.scope', $1, TRUE)")
            .bind(scope)
            .execute(&mut *tx)
            .await
            .unwrap();
        for table in ["sessions", "refresh_tokens", "password_resets", "known_addresses"] {
            let rows = tx.fetch_all(AssertSqlSafe(format!("SELECT 1 FROM {table}"))).await.unwrap();
            assert_eq!(rows.len(), seen.0, "{table} in {scope:?}");
        }
        assert_eq!(tx.fetch_all("SELECT 1 FROM imported").await.unwrap().len(), seen.1, "{scope:?}");
        if scope == "1" {
            denied(tx.execute("INSERT INTO sessions (user_id, created_at, expires_at) SELECT 2, 1, 1").await);
        }
        tx.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn the_application_role_may_use_the_tables_and_nothing_else() {
    let database = filled().await;
    let mut db = application(&database).await;
    for statement in [
        "CREATE TABLE flowmastery.more (id BIGINT)",
        "CREATE TABLE public.more (id BIGINT)",
        "ALTER TABLE executions DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE executions NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY tenants ON executions",
        "CREATE POLICY more ON executions USING (TRUE)",
        "TRUNCATE executions",
        "DROP TABLE executions",
        "SET ROLE flowmastery",
        "SET row_security = off; SELECT * FROM executions",
        "UPDATE _flowmastery_migrations SET success = FALSE",
        "DELETE FROM _flowmastery_migrations",
        "UPDATE audit_log SET actor_id = NULL",
        "DELETE FROM audit_log",
        "ALTER TABLE audit_log DISABLE TRIGGER ALL",
        "CREATE OR REPLACE FUNCTION flowmastery.scope_is_all() RETURNS BOOLEAN LANGUAGE sql AS 'SELECT TRUE'",
    ] {
        denied(db.execute(sqlx::raw_sql(statement)).await);
        db.execute("RESET row_security").await.unwrap();
    }
    db.execute("SELECT * FROM _flowmastery_migrations").await.unwrap();
}

#[tokio::test]
async fn hosts_that_admit_one_role_at_once_all_succeed_and_the_role_works_at_once() {
    let database = Database::empty().await;
    // A store of the second role that was there before the tables, as `serve` has it on its first start.
    let application = SqlStore::connect(&SqlConfig::new(database.application_url())).await.unwrap();
    application.ping().await.unwrap();
    let admit = |url: String, application: SqlStore| async move {
        let owner = SqlStore::connect(&SqlConfig::new(url)).await.unwrap();
        owner.migrate_up().await.unwrap();
        owner.admit(&application).await.unwrap();
        // With one role there is nothing to grant.
        owner.admit(&owner).await.unwrap();
        owner.close().await;
    };
    let hosts: Vec<_> = (0..10).map(|_| tokio::spawn(admit(database.url(), application.clone()))).collect();
    for host in hosts {
        host.await.unwrap();
    }
    let id = client(&application).await;
    assert!(application.find_client(everything(), id).await.unwrap().is_some());
    let other = TenantScope::client(ClientId(id.0 + 1));
    assert!(application.find_client(other, id).await.unwrap().is_none());
    application.close().await;
    database.remove().await;
}

#[tokio::test]
async fn one_role_may_grant_nothing_that_is_not_its_own() {
    let database = Database::migrated().await;
    let application = SqlStore::connect(&SqlConfig::new(database.application_url())).await.unwrap();
    let refused = application.admit(&application).await;
    assert!(matches!(refused, Err(StoreError::Internal(_))), "{refused:?}");
    assert!(application.migrate_down(None).await.is_err());
    assert!(application.migration_status().await.unwrap().iter().all(|migration| migration.applied));
}
