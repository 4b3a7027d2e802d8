//! Canonical bytes: one unambiguous encoding of domain values, so that plans, goals and audit entries can be hashed
//! by any party with the same result. It is for hashing only; nothing is ever decoded from it.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digest;

/// Collects canonical bytes: every integer is 8 bytes big-endian, every text and list carries its length first.
#[derive(Debug, Default)]
pub struct Canon {
    bytes: Vec<u8>,
}

/// A value with canonical bytes.
pub trait Canonical {
    /// Appends this value. Two values feed the same bytes exactly if they are equal.
    fn feed(&self, canon: &mut Canon);

    /// The digest of the canonical bytes.
    fn digest(&self) -> Digest {
        let mut canon = Canon::default();
        self.feed(&mut canon);
        canon.finish()
    }
}

impl Canon {
    /// Appends a number.
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.bytes.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// Appends a text with its length.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.number(text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
        self
    }

    /// Appends a value of a canonical type.
    pub fn value(&mut self, value: &impl Canonical) -> &mut Self {
        value.feed(self);
        self
    }

    /// The digest of everything appended.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest::of(&self.bytes)
    }
}

impl Canonical for u64 {
    fn feed(&self, canon: &mut Canon) {
        canon.number(*self);
    }
}

impl Canonical for bool {
    fn feed(&self, canon: &mut Canon) {
        canon.number(u64::from(*self));
    }
}

impl Canonical for str {
    fn feed(&self, canon: &mut Canon) {
        canon.text(self);
    }
}

impl Canonical for String {
    fn feed(&self, canon: &mut Canon) {
        canon.text(self);
    }
}

impl Canonical for Digest {
    fn feed(&self, canon: &mut Canon) {
        canon.text(&self.hex());
    }
}

impl<T: Canonical> Canonical for Option<T> {
    fn feed(&self, canon: &mut Canon) {
        match self {
            None => canon.number(0),
            Some(value) => canon.number(1).value(value),
        };
    }
}

impl<T: Canonical> Canonical for Vec<T> {
    fn feed(&self, canon: &mut Canon) {
        canon.number(self.len() as u64);
        for value in self {
            canon.value(value);
        }
    }
}

impl<T: Canonical> Canonical for BTreeSet<T> {
    fn feed(&self, canon: &mut Canon) {
        canon.number(self.len() as u64);
        for value in self {
            canon.value(value);
        }
    }
}

impl<K: Canonical, V: Canonical> Canonical for BTreeMap<K, V> {
    fn feed(&self, canon: &mut Canon) {
        canon.number(self.len() as u64);
        for (key, value) in self {
            canon.value(key).value(value);
        }
    }
}

macro_rules! canonical_by_display {
    ($($name:ty),*) => {$(
        impl Canonical for $name {
            fn feed(&self, canon: &mut Canon) {
                canon.text(&self.to_string());
            }
        }
    )*};
}
canonical_by_display!(
    crate::id::PlaybookId,
    crate::id::RegionId,
    crate::id::RolloutId,
    crate::id::ServiceId,
    crate::id::WaveId,
    crate::epoch::Epoch,
    semver::Version
);

impl Canonical for crate::time::Span {
    fn feed(&self, canon: &mut Canon) {
        canon.number(self.millis());
    }
}

impl Canonical for crate::time::Timestamp {
    fn feed(&self, canon: &mut Canon) {
        canon.number(self.millis());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_do_not_run_together() {
        let split_one = vec!["ab".to_owned(), "c".to_owned()].digest();
        let split_two = vec!["a".to_owned(), "bc".to_owned()].digest();
        assert_ne!(split_one, split_two);
        assert_ne!(Some(0_u64).digest(), None::<u64>.digest());
    }
}
