//! Standard Webhooks: the signature of a delivery (specification 1.0.0, symmetric signatures).

use aws_lc_rs::hmac::{Context, Key};
use base64ct::{Base64, Encoding as _};

/// The value of `webhook-signature`: HMAC-SHA256 of `ID.TIMESTAMP.BODY`, with the time in seconds since the epoch.
pub(super) fn signature(key: &Key, id: &str, timestamp: i64, body: &[u8]) -> String {
    let mut context = Context::with_key(key);
    context.update(format!("{id}.{timestamp}.").as_bytes());
    context.update(body);
    format!("v1,{}", Base64::encode_string(context.sign().as_ref()))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac::{HMAC_SHA256, verify};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn signature_of_the_reference_library_is_reproduced() {
        // The example in the README of the reference libraries.
        let key = Base64::decode_vec("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let signed = signature(
            &Key::new(HMAC_SHA256, &key),
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    proptest! {
        #[test]
        fn signature_verifies_over_the_signed_bytes_only(
            key in any::<Vec<u8>>(), id in "[0-9a-f-]{36}", at in any::<i64>(), body in any::<Vec<u8>>()
        ) {
            let key = Key::new(HMAC_SHA256, &key);
            let signed = signature(&key, &id, at, &body);
            let tag = Base64::decode_vec(signed.strip_prefix("v1,").expect("a version")).expect("base64");
            let mut message = [id.as_bytes(), b".", at.to_string().as_bytes(), b".", &body].concat();
            prop_assert!(verify(&key, &message, &tag).is_ok());
            message.push(0);
            prop_assert!(verify(&key, &message, &tag).is_err());
        }
    }
}
