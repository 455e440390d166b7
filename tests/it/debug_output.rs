//! What `Debug` shows of the public types that hold secrets: none of them.

use std::{fmt::Debug, sync::Arc};

use flowmastery_core::{
    Config, Flowmastery,
    access::{actor::Actor, token::TokenCodec},
    cache::RedisCache,
    entropy::OsEntropy,
    id::{ClientId, UserId},
    mail::{SmtpConfig, SmtpMailer, SmtpTls},
    model::{client::Instance, email::Email, password::Password, user::Role},
    secret::{Place, Vault, VaultKey},
    service::{
        clients::InstanceConfig,
        import::ImportRequest,
        invitations::{InvitationRequest, IssuedInvitation},
    },
    store::sql::{SqlConfig, SqlStore},
};
use flowmastery_tests::world::{ADMIN, PASSWORD};
use flowmastery_tower::Api;
use secrecy::{ExposeSecret, SecretString};

/// In Base64, as a key is written, and as its bytes.
const KEY: &str = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I=";
const KEY_BYTES: &str = "secret-secret-secret-secret-secr";
const SIGNING: &str = "the-signing-secret-of-this-test, which is long enough";

/// What was said, in every spelling in which bytes may be written.
struct Said(String);

impl Said {
    fn of(values: &[&dyn Debug]) -> Self {
        let spelled = |value: &&dyn Debug| format!("{value:?} {value:#?}");
        Self(values.iter().map(spelled).collect::<Vec<_>>().join("\n"))
    }

    #[track_caller]
    fn lacks(&self, secret: &str) {
        assert!(!secret.is_empty());
        let bytes = format!("{:?}", secret.as_bytes());
        let bytes = bytes.trim_start_matches('[').trim_end_matches(']');
        assert!(!self.0.contains(secret) && !self.0.contains(bytes), "{} shows {secret}", self.0);
    }
}

fn vault_key() -> VaultKey {
    VaultKey::from_base64("k1", &KEY.into()).unwrap()
}

fn config() -> Config {
    let mut config = Config::new(SIGNING.into(), "https://agency.com");
    config.previous_secret_keys = vec!["the-signing-secret-of-before".into()];
    config.encryption_keys = vec![vault_key()];
    config
}

#[test]
fn settings_and_keys_show_no_secret() {
    let password: SecretString = "the-password-of-smtp".into();
    let mut smtp = SmtpConfig::new("localhost", 25, SmtpTls::None, "noreply@agency.com");
    smtp.credentials = Some(("user".to_owned(), password));
    let vault = Vault::new(vec![vault_key()], Arc::new(OsEntropy)).unwrap();
    let sealed = vault.seal(Place::n8n_key(ClientId(1)), &"the-key-of-n8n".into()).unwrap();
    let codec =
        TokenCodec::new(&SIGNING.into(), &["the-signing-secret-of-before".into()], Arc::new(OsEntropy));
    let said = Said::of(&[
        &config(),
        &vault_key(),
        &VaultKey::derive(&SIGNING.into()).unwrap(),
        &vault,
        &sealed,
        &codec,
        &smtp,
        &SmtpMailer::new(&smtp).unwrap(),
        &SqlConfig::new("postgres://user:the-password-of-sql@localhost/flow"),
        &RedisCache::new(&"redis://:the-password-of-redis@localhost/0".into()).unwrap(),
        &InstanceConfig::parse("https://n8n.acme.com", "the-key-of-n8n".into()).unwrap(),
        &Instance {
            url: flowmastery_core::model::instance::InstanceUrl::parse("https://n8n.acme.com").unwrap(),
            key: "the-key-of-n8n".into(),
        },
        &ImportRequest { secret_key: Some("the-key-of-python".into()), ..ImportRequest::rehearsal() },
        &Password::choose("the-password-of-anna".into()).unwrap(),
    ]);
    for secret in [
        KEY,
        KEY_BYTES,
        SIGNING,
        "the-signing-secret-of-before",
        "the-password-of",
        "the-key-of",
        sealed.as_str(),
    ] {
        said.lacks(secret);
    }
}

#[tokio::test]
async fn services_and_what_they_answer_show_no_secret() {
    let store = SqlStore::connect(&SqlConfig::new("sqlite::memory:")).await.unwrap();
    store.migrate_up().await.unwrap();
    let builder = Flowmastery::builder(config(), Arc::new(store.clone()));
    let built = format!("{builder:?}");
    let app = builder.build().unwrap();
    let api = Api::builder(app.clone()).build().unwrap();
    let password = Password::choose(PASSWORD.into()).unwrap();
    let admin = app.users().create_admin(Email::parse(ADMIN).unwrap(), &password).await.unwrap();
    assert_eq!(admin.id, UserId(1));
    let request = InvitationRequest {
        email: Email::parse("dora@agency.com").unwrap(),
        role: Role::Admin,
        client_id: None,
    };
    let issued: IssuedInvitation = app.invitations().create(Actor::admin(admin.id), request).await.unwrap();
    let link = serde_json::to_value(&issued).unwrap()["accept_url"].as_str().unwrap().to_owned();
    let token = link.split_once("token=").unwrap().1;
    let origin = flowmastery_core::request::RequestOrigin::default();
    let signed_in = app.invitations().accept(&token.into(), &password, origin).await.unwrap();
    let said = Said::of(&[&built, &app, &api, &store, &admin, &issued, &signed_in]);
    for secret in [
        KEY,
        KEY_BYTES,
        SIGNING,
        PASSWORD,
        token,
        signed_in.access_token.expose_secret(),
        signed_in.refresh_token.expose_secret(),
    ] {
        said.lacks(secret);
    }
}
