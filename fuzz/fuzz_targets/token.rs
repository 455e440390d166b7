//! Access tokens: nothing but what was signed is read.
#![no_main]

use std::sync::{Arc, LazyLock};

use flowmastery_core::{access::token::TokenCodec, clock::Timestamp, entropy::OsEntropy};
use libfuzzer_sys::fuzz_target;

static CODEC: LazyLock<TokenCodec> = LazyLock::new(|| {
    TokenCodec::new(
        &"a secret that no seed was signed with".into(),
        &["an older one".into()],
        Arc::new(OsEntropy),
    )
});

fuzz_target!(|token: &str| {
    assert!(CODEC.read(token, Timestamp::from_millis(1_800_000_000_000)).is_err());
});
