//! What etcd keeps: keys with their revisions, the log of changes, leases. It answers as etcd does, in etcd's words, and
//! knows no time of its own and no network.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use etcd_server::proto::{
    PbCompare, PbCompareTarget, PbDeleteRequest, PbDeleteResponse, PbEvent, PbKeyValue, PbPutRequest, PbPutResponse,
    PbRangeRequest, PbRangeResponse, PbResponseHeader, PbResponseOp, PbTargetUnion, PbTxnOpRequest, PbTxnOpResponse,
    PbTxnRequest, PbTxnRequestOp, PbTxnResponse,
};
use tonic::Status;

/// Operations of one branch of a transaction.
const OPS_MAX: usize = 128;
/// The shortest lease that is granted, in seconds.
const TTL_MIN: i64 = 2;

/// Everything etcd keeps.
#[derive(Debug)]
pub struct Ledger {
    pub revision: i64,
    pub compacted: i64,
    pub term: u64,
    entries: BTreeMap<Vec<u8>, PbKeyValue>,
    /// Changes by the revision that made them, since the beginning.
    log: Vec<(i64, Vec<PbEvent>)>,
    pub leases: BTreeMap<i64, Lease>,
    next_lease: i64,
}

/// A lease.
#[derive(Clone, Debug)]
pub struct Lease {
    /// In seconds, as granted.
    pub ttl: i64,
    /// By the world's time.
    pub expires: Duration,
}

/// A change that was made.
#[derive(Clone, Debug)]
pub struct Applied {
    pub revision: i64,
    /// What the request compared; empty for one that compared nothing.
    pub compares: Vec<PbCompare>,
    /// With the values before.
    pub events: Vec<PbEvent>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            revision: 1,
            compacted: -1,
            term: 2,
            entries: BTreeMap::new(),
            log: Vec::new(),
            leases: BTreeMap::new(),
            next_lease: 1000,
        }
    }
}

impl Ledger {
    /// What every answer begins with.
    pub fn header(&self) -> PbResponseHeader {
        PbResponseHeader { cluster_id: 7, member_id: 1, revision: self.revision, raft_term: self.term }
    }

    /// Reads a range, now or as it was.
    pub fn range(&self, request: &PbRangeRequest) -> Result<PbRangeResponse, Status> {
        if request.revision > self.revision {
            return Err(Status::out_of_range("etcdserver: mvcc: required revision is a future revision"));
        }
        if request.revision > 0 && request.revision < self.compacted {
            return Err(Status::out_of_range("etcdserver: mvcc: required revision has been compacted"));
        }
        let past;
        let entries = if request.revision > 0 && request.revision < self.revision {
            past = self.at(request.revision);
            &past
        } else {
            &self.entries
        };
        let found: Vec<_> = entries.iter().filter(|(key, _)| within(key, &request.key, &request.range_end)).collect();
        let count = found.len();
        let limit = usize::try_from(request.limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        let mut kvs: Vec<PbKeyValue> = found.into_iter().take(limit).map(|(_, kv)| kv.clone()).collect();
        if request.count_only {
            kvs.clear();
        }
        if request.keys_only {
            kvs.iter_mut().for_each(|kv| kv.value.clear());
        }
        let more = !request.count_only && count > kvs.len();
        Ok(PbRangeResponse { header: Some(self.header()), kvs, more, count: i64::try_from(count).unwrap_or(i64::MAX) })
    }

    /// The entries as they were after a revision.
    fn at(&self, revision: i64) -> BTreeMap<Vec<u8>, PbKeyValue> {
        let mut entries = BTreeMap::new();
        for (_, events) in self.log.iter().take_while(|(made, _)| *made <= revision) {
            for event in events {
                let Some(kv) = &event.kv else { continue };
                if event.r#type == 0 {
                    entries.insert(kv.key.clone(), kv.clone());
                } else {
                    entries.remove(&kv.key);
                }
            }
        }
        entries
    }

    /// Changes in a range with revisions from `from` on.
    pub fn changes(&self, key: &[u8], end: &[u8], from: i64) -> Vec<(i64, Vec<PbEvent>)> {
        let start = self.log.partition_point(|(made, _)| *made < from);
        let of_range = |event: &&PbEvent| event.kv.as_ref().is_some_and(|kv| within(&kv.key, key, end));
        let pick = |(made, events): &(i64, Vec<PbEvent>)| {
            let events: Vec<_> = events.iter().filter(of_range).map(|event| plain(event.clone())).collect();
            (!events.is_empty()).then_some((*made, events))
        };
        self.log[start..].iter().filter_map(pick).collect()
    }

