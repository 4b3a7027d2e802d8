//! Our transaction in etcd's words and its answer in ours. The compares are the expectations; the failure branch reads the
//! keys, so that one round trip also tells which key was in the way.

use etcd_client::proto::PbTxnOpResponse;
use etcd_client::{Compare, CompareOp, GetOptions, Txn as EtcdTxn, TxnOp, TxnResponse};

use super::names::{self, Names};
use crate::{Expect, Key, Op, Txn};

/// Translates a validated transaction.
pub(super) fn request(names: &Names, txn: &Txn) -> EtcdTxn {
    let mut compares = Vec::with_capacity(txn.ops().len());
    let mut writes = Vec::new();
    let mut reads = Vec::with_capacity(txn.ops().len());
    for op in txn.ops() {
        let name = names.outer(op.key());
        compares.push(compare(&name, op.expect()));
        reads.push(TxnOp::get(name.clone(), Some(GetOptions::new().with_keys_only())));
        match op {
            Op::Put { value, .. } => writes.push(TxnOp::put(name, value.to_vec(), None)),
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
        Expect::Present => Compare::mod_revision(name, CompareOp::Greater, 0),
        // Zero would mean absent, and no key has a revision that does not fit: neither can be met.
        Expect::At(revision) => {
            let number = i64::try_from(revision.get()).ok().filter(|number| *number > 0);
            Compare::mod_revision(name, CompareOp::Equal, number.unwrap_or(i64::MAX))
        }
    }
}

/// The first key that was not as expected, from the reads of the failure branch.
pub(super) fn conflict(txn: &Txn, response: &TxnResponse) -> Option<Key> {
    let mut reads = response.0.responses.iter();
    txn.conflict(|_| {
        let read = reads.next().and_then(|read| read.response.as_ref()).ok_or(())?;
        let PbTxnOpResponse::ResponseRange(range) = read else {
            return Err(());
        };
        Ok(range.kvs.first().map(|found| names::revision(found.mod_revision)))
    })
    .ok()
    .flatten()
}
