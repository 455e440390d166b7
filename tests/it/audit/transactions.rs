//! A change and its entry are one transaction, and what is written stays: shown on the databases themselves.

use std::collections::BTreeMap;

use flowmastery_core::store::sql::{SqlConfig, SqlStore};
use flowmastery_tests::{
    backend::FreshStore,
    postgres::Database,
    world::{ADMIN, PASSWORD, World},
};
use http::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row, SqliteConnection};

/// A database that can be looked into beside its store.
enum Direct {
    Sqlite { db: SqliteConnection, _directory: tempfile::TempDir },
    Postgres(PgConnection),
}

impl Direct {
    async fn sqlite() -> (Self, World) {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("store.db").display());
        let store = SqlStore::connect(&SqlConfig::new(url.clone())).await.unwrap();
        store.migrate_up().await.unwrap();
        let world = World::new(FreshStore::from(store)).await;
        (Self::Sqlite { db: SqliteConnection::connect(&url).await.unwrap(), _directory: directory }, world)
    }

    async fn postgres() -> (Self, World) {
        let database = Database::migrated().await;
        let store = SqlStore::connect(&SqlConfig::new(database.url())).await.unwrap();
        let world = World::new(FreshStore::from(store)).await;
        let mut owner = PgConnection::connect(&database.url()).await.unwrap();
        owner.execute("SET search_path = flowmastery").await.unwrap();
        (Self::Postgres(owner), world)
    }

    async fn execute(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite { db, .. } => db.execute(sql).await.map(drop),
            Self::Postgres(db) => db.execute(sqlx::raw_sql(sql)).await.map(drop),
        }
    }

    /// From now on no entry can be added.
    async fn refuse_entries(&mut self) {
        let sql = match self {
            Self::Sqlite { .. } => {
                "CREATE TRIGGER refused BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'refused'); END"
            }
            Self::Postgres(_) => {
                "CREATE TRIGGER refused BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            }
        };
        self.execute(sql).await.unwrap();
    }

    /// Everything that requests change, by table.
    async fn everything(&mut self) -> BTreeMap<&'static str, String> {
        let tables = [
            "clients",
            "users",
            "invitations",
            "sessions",
            "refresh_tokens",
            "collections",
            "workflows",
            "outbox",
            "password_resets",
            "audit_log",
        ];
        let mut everything = BTreeMap::new();
        for table in tables {
            let rows = match self {
                Self::Postgres(db) => {
                    let sql =
                        format!("SELECT COALESCE(json_agg(t ORDER BY t::TEXT)::TEXT, '') FROM {table} t");
                    db.fetch_one(AssertSqlSafe(sql)).await.unwrap().get(0)
                }
                Self::Sqlite { db, .. } => {
                    let sql = format!(
                        "SELECT group_concat('quote(' || name || ')', ' || \",\" || ') FROM pragma_table_info('{table}')"
                    );
                    let columns: String = db.fetch_one(AssertSqlSafe(sql)).await.unwrap().get(0);
                    let columns = columns.replace('"', "'");
                    let sql = format!("SELECT {columns} FROM {table} ORDER BY 1");
                    let rows = db.fetch_all(AssertSqlSafe(sql)).await.unwrap();
                    rows.iter().map(|row| row.get::<String, _>(0)).collect::<Vec<_>>().join("\n")
                }
            };
            everything.insert(table, rows);
        }
        everything
    }
}