    /// Carries a transaction out.
    pub fn txn(&mut self, request: &PbTxnRequest) -> Result<(PbTxnResponse, Option<Applied>), Status> {
        check_ops(request)?;
        let succeeded = request.compare.iter().all(|compare| self.holds(compare));
        let branch = if succeeded { &request.success } else { &request.failure };
        for op in branch {
            if let Some(PbTxnOpRequest::RequestPut(put)) = &op.request {
                self.check_lease(put.lease)?;
            }
        }
        let mut pending = Pending { revision: self.revision + 1, events: Vec::new() };
        let mut responses = Vec::new();
        for op in branch {
            responses.push(PbResponseOp { response: Some(self.perform(op, &mut pending)?) });
        }
        let applied = self.settle(pending, request.compare.clone());
        Ok((PbTxnResponse { header: Some(self.header()), succeeded, responses }, applied))
    }

    fn perform(&mut self, op: &PbTxnRequestOp, pending: &mut Pending) -> Result<PbTxnOpResponse, Status> {
        match &op.request {
            Some(PbTxnOpRequest::RequestRange(range)) => {
                let answer = PbRangeResponse { header: self.inner(pending), ..self.range(range)? };
                Ok(PbTxnOpResponse::ResponseRange(answer))
            }
            Some(PbTxnOpRequest::RequestPut(put)) => {
                self.write(put, pending);
                Ok(PbTxnOpResponse::ResponsePut(PbPutResponse { header: self.inner(pending), prev_kv: None }))
            }
            Some(PbTxnOpRequest::RequestDeleteRange(delete)) => {
                let deleted = self.remove(&delete.key, &delete.range_end, pending);
                let header = self.inner(pending);
                Ok(PbTxnOpResponse::ResponseDeleteRange(PbDeleteResponse { header, deleted, prev_kvs: Vec::new() }))
            }
            Some(PbTxnOpRequest::RequestTxn(_)) | None => Err(Status::unimplemented("not in this etcd")),
        }
    }

    /// What the answer to one operation of a transaction begins with.
    fn inner(&self, pending: &Pending) -> Option<PbResponseHeader> {
        let revision = if pending.events.is_empty() { self.revision } else { pending.revision };
        Some(PbResponseHeader { revision, ..PbResponseHeader::default() })
    }

    /// A put outside a transaction: nobody of ours makes one.
    pub fn put(&mut self, request: &PbPutRequest) -> Result<(PbPutResponse, Option<Applied>), Status> {
        self.check_lease(request.lease)?;
        let mut pending = Pending { revision: self.revision + 1, events: Vec::new() };
        self.write(request, &mut pending);
        let applied = self.settle(pending, Vec::new());
        Ok((PbPutResponse { header: Some(self.header()), prev_kv: None }, applied))
    }

    /// A delete outside a transaction.
    pub fn delete(&mut self, request: &PbDeleteRequest) -> (PbDeleteResponse, Option<Applied>) {
        let mut pending = Pending { revision: self.revision + 1, events: Vec::new() };
        let deleted = self.remove(&request.key, &request.range_end, &mut pending);
        let applied = self.settle(pending, Vec::new());
        (PbDeleteResponse { header: Some(self.header()), deleted, prev_kvs: Vec::new() }, applied)
    }

    fn check_lease(&self, lease: i64) -> Result<(), Status> {
        if lease == 0 || self.leases.contains_key(&lease) {
            return Ok(());
        }
        Err(Status::not_found("etcdserver: requested lease not found"))
    }

