//! Our transaction in etcd's words and its answer in ours. The compares are the expectations; the failure branch reads the
//! keys, so that one round trip also tells which key was in the way.

use etcd_client::proto::PbTxnOpResponse;
use etcd_client::{Compare, CompareOp, GetOptions, PutOptions, Txn as EtcdTxn, TxnOp, TxnResponse};

use super::names::{self, Names};
use crate::{Expect, Key, Op, Revision, Stamp, Txn};

/// Translates a validated transaction.
pub(super) fn request(names: &Names, txn: &Txn) -> EtcdTxn {
    let mut compares = Vec::with_capacity(txn.ops().len());
    let mut writes = Vec::new();
    let mut reads = Vec::with_capacity(txn.ops().len());
    for op in txn.ops() {
        let name = names.outer(op.key());
        if op.expect() != Expect::Absent || !meridian_core::planted::is("absent-unchecked") {
            compares.push(compare(&name, op.expect()));
        }
        reads.push(TxnOp::get(name.clone(), Some(GetOptions::new().with_keys_only())));
        match op {
            Op::Put { value, lease, .. } => {
                let options = lease.map(|lease| PutOptions::new().with_lease(lease.get()));
                writes.push(TxnOp::put(name, value.to_vec(), options));
            }
            Op::Delete { .. } => writes.push(TxnOp::delete(name, None)),
            Op::Check { .. } => {}
        }
    }
    EtcdTxn::new().when(compares).and_then(writes).or_else(reads)
}

fn compare(name: &str, expect: Expect) -> Compare {
    match expect {
        // etcd compares a key that does not exist as if its revisions were zero.
        Expect::Absent => Compare::mod_revision(name, CompareOp::Equal, 0),
        Expect::At(_) if meridian_core::planted::is("revision-unchecked") => {
            Compare::mod_revision(name, CompareOp::Greater, 0)
        }
        Expect::Present => Compare::mod_revision(name, CompareOp::Greater, 0),
        Expect::At(revision) => Compare::mod_revision(name, CompareOp::Equal, number(revision)),
        Expect::Created(revision) => Compare::create_revision(name, CompareOp::Equal, number(revision)),
    }
}

/// Zero would mean absent, and no key has a revision that does not fit: neither can be met.
fn number(revision: Revision) -> i64 {
    i64::try_from(revision.get()).ok().filter(|number| *number > 0).unwrap_or(i64::MAX)
}

/// The first key that was not as expected, from the reads of the failure branch.
pub(super) fn conflict(txn: &Txn, response: &TxnResponse) -> Option<Key> {
    let mut reads = response.0.responses.iter();
    txn.conflict(|_| {
        let read = reads.next().and_then(|read| read.response.as_ref()).ok_or(())?;
        let PbTxnOpResponse::ResponseRange(range) = read else {
            return Err(());
        };
        Ok(range.kvs.first().map(|found| Stamp {
            modified: names::revision(found.mod_revision),
            created: names::revision(found.create_revision),
        }))
    })
    .ok()
    .flatten()
}
