//! That each port of this host keeps its contract: a fixture, and one line.
#![cfg(test)] // tells clippy that helpers of tests are tests, too

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use flowmastery_core::{
    cache::Cache,
    mail::Mailer,
    model::{client::Instance, email::Email, instance::InstanceUrl},
    n8n::N8nApi,
    testing::contract::{
        mailer::{Delivered, MailFixture},
        n8n_api::{Abilities, Held, N8nFixture},
    },
};
use mail_parser::MessageParser;
use own_ports::{EmlMailer, MapCache, RecordedN8n};
use serde_json::{Value, json};
use tempfile::TempDir;

mod cache {
    use super::*;

    async fn on_fresh_cache(case: impl AsyncFnOnce(Arc<dyn Cache>)) {
        case(Arc::new(MapCache::new(1000))).await;
    }

    flowmastery_core::cache_contract!(on_fresh_cache);
}

mod mailer {
    use super::*;

    async fn on_fresh_post(case: impl AsyncFnOnce(Arc<dyn MailFixture>)) {
        let directory = tempfile::tempdir().unwrap();
        let outbox = directory.path().join("outbox");
        std::fs::create_dir(&outbox).unwrap();
        let mailer = EmlMailer::new(outbox, "flowmastery@agency.com");
        case(Arc::new(Outbox { mailer, directory })).await;
    }

    flowmastery_core::mailer_contract!(on_fresh_post);
}

/// A mailer, and the directory that it writes into.
struct Outbox {
    mailer: EmlMailer,
    directory: TempDir,
}

#[async_trait]
impl MailFixture for Outbox {
    fn mailer(&self) -> &dyn Mailer {
        &self.mailer
    }

    fn refused(&self) -> Email {
        Email::parse("dora@agency.invalid").unwrap()
    }

    async fn set_away(&self, is_away: bool) {
        let [there, elsewhere] = ["outbox", "unmounted"].map(|name| self.directory.path().join(name));
        let (from, to) = if is_away { (there, elsewhere) } else { (elsewhere, there) };
        std::fs::rename(from, to).unwrap();
    }

    async fn delivered(&self) -> Vec<Delivered> {
        // While it is away, nobody can get anything.
        let files = std::fs::read_dir(self.directory.path().join("outbox")).into_iter().flatten();
        files.map(|file| taken(&file.unwrap().path())).collect()
    }
}

/// Reads a mail as a mail program does, and takes it away.
fn taken(file: &Path) -> Delivered {
    assert_eq!(file.extension().unwrap(), "eml", "nothing unfinished is left");
    let bytes = std::fs::read(file).unwrap();
    std::fs::remove_file(file).unwrap();
    let mail = MessageParser::default().parse(&bytes).unwrap();
    let named = [mail.to(), mail.cc(), mail.bcc()].into_iter().flatten().flat_map(|list| list.iter());
    let recipients = named.map(|address| address.address().unwrap().to_owned()).collect();
    let header = |header: &mail_parser::Header<'_>| {
        let (name, value) = (header.name().to_owned(), header.value());
        let raw =
            || String::from_utf8_lossy(&bytes[header.offset_start() as usize..header.offset_end() as usize]);
        (name, value.as_text().map_or_else(|| raw().trim().to_owned(), str::to_owned))
    };
    Delivered {
        recipients,
        headers: mail.headers().iter().map(header).collect(),
        text: mail.body_text(0).unwrap().into_owned(),
        html: mail.body_html(0).unwrap().into_owned(),
    }
}

mod n8n {
    use super::*;

    async fn on_fresh_n8n(case: impl AsyncFnOnce(Arc<dyn N8nFixture>)) {
        let directory = tempfile::tempdir().unwrap();
        let api = RecordedN8n::new(directory.path().to_owned());
        let recording = Recording { api, directory };
        recording.hold(Held::default()).await;
        case(Arc::new(recording)).await;
    }

    flowmastery_core::n8n_api_contract!(on_fresh_n8n);
}

/// What one n8n answered.
struct Recording {
    api: RecordedN8n,
    directory: TempDir,
}

#[async_trait]
impl N8nFixture for Recording {
    fn api(&self) -> &dyn N8nApi {
        &self.api
    }

    fn instance(&self) -> Instance {
        Instance { url: InstanceUrl::parse("https://n8n.acme.com").unwrap(), key: "the-key".into() }
    }

    fn abilities(&self) -> Abilities {
        Abilities { lists_waiting: true, filters_by_start: true, tells_insights: false }
    }

    async fn hold(&self, held: Held) {
        let directory = self.directory.path().join("n8n.acme.com");
        std::fs::create_dir_all(&directory).unwrap();
        let workflows = held.workflows.into_iter().map(
            |row| json!({ "id": row.id, "name": row.name, "active": row.active, "isArchived": row.archived }),
        );
        let executions = held.executions.into_iter().map(|row| {
            json!({
                "id": row.id, "workflowId": row.workflow_id, "status": row.status, "mode": row.mode,
                "startedAt": row.started_at, "stoppedAt": row.stopped_at,
                "retryOf": row.retry_of, "retrySuccessId": row.retry_success_id,
            })
        });
        let list = |rows: Vec<Value>| json!({ "data": rows, "nextCursor": null }).to_string();
        std::fs::write(directory.join("workflows.json"), list(workflows.collect())).unwrap();
        std::fs::write(directory.join("executions.json"), list(executions.collect())).unwrap();
        std::fs::write(directory.join("api-key"), "the-key\n").unwrap();
    }
}