async fn a_change_whose_entry_cannot_be_written_does_not_happen((mut direct, world): (Direct, World)) {
    let admin = world.sign_in(ADMIN).await;
    let client = world.client(&admin, "Acme").await;
    let one = format!("/api/v1/clients/{client}");
    world.client_user(&admin, "carl@acme.com", client).await;
    world.configure_unheard(client, "https://n8n.example.com", "a key").await;
    let invite = |email: &str| json!({ "email": email, "role": "client", "client_id": client });
    let invitation =
        world.post("/api/v1/auth/invitations", &admin, invite("dora@acme.com")).await.expect(201);
    let token = invitation["accept_url"].as_str().unwrap().split_once("?token=").unwrap().1.to_owned();
    let credentials = |password: &str| json!({ "email": ADMIN, "password": password });
    let post = |path: &str, body: Value| (Method::POST, path.to_owned(), None, Some(body));
    let by_admin = |method, path: &str, body| (method, path.to_owned(), Some(admin.as_str()), body);
    let mut refresh = world
        .request(Method::POST, "/api/v1/auth/login", None, Some(credentials(PASSWORD)))
        .await
        .expect(200)["refresh_token"]
        .clone();
    let stolen = refresh.clone();
    for _ in 0..2 {
        let body = Some(json!({ "refresh_token": refresh }));
        refresh = world.request(Method::POST, "/api/v1/auth/refresh", None, body).await.expect(200)["refresh_token"].clone();
    }
    direct.refuse_entries().await;
    let before = direct.everything().await;
    for (method, path, caller, body) in [
        post("/api/v1/auth/login", credentials(PASSWORD)),
        post("/api/v1/auth/refresh", json!({ "refresh_token": stolen })),
        post("/api/v1/auth/invitations/accept", json!({ "token": token, "password": PASSWORD })),
        by_admin(Method::POST, "/api/v1/auth/logout", None),
        by_admin(Method::POST, "/api/v1/auth/invitations", Some(invite("dora@acme.com"))),
        by_admin(Method::PATCH, "/api/v1/users/2", Some(json!({ "is_active": false }))),
        by_admin(Method::DELETE, "/api/v1/users/2", None),
        by_admin(Method::DELETE, "/api/v1/auth/sessions/1", None),
        by_admin(
            Method::PUT,
            "/api/v1/auth/password",
            Some(json!({ "current_password": PASSWORD, "new_password": "another good password" })),
        ),
        by_admin(Method::POST, "/api/v1/auth/invitations/2/resend", None),
        by_admin(Method::DELETE, "/api/v1/auth/invitations/2", None),
        by_admin(Method::POST, "/api/v1/clients/", Some(json!({ "name": "Other" }))),
        by_admin(Method::PUT, &one, Some(json!({ "name": "Other" }))),
        by_admin(Method::DELETE, &format!("{one}/n8n-config"), None),
        by_admin(Method::DELETE, &one, None),
    ] {
        world.request(method.clone(), &path, caller, body).await.expect(500);
        assert_eq!(direct.everything().await, before, "{method} {path}");
    }
    // What is noted beside a request fails without it.
    world
        .request(Method::POST, "/api/v1/auth/login", None, Some(credentials("not the password")))
        .await
        .expect(401);
    world.get("/api/v1/metrics/my-metrics", &admin).await.expect(403);
}

async fn entries_are_never_changed_and_the_newest_never_removed((mut direct, world): (Direct, World)) {
    world.sign_in(ADMIN).await;
    // Of now, by the database's own clock.
    let now = match direct {
        Direct::Sqlite { .. } => {
            "INSERT INTO audit_log (at, action, detail) VALUES (unixepoch() * 1000, 'left_out', '{}')"
        }
        Direct::Postgres(_) => {
            "INSERT INTO audit_log (at, action, detail) VALUES (EXTRACT(EPOCH FROM now())::BIGINT * 1000, 'left_out', '{}')"
        }
    };
    direct.execute(now).await.unwrap();
    let before = direct.everything().await;
    direct.execute("UPDATE audit_log SET actor_id = 7").await.unwrap_err();
    direct.execute("DELETE FROM audit_log").await.unwrap_err();
    if let Direct::Postgres(_) = direct {
        direct.execute("TRUNCATE audit_log").await.unwrap_err();
    }
    assert_eq!(direct.everything().await, before);
}

macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $case() {
                super::$case(super::Direct::sqlite().await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $case() {
                super::$case(super::Direct::postgres().await).await;
            })+
        }
    };
}

on_both!(
    a_change_whose_entry_cannot_be_written_does_not_happen,
    entries_are_never_changed_and_the_newest_never_removed,
);
