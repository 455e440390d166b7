//! TLS to a real server: each mode does what it says, and what is wrong is named without the password.

use std::{error::Error, fs, path::Path};

use flowmastery_core::store::{
    Store,
    sql::{SqlConfig, SqlStore},
};
use flowmastery_tests::own_postgres::OwnPostgres;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

/// A server whose certificate bears a name, and a directory with its authority in `ca.pem` and a stranger in `other.pem`.
fn server(name: &str) -> (OwnPostgres, TempDir) {
    let (ours, other) = (authority("Ours"), authority("Other"));
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &ours).unwrap();
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("ca.pem"), ours.pem()).unwrap();
    fs::write(directory.path().join("other.pem"), other.pem()).unwrap();
    (OwnPostgres::with_tls(&certificate.pem(), &key.serialize_pem()), directory)
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Connects with a password that no error may show; whether the session is encrypted, or what is wrong.
async fn connect(server: &OwnPostgres, parameters: &str) -> Result<(), String> {
    let url = server.url().replace("flowmastery@", "flowmastery:hunter2@");
    match SqlStore::connect(&SqlConfig::new(format!("{url}?{parameters}"))).await {
        Ok(store) => {
            store.ping().await.unwrap();
            store.close().await;
            Ok(())
        }
        Err(error) => {
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
            Err(error.source().unwrap().to_string())
        }
    }
}

fn verify(mode: &str, directory: &TempDir, authority: &str) -> String {
    let file: &Path = &directory.path().join(authority);
    format!("sslmode={mode}&sslrootcert={}", file.display())
}

#[tokio::test]
async fn every_mode_does_what_it_says() {
    let (server, files) = server("localhost");
    for parameters in ["sslmode=disable", "sslmode=prefer", "sslmode=require", "ssl=require"] {
        connect(&server, parameters).await.unwrap();
    }
    for mode in ["verify-ca", "verify-full"] {
        connect(&server, &verify(mode, &files, "ca.pem")).await.unwrap();
        let refused = connect(&server, &verify(mode, &files, "other.pem")).await.unwrap_err();
        assert!(refused.contains("UnknownIssuer"), "{refused}");
        let refused = connect(&server, &format!("sslmode={mode}")).await.unwrap_err();
        assert!(refused.contains("UnknownIssuer"), "{refused}");
    }
}

#[tokio::test]
async fn a_certificate_of_another_name_is_good_for_verify_ca_alone() {
    let (server, files) = server("db.example.com");
    connect(&server, &verify("verify-ca", &files, "ca.pem")).await.unwrap();
    let refused = connect(&server, &verify("verify-full", &files, "ca.pem")).await.unwrap_err();
    assert!(refused.contains("localhost") && refused.contains("db.example.com"), "{refused}");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_it_is_wanted() {
    let server = OwnPostgres::start(&[]);
    let refused =
        SqlStore::connect(&SqlConfig::new(format!("{}&sslmode=require", server.url()))).await.unwrap_err();
    let refused = refused.source().unwrap().to_string();
    assert!(refused.contains("does not support TLS"), "{refused}");
}
