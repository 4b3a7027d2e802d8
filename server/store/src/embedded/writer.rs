//! The one thread that writes. It takes all transactions that are waiting, applies them in order in one durable commit and
//! then answers each: the cost of reaching the disk is shared by however many came while the last commit ran.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::{Shared, ledger::Ledger};
use crate::{CommitError, Committed, Revision, Txn};

/// Most transactions in one durable commit.
const BATCH_TXNS: usize = 256;
/// A batch that weighs so many bytes is closed.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// What is asked of the writer.
pub(super) enum Work {
    /// Apply a validated transaction.
    Commit(Txn),
    /// Drop history before a revision.
    Compact(Revision),
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
pub(super) fn run(shared: &Arc<Shared>, mut queue: mpsc::Receiver<Job>) {
    while let Some(first) = queue.blocking_recv() {
        let mut bytes = weight(&first);
        let mut batch = vec![first];
        while batch.len() < BATCH_TXNS && bytes < BATCH_BYTES {
            let Ok(job) = queue.try_recv() else { break };
            bytes += weight(&job);
            batch.push(job);
        }
        let answers = write(shared, &batch);
        settle(batch, answers);
    }
}

fn weight(job: &Job) -> usize {
    match &job.work {
        Work::Commit(txn) => txn.weight(),
        Work::Compact(_) => 0,
    }
}

fn write(shared: &Shared, batch: &[Job]) -> Result<Vec<Answer>, Fault> {
    let write = shared.db.begin_write()?;
    let mut ledger = Ledger::open(&write, shared.limits)?;
    let mut answers = Vec::with_capacity(batch.len());
    for job in batch {
        answers.push(match &job.work {
            Work::Commit(txn) => ledger.apply(txn)?,
            Work::Compact(before) => {
                ledger.compact(*before)?;
                Ok(Committed { revision: *before })
            }
        });
    }
    let (head, changed) = ledger.finish()?;
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
