//! Several senders of one outbox, senders that are killed, and what the database shows of waiting mails.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use flowmastery_core::{
    mail::{Mail, MailError, Mailer, SmtpMailer},
    service::outbox::OutboxLimits,
    store::sql::{SqlConfig, SqlStore},
};
use flowmastery_tests::{
    backend::{Backend, FreshStore},
    postgres::Database,
    smtp::SmtpServer,
    world::{ADMIN, World},
};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{DORA, LIMITS, PATH, Post, mailing, token};

/// Hands mails over, and never hears of it.
#[derive(Debug)]
struct Killed {
    mailer: SmtpMailer,
    sent: Arc<Notify>,
}

#[async_trait]
impl Mailer for Killed {
    fn is_configured(&self) -> bool {
        true
    }

    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.mailer.send(mail).await?;
        self.sent.notify_one();
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_host_that_is_killed_after_sending_leaves_the_mail_to_another_with_the_same_message_id() {
    let mut server = SmtpServer::start(&[]).await;
    let (fresh, sent) = (Backend::Sqlite.store().await, Arc::new(Notify::new()));
    let mailer = SmtpMailer::new(&server.config()).unwrap();
    let killed = Arc::new(Killed { mailer, sent: sent.clone() });
    let first = World::with(fresh.clone(), |builder| builder.mailer(killed)).await;
    let admin = first.sign_in(ADMIN).await;
    first.post(PATH, &admin, json!({ "email": DORA, "role": "admin" })).await.expect(201);
    tokio::select! {
        _ = first.app.outbox().send_due() => panic!("it hears nothing"),
        () = sent.notified() => {}
    }
    let mailer = Arc::new(SmtpMailer::new(&server.config()).unwrap());
    let second = first.beside(fresh, |builder| builder.mailer(mailer));
    second.clock.advance(OutboxLimits::default().lease - Duration::from_millis(1));
    assert_eq!(second.app.outbox().send_due().await.unwrap(), 0, "the first one may still be at it");
    second.clock.advance(Duration::from_millis(1));
    assert_eq!(second.app.outbox().send_due().await.unwrap(), 1);
    let (once, again) = (server.mail().await, server.mail().await);
    assert_eq!(once["headers"]["message-id"], again["headers"]["message-id"]);
    let listed = second.get(PATH, &admin).await.expect(200);
    assert_eq!(super::status_of(&listed), "sent");
}

/// A store of its own over the database, with connections of its own.
async fn connected(database: &Database) -> FreshStore {
    SqlStore::connect(&SqlConfig::new(database.url())).await.unwrap().into()
}

#[tokio::test]
async fn two_hosts_on_one_postgres_send_each_mail_once() {
    const MAILS: usize = 40;
    let mut server = SmtpServer::start(&[]).await;
    let database = Database::migrated().await;
    let first = mailing(connected(&database).await, &server, LIMITS).await;
    let mailer = Arc::new(SmtpMailer::new(&server.config()).unwrap());
    let second = first.beside(connected(&database).await, |b| b.mailer(mailer).outbox_limits(LIMITS));
    let admin = first.sign_in(ADMIN).await;
    for mail in 0..MAILS {
        let body = json!({ "email": format!("guest{mail}@agency.com"), "role": "admin" });
        first.post(PATH, &admin, body).await.expect(201);
    }
    let stop = CancellationToken::new();
    let hosts = [first, second].map(|host| tokio::spawn(host.app.outbox().clone().run(stop.clone())));
    let mut came = BTreeMap::new();
    for _ in 0..MAILS {
        let mail = server.mail().await;
        *came.entry(mail["to"][0].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    stop.cancel();
    for host in hosts {
        host.await.unwrap();
    }
    assert_eq!(server.mails().await.len(), 0, "none more");
    assert!(came.len() == MAILS && came.values().all(|count| *count == 1), "{came:?}");
}

/// Waits until admins see that a mail was sent.
async fn is_sent(post: &Post) {
    let start = Instant::now();
    while post.status().await != "sent" {
        assert!(start.elapsed() < Duration::from_secs(30), "it is not sent");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_running_host_sends_at_once_what_is_queued_in_it() {
    let limits = OutboxLimits { tick: Duration::from_secs(3600), ..LIMITS };
    let mut post = Post::with(&[], limits).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(post.world.app.clone().run(stop.clone()));
    for email in [DORA, "eve@agency.com"] {
        post.invite(email).await;
        assert_eq!(post.server.mail().await["to"][0], email);
        is_sent(&post).await;
    }
    stop.cancel();
    running.await.unwrap();
}

/// Never hears of mails to one address, and hands over all others.
#[derive(Debug)]
struct Stuck(SmtpMailer, &'static str);

#[async_trait]
impl Mailer for Stuck {
    fn is_configured(&self) -> bool {
        true
    }

    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        if mail.to.as_str() == self.1 {
            return std::future::pending().await;
        }
        self.0.send(mail).await
    }
}

#[tokio::test]
async fn a_mail_that_takes_long_holds_up_no_other() {
    let mut server = SmtpServer::start(&[]).await;
    let mailer = Arc::new(Stuck(SmtpMailer::new(&server.config()).unwrap(), DORA));
    let limits = OutboxLimits { patience: Duration::from_secs(3600), ..LIMITS };
    let fresh = Backend::Sqlite.store().await;
    let world = World::with(fresh, |builder| builder.mailer(mailer).outbox_limits(limits)).await;
    let admin = world.sign_in(ADMIN).await;
    let running = tokio::spawn(world.app.clone().run(CancellationToken::new()));
    world.post(PATH, &admin, json!({ "email": DORA, "role": "admin" })).await.expect(201);
    for guest in 0..20 {
        let email = format!("guest{guest}@agency.com");
        world.post(PATH, &admin, json!({ "email": email, "role": "admin" })).await.expect(201);
        assert_eq!(server.mail().await["to"][0], email);
    }
    running.abort();
}

#[tokio::test]
async fn a_running_host_finds_what_others_queued() {
    let mut server = SmtpServer::start(&[]).await;
    let fresh = Backend::Sqlite.store().await;
    let world = mailing(fresh.clone(), &server, LIMITS).await;
    let mailer = Arc::new(SmtpMailer::new(&server.config()).unwrap());
    let running = world.beside(fresh, |builder| builder.mailer(mailer).outbox_limits(LIMITS));
    let stop = CancellationToken::new();
    let running = tokio::spawn(running.app.clone().run(stop.clone()));
    let admin = world.sign_in(ADMIN).await;
    world.post(PATH, &admin, json!({ "email": DORA, "role": "admin" })).await.expect(201);
    assert_eq!(server.mail().await["to"][0], DORA);
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn no_link_and_no_token_stands_in_the_database_in_clear() {
    let mut server = SmtpServer::start(&["--away"]).await;
    let database = Database::migrated().await;
    let world = mailing(connected(&database).await, &server, LIMITS).await;
    let admin = world.sign_in(ADMIN).await;
    world.post(PATH, &admin, json!({ "email": DORA, "role": "admin" })).await.expect(201);
    let body = Some(json!({ "email": ADMIN }));
    world.request(http::Method::POST, "/api/v1/auth/password-reset", None, body).await.expect(202);
    assert_eq!(world.app.outbox().send_due().await.unwrap(), 2);
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    let mut dump = String::new();
    for table in ["outbox", "password_resets", "invitations"] {
        let sql = format!("SELECT row_to_json(t)::TEXT FROM flowmastery.{table} t");
        let rows: Vec<(String,)> =
            sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap();
        assert!(!rows.is_empty(), "{table} is empty");
        dump.extend(rows.into_iter().map(|(row,)| row));
    }
    assert!(dump.contains("refused"), "why it waits is there: {dump}");
    server.set_mode("accept").await;
    world.clock.advance(Duration::from_secs(10));
    world.app.outbox().send_due().await.unwrap();
    let mails = [server.mail().await, server.mail().await];
    for (page, subject) in [("accept-invitation", "invitation"), ("reset-password", "Reset")] {
        let with = |mail: &&serde_json::Value| mail["headers"]["subject"].as_str().unwrap().contains(subject);
        let token = token(mails.iter().find(with).unwrap(), page);
        assert!(!dump.contains(&token) && !dump.contains("token="), "{dump}");
    }
    let left: (i64,) =
        sqlx::query_as("SELECT COUNT(*) FROM flowmastery.outbox").fetch_one(&mut connection).await.unwrap();
    assert_eq!(left, (0,), "sent mails are erased");
}
