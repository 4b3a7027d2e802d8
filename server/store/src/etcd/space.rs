//! What is done when etcd's quota is used up. Then it takes no writes from anybody until somebody makes room and lifts its
//! alarm; a rollback can't wait for that. A reserve is kept beside our keys, invisible to users of the store, and given up
//! for commits that are urgent.

use std::time::Duration;

use etcd_client::{AlarmAction, AlarmOptions, AlarmType, CompactionOptions, Compare, CompareOp, Txn, TxnOp};

use super::EtcdStore;
use super::codes::Failure;
use crate::{CommitError, Committed, Txn as OurTxn};

/// Room for hundreds of urgent commits, and for what etcd takes beyond its quota: it counts ten times a second.
const RESERVE_BYTES: usize = 1024 * 1024;
/// A member that gives back space answers nothing meanwhile: seconds, for as large a quota as etcd recommends.
const DEFRAGMENT_MAX: Duration = Duration::from_secs(30);

impl EtcdStore {
    fn reserve(&self) -> String {
        // No key of ours goes on like this, so no listing and no watch sees it.
        format!("{}!reserve", self.options.prefix)
    }

    /// Commits again what etcd had no room for, after making some. One at a time: others find the room made.
    pub(super) async fn write_urgent(&self, txn: &OurTxn) -> Result<Committed, CommitError> {
        let _one = self.making_room.lock().await;
        match self.write(txn).await {
            Err(CommitError::Full { .. }) => {}
            outcome => return outcome,
        }
        tracing::error!("etcd is full: giving up the reserve and the history for a commit that can't wait");
        if let Err(failure) = self.make_room().await {
            tracing::error!(?failure, "no room could be made in etcd");
        }
        self.write(txn).await
    }

    /// Deletes the reserve, drops all history, has every member give back what that leaves, and lifts the alarm.
    async fn make_room(&self) -> Result<(), Failure> {
        let name = self.reserve();
        // Not in a transaction: some versions of etcd refuse even those that only delete. Doing it twice harms nothing.
        let delete = |mut kv: etcd_client::KvClient| {
            let name = name.clone();
            async move { kv.delete(name, None).await }
        };
        let (_, head) = self.repeat(delete).await?;
        // Up to the deletion itself, which `forget` would keep together with what it deleted; and carried out when it
        // returns, because a member gives back only what is free already.
        let last = i64::try_from(head.get()).unwrap_or(i64::MAX);
        let physical = || Some(CompactionOptions::new().with_physical());
        match self.repeat(|mut kv| async move { kv.compact(last, physical()).await }).await {
            Ok(_) | Err(Failure::Compacted) => {}
            Err(failure) => return Err(failure),
        }
        for member in self.members.all() {
            let mut maintenance = member.maintenance.clone();
            match tokio::time::timeout(DEFRAGMENT_MAX, maintenance.defragment()).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!(member = %member.address, %error, "a member gives back no space"),
                Err(_) => tracing::warn!(member = %member.address, "a member is slow to give back space"),
            }
        }
        self.lift_alarm().await
    }

    async fn lift_alarm(&self) -> Result<(), Failure> {
        let ask = |action, of: AlarmOptions| {
            self.attempt(move |member| {
                let (mut maintenance, of) = (member.maintenance.clone(), of.clone());
                async move { maintenance.alarm(action, AlarmType::Nospace, Some(of)).await }
            })
        };
        let raised = self.retries.of(|| ask(AlarmAction::Get, AlarmOptions::new()), Failure::transient).await?;
        for alarm in raised.0.alarms.into_iter().filter(|alarm| alarm.alarm == AlarmType::Nospace as i32) {
            let mut of = AlarmOptions::new();
            of.with_member(alarm.member_id);
            self.retries.of(|| ask(AlarmAction::Deactivate, of.clone()), Failure::transient).await?;
        }
        Ok(())
    }

    /// Puts the reserve in its place if it is not there. etcd also counts what it has not given back, so room is made once;
    /// where there is none even then, there is none to be reserved. Each attempt in vain has raised the alarm.
    pub(super) async fn keep_reserve(&self) {
        let outcome = match self.put_reserve().await {
            Err(Failure::Full(_)) => match self.make_room().await {
                Ok(()) => self.put_reserve().await,
                made => made,
            },
            outcome => outcome,
        };
        let lifted = match outcome {
            Ok(()) => Ok(()),
            Err(Failure::Full(reason)) => {
                tracing::error!(reason, "etcd has no room for the reserve: raise its quota or remove old records");
                self.lift_alarm().await
            }
            Err(failure) => Err(failure),
        };
        if let Err(failure) = lifted {
            tracing::warn!(?failure, "the reserve could not be looked after");
        }
    }

    async fn put_reserve(&self) -> Result<(), Failure> {
        let name = self.reserve();
        let put = || {
            self.once(|mut kv| {
                let absent = Compare::version(name.clone(), CompareOp::Equal, 0);
                let put = TxnOp::put(name.clone(), vec![0; RESERVE_BYTES], None);
                let txn = Txn::new().when([absent]).and_then([put]);
                async move { kv.txn(txn).await }
            })
        };
        self.retries.of(put, Failure::transient).await.map(|_| ())
    }
}
