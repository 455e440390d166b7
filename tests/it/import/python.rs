//! The database of a Python FlowMastery as a fixture: its tables with texts or with enums, and rows to put into them.

use flowmastery_core::{clock::Timestamp, store::sql::PythonSource};
use flowmastery_tests::postgres::Database;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// Its SECRET_KEY.
pub(crate) const SECRET_KEY: &str = "python-secret-key-of-the-old-server";
/// `n8n_api_test_key`, sealed under [`SECRET_KEY`] with a salt, in the older form without one, and under another SECRET_KEY, by Python's `cryptography` 48.
pub(crate) const SEALED: [&str; 3] = [
    "SOzmB_2hr51haHvjIy-9Vg==:Z0FBQUFBQnJCcXEyVklTbVUzY1NaNHlvUE1hLV9VYmFfRTZJQjFHWF9mSWZQd3lwT19MSUdHTU90aXhXb2g5bVJfdEplZXNBS0ttd05DU0tqeTQwMlBGdUk5dGN3UUxBT00xTldLMWROZ1VEdEdEZjRWbnBzRlU9",
    "Z0FBQUFBQnJCcXEyZko3SGZMUGk4RzVTNEJXYzhkMk5YSDBGV2kwaVBMdjQxWDZ4RXlDMU5nbWE0bDdpZzM2OU1xXzR5aF9iN0dNVTRiN01PWk9DWFA2TF94QXlsbzA1cXNuc0pSSDNzZkkxZGJyQUlhWkFhbjg9",
    "Z0FBQUFBQnJCcXEyYm1Kckk0SmhUekZqTW9xbThNdm9zeFp3LWJBTm96emsySUh4Y2tVdURwQ3B0Mk5pSzF0eUpjb1pQUmZTN0hMRXhfTThFeUI3aGNManZoMEt0WjZ1MjY3TU5LNjQtWVhETGRFOWZaSFdRZEk9",
];
/// What is typed, and Python's `bcrypt` 5 of it, of its escaped form, and of `securepassword`, at cost 12.
pub(crate) const TYPED: &str = r#"Tom & "Jerry's" <cat>"#;
pub(crate) const BCRYPT_OF_TYPED: &str = "$2b$12$LVwPgns2gPh2KuKMqy8uvuqfieUWs/6wLhFfD9VPqccPRqPEH4pZW";
pub(crate) const BCRYPT_OF_ESCAPED: &str = "$2b$12$I6pTZ4hudn7H5CYbUgxKnuyM1dmZ4.WOk91hiXE.j43vJriQ3Blta";
pub(crate) const BCRYPT: &str = "$2b$12$Qp9OtTDAH9hxS/OdzqRCmOpjjwcJ.mTNbkI.IOARs2IF8XvMqcAtm";
/// A test vector of bcrypt: `U*U`, shorter than a new password may be.
pub(crate) const BCRYPT_OF_SHORT: &str = "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

const TABLES: &str = "
    CREATE TABLE clients (
        id UUID PRIMARY KEY, name VARCHAR(255) NOT NULL, n8n_api_key_encrypted TEXT, n8n_api_url VARCHAR(500),
        created_by_admin_id UUID, created_at TIMESTAMPTZ NOT NULL DEFAULT '2025-01-01', updated_at TIMESTAMPTZ
    );
    CREATE TABLE users (
        id UUID PRIMARY KEY, email VARCHAR(255) NOT NULL UNIQUE, first_name VARCHAR(100), last_name VARCHAR(100),
        hashed_password VARCHAR(255) NOT NULL, role ROLE_TYPE NOT NULL, is_active BOOLEAN NOT NULL DEFAULT TRUE,
        client_id UUID REFERENCES clients (id), created_by_admin_id UUID REFERENCES users (id),
        last_login TIMESTAMPTZ, created_at TIMESTAMPTZ NOT NULL DEFAULT '2025-01-01', updated_at TIMESTAMPTZ
    );
    CREATE TABLE invitations (
        id UUID PRIMARY KEY, email VARCHAR(255) NOT NULL, role ROLE_TYPE NOT NULL, token VARCHAR(500) NOT NULL UNIQUE,
        status INVITATION_TYPE NOT NULL, expiry_date TIMESTAMPTZ NOT NULL, invited_by_admin_id UUID NOT NULL, client_id UUID,
        accepted_user_id UUID, accepted_at TIMESTAMPTZ, created_at TIMESTAMPTZ NOT NULL DEFAULT '2025-01-01', updated_at TIMESTAMPTZ
    );
    CREATE TABLE workflows (
        id UUID PRIMARY KEY, n8n_workflow_id VARCHAR(255) NOT NULL, client_id UUID NOT NULL REFERENCES clients (id),
        name VARCHAR(255) NOT NULL, active BOOLEAN, archived BOOLEAN, time_saved_per_execution_minutes INTEGER DEFAULT 30,
        UNIQUE (client_id, n8n_workflow_id)
    );
    CREATE TABLE workflow_executions (
        id UUID PRIMARY KEY DEFAULT gen_random_uuid(), n8n_execution_id VARCHAR(255) NOT NULL UNIQUE, workflow_id UUID, client_id UUID NOT NULL,
        status STATUS_TYPE NOT NULL, mode MODE_TYPE, started_at TIMESTAMPTZ, finished_at TIMESTAMPTZ, stopped_at TIMESTAMPTZ,
        execution_time_ms INTEGER, is_production BOOLEAN, retry_of VARCHAR(255)
    )";

