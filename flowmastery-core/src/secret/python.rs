//! n8n keys as the Python FlowMastery sealed them, opened so that the vault can seal them anew.
//!
//! Its key follows from its SECRET_KEY and a salt of 16 bytes by PBKDF2-HMAC-SHA256 with 100,000 rounds; with it each n8n key is a Fernet token:
//! version, time, nonce, AES-128-CBC, and HMAC-SHA256 over all of these. Stored is `base64url(salt):base64url(token)`; older rows have
//! neither salt nor colon. A token is Base64 by itself, so it may be so twice.

use std::num::NonZeroU32;

use aws_lc_rs::{
    cipher::{AES_128, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey},
    hmac, pbkdf2,
};
use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

const ROUNDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(99_999);
const SALT_BYTES: usize = 16;
const FIXED_SALT: &[u8; SALT_BYTES] = b"flowmastery_salt";

const VERSION: u8 = 0x80;
const TIME_BYTES: usize = 8;
const NONCE_BYTES: usize = 16;
const TAG_BYTES: usize = 32;

/// Base64 with or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Opens a stored n8n key with the SECRET_KEY that sealed it; takes tens of milliseconds of computing. `None` when it is another
/// SECRET_KEY, or the text was changed or cut off.
pub fn open_n8n_key(secret_key: &SecretString, stored: &str) -> Option<SecretString> {
    let (salt, token) = match stored.split_once(':') {
        Some((salt, token)) => (<[u8; SALT_BYTES]>::try_from(BASE64.decode(salt).ok()?).ok()?, token),
        None => (*FIXED_SALT, stored),
    };
    let token = BASE64.decode(token).ok()?;
    let token = if token.first() == Some(&VERSION) { token } else { BASE64.decode(token).ok()? };
    let mut key = Zeroizing::new([0; 32]);
    let secret = secret_key.expose_secret().as_bytes();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, &salt, secret, key.as_mut());
    open_token(&key, &token)
}

/// Opens a Fernet token, of whatever age.
fn open_token(key: &[u8; 32], token: &[u8]) -> Option<SecretString> {
    let (signed, tag) = token.split_last_chunk::<TAG_BYTES>()?;
    let (signing_key, cipher_key) = key.split_at(16);
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, signing_key), signed, tag).ok()?;
    let (&VERSION, rest) = signed.split_first()? else { return None };
    let (nonce, ciphertext) = rest.get(TIME_BYTES..)?.split_first_chunk::<NONCE_BYTES>()?;
    let cipher = UnboundCipherKey::new(&AES_128, cipher_key).ok()?;
    let cipher = PaddedBlockDecryptingKey::cbc_pkcs7(cipher).ok()?;
    let mut opened = Zeroizing::new(ciphertext.to_vec());
    let opened = cipher.decrypt(&mut opened, DecryptionContext::Iv128(nonce.into())).ok()?;
    std::str::from_utf8(opened).ok().map(SecretString::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET_KEY: &str = "python-secret-key-of-the-old-server";

    /// Made by Python's `cryptography` 48.
    const ACME: &str = "AAECAwQFBgcICQoLDA0ODw==:Z0FBQUFBQnJCcWU0OEdydl8zQk5XWFREVWdLWjdybkxMMlZDcm4tbUZIUEVpWkZKc3dURU02TnEtT2lBZDNiWGZCellIREgyZjVqaWRpekp1TFRwUkpXak9wUU03TjZoZXBjaXJsRnRSdWl5UHlNYlhLOTdDSUU9";
    const ACME_ONCE: &str = "AAECAwQFBgcICQoLDA0ODw==:gAAAAABrBqe4JsAurbD9OR3tICLt6axdj0E6KEb-lIZGCR95kdo2yOXNrdNN1qbnLJmvGmpbEHRWVcRTwajpjfM-3ZB0Dc905adUa_RixFpDmv9pOHUgu0A=";
    const BETA: &str = "Z0FBQUFBQnJCcWU1enJpZTBSZ1R3M0NjQlBaYllPUnJkd21jamphenlUbl9Ld3FrUVowSE1Xekc5QW9qN3c4dktxTFhSXzl3SUxYb2JLaHRUbXZLVkFZS3lWSjVlYi1tWFhJQ0dJb3RUWWdsQkVkZzBObDBfU2M9";
    const BETA_ONCE: &str = "gAAAAABrBqe5zrie0RgTw3CcBPZbYORrdwmcjjazyTn_KwqkQZ0HMWzG9Aoj7w8vKqLXR_9wILXobKhtTmvKVAYKyVJ5eb-mXXICGIotTYglBEdg0Nl0_Sc=";

    fn opened(secret_key: &str, stored: &str) -> Option<String> {
        open_n8n_key(&secret_key.into(), stored).map(|key| key.expose_secret().to_owned())
    }

    #[test]
    fn keys_with_their_own_salt_and_older_ones_open() {
        for (stored, key) in [
            (ACME, "n8n_api_key_of_acme"),
            (ACME_ONCE, "n8n_api_key_of_acme"),
            (BETA, "n8n_api_key_of_beta"),
            (BETA_ONCE, "n8n_api_key_of_beta"),
        ] {
            assert_eq!(opened(SECRET_KEY, stored).as_deref(), Some(key), "{stored}");
            assert_eq!(opened(SECRET_KEY, stored.trim_end_matches('=')).as_deref(), Some(key));
        }
    }

    #[test]
    fn another_secret_opens_nothing() {
        assert_eq!(opened("another secret", ACME), None);
        assert_eq!(opened("", ACME), None);
    }

    #[test]
    fn what_was_changed_or_cut_off_does_not_open() {
        for cut in (0..ACME_ONCE.len() - 1).step_by(7) {
            assert_eq!(opened(SECRET_KEY, ACME_ONCE.get(..cut).unwrap()), None, "cut at {cut}");
        }
        for other in
            ["", ":", "no base64!", "AAECAwQFBgcICQoLDA0ODw==:", &ACME_ONCE.replacen("JsAu", "JsAv", 1)]
        {
            assert_eq!(opened(SECRET_KEY, other), None, "{other}");
        }
    }
}
