//! Keys as users of the store see them, and the longer names they have in etcd.

use bytes::Bytes;

use crate::{Key, Revision, Versioned};

/// What our keys begin with in etcd.
#[derive(Debug, Clone)]
pub(super) struct Names {
    prefix: String,
}

impl Names {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// A key's name in etcd.
    pub(super) fn outer(&self, key: &Key) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The range of all keys that begin with `prefix`, beginning after `after`. The end is exclusive.
    pub(super) fn range(&self, prefix: &Key, after: Option<&Key>) -> (Vec<u8>, Vec<u8>) {
        let mut end = self.outer(prefix).into_bytes();
        // The last byte of a key is printable ASCII, so adding one neither overflows nor carries.
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        let start = match after {
            Some(after) if after >= prefix => {
                let mut start = self.outer(after).into_bytes();
                start.push(0);
                start
            }
            Some(_) | None => self.outer(prefix).into_bytes(),
        };
        (start, end)
    }

    /// The key of a name in etcd; `None` if it is not one of ours.
    pub(super) fn inner(&self, name: &[u8]) -> Option<Key> {
        let text = std::str::from_utf8(name).ok()?.strip_prefix(&self.prefix)?;
        Key::new(text).ok()
    }

    /// An entry as we know it; `None` if its name is not one of ours.
    pub(super) fn entry(&self, name: &[u8], value: Vec<u8>, modified: i64, created: i64) -> Option<Versioned> {
        Some(Versioned {
            key: self.inner(name)?,
            value: Bytes::from(value),
            mod_revision: revision(modified),
            create_revision: revision(created),
        })
    }
}

pub(super) fn revision(number: i64) -> Revision {
    Revision::new(u64::try_from(number).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_out_and_come_back() {
        let names = Names::new("/meridian");
        let key = |text: &str| Key::new(text).unwrap();
        assert_eq!(names.outer(&key("/a/1")), "/meridian/a/1");
        assert_eq!(names.inner(b"/meridian/a/1"), Some(key("/a/1")));
        assert_eq!(names.inner(b"/meridian2/a/1"), None);
        assert_eq!(names.inner(b"/meridian/\xff"), None);
        assert_eq!(names.range(&key("/"), None), (b"/meridian/".to_vec(), b"/meridian0".to_vec()));
        let after = names.range(&key("/a~"), Some(&key("/a~1")));
        assert_eq!(after, (b"/meridian/a~1\0".to_vec(), b"/meridian/a\x7f".to_vec()));
        assert_eq!(names.range(&key("/b"), Some(&key("/a"))).0, b"/meridian/b".to_vec());
    }
}
