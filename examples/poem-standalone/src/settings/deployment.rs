//! Checks what runs the program elsewhere against the settings: the image, the compose files, the unit. No engine is needed for it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Settings, Vars, mail::MailTls, table};

const PRODUCTION: &str = include_str!("../../../../docker-compose.yml");
const DEVELOPMENT: &str = include_str!("../../../../docker-compose.dev.yml");
const EXAMPLE: &str = include_str!("../../../../packaging/production.env.example");
const IMAGE: &str = include_str!("../../../../Dockerfile");

/// Names in the environment of other people's images, and who they belong to.
const OTHERS: [(&str, &[&str]); 5] = [
    (
        "postgres",
        &[
            "POSTGRES_DB",
            "POSTGRES_USER",
            "POSTGRES_PASSWORD",
            "POSTGRES_HOST_AUTH_METHOD",
            "POSTGRES_INITDB_ARGS",
        ],
    ),
    ("redis", &["REDIS_PASSWORD", "REDISCLI_AUTH"]),
    ("n8nio/n8n", &["N8N_ENCRYPTION_KEY", "N8N_HOST", "N8N_PROTOCOL", "N8N_PROXY_HOPS", "WEBHOOK_URL"]),
    ("axllent/mailpit", &["MP_SMTP_TLS_CERT", "MP_SMTP_TLS_KEY", "MP_SMTP_REQUIRE_STARTTLS"]),
    // Read by packaging/Caddyfile.
    ("caddy", &["API_HOST", "N8N_HOST"]),
];

/// Values of production for which there is no default.
const FILLED_IN: [(&str, &str); 8] = [
    ("API_HOST", "api.acme.com"),
    ("N8N_HOST", "n8n.acme.com"),
    ("POSTGRES_PASSWORD", "5f0f2c"),
    ("REDIS_PASSWORD", "9a1b7d"),
    ("SECRET_KEY", "q8Zk2vTnY5rXw1LbC7dHs4Jm9Pf3Gt6A"),
    ("ENCRYPTION_KEYS", "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ("N8N_ENCRYPTION_KEY", "0d4e"),
    ("FROM_EMAIL", "noreply@acme.com"),
];

/// The settings of each host of production with these values beside those that have no default.
fn settings_of_hosts(more: &[(&'static str, &'static str)]) -> Vec<Settings> {
    let values = FILLED_IN.iter().chain(more).copied().collect();
    let services = services(PRODUCTION);
    let hosts = services.values().filter(|service| service["image"] == "flowmastery:0.1");
    let settings = |host: &Value| {
        let read = |(name, text): (String, String)| (name, interpolated(&text, &values).unwrap());
        // The file is there in the container only.
        let pairs = environment(host).into_iter().map(read).filter(|(name, _)| name != "TLS_CA_FILE");
        Settings::read(&Vars::new(pairs.collect(), vec![])).unwrap()
    };
    hosts.map(settings).collect()
}

fn services(text: &str) -> Map<String, Value> {
    let file: Value = serde_saphyr::from_str(text).unwrap();
    file["services"].as_object().unwrap().clone()
}

fn environment(service: &Value) -> BTreeMap<String, String> {
    let pairs = service["environment"].as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.as_str().expect("a text in quotes").to_owned())).collect()
}

/// What stands between `${` and `}`.
fn variables(text: &str) -> Vec<&str> {
    text.split("${").skip(1).map(|rest| rest.split_once('}').unwrap().0).collect()
}

/// A text as compose reads it; an error is the name of a variable without a value.
fn interpolated(text: &str, values: &BTreeMap<&str, &str>) -> Result<String, String> {
    let mut result = text.to_owned();
    for variable in variables(text) {
        let (name, default) = variable.split_once(":-").unwrap_or((variable, ""));
        let (name, required) = name.strip_suffix(":?").map_or((name, false), |name| (name, true));
        let value = values.get(name).copied().filter(|value| !value.is_empty());
        let value = match value {
            None if required => return Err(name.to_owned()),
            value => value.unwrap_or(default),
        };
        result = result.replace(&format!("${{{variable}}}"), value);
    }
    Ok(result)
}

