//! The one thread that writes. It takes all transactions that are waiting, applies them in order in one durable commit and
//! then answers each: the cost of reaching the disk is shared by however many came while the last commit ran. When nothing
//! is waiting it wakes for leases that run out.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::{Shared, ledger::Ledger};
use crate::{CommitError, Committed, LeaseId, Revision, Txn};

/// Most transactions in one durable commit.
const BATCH_TXNS: usize = 256;
/// A batch that weighs so many bytes is closed.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// After a failed batch, how long ended leases wait for the next attempt.
const LEASE_PAUSE: Duration = Duration::from_secs(1);

/// What is asked of the writer.
pub(super) enum Work {
    /// Apply a validated transaction.
    Commit(Txn),
    /// Drop history before a revision.
    Compact(Revision),
    /// Delete what leases that have ended hold.
    EndLeases,
}

/// Work, and where to tell what became of it.
pub(super) struct Job {
    pub work: Work,
    pub reply: oneshot::Sender<Answer>,
}

type Answer = Result<Committed, CommitError>;

/// How far a batch got before the file failed it.
enum Fault {
    /// Nothing was made durable.
    Before(redb::Error),
    /// The durable commit itself failed: nobody knows.
    During(redb::Error),
}

impl<E: Into<redb::Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Before(error.into())
    }
}

/// Works until the queue is closed and empty.
pub(super) async fn run(shared: &Arc<Shared>, mut queue: mpsc::Receiver<Job>) {
    let mut not_before = Instant::now();
    loop {
        let due = shared.leases().due().map(|due| due.max(not_before));
        let first = tokio::select! {
            biased;
            job = queue.recv() => match job {
                Some(job) => job,
                None => return,
            },
            // Nobody waits for the answer: what is still there is tried again.
            () = reached(due) => Job { work: Work::EndLeases, reply: oneshot::channel().0 },
            () = shared.granted.notified() => continue,
        };
        let mut bytes = weight(&first);
        let mut batch = vec![first];
        while batch.len() < BATCH_TXNS && bytes < BATCH_BYTES {
            let Ok(job) = queue.try_recv() else { break };
            bytes += weight(&job);
            batch.push(job);
        }
        let answers = write(shared, &batch);
        if answers.is_err() {
            not_before = Instant::now() + LEASE_PAUSE;
        }
        settle(batch, answers);
    }
}

async fn reached(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

fn weight(job: &Job) -> usize {
    match &job.work {
        Work::Commit(txn) => txn.weight(),
        Work::Compact(_) | Work::EndLeases => 0,
    }
}

/// Writes a batch. Which keys live by which lease changes with the file or not at all.
fn write(shared: &Shared, batch: &[Job]) -> Result<Vec<Answer>, Fault> {
    let now = Instant::now();
    let (keys, ended) = {
        let leases = shared.leases();
        (leases.keys(), leases.ended(now))
    };
    let written = write_at(shared, batch, &ended, now);
    let mut leases = shared.leases();
    match &written {
        Ok(_) if batch.iter().any(|job| matches!(job.work, Work::EndLeases)) => {
            ended.into_iter().for_each(|lease| leases.forget(lease));
        }
        Ok(_) => {}
        Err(_) => leases.put_back(keys),
    }
    written
}

fn write_at(shared: &Shared, batch: &[Job], ended: &[LeaseId], now: Instant) -> Result<Vec<Answer>, Fault> {
    let write = shared.db.begin_write()?;
    let (answers, head, changed) = {
        let mut leases = shared.leases();
        let mut ledger = Ledger::open(&write, shared.limits, &mut leases)?;
        let mut answers = Vec::with_capacity(batch.len());
        for job in batch {
            answers.push(match &job.work {
                Work::Commit(txn) => ledger.apply(txn, now)?,
                Work::Compact(before) => {
                    ledger.compact(*before)?;
                    Ok(Committed { revision: *before })
                }
                Work::EndLeases => {
                    ended.iter().try_for_each(|lease| ledger.end_lease(*lease))?;
                    Ok(Committed { revision: Revision::ZERO })
                }
            });
        }
        let (head, changed) = ledger.finish()?;
        (answers, head, changed)
    };
    if !changed {
        write.abort()?;
        return Ok(answers);
    }
    write.commit().map_err(|error| Fault::During(error.into()))?;
    shared.head.send_replace(head);
    Ok(answers)
}

fn settle(batch: Vec<Job>, answers: Result<Vec<Answer>, Fault>) {
    match answers {
        Ok(answers) => {
            for (job, answer) in batch.into_iter().zip(answers) {
                // A caller that stopped waiting finds out by reading.
                let _ = job.reply.send(answer);
            }
        }
        Err(fault) => {
            let error = match fault {
                Fault::Before(error) => super::refused(&error),
                Fault::During(error) => CommitError::Unknown { reason: error.to_string() },
            };
            for job in batch {
                let _ = job.reply.send(Err(error.clone()));
            }
        }
    }
}