const ENUMS: &str = "
    CREATE TYPE userrole AS ENUM ('ADMIN', 'CLIENT');
    CREATE TYPE invitationstatus AS ENUM ('PENDING', 'ACCEPTED', 'EXPIRED');
    CREATE TYPE executionstatus AS ENUM ('SUCCESS', 'ERROR', 'WAITING', 'RUNNING', 'CANCELED', 'CRASHED', 'NEW');
    CREATE TYPE executionmode AS ENUM ('WEBHOOK', 'TRIGGER', 'MANUAL', 'RETRY');";

/// A Python FlowMastery.
pub(crate) struct Python {
    database: Database,
    has_enums: bool,
}

/// The id of the record with this number.
pub(crate) fn uuid(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

impl Python {
    pub(crate) async fn new(has_enums: bool) -> Self {
        let python = Self { database: Database::empty().await, has_enums };
        let types = [
            ("ROLE_TYPE", "userrole"),
            ("INVITATION_TYPE", "invitationstatus"),
            ("STATUS_TYPE", "executionstatus"),
            ("MODE_TYPE", "executionmode"),
        ];
        let tables = types.iter().fold(TABLES.to_owned(), |tables, (name, kind)| {
            tables.replace(name, if has_enums { kind } else { "VARCHAR(50)" })
        });
        python.run(&if has_enums { format!("{ENUMS}{tables}") } else { tables }).await;
        python
    }

    pub(crate) fn url(&self) -> String {
        self.database.url()
    }

    pub(crate) async fn source(&self) -> PythonSource {
        PythonSource::connect(&self.url().into()).await.unwrap()
    }

    /// Runs statements.
    pub(crate) async fn run(&self, sql: &str) {
        let mut connection = PgConnection::connect(&self.url()).await.unwrap();
        connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
        connection.close().await.unwrap();
    }

    /// A word of an enum as its column has it.
    fn word(&self, word: &str) -> String {
        if self.has_enums { word.to_uppercase() } else { word.to_owned() }
    }

    pub(crate) async fn client(&self, id: u32, name: &str, n8n: Option<(&str, &str)>) {
        let (url, key) =
            n8n.map_or(("NULL".to_owned(), "NULL".to_owned()), |(url, key)| (quoted(url), quoted(key)));
        let (id, name) = (uuid(id), quoted(name));
        self.run(&format!("INSERT INTO clients (id, name, n8n_api_url, n8n_api_key_encrypted) VALUES ('{id}', {name}, {url}, {key})")).await;
    }

    /// A user; `client` 0 is none.
    pub(crate) async fn user(&self, id: u32, email: &str, (role, client): (&str, u32), hash: &str) {
        let (id, role, client) = (uuid(id), self.word(role), self.reference(client));
        self.run(&format!("INSERT INTO users (id, email, hashed_password, role, client_id) VALUES ('{id}', {}, '{hash}', '{role}', {client})", quoted(email))).await;
    }

    pub(crate) async fn invitation(
        &self,
        id: u32,
        email: &str,
        (role, client): (&str, u32),
        (status, expiry): (&str, &str),
    ) {
        let (uuid_of, role, client, status) =
            (uuid(id), self.word(role), self.reference(client), self.word(status));
        self.run(&format!(
            "INSERT INTO invitations (id, email, role, token, status, expiry_date, invited_by_admin_id, client_id)
             VALUES ('{uuid_of}', '{email}', '{role}', 'token {id}', '{status}', '{expiry}', '{}', {client})", uuid(1)
        )).await;
    }

    pub(crate) async fn workflow(&self, id: u32, client: u32, n8n: &str, minutes: i64) {
        let (id, client) = (uuid(id), uuid(client));
        self.run(&format!(
            "INSERT INTO workflows (id, n8n_workflow_id, client_id, name, active, archived, time_saved_per_execution_minutes)
             VALUES ('{id}', '{n8n}', '{client}', 'Workflow {n8n}', TRUE, FALSE, {minutes})"
        )).await;
    }

    /// An execution by webhook that started at an instant and ran for so many milliseconds.
    pub(crate) async fn execution(
        &self,
        number: &str,
        (client, workflow): (u32, u32),
        status: &str,
        (start, millis): (Timestamp, u64),
    ) {
        let stop = start.plus(std::time::Duration::from_millis(millis));
        let (client, workflow, status, mode) =
            (uuid(client), self.reference(workflow), self.word(status), self.word("webhook"));
        self.run(&format!(
            "INSERT INTO workflow_executions (n8n_execution_id, client_id, workflow_id, status, mode, started_at, stopped_at, finished_at, is_production)
             VALUES ('{number}', '{client}', {workflow}, '{status}', '{mode}', '{start}', '{stop}', '{stop}', TRUE)"
        )).await;
    }

    fn reference(&self, id: u32) -> String {
        if id == 0 { "NULL".to_owned() } else { format!("'{}'", uuid(id)) }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
