//! Known hashes of other implementations, rehashing, and the bounds of time and memory.

use super::*;
use crate::entropy::OsEntropy;

fn hasher() -> PasswordHasher {
    PasswordHasher::new(Arc::new(OsEntropy), HashCost::FOR_TESTS)
}

async fn verify(password: &str, stored: &str) -> Verification {
    hasher().verify(&password.into(), &stored.into()).await.unwrap()
}

async fn verify_nothing(password: &str) -> Verification {
    hasher().verify_evenly(&password.into(), None, None).await.unwrap()
}

fn bcrypt_of(password: &str) -> String {
    bcrypt::hash_with_salt(password, 4, [7; 16]).unwrap().format_for_version(bcrypt::Version::TwoB)
}

#[tokio::test]
async fn a_hash_matches_its_password_and_no_other() {
    let (hasher, password) = (hasher(), Password::choose("securepassword".into()).unwrap());
    let stored = hasher.hash(&password).await.unwrap();
    assert_eq!(hasher.verify(password.secret(), &stored).await.unwrap(), Verification::Match);
    assert_eq!(hasher.verify(&"Securepassword".into(), &stored).await.unwrap(), Verification::Mismatch);
    assert_eq!(hasher.verify(&"".into(), &stored).await.unwrap(), Verification::Mismatch);
    let again = hasher.hash(&password).await.unwrap();
    assert_ne!(again.expose_secret(), stored.expose_secret(), "two salts");
}

#[tokio::test]
async fn new_hashes_are_argon2id_at_the_recommended_cost() {
    let hasher = PasswordHasher::new(Arc::new(OsEntropy), HashCost::OWASP);
    let password = Password::choose("securepassword".into()).unwrap();
    let stored = hasher.hash(&password).await.unwrap();
    assert!(stored.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_eq!(hasher.verify(password.secret(), &stored).await.unwrap(), Verification::Match);
}

#[tokio::test]
async fn argon2_hashes_of_another_cost_match_and_are_to_be_made_anew() {
    let reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    assert_eq!(verify("password", reference).await, Verification::MatchNeedsRehash);
    assert_eq!(verify("passwort", reference).await, Verification::Mismatch);
}

#[tokio::test]
async fn bcrypt_hashes_match_and_are_to_be_made_anew() {
    let reference = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    for prefix in ["$2a$", "$2b$", "$2y$"] {
        let stored = reference.replace("$2a$", prefix);
        assert_eq!(verify("U*U", &stored).await, Verification::MatchNeedsRehash);
        assert_eq!(verify("U*V", &stored).await, Verification::Mismatch);
    }
}

#[tokio::test]
async fn bcrypt_hashes_of_escaped_and_of_plain_passwords_match_what_is_typed() {
    let typed = r#"Tom & "Jerry's" <cat>"#;
    let escaped = bcrypt_of("Tom &amp; &quot;Jerry&#x27;s&quot; &lt;cat&gt;");
    assert_eq!(verify(typed, &escaped).await, Verification::MatchNeedsRehash);
    assert_eq!(verify(typed, &bcrypt_of(typed)).await, Verification::MatchNeedsRehash);
    assert_eq!(verify("Tom & Jerry", &escaped).await, Verification::Mismatch);
}

#[tokio::test]
async fn an_overlong_password_is_a_mismatch_without_being_hashed() {
    let megabytes = "a".repeat(4 << 20);
    let stored = bcrypt_of(&megabytes);
    assert_eq!(
        verify(&megabytes, &stored).await,
        Verification::Mismatch,
        "bcrypt alone would cut it off and match"
    );
    assert_eq!(verify_nothing(&megabytes).await, Verification::Mismatch);
    let longest = "ä".repeat(128);
    assert_eq!(verify(&longest, &bcrypt_of(&longest)).await, Verification::MatchNeedsRehash);
}

#[tokio::test]
async fn what_is_no_hash_is_our_fault_and_not_a_wrong_password() {
    for stored in ["", "plain", "$2b$12$short", "$argon2id$v=19$m=0,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO0"] {
        let error = hasher().verify(&"securepassword".into(), &stored.into()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Internal, "{stored}");
    }
}

#[tokio::test]
async fn nobodys_hash_costs_what_a_real_one_does_and_matches_nothing() {
    for cost in [HashCost::OWASP, HashCost::FOR_TESTS] {
        let hasher = PasswordHasher::new(Arc::new(OsEntropy), cost.clone());
        let real = hasher.hash(&Password::choose("securepassword".into()).unwrap()).await.unwrap();
        let real = PasswordHash::new(real.expose_secret()).unwrap();
        let nobodys = nobodys_hash(&cost).unwrap();
        assert_eq!((nobodys.algorithm, nobodys.version), (real.algorithm, real.version));
        assert_eq!(nobodys.params, real.params);
        assert_eq!(nobodys.hash.unwrap().len(), real.hash.unwrap().len());
        assert_eq!(verify_argon2(&"".into(), &nobodys, &cost).unwrap(), Verification::Mismatch);
        hasher.verify_evenly(&"securepassword".into(), None, None).await.unwrap();
    }
}

#[tokio::test]
async fn beyond_64_waiting_callers_the_next_is_told_to_come_back() {
    let hasher = hasher();
    let cores = hasher.cores.available_permits();
    let all_cores =
        Arc::clone(&hasher.cores).acquire_many_owned(u32::try_from(cores).unwrap()).await.unwrap();
    let caller = || {
        let hasher = hasher.clone();
        tokio::spawn(async move { hasher.verify_evenly(&"securepassword".into(), None, None).await })
    };
    let waiting: Vec<_> = (0..cores + 64).map(|_| caller()).collect();
    while hasher.places.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    let error = caller().await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (Kind::Unavailable, Some(Duration::from_secs(1))));
    drop(all_cores);
    for caller in waiting {
        caller.await.unwrap().unwrap();
    }
    assert_eq!(hasher.cores.available_permits(), cores);
    hasher.verify_evenly(&"securepassword".into(), None, None).await.unwrap();
}

