//! The signature of a webhook: HMAC-SHA256 over the moment and the body, so that an old letter can't be sent again later. It
//! knows no alert.

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, HeaderValue};
use meridian_core::time::Timestamp;
use sha2::Sha256;

/// The value of the header `meridian-signature` for a body that is sent at a moment, in seconds since 1970.
pub(crate) fn signature(secret: &[u8], seconds: u64, body: &[u8]) -> String {
    let mac = hmac(secret, &[seconds.to_string().as_bytes(), b".", body]);
    let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("v1={hex}")
}

/// The headers of a JSON letter that may come more than once: its delivery's name, which is the same however often it is sent,
/// the moment, and the signature over both moment and body if there is a secret.
pub(crate) fn headers(
    delivery: &str,
    now: Timestamp,
    secret: Option<&str>,
    body: &[u8],
) -> Vec<(HeaderName, HeaderValue)> {
    let seconds = now.millis() / 1000;
    let mut named = vec![("meridian-delivery", delivery.to_owned()), ("meridian-timestamp", seconds.to_string())];
    named.extend(secret.map(|secret| ("meridian-signature", signature(secret.as_bytes(), seconds, body))));
    // Keys, digits and hexadecimal digits are all visible ASCII.
    let visible =
        |(name, value): (_, String)| Some((HeaderName::from_static(name), HeaderValue::try_from(value).ok()?));
    named.into_iter().filter_map(visible).collect()
}

/// HMAC-SHA256 over parts that follow one another.
fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("keys may have any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn it_is_that_of_the_published_vectors() {
        // RFC 4231, test cases 1, 2, 3, 4 and 6.
        let long = "Test Using Larger Than Block-Size Key - Hash Key First";
        let table: [(Vec<u8>, Vec<u8>, &str); 5] = [
            (vec![0x0b; 20], b"Hi There".to_vec(), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?".to_vec(),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (vec![0xaa; 20], vec![0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            ((1..=25).collect(), vec![0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
            (
                vec![0xaa; 131],
                long.as_bytes().to_vec(),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, message, expect) in table {
            assert_eq!(hmac(&key, &[&message]).to_vec(), hex(expect));
            let (one, two) = message.split_at(message.len() / 2);
            assert_eq!(hmac(&key, &[one, two]).to_vec(), hex(expect), "in parts");
        }
    }

    #[test]
    fn it_covers_moment_and_body() {
        let said = signature(b"key", 1_700_000_000, b"{}");
        assert!(said.starts_with("v1=") && said.len() == 67);
        assert_ne!(said, signature(b"key", 1_700_000_001, b"{}"));
        assert_ne!(said, signature(b"key", 1_700_000_000, b"{ }"));
        assert_ne!(said, signature(b"other", 1_700_000_000, b"{}"));
    }
}
