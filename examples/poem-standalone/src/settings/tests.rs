use std::{fs, time::Duration};

use secrecy::ExposeSecret;

use super::*;

const STRONG: &str = "q8Zk2vTnY5rXw1LbC7dHs4Jm9Pf3Gt6A";

fn vars(pairs: &[(&str, &str)]) -> Vars {
    Vars::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(), vec![])
}

fn read(pairs: &[(&str, &str)]) -> Settings {
    Settings::read(&vars(pairs)).unwrap_or_else(|faults| panic!("{faults}"))
}

fn faults(pairs: &[(&str, &str)]) -> String {
    Settings::read(&vars(pairs)).expect_err("these settings are not valid").to_string()
}

#[test]
fn without_any_setting_everything_has_its_default() {
    let settings = read(&[]);
    assert_eq!(settings.server.bind.to_string(), "127.0.0.1:8000");
    assert_eq!(settings.server.allowed_hosts, AllowedHosts::Any);
    assert_eq!(settings.server.cors, CorsOrigins::Only(vec![]));
    assert_eq!(settings.database.database.kind.to_string(), "SQLite, flowmastery.db");
    assert!(settings.database.migration.is_none() && settings.database.redis.is_none());
    assert!(settings.database.auto_migrate);
    assert!(
        settings.secrets.secret_key.is_none()
            && settings.secrets.encryption_keys.with(&"x".into()).unwrap().is_empty()
    );
    assert_eq!(settings.tokens.access, Duration::from_secs(30 * 60));
    assert_eq!(settings.tokens.refresh, Duration::from_secs(7 * 24 * 3600));
    assert!(settings.mail.is_none());
    let dashboard = settings.dashboard.as_ref().unwrap();
    assert_eq!(dashboard.path(), "/dashboard");
    assert_eq!(
        settings.links.front_end(settings.server.bind, dashboard.path()),
        "http://127.0.0.1:8000/dashboard"
    );
    assert_eq!(settings.collection.sync_interval, Duration::from_secs(60));
    assert!(settings.outbound.extra_ca_pem.is_none());
    assert!(settings.logs.format.is_none() && settings.logs.file.is_none() && !settings.logs.db_echo);
    assert!(settings.debug && settings.docs);
}

#[test]
fn debug_is_on_by_itself_only_where_it_can_do_no_harm() {
    assert!(read(&[]).debug);
    assert!(!read(&[("SECRET_KEY", STRONG)]).debug);
    let postgres = ("DATABASE_URL", "postgres://u:p@db/x");
    assert!(faults(&[postgres]).contains("SECRET_KEY: it is unset"));
    assert!(!read(&[postgres, ("SECRET_KEY", STRONG)]).debug);
    assert!(faults(&[("BIND", "0.0.0.0:8000")]).contains("SECRET_KEY: it is unset"));
    assert!(read(&[postgres, ("DEBUG", "true")]).debug, "said is said");
    assert!(faults(&[("DEBUG", "false")]).contains("SECRET_KEY: it is unset"));
}

#[test]
fn docs_follow_debug_unless_set() {
    assert!(!read(&[("SECRET_KEY", STRONG)]).docs);
    assert!(read(&[("SECRET_KEY", STRONG), ("DOCS", "yes")]).docs);
    assert!(!read(&[("DOCS", "off")]).docs);
}

#[test]
fn outside_of_debug_a_weak_secret_is_refused_and_not_shown() {
    let short = "q8Zk2vTnY5rXw1LbC7dHs4Jm9Pf3Gt6";
    for (secret, why) in [("your-secret-key-change-in-production", "sample"), (short, "fewer than 32")] {
        let text = faults(&[("SECRET_KEY", secret)]);
        assert!(text.contains("SECRET_KEY: ") && text.contains(why), "{text}");
        assert!(!text.contains(secret), "{text}");
        let settings = read(&[("SECRET_KEY", secret), ("DEBUG", "true")]);
        assert!(settings.secrets.is_weak());
    }
}

