//! What opens where, under which key, and what is shown.

use proptest::prelude::*;

use super::*;
use crate::entropy::OsEntropy;

fn ring(ids: &[&str]) -> Vault {
    let key = |id: &&str| {
        let bytes: Vec<u8> = id.bytes().cycle().take(32).collect();
        VaultKey::from_base64(id, &STANDARD.encode(bytes).into()).unwrap()
    };
    Vault::new(ids.iter().map(key).collect(), Arc::new(OsEntropy)).unwrap()
}

#[test]
fn what_is_sealed_opens_in_its_place_only() {
    let vault = ring(&["a"]);
    let place = Place::n8n_key(ClientId(1));
    let sealed = vault.seal(place, &"key of one".into()).unwrap();
    assert_eq!(vault.open(place, &sealed).unwrap().expose_secret(), "key of one");
    assert!(vault.open(Place::n8n_key(ClientId(2)), &sealed).is_err());
    assert!(vault.open(Place { column: "users.email", ..place }, &sealed).is_err());
    assert!(vault.open(Place::mail(MailKey(1)), &sealed).is_err());
}

#[test]
fn mails_open_with_their_own_key_only() {
    let (vault, key) = (ring(&["a"]), MailKey(0xabc));
    let sealed = vault.seal(Place::mail(key), &"a mail".into()).unwrap();
    assert_eq!(vault.open(Place::mail(key), &sealed).unwrap().expose_secret(), "a mail");
    assert!(vault.open(Place::mail(MailKey(0xabd)), &sealed).is_err());
    assert_eq!(MailKey::from_stored(&key.to_string()), Some(key));
    assert_eq!(key.to_string(), format!("{:0>32}", "abc"));
    assert_eq!(MailKey::from_stored("no key"), None);
}

#[test]
fn digests_tell_texts_columns_and_keys_apart_and_nothing_else() {
    let vault = ring(&["a", "b"]);
    let digest = vault.digest("t.c", "anna@acme.com").unwrap();
    assert_eq!(digest.len(), 64);
    assert_eq!(digest, ring(&["a"]).digest("t.c", "anna@acme.com").unwrap());
    for other in [
        vault.digest("t.c", "berta@acme.com").unwrap(),
        vault.digest("t.d", "anna@acme.com").unwrap(),
        ring(&["b"]).digest("t.c", "anna@acme.com").unwrap(),
    ] {
        assert_ne!(digest, other);
    }
}

#[test]
fn an_older_key_of_the_ring_still_opens_and_a_foreign_one_does_not() {
    let place = Place::n8n_key(ClientId(1));
    let sealed = ring(&["old"]).seal(place, &"k".into()).unwrap();
    assert!(ring(&["new", "old"]).open(place, &sealed).is_ok());
    assert!(ring(&["new"]).open(place, &sealed).is_err());
}

#[test]
fn keys_derived_from_older_secrets_still_open() {
    let derived = |secrets: &[&str]| {
        let secrets: Vec<SecretString> = secrets.iter().map(|secret| (*secret).into()).collect();
        Vault::new(VaultKey::ring(Vec::new(), &secrets).unwrap(), Arc::new(OsEntropy)).unwrap()
    };
    let place = Place::n8n_key(ClientId(1));
    let sealed = derived(&["old"]).seal(place, &"k".into()).unwrap();
    let rotated = derived(&["new", "old", "new"]);
    assert_eq!(rotated.open(place, &sealed).unwrap().expose_secret(), "k");
    assert!(derived(&["new"]).open(place, &sealed).is_err());
    let sealed = rotated.seal(place, &"k".into()).unwrap();
    assert!(derived(&["new"]).open(place, &sealed).is_ok());
}

#[test]
fn keys_that_are_set_stand_before_those_that_follow_from_secrets() {
    let place = Place::n8n_key(ClientId(1));
    let secret = SecretString::from("the signing secret");
    let vault =
        |keys| Vault::new(VaultKey::ring(keys, [&secret, &secret]).unwrap(), Arc::new(OsEntropy)).unwrap();
    let configured = || VaultKey::from_base64("k1", &STANDARD.encode([7; 32]).into()).unwrap();
    let derived = || VaultKey::derive(&secret).unwrap();
    let (before, set, announced) =
        (vault(vec![]), vault(vec![configured()]), vault(vec![derived(), configured()]));
    let sealed = before.seal(place, &"k".into()).unwrap();
    assert!(before.is_newest(&sealed) && announced.is_newest(&sealed) && !set.is_newest(&sealed));
    assert!(set.open(place, &sealed).is_ok(), "set late, the older one still opens");
    let sealed = set.seal(place, &"k".into()).unwrap();
    assert!(set.is_newest(&sealed) && announced.open(place, &sealed).is_ok());
    assert!(before.open(place, &sealed).is_err());
}

#[test]
fn a_changed_text_does_not_open() {
    let (vault, place) = (ring(&["a"]), Place::n8n_key(ClientId(1)));
    let sealed = vault.seal(place, &"k".into()).unwrap();
    for cut in 0..sealed.as_str().len() {
        assert!(
            vault.open(place, &Sealed(sealed.as_str().get(..cut).unwrap().to_owned())).is_err(),
            "cut at {cut}"
        );
    }
}

#[test]
fn debug_shows_no_key_material() {
    let vault = ring(&["a"]);
    assert_eq!(format!("{vault:?}"), r#"Vault { keys: [VaultKey { id: "a", .. }], .. }"#);
    let sealed = vault.seal(Place::n8n_key(ClientId(1)), &"k".into()).unwrap();
    assert_eq!(format!("{sealed:?}"), "Sealed(..)");
}

proptest! {
    #[test]
    fn any_text_opens_as_it_was_sealed_and_none_opens_that_was_not(
        text in "\\PC{0,64}",
        stored in "\\PC{0,48}|v1:a:[A-Za-z0-9_-]{0,64}",
    ) {
        let (vault, place) = (ring(&["a"]), Place::n8n_key(ClientId(1)));
        let sealed = vault.seal(place, &text.as_str().into()).unwrap();
        let opened = vault.open(place, &sealed).unwrap();
        prop_assert_eq!(opened.expose_secret(), text);
        prop_assert!(vault.open(place, &Sealed::from_stored(stored)).is_err());
    }
}
