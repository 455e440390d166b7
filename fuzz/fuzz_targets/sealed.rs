//! Sealed texts: nothing opens but what was sealed, and that in its own place only.
#![no_main]

use std::sync::{Arc, LazyLock};

use flowmastery_core::{
    entropy::OsEntropy,
    id::ClientId,
    secret::{MailKey, Place, Sealed, Vault, VaultKey},
};
use libfuzzer_sys::fuzz_target;
use secrecy::ExposeSecret;

static VAULT: LazyLock<Vault> = LazyLock::new(|| {
    let key = VaultKey::from_base64("k1", &"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=".into()).unwrap();
    Vault::new(vec![key], Arc::new(OsEntropy)).unwrap()
});

fuzz_target!(|text: &str| {
    let place = Place::n8n_key(ClientId(1));
    let stored = Sealed::from_stored(text.to_owned());
    assert!(VAULT.open(place, &stored).is_err());
    VAULT.is_newest(&stored);
    let _ = MailKey::from_stored(text);
    let sealed = VAULT.seal(place, &text.into()).unwrap();
    assert_eq!(VAULT.open(place, &sealed).unwrap().expose_secret(), text);
    assert!(VAULT.open(Place::n8n_key(ClientId(2)), &sealed).is_err());
    if let Some((id, key)) = text.split_once(':') {
        let _ = VaultKey::from_base64(id, &key.into());
    }
});
