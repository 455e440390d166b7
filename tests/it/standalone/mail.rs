//! Mails of the standalone program: through its settings to a mail server, and nothing of their links in its logs.

use flowmastery_tests::smtp::SmtpServer;
use serde_json::{Value, json};

use super::harness::{PASSWORD, Place, SECRET, Server};

const ADMIN: &str = "admin@agency.com";

fn settings(port: &str) -> [(&str, &str); 8] {
    [
        ("SMTP_HOST", "localhost"),
        ("SMTP_PORT", port),
        ("SMTP_TLS", "none"),
        ("FROM_EMAIL", "Agency <noreply@agency.com>"),
        ("FRONTEND_URL", "https://app.agency.com"),
        ("SECRET_KEY", SECRET),
        ("DEBUG", "false"),
        ("RUST_LOG", "trace"),
    ]
}

fn token(mail: &Value, page: &str) -> String {
    let (_, rest) = mail["plain"].as_str().unwrap().split_once(&format!("{page}?token=")).unwrap();
    rest.split_whitespace().next().unwrap().to_owned()
}

fn sign_in(server: &Server, password: &str) -> (u16, Value) {
    server.request("POST /api/v1/auth/login", Some(&json!({ "email": ADMIN, "password": password })))
}

#[tokio::test(flavor = "multi_thread")]
async fn invitations_and_resets_go_out_and_leave_no_link_in_the_log() {
    let mut smtp = SmtpServer::start(&[]).await;
    let port = smtp.port.to_string();
    let place = Place::new();
    let mut server = place.serve(&settings(&port));
    let args = ["create-admin", "--email", ADMIN];
    assert!(place.run(&args, &settings(&port), PASSWORD).status.success());

    let admin = sign_in(&server, PASSWORD).1["access_token"].as_str().unwrap().to_owned();
    let mut secrets = Vec::new();
    // The first is refused with its link in the answer, the second is taken.
    for (mode, name) in [("echo", "carl"), ("accept", "dora")] {
        smtp.set_mode(mode).await;
        let body = json!({ "email": format!("{name}@agency.com"), "role": "admin" });
        let made = server.request_as(&admin, "POST /api/v1/auth/invitations", Some(&body));
        assert_eq!((&made["email_status"], &made["accept_url"]), (&json!("queued"), &Value::Null));
        if mode == "echo" {
            let refused = server.event("a mail was not sent and will not be");
            assert_eq!(refused["invitation.id"], made["id"]);
            assert!(refused["cause"].as_str().unwrap().contains("554"), "{refused}");
        }
    }
    let mail = smtp.mail().await;
    assert_eq!(mail["headers"]["from"], "Agency <noreply@agency.com>");
    secrets.push(token(&mail, "https://app.agency.com/accept-invitation"));

    let asked = server.request("POST /api/v1/auth/password-reset", Some(&json!({ "email": ADMIN })));
    assert_eq!(asked, (202, Value::Null));
    let reset = token(&smtp.mail().await, "https://app.agency.com/reset-password");
    let body = json!({ "token": reset, "password": "another good password" });
    assert_eq!(server.request("POST /api/v1/auth/password-reset/confirm", Some(&body)).0, 204);
    assert_eq!((sign_in(&server, PASSWORD).0, sign_in(&server, "another good password").0), (401, 200));
    secrets.push(reset);

    server.signal("TERM");
    let log = server.lines_until("stopped").join("\n");
    assert!(server.wait().success());
    assert!(log.contains("a password was reset"), "{log}");
    for secret in secrets.iter().map(String::as_str).chain(["token="]) {
        assert!(!log.contains(secret), "{log}");
    }
}