#[test]
fn each_fault_names_setting_value_and_what_is_accepted() {
    for (name, value) in [
        ("BIND", "8000"),
        ("DEBUG", "release"),
        ("DOCS", "maybe"),
        ("ALLOWED_HOSTS", "https://acme.com"),
        ("CORS_ORIGINS", "app.acme.com"),
        ("TRUSTED_PROXY_HOPS", "-1"),
        ("AUTO_MIGRATE", "2"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "0"),
        ("REFRESH_TOKEN_EXPIRE_DAYS", "7d"),
        ("SMTP_HOST", "not a host"),
        ("SMTP_PORT", "0"),
        ("SMTP_TLS", "ssl"),
        ("FROM_EMAIL", "nobody"),
        ("FRONTEND_URL", "localhost:3000"),
        ("PUBLIC_URL", "https://api.acme.com/?x=1"),
        ("DASHBOARD", "perhaps"),
        ("DASHBOARD_PATH", "/api/pages"),
        ("DASHBOARD_PATH", "portal"),
        ("SYNC_INTERVAL_SECONDS", "60s"),
        ("EXECUTION_RETENTION_DAYS", "0"),
        ("AUDIT_RETENTION_DAYS", "29"),
        ("TLS_CA_FILE", "/nowhere/ca.pem"),
        ("LOG_FORMAT", "xml"),
        ("LOG_FILE", ".."),
        ("DB_ECHO", "all"),
        ("RUST_LOG", "info,=="),
    ] {
        let text = faults(&[(name, value)]);
        let accepts = table::find(name).unwrap().accepts;
        assert!(text.contains(&format!("{name}: {value:?} is not accepted; accepted: {accepts}.")), "{text}");
    }
    let text = faults(&[("OUTBOUND_ALLOW", "n8n.lan,10.0.0.0/99")]);
    assert!(text.contains("OUTBOUND_ALLOW: ") && text.contains("10.0.0.0/99"), "{text}");
}

