//! How the changes of one commit are written in the change log. Knows nothing about tables or transactions.

use bytes::Bytes;

use crate::{Change, Key, Op, Revision, Txn, Versioned};

const PUT: u8 = 1;
const DELETE: u8 = 2;

/// Writes the changes of `txn`; `created` tells the create revision of each put, in order.
pub(super) fn encode(txn: &Txn, created: &[Revision]) -> Vec<u8> {
    let mut out = Vec::with_capacity(txn.weight());
    let mut created = created.iter();
    for op in txn.ops() {
        match op {
            Op::Put { key, value, .. } => {
                out.push(PUT);
                push_bytes(&mut out, key.as_str().as_bytes());
                let created = created.next().copied().unwrap_or_default();
                out.extend_from_slice(&created.get().to_be_bytes());
                push_bytes(&mut out, value);
            }
            Op::Delete { key, .. } => {
                out.push(DELETE);
                push_bytes(&mut out, key.as_str().as_bytes());
            }
            Op::Check { .. } => {}
        }
    }
    out
}

fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    // Keys and values are far below 4 GiB: checked when the transaction was accepted.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Reads back the changes of `revision` that are under `prefix`; `None` if the record is damaged.
pub(super) fn decode(mut record: &[u8], revision: Revision, prefix: &Key) -> Option<Vec<Change>> {
    let mut changes = Vec::new();
    while let Some((&tag, rest)) = record.split_first() {
        record = rest;
        let key = std::str::from_utf8(take_bytes(&mut record)?).ok()?;
        let wanted = key.starts_with(prefix.as_str());
        match tag {
            PUT => {
                let created = take_u64(&mut record)?;
                let value = take_bytes(&mut record)?;
                if wanted {
                    changes.push(Change::Put(Versioned {
                        key: Key::new(key).ok()?,
                        value: Bytes::copy_from_slice(value),
                        mod_revision: revision,
                        create_revision: Revision::new(created),
                    }));
                }
            }
            DELETE if wanted => changes.push(Change::Delete { key: Key::new(key).ok()?, revision }),
            DELETE => {}
            _ => return None,
        }
    }
    Some(changes)
}

fn take_u64(from: &mut &[u8]) -> Option<u64> {
    let (head, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(u64::from_be_bytes(*head))
}

fn take_bytes<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = from.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (bytes, rest) = rest.split_at_checked(length)?;
    *from = rest;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Expect;

    #[test]
    fn a_record_reads_back_and_a_cut_one_is_refused() {
        let key = |text: &str| Key::new(text).unwrap();
        let txn = Txn::new()
            .put(key("/a/1"), "one", Expect::Absent)
            .check(key("/a/2"), Expect::Absent)
            .delete(key("/b/1"), Expect::At(Revision::new(3)))
            .put(key("/a/3"), "", Expect::At(Revision::new(4)));
        let record = encode(&txn, &[Revision::new(9), Revision::new(4)]);
        let all = decode(&record, Revision::new(9), &key("/")).unwrap();
        let put = |name: &str, value: &'static str, created| {
            Change::Put(Versioned {
                key: key(name),
                value: Bytes::from_static(value.as_bytes()),
                mod_revision: Revision::new(9),
                create_revision: Revision::new(created),
            })
        };
        let deleted = Change::Delete { key: key("/b/1"), revision: Revision::new(9) };
        assert_eq!(all, [put("/a/1", "one", 9), deleted.clone(), put("/a/3", "", 4)]);
        assert_eq!(decode(&record, Revision::new(9), &key("/b")).unwrap(), [deleted]);
        let whole: Vec<usize> =
            (0..=record.len()).filter(|&end| decode(&record[..end], Revision::new(9), &key("/")).is_some()).collect();
        // Only a cut between two changes goes unseen, and the table holds records whole.
        assert_eq!(whole.len(), 4, "{whole:?}");
    }
}