    fn write(&mut self, put: &PbPutRequest, pending: &mut Pending) {
        let before = self.entries.get(&put.key).cloned();
        let kv = PbKeyValue {
            key: put.key.clone(),
            value: put.value.clone(),
            lease: put.lease,
            mod_revision: pending.revision,
            create_revision: before.as_ref().map_or(pending.revision, |kv| kv.create_revision),
            version: before.as_ref().map_or(0, |kv| kv.version) + 1,
        };
        self.entries.insert(put.key.clone(), kv.clone());
        pending.events.push(PbEvent { r#type: 0, kv: Some(kv), prev_kv: before });
    }

    fn remove(&mut self, key: &[u8], end: &[u8], pending: &mut Pending) -> i64 {
        let gone: Vec<_> = self.entries.keys().filter(|name| within(name, key, end)).cloned().collect();
        for key in &gone {
            let before = self.entries.remove(key);
            let kv = PbKeyValue { key: key.clone(), mod_revision: pending.revision, ..PbKeyValue::default() };
            pending.events.push(PbEvent { r#type: 1, kv: Some(kv), prev_kv: before });
        }
        i64::try_from(gone.len()).unwrap_or(i64::MAX)
    }

    fn settle(&mut self, pending: Pending, compares: Vec<PbCompare>) -> Option<Applied> {
        let Pending { revision, events } = pending;
        if events.is_empty() {
            return None;
        }
        self.revision = revision;
        self.log.push((revision, events.clone()));
        Some(Applied { revision, compares, events })
    }

    fn holds(&self, compare: &PbCompare) -> bool {
        let found = self.entries.get(&compare.key);
        let number = |of: fn(&PbKeyValue) -> i64| found.map_or(0, of);
        let order = match (PbCompareTarget::try_from(compare.target), &compare.target_union) {
            (Ok(PbCompareTarget::Version), Some(PbTargetUnion::Version(want))) => number(|kv| kv.version).cmp(want),
            (Ok(PbCompareTarget::Create), Some(PbTargetUnion::CreateRevision(want))) => {
                number(|kv| kv.create_revision).cmp(want)
            }
            (Ok(PbCompareTarget::Mod), Some(PbTargetUnion::ModRevision(want))) => {
                number(|kv| kv.mod_revision).cmp(want)
            }
            (Ok(PbCompareTarget::Lease), Some(PbTargetUnion::Lease(want))) => number(|kv| kv.lease).cmp(want),
            (Ok(PbCompareTarget::Value), Some(PbTargetUnion::Value(want))) => match found {
                Some(kv) => kv.value.cmp(want),
                None => return false,
            },
            (_, _) => return false,
        };
        match compare.result {
            0 => order.is_eq(),
            1 => order.is_gt(),
            2 => order.is_lt(),
            _ => order.is_ne(),
        }
    }

    /// Drops history; what is stored stays.
    pub fn compact(&mut self, revision: i64) -> Result<(), Status> {
        if revision <= self.compacted {
            return Err(Status::out_of_range("etcdserver: mvcc: required revision has been compacted"));
        }
        if revision > self.revision {
            return Err(Status::out_of_range("etcdserver: mvcc: required revision is a future revision"));
        }
        self.compacted = revision;
        Ok(())
    }

    /// Grants a lease.
    pub fn grant(&mut self, id: i64, ttl: i64, now: Duration) -> Result<(i64, i64), Status> {
        if self.leases.contains_key(&id) {
            return Err(Status::failed_precondition("etcdserver: lease already exists"));
        }
        let ttl = ttl.max(TTL_MIN);
        let id = if id == 0 { self.next_lease } else { id };
        self.next_lease += 1;
        self.leases.insert(id, Lease { ttl, expires: now + seconds(ttl) });
        Ok((id, ttl))
    }

    /// Keeps a lease alive; the time that it then has, nought if it is gone.
    pub fn keep(&mut self, id: i64, now: Duration) -> i64 {
        let Some(lease) = self.leases.get_mut(&id) else {
            return 0;
        };
        lease.expires = now + seconds(lease.ttl);
        lease.ttl
    }

    /// Every lease has its whole time again, as after a change of leader.
    pub fn renew_all(&mut self, now: Duration) {
        self.leases.values_mut().for_each(|lease| lease.expires = now + seconds(lease.ttl));
    }

    /// Ends a lease and removes its keys.
    pub fn revoke(&mut self, id: i64) -> Result<Option<Applied>, Status> {
        self.leases.remove(&id).ok_or_else(|| Status::not_found("etcdserver: requested lease not found"))?;
        let held: BTreeSet<_> = self.entries.values().filter(|kv| kv.lease == id).map(|kv| kv.key.clone()).collect();
        let mut pending = Pending { revision: self.revision + 1, events: Vec::new() };
        for key in held {
            self.remove(&key, &[], &mut pending);
        }
        Ok(self.settle(pending, Vec::new()))
    }

    /// Leases whose time is over.
    pub fn expired(&self, now: Duration) -> Vec<i64> {
        self.leases.iter().filter(|(_, lease)| lease.expires <= now).map(|(id, _)| *id).collect()
    }
}

/// A change that is being made.
struct Pending {
    revision: i64,
    events: Vec<PbEvent>,
}

fn seconds(ttl: i64) -> Duration {
    Duration::from_secs(u64::try_from(ttl).unwrap_or(0))
}

/// Whether a key lies in etcd's range: without an end the key itself, with a zero byte as end everything from it on.
pub fn within(name: &[u8], key: &[u8], end: &[u8]) -> bool {
    match end {
        [] => name == key,
        [0] => name >= key,
        _ => name >= key && name < end,
    }
}

/// An event as watchers get it: without the value before.
fn plain(event: PbEvent) -> PbEvent {
    PbEvent { prev_kv: None, ..event }
}

fn check_ops(request: &PbTxnRequest) -> Result<(), Status> {
    let PbTxnRequest { compare, success, failure } = request;
    if [compare.len(), success.len(), failure.len()].iter().any(|count| *count > OPS_MAX) {
        return Err(Status::invalid_argument("etcdserver: too many operations in txn request"));
    }
    for branch in [success, failure] {
        let mut written = BTreeSet::new();
        for op in branch {
            if let Some(PbTxnOpRequest::RequestPut(put)) = &op.request
                && !written.insert(&put.key)
            {
                return Err(Status::invalid_argument("etcdserver: duplicate key given in txn request"));
            }
        }
    }
    Ok(())
}
