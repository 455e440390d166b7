//! Hosts with a dashboard, a mail server and an n8n: the standalone program, and axum with everything below paths of its own.

use std::{sync::Arc, time::Duration};

use flowmastery_core::{
    Config, Flowmastery,
    access::password::{HashCost, PasswordHasher},
    entropy::OsEntropy,
    mail::SmtpMailer,
    model::{email::Email, outbound::OutboundPolicy, password::Password},
};
use flowmastery_tests::{backend::Backend, smtp::SmtpServer, world::ADMIN};
use flowmastery_tower::{Api, Dashboard};
use n8n_simulator::{FakeN8n, History, Plan};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::now;
use crate::standalone::harness::{PASSWORD, Place, SECRET, Server};

/// Whose dashboard it is.
pub(super) const AGENCY: &str = "Northwind & <Automation>";

/// A host with an admin.
pub(super) struct Host {
    /// Where its front page is.
    pub(super) dashboard: String,
    pub(super) smtp: SmtpServer,
    /// What has run for two days.
    pub(super) n8n: FakeN8n,
    running: Running,
}

enum Running {
    Program(Server, Place),
    Here(#[expect(dead_code, reason = "it is kept for as long")] AbortOnDropHandle<()>),
}

impl Host {
    pub(super) async fn standalone() -> Self {
        let smtp = SmtpServer::start(&[]).await;
        let port = smtp.port.to_string();
        let settings = [
            ("SMTP_HOST", "localhost"),
            ("SMTP_PORT", &port),
            ("SMTP_TLS", "none"),
            ("FROM_EMAIL", "Northwind <noreply@agency.com>"),
            ("AGENCY_NAME", AGENCY),
            ("OUTBOUND_ALLOW", "127.0.0.1"),
            ("SECRET_KEY", SECRET),
        ];
        let place = Place::new();
        let server = place.serve(&settings);
        let made = place.run(&["create-admin", "--email", ADMIN], &settings, PASSWORD);
        assert!(made.status.success(), "{made:?}");
        let dashboard = format!("http://{}/dashboard", server.address);
        Self { dashboard, smtp, n8n: n8n().await, running: Running::Program(server, place) }
    }

    pub(super) async fn axum() -> Self {
        let smtp = SmtpServer::start(&[]).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let dashboard = format!("{origin}/flow/portal");
        let fresh = Backend::Sqlite.store().await;
        let mut config = Config::new(SECRET.into(), &dashboard);
        config.outbound = OutboundPolicy::development();
        let app = Flowmastery::builder(config, fresh.store.clone())
            .hasher(PasswordHasher::new(Arc::new(OsEntropy), HashCost::FOR_TESTS))
            .mailer(Arc::new(SmtpMailer::new(&smtp.config()).unwrap()))
            .build()
            .unwrap();
        let password = Password::choose(PASSWORD.into()).unwrap();
        app.users().create_admin(Email::parse(ADMIN).unwrap(), &password).await.unwrap();
        let pages = Dashboard::at("/portal").unwrap().name(AGENCY);
        let api = Api::builder(app.clone()).base_path("/flow").public_url(origin).dashboard(pages);
        let router = axum::Router::new().nest_service("/flow", api.build().unwrap());
        let serving = async move {
            let _fresh = fresh;
            let _work = app.start();
            axum::serve(listener, router).await.unwrap();
        };
        let running = Running::Here(AbortOnDropHandle::new(tokio::spawn(serving)));
        Self { dashboard, smtp, n8n: n8n().await, running }
    }

    /// What every address has to begin with that a page asks for.
    pub(super) fn origin(&self) -> String {
        url::Url::parse(&self.dashboard).unwrap().origin().ascii_serialization()
    }

    /// Ends the program while browsers look at it.
    pub(super) fn stop(self) {
        if let Running::Program(mut server, _place) = self.running {
            server.signal("TERM");
            assert!(server.wait().success());
        }
    }
}

async fn n8n() -> FakeN8n {
    let n8n = FakeN8n::start().await;
    let plan = Plan { workflows: 6, per_day: 200.0, unsaved: 0.0, crash_every: None, ..Plan::default() };
    let start = now().minus(Duration::from_secs(2 * 24 * 60 * 60));
    History::new(8, start, plan).advance(&mut n8n.state(), now());
    n8n
}
