//! The alert for certificates of a client that are larger than the TLS library reads.
//!
//! The library ends such a handshake without an alert, and does not return its keys. In TLS 1.2 the alert is not yet
//! encrypted. In TLS 1.3 it is the first record under the server's traffic key (RFC 8446, section 7.3); the library passes
//! the secret of that key to its key log. The secret is kept only until the handshake ends.

use std::cell::RefCell;

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, HKDF_SHA384, KeyType, Prk};
use rustls::{CipherSuite, KeyLog, SupportedCipherSuite};
use zeroize::Zeroizing;

/// The label of the secret in a key log.
const SERVER_SECRET: &str = "SERVER_TRAFFIC_SECRET_0";
/// A fatal bad_certificate (RFC 8446, section 6).
const ALERT: [u8; 2] = [2, 42];
/// The content type of alerts.
const ALERT_TYPE: u8 = 21;

tokio::task_local! {
    static SECRET: RefCell<Option<Zeroizing<Vec<u8>>>>;
}

/// Drives a handshake during which [`bad_certificate`] can be called.
pub async fn with_secret<F: Future>(handshake: F) -> F::Output {
    SECRET.scope(RefCell::new(None), handshake).await
}

/// The record of the alert; `None` if the server has not sent its Finished, or its first record under the new key.
pub fn bad_certificate(suite: SupportedCipherSuite) -> Option<Vec<u8>> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other cipher suites are those of TLS 1.2")]
    let (hash, cipher) = match suite.suite() {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => (HKDF_SHA256, &AES_128_GCM),
        CipherSuite::TLS13_AES_256_GCM_SHA384 => (HKDF_SHA384, &AES_256_GCM),
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => (HKDF_SHA256, &CHACHA20_POLY1305),
        _ => return suite.tls13().is_none().then(|| [&[ALERT_TYPE, 3, 3, 0, 2], &ALERT[..]].concat()),
    };
    let prk = Prk::new_less_safe(hash, &SECRET.try_with(RefCell::take).ok()??);
    let key = UnboundKey::from(prk.expand(&[&label("key", cipher.key_len())?], cipher).ok()?);
    // The nonce of the first record is the IV (RFC 8446, section 5.3).
    let mut nonce = [0; 12];
    prk.expand(&[&label("iv", nonce.len())?], Length(nonce.len())).ok()?.fill(&mut nonce).ok()?;
    let mut record = [&ALERT[..], &[ALERT_TYPE]].concat();
    let length = u8::try_from(record.len() + cipher.tag_len()).ok()?;
    let header = [23, 3, 3, 0, length];
    let nonce = Nonce::assume_unique_for_key(nonce);
    LessSafeKey::new(key).seal_in_place_append_tag(nonce, Aad::from(header), &mut record).ok()?;
    Some([&header[..], &record].concat())
}

/// An HkdfLabel without a context (RFC 8446, section 7.1).
fn label(name: &str, length: usize) -> Option<Vec<u8>> {
    let name = format!("tls13 {name}");
    let sizes = [0, u8::try_from(length).ok()?, u8::try_from(name.len()).ok()?];
    Some([&sizes[..], name.as_bytes(), &[0]].concat())
}

/// The length of a derived value, in bytes.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// Keeps the secret of the server's traffic key for the task that drives the handshake, and nothing else.
#[derive(Debug)]
pub(super) struct SecretOfHandshake;

impl KeyLog for SecretOfHandshake {
    fn log(&self, label: &str, _: &[u8], secret: &[u8]) {
        if self.will_log(label) {
            // Fails outside of `with_secret`.
            let _ = SECRET.try_with(|slot| slot.replace(Some(Zeroizing::new(secret.to_vec()))));
        }
    }

    fn will_log(&self, label: &str) -> bool {
        label == SERVER_SECRET
    }
}
