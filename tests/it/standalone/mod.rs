//! The standalone host as its users meet it: the real program, in a directory of its own, over its command line, its signals and HTTP.

mod addresses;
mod demo;
mod dev;
pub(crate) mod harness;
mod health;
mod import;
mod keys;
mod mail;
mod operations;
mod outbound;
mod verify;

use std::{
    fs,
    io::Write,
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use flowmastery_tests::postgres::Database;
use serde_json::{Value, json};

use self::harness::{PASSWORD, Place, SECRET, Server, answer, failed};

#[test]
fn the_first_start_makes_everything_and_says_what_to_do() {
    let place = Place::new();
    let server = place.serve(&[]);
    server.event("DEBUG is true: SECRET_KEY is unset");
    server.event("the key is in flowmastery.key");
    server.event("E-mail is not configured (SMTP_HOST)");
    let first_step = server.event("There is no admin yet");
    let message = first_step["message"].as_str().unwrap();
    assert!(
        message.contains("flowmastery create-admin")
            && message.contains("cargo run --release -- create-admin")
    );
    assert!(place.path("flowmastery.db").exists());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(place.path("flowmastery.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(server.request("GET /", None).0, 200);
    assert_eq!(server.request("GET /health", None).1["status"], "ok");
    assert_eq!(server.request("GET /openapi.json", None).0, 200);
}

#[test]
fn an_admin_is_made_once_while_the_server_runs_and_signs_in() {
    let place = Place::new();
    let server = place.serve(&[]);
    let args = ["create-admin", "--email", "Admin@agency.com"];
    let made = place.run(&args, &[], &format!("{PASSWORD}\n"));
    assert!(made.status.success(), "{made:?}");
    assert!(String::from_utf8_lossy(&made.stdout).contains("admin@agency.com is an admin now"));
    let again = failed(&place.run(&args, &[("ADMIN_PASSWORD", PASSWORD)], ""));
    assert!(again.contains("has an account already"), "{again}");
    let body = json!({ "email": "admin@agency.com", "password": PASSWORD });
    let (status, answer) = server.request("POST /api/v1/auth/login", Some(&body));
    assert_eq!((status, &answer["user"]["role"]), (200, &json!("admin")), "{answer}");
}

#[test]
fn what_create_admin_lacks_is_named() {
    let place = Place::new();
    let without_email = failed(&place.run(&["create-admin"], &[], PASSWORD));
    assert!(without_email.contains("--email"), "{without_email}");
    let args = ["create-admin", "--email", "admin@agency.com"];
    let without_password = failed(&place.run(&args, &[], ""));
    assert!(without_password.contains("ADMIN_PASSWORD"), "{without_password}");
    let short = failed(&place.run(&args, &[], "hunter2\n"));
    assert!(short.contains("12 characters") && !short.contains("hunter2"), "{short}");
    let no_address = failed(&place.run(&["create-admin", "--email", "admin"], &[], PASSWORD));
    assert!(no_address.contains("--email"), "{no_address}");
}

#[test]
fn only_a_second_server_on_one_sqlite_file_is_refused() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    let second = failed(&place.run(&["serve", "--bind", "127.0.0.1:0"], &[], ""));
    assert!(second.contains("flowmastery.db-serve.lock") && second.contains("DATABASE_URL"), "{second}");
    let status = place.run(&["migrate", "status"], &[], "");
    assert!(status.status.success(), "{status:?}");
    server.signal("KILL");
    server.wait();
    // The lock goes with its holder.
    place.serve(&[]).event("There is no admin yet");
}

#[test]
fn sigterm_lets_requests_finish_and_writes_the_log_to_its_end() {
    let place = Place::new();
    let mut server = place.serve(&[("LOG_FILE", "logs/app.log")]);
    let (mut stream, rest) = server.half_a_sign_in();
    server.signal("TERM");
    server.event("stopping");
    stream.write_all(rest.as_bytes()).unwrap();
    assert_eq!(answer(stream).0, 401);
    assert_eq!(server.wait().code(), Some(0));
    assert!(TcpStream::connect(&server.address).is_err());
    let log = fs::read_to_string(place.path("logs/app.log")).unwrap();
    let last: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!(last["message"], "stopped");
}

#[test]
fn a_second_signal_ends_at_once() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    let (_unfinished, _) = server.half_a_sign_in();
    server.signal("INT");
    server.event("stopping");
    let asked = Instant::now();
    server.signal("INT");
    assert_eq!(server.wait().code(), Some(130));
    assert!(asked.elapsed() < Duration::from_secs(8), "that was the first signal's ten seconds");
}

#[test]
fn a_database_that_is_away_ends_the_start_with_its_setting() {
    let place = Place::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://flow:hunter2@127.0.0.1:{port}/flow");
    let output = place.run(&["serve"], &[("DATABASE_URL", &url), ("SECRET_KEY", SECRET)], "");
    let message = failed(&output);
    for part in
        ["Database connection failed", "DATABASE_URL", "PostgreSQL", &format!("127.0.0.1:{port}/flow")]
    {
        assert!(message.contains(part), "{message}");
    }
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn the_database_of_the_owner_is_named_by_its_own_setting() {
    let place = Place::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://flow:hunter2@127.0.0.1:{port}/flow");
    let settings = [("DATABASE_URL", url.as_str()), ("DATABASE_MIGRATION_URL", &url), ("SECRET_KEY", SECRET)];
    for args in [&["serve"][..], &["migrate", "up"]] {
        let message = failed(&place.run(args, &settings, ""));
        assert!(message.contains("(DATABASE_MIGRATION_URL)"), "{message}");
    }
}

#[test]
fn a_redis_that_is_away_is_a_warning_with_its_setting() {
    let place = Place::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = place.serve(&[("REDIS_URL", &format!("redis://:hunter2@127.0.0.1:{port}/0"))]);
    let [warning] = &server.before[..] else { panic!("one line before it listens: {:?}", server.before) };
    for part in ["Redis connection failed", "REDIS_URL", &port.to_string()] {
        assert!(warning.contains(part), "{warning}");
    }
    assert!(!warning.contains("hunter2"), "{warning}");
    assert_eq!(server.request("GET /", None).0, 200, "it goes on without");
}

#[test]
fn settings_come_from_the_file_below_the_environment() {
    let place = Place::new();
    fs::write(
        place.path(".env"),
        format!("DATABASE_URL=sqlite://other.db\nSECRET_KEY={SECRET}\nDEBUG=maybe\nPOSTGRES_USER=x\n"),
    )
    .unwrap();
    let refused = failed(&place.run(&["serve"], &[], ""));
    assert!(refused.contains("DEBUG: \"maybe\" is not accepted"), "{refused}");
    let server = place.serve(&[("DEBUG", "false")]);
    server.event("DEBUG is false: as set");
    assert!(place.path("other.db").exists() && !place.path("flowmastery.key").exists());
    assert_eq!(server.request("GET /docs", None).0, 404, "DOCS follows DEBUG");
}

#[test]
fn names_of_the_file_that_are_no_settings_are_told() {
    let place = Place::new();
    fs::write(place.path(".env"), "POSTGRES_USER=x\n").unwrap();
    let server = place.serve(&[]);
    assert!(server.before.iter().any(|line| line.contains("POSTGRES_USER")), "{:?}", server.before);
}

#[test]
fn migrations_go_up_and_down_by_command() {
    let place = Place::new();
    let manual = [("AUTO_MIGRATE", "false")];
    let migrate = |args: &[&str]| {
        let output = place.run(&[&["migrate"], args].concat(), &manual, "");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(!migrate(&["status"]).contains("  applied"));
    let refused = failed(&place.run(&["serve"], &manual, ""));
    assert!(refused.contains("flowmastery migrate up"), "{refused}");
    let up = migrate(&["up"]);
    assert!(up.contains("  applied") && !up.contains("not applied"), "{up}");
    place.serve(&manual).event("There is no admin yet");
    assert_eq!(migrate(&["down"]).matches("not applied").count(), 1);
    assert!(!migrate(&["down", "--to", "0"]).contains("  applied"));
}

#[test]
fn other_origins_and_names_are_answered_as_set() {
    let place = Place::new();
    let server = place.serve(&[("ALLOWED_HOSTS", "api.acme.com"), ("CORS_ORIGINS", "https://app.acme.com")]);
    let (status, problem) = server.request("GET /health/live", None);
    assert_eq!((status, &problem["status"]), (400, &json!(400)), "{problem}");
    let text = server.raw("GET /health/live HTTP/1.1\r\nHost: api.acme.com\r\nOrigin: https://app.acme.com");
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(text.contains("access-control-allow-origin: https://app.acme.com"), "{text}");
}

#[test]
fn pages_are_answered_for_our_names_and_handed_to_no_other_origin() {
    let place = Place::new();
    let server = place.serve(&[("ALLOWED_HOSTS", "api.acme.com"), ("CORS_ORIGINS", "*")]);
    let page = |host: &str| {
        server
            .raw(&format!("GET /dashboard/sign-in HTTP/1.1\r\nHost: {host}\r\nOrigin: https://app.acme.com"))
    };
    let text = page("api.acme.com");
    assert!(text.starts_with("HTTP/1.1 200") && text.contains("<form"), "{text}");
    assert!(!text.contains("access-control-allow"), "{text}");
    assert!(page("evil.com").starts_with("HTTP/1.1 400"), "another name");
}

#[test]
fn browsers_are_told_to_insist_on_https_where_the_public_url_does() {
    for (url, told) in [("https://api.acme.com", true), ("http://api.acme.com", false)] {
        let place = Place::new();
        let server = place.serve(&[("PUBLIC_URL", url)]);
        let text = server.raw("GET /health/live HTTP/1.1\r\nHost: x");
        assert_eq!(text.contains("strict-transport-security: max-age=31536000"), told, "{text}");
    }
}

#[test]
fn what_the_api_does_not_see_leaves_an_access_line_too() {
    let place = Place::new();
    let server = place.serve(&[("ALLOWED_HOSTS", "api.acme.com"), ("CORS_ORIGINS", "https://app.acme.com")]);
    let other_host = "GET / HTTP/1.1\r\nHost: evil.com";
    let preflight = "OPTIONS /api/v1/clients/ HTTP/1.1\r\nHost: api.acme.com\r\nOrigin: https://app.acme.com\r\n\
                     Access-Control-Request-Method: POST";
    let asterisk = "OPTIONS * HTTP/1.1\r\nHost: api.acme.com";
    for (id, head, status) in [("other", other_host, 400), ("first", preflight, 204), ("any", asterisk, 404)]
    {
        let text = server.raw(&format!("{head}\r\nX-Request-Id: {id}"));
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
        assert!(text.contains(&format!("x-request-id: {id}")), "{text}");
        assert_eq!(text.contains("content-type: application/problem+json"), status >= 400, "{text}");
        let line = server.access_line(id);
        assert_eq!((&line["status"], &line["route"]), (&json!(status), &json!("-")), "{line}");
        assert!(line["duration_ms"].is_number(), "{line}");
    }
}

#[test]
fn answers_come_with_their_length_and_not_in_chunks() {
    let place = Place::new();
    let server = place.serve(&[]);
    for (path, status) in
        [("/", 200), ("/openapi.json", 200), ("/docs/swagger-ui.css", 200), ("/nowhere", 404)]
    {
        let text = server.raw(&format!("GET {path} HTTP/1.1\r\nHost: x"));
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
        assert!(!head.contains("transfer-encoding"), "{head}");
    }
}

#[tokio::test]
async fn two_servers_start_at_once_on_one_postgres() {
    let database = Database::empty().await;
    let url = database.url();
    let settings = [("DATABASE_URL", url.as_str()), ("SECRET_KEY", SECRET)];
    let places = [Place::new(), Place::new()];
    let servers: Vec<Server> = thread::scope(|scope| {
        let starts: Vec<_> = places.iter().map(|place| scope.spawn(|| place.serve(&settings))).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    let admin = ["create-admin", "--email", "admin@agency.com"];
    assert!(places[0].run(&admin, &settings, PASSWORD).status.success());
    let body = json!({ "email": "admin@agency.com", "password": PASSWORD });
    for server in &servers {
        assert_eq!(server.request("GET /health", None).1["status"], "ok");
        assert_eq!(server.request("POST /api/v1/auth/login", Some(&body)).0, 200);
    }
    drop(servers);
    database.remove().await;
}

#[tokio::test]
async fn a_server_whose_role_owns_nothing_starts_on_an_empty_database() {
    let database = Database::empty().await;
    let (owner, application) = (database.url(), database.application_url());
    let settings = [
        ("DATABASE_URL", application.as_str()),
        ("DATABASE_MIGRATION_URL", owner.as_str()),
        ("SECRET_KEY", SECRET),
    ];
    let place = Place::new();
    let alone = [settings[0], settings[2]];
    assert!(failed(&place.run(&["serve"], &alone, "")).contains("cannot be migrated"));
    let server = place.serve(&settings);
    let admin = ["create-admin", "--email", "admin@agency.com"];
    // The owner is needed for migrations alone.
    let made = place.run(&admin, &[alone[0], alone[1], ("AUTO_MIGRATE", "false")], PASSWORD);
    assert!(made.status.success(), "{made:?}");
    let body = json!({ "email": "admin@agency.com", "password": PASSWORD });
    assert_eq!(server.request("POST /api/v1/auth/login", Some(&body)).0, 200);
    drop(server);
    // By command, with a table that the role has not seen yet.
    assert!(place.run(&["migrate", "down"], &settings, "").status.success());
    assert!(place.run(&["migrate", "up"], &settings, "").status.success());
    let server = place.serve(&[alone[0], alone[1], ("AUTO_MIGRATE", "false")]);
    assert_eq!(server.request("POST /api/v1/auth/login", Some(&body)).0, 200);
    drop(server);
    database.remove().await;
}
