//! SHA-256 digests of artifacts and of our own canonical bytes. It knows how a digest is written; it does not know
//! what was hashed.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// Why a text is not an artifact digest.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
pub enum InvalidDigest {
    /// A tag or another name that can move: releases are pinned by content.
    #[error("a digest starts with `sha256:`; a tag can move and is not taken")]
    NotSha256,
    /// Not 64 lower-case hexadecimal digits.
    #[error("`sha256:` is followed by exactly 64 lower-case hexadecimal digits")]
    NotHex,
}

/// A SHA-256 digest.
#[derive(Clone, Copy, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// From its 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Parses `sha256:<64 lower-case hex digits>`.
    ///
    /// # Errors
    /// See [`InvalidDigest`]; a tag is refused.
    pub fn parse(text: &str) -> Result<Self, InvalidDigest> {
        let hex = text.strip_prefix("sha256:").ok_or(InvalidDigest::NotSha256)?;
        if hex.len() != 64 || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(InvalidDigest::NotHex);
        }
        let mut bytes = [0_u8; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).map_err(|_| InvalidDigest::NotHex)?;
        }
        Ok(Self(bytes))
    }

    /// The 64 hexadecimal digits without the prefix.
    #[must_use]
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The first twelve hexadecimal digits, for people.
    #[must_use]
    pub fn short(&self) -> String {
        self.hex()[..12].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_parse_exactly() {
        let digest = Digest::of(b"meridian");
        assert_eq!(Digest::parse(&digest.to_string()), Ok(digest));
        let hex = digest.hex();
        let bad = [
            "latest".to_owned(),
            "v1.2.3".to_owned(),
            hex.clone(),
            format!("sha1:{}", &hex[..40]),
            format!("sha256:{}", hex.to_uppercase()),
            format!("sha256:{}", &hex[..63]),
            format!("sha512:{hex}{hex}"),
            format!("sha256:{hex}\n"),
        ];
        for text in bad {
            assert!(Digest::parse(&text).is_err(), "{text:?} was taken");
        }
    }
}