#[tokio::test]
async fn an_overlong_password_fails_against_a_hash_of_nothing() {
    let stored: SecretString = bcrypt_of("").into();
    let overlong = "a".repeat(129).into();
    let verified = hasher().verify_evenly(&overlong, Some(&stored), Some(&stored)).await.unwrap();
    assert_eq!(verified, Verification::Mismatch);
}

#[tokio::test]
async fn a_failure_that_pays_for_an_imported_hash_is_a_failure_and_a_match_one_of_its_own() {
    let password = Password::choose("securepassword".into()).unwrap();
    let argon2 = hasher().hash(&password).await.unwrap();
    let bcrypt: SecretString = bcrypt_of("securepassword").into();
    for (stored, expected) in [
        (None, Verification::Mismatch),
        (Some(&argon2), Verification::Match),
        (Some(&bcrypt), Verification::MatchNeedsRehash),
    ] {
        let right = hasher().verify_evenly(password.secret(), stored, Some(&bcrypt)).await.unwrap();
        assert_eq!(right, expected);
        for wrong in ["wrong", "<wrong>"] {
            let wrong = hasher().verify_evenly(&wrong.into(), stored, Some(&bcrypt)).await.unwrap();
            assert_eq!(wrong, Verification::Mismatch);
        }
    }
}

#[test]
fn nobodys_bcrypt_has_the_cost_of_what_it_is_like() {
    let like = bcrypt_of("securepassword");
    let nobodys = nobodys_bcrypt(&like.clone().into());
    assert_eq!((nobodys.len(), nobodys.get(..7)), (like.len(), like.get(..7)));
    for password in ["", "securepassword"] {
        assert_eq!(verify_bcrypt(&password.into(), &nobodys).unwrap(), Verification::Mismatch);
    }
}

#[test]
fn debug_shows_no_hash() {
    let shown = format!("{:?}", hasher());
    assert!(!shown.contains('$'), "{shown}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_computation_yields_to_others_and_leaves_their_priority_alone() {
    // Field 41, which is 5 in the class of idle work and 0 outside of any.
    let policy = || {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        fields.split_ascii_whitespace().nth(38).unwrap().parse::<i32>().unwrap()
    };
    let before = policy();
    assert_eq!(hasher().run(move || Ok(policy())).await.unwrap(), 5);
    assert_eq!((policy(), before), (before, 0));
}