#[test]
fn every_name_in_an_environment_is_a_setting_or_the_images_own() {
    for (name, service) in [PRODUCTION, DEVELOPMENT].into_iter().flat_map(services) {
        let image = service["image"].as_str().unwrap();
        let (image, version) = image.rsplit_once(':').unwrap();
        assert!(version.contains('.'), "{name}: the version of {image} is pinned");
        for variable in environment(&service).keys() {
            let known = if image == "flowmastery" {
                table::find(variable).is_some()
            } else {
                let (_, names) = OTHERS.iter().find(|(other, _)| *other == image).unwrap();
                names.contains(&variable.as_str())
            };
            assert!(known, "{name}: {variable}");
        }
    }
    for line in IMAGE.lines().filter_map(|line| line.strip_prefix("ENV ")) {
        assert!(table::find(line.split_once('=').unwrap().0).is_some(), "{line}");
    }
}

#[test]
fn both_hosts_of_production_are_the_same_and_their_settings_are_valid() {
    let services = services(PRODUCTION);
    let hosts: Vec<_> = services.values().filter(|service| service["image"] == "flowmastery:0.1").collect();
    assert!(hosts.len() == 2 && hosts[0] == hosts[1]);
    for settings in settings_of_hosts(&[]) {
        assert!(!settings.debug && settings.database.redis.is_some() && settings.mail.is_some());
    }
}

#[test]
fn mails_of_production_lead_to_the_dashboard_unless_there_is_another_front_end() {
    for (more, link) in [
        (vec![], "https://api.acme.com/dashboard"),
        (vec![("FRONTEND_URL", "https://app.acme.com")], "https://app.acme.com"),
    ] {
        for settings in settings_of_hosts(&more) {
            let pages = settings.dashboard.as_ref().unwrap().path();
            assert_eq!(settings.links.front_end(settings.server.bind, pages), link);
        }
    }
}

#[test]
fn mails_of_production_are_encrypted_as_the_port_wants_it() {
    let server = ("SMTP_HOST", "smtp.acme.com");
    for (more, tls) in [
        (vec![], MailTls::StartTls),
        (vec![server, ("SMTP_PORT", "587")], MailTls::StartTls),
        (vec![server, ("SMTP_PORT", "465")], MailTls::Tls),
        (vec![server, ("SMTP_PORT", "465"), ("SMTP_TLS", "starttls")], MailTls::StartTls),
    ] {
        for settings in settings_of_hosts(&more) {
            assert_eq!(settings.mail.unwrap().tls, tls, "{more:?}");
        }
    }
}

#[test]
fn no_secret_of_production_has_a_default() {
    for (name, service) in services(PRODUCTION) {
        for (variable, text) in environment(&service) {
            let setting_is_secret = table::find(&variable).is_some_and(|setting| setting.secret);
            if setting_is_secret || variable.contains("PASSWORD") || variable.ends_with("_KEY") {
                let required = interpolated(&text, &BTreeMap::new()).is_err();
                let unset = interpolated(&text, &BTreeMap::new()).is_ok_and(|text| text.is_empty());
                assert!(required || unset || text.starts_with('/'), "{name}: {variable}: {text}");
            }
        }
    }
}

#[test]
fn the_example_of_the_env_file_has_every_variable_and_no_value() {
    let lines = EXAMPLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let names: BTreeSet<_> = lines.map(|line| line.strip_suffix('=').unwrap()).collect();
    let used = variables(PRODUCTION).into_iter().map(|variable| variable.split(':').next().unwrap());
    assert_eq!(used.collect::<BTreeSet<_>>(), names);
    let required: BTreeSet<_> =
        variables(PRODUCTION).into_iter().filter_map(|variable| variable.strip_suffix(":?")).collect();
    assert_eq!(required, FILLED_IN.into_iter().map(|(name, _)| name).collect());
}