#[test]
fn values_of_secrets_are_in_no_fault() {
    for (name, value) in [
        ("DATABASE_URL", "mysql://user:hunter2@db/x"),
        ("DATABASE_MIGRATION_URL", "postgres://user:hunter2@db/x"),
        ("REDIS_URL", "http://:hunter2@cache"),
        ("ENCRYPTION_KEYS", "k1:hunter2"),
        ("ENCRYPTION_KEYS", "hunter2"),
    ] {
        let text = faults(&[(name, value)]);
        assert!(text.contains(&format!("{name}: ")), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let settings = read(&[
        ("DATABASE_URL", "postgres://user:hunter2@db/x"),
        ("DATABASE_MIGRATION_URL", "postgres://owner:hunter2@db/x"),
        ("REDIS_URL", "redis://:hunter2@cache"),
        ("SECRET_KEY", &format!("hunter2{STRONG}")),
        ("SECRET_KEY_PREVIOUS", "hunter2"),
        ("SMTP_HOST", "smtp.acme.com"),
        ("SMTP_USERNAME", "user"),
        ("SMTP_PASSWORD", "hunter2"),
        ("FROM_EMAIL", "noreply@acme.com"),
    ]);
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn all_faults_are_said_at_once() {
    let text = faults(&[("BIND", "x"), ("DB_ECHO", "x"), ("SYNC_INTERVAL_SECONDS", "x")]);
    for name in ["BIND", "DB_ECHO", "SYNC_INTERVAL_SECONDS"] {
        assert!(text.contains(&format!("\n  {name}: ")), "{text}");
    }
}

#[test]
fn a_mail_server_has_the_port_of_its_encryption() {
    let mail = |pairs: &[(&str, &str)]| {
        let base = [("SMTP_HOST", "localhost"), ("FROM_EMAIL", "Acme <noreply@acme.com>")];
        let mail = read(&[&base, pairs].concat()).mail.unwrap();
        (mail.port, mail.tls)
    };
    assert_eq!(mail(&[]), (587, MailTls::StartTls));
    assert_eq!(mail(&[("SMTP_TLS", "tls")]), (465, MailTls::Tls));
    assert_eq!(mail(&[("SMTP_PORT", "465")]), (465, MailTls::Tls));
    assert_eq!(mail(&[("SMTP_TLS", "none")]), (25, MailTls::None));
    assert_eq!(mail(&[("SMTP_TLS", "none"), ("SMTP_PORT", "1025")]), (1025, MailTls::None));
}

#[test]
fn a_mail_server_that_cannot_work_is_refused() {
    let base = [("SMTP_HOST", "smtp.acme.com"), ("FROM_EMAIL", "noreply@acme.com")];
    assert!(faults(&[&base[..], &[("SMTP_TLS", "none")]].concat()).contains("SMTP_TLS: "));
    assert!(faults(&[&base[..], &[("SMTP_USERNAME", "u")]].concat()).contains("SMTP_PASSWORD: it is unset"));
    assert!(faults(&[&base[..], &[("SMTP_PASSWORD", "p")]].concat()).contains("SMTP_USERNAME: it is unset"));
    assert!(faults(&base[..1]).contains("FROM_EMAIL: it is unset"));
}

#[test]
fn a_migration_url_belongs_to_postgres() {
    let owner = ("DATABASE_MIGRATION_URL", "postgres://owner:p@db/x");
    assert!(faults(&[owner]).contains("DATABASE_MIGRATION_URL: "));
    let settings = read(&[owner, ("DATABASE_URL", "postgres://app:p@db/x"), ("SECRET_KEY", STRONG)]);
    assert!(settings.database.migration.unwrap().url.expose_secret().contains("owner"));
}

#[test]
fn encryption_keys_have_an_id_each() {
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let settings = read(&[("ENCRYPTION_KEYS", &format!("new:{key}, old:{key}"))]);
    let ids =
        |settings: &Settings| format!("{:?}", settings.secrets.encryption_keys.with(&"x".into()).unwrap());
    let two = r#"VaultKey { id: "new", .. }, VaultKey { id: "old", .. }]"#;
    assert_eq!(ids(&settings), format!("[{two}"));
    let announced = read(&[("ENCRYPTION_KEYS", &format!("derived, new:{key}, old:{key}"))]);
    assert!(ids(&announced).starts_with(r#"[VaultKey { id: "derived-"#) && ids(&announced).ends_with(two));
    assert!(faults(&[("ENCRYPTION_KEYS", &format!("new:{key},derived"))]).contains("no colon"));
    assert!(faults(&[("ENCRYPTION_KEYS", &format!("a:{key},a:{key}"))]).contains("twice"));
}

#[test]
fn the_dashboard_is_where_it_is_said_and_left_out_on_request() {
    assert!(read(&[("DASHBOARD", "false")]).dashboard.is_none());
    let settings = read(&[("DASHBOARD_PATH", "/portal"), ("PUBLIC_URL", "https://acme.com/flow/")]);
    assert_eq!(settings.dashboard.as_ref().unwrap().path(), "/portal");
    assert_eq!(settings.pages(), ["/portal", "/flow/portal"]);
    assert!(read(&[("DASHBOARD", "no")]).pages().is_empty());
}

#[test]
fn a_logo_is_a_picture_that_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let logo = |name: &str, bytes: &[u8]| {
        let file = dir.path().join(name);
        fs::write(&file, bytes).unwrap();
        file.to_str().unwrap().to_owned()
    };
    assert!(read(&[("AGENCY_LOGO", &logo("logo.svg", b"<svg/>"))]).dashboard.is_some());
    for file in [logo("logo.txt", b"x"), logo("empty.png", b""), "/nowhere/logo.png".to_owned()] {
        assert!(faults(&[("AGENCY_LOGO", &file)]).contains("AGENCY_LOGO: "), "{file}");
    }
}

#[test]
fn certificates_are_read_from_a_pem_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    fs::write(&file, "-----BEGIN CERTIFICATE-----\n").unwrap();
    let settings = read(&[("TLS_CA_FILE", file.to_str().unwrap())]);
    assert!(settings.outbound.extra_ca_pem.is_some());
    fs::write(&file, "not a certificate").unwrap();
    assert!(faults(&[("TLS_CA_FILE", file.to_str().unwrap())]).contains("TLS_CA_FILE: "));
}

#[test]
fn migrations_need_no_secret() {
    let vars = vars(&[("DATABASE_URL", "postgres://u:p@db/x"), ("SMTP_PORT", "x")]);
    let (database, _) = read_for_migration(&vars).unwrap();
    assert_eq!(database.database.kind.to_string(), "PostgreSQL at db:5432/x");
}

/// `cp .env.example .env` is a start that works.
#[test]
fn the_example_file_is_valid_as_it_stands() {
    let pairs = dotenvy::from_read_iter(&include_bytes!("../../../../.env.example")[..]);
    let vars = Vars::new(vec![], pairs.collect::<Result<_, _>>().unwrap());
    assert_eq!(vars.unknown().count(), 0);
    let settings = Settings::read(&vars).unwrap();
    assert_eq!(settings.logs.file.unwrap().to_str(), Some("logs/app.log"));
    assert!(settings.debug);
}
