//! One watch in etcd, on a stream of its own. etcd may fall silent without closing the stream, may say in the stream that
//! it ended the watch and keep the stream open, and may repeat events; all of that ends or is dropped here. Yields commits
//! whole: a large answer comes in fragments that may cut a commit in two.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use etcd_client::proto::{PbEvent, PbWatchResponse};
use etcd_client::{ResponseHeader, WatchOptions, WatchRequestSender, WatchResponseStream};
use futures::stream;
use tokio::time::Instant;

use super::EtcdOptions;
use super::codes::Failure;
use super::members::Members;
use super::names::{self, Names};
use crate::{Change, Key, Revision, WatchEnded, WatchItem, WatchStream};

/// A watch that runs.
pub(super) struct Watching {
    members: Arc<Members>,
    member: usize,
    names: Names,
    /// Kept, because etcd ends the watch when this half is closed.
    requests: WatchRequestSender,
    responses: WatchResponseStream,
    grouping: Grouping,
    queue: VecDeque<WatchItem>,
    heard: Instant,
    asked: bool,
    silence: Duration,
    patience: Duration,
    ended: bool,
}

impl Watching {
    /// Opens the stream at the member whose turn it is.
    pub(super) async fn open(
        members: &Arc<Members>,
        names: &Names,
        options: &EtcdOptions,
        prefix: &Key,
        from: Revision,
    ) -> Result<Self, Failure> {
        let (index, member) = members.pick();
        let (start, end) = names.range(prefix, None);
        let first = i64::try_from(from.get() + 1).unwrap_or(i64::MAX);
        let request = WatchOptions::new().with_range(end).with_start_revision(first).with_fragment();
        let mut client = member.watch.clone();
        let opened = match tokio::time::timeout(options.request_timeout, client.watch(start, Some(request))).await {
            Ok(opened) => opened.map_err(Failure::from),
            Err(_elapsed) => Err(Failure::timeout(options.request_timeout)),
        };
        let (requests, responses) = opened.inspect_err(|failure| members.eject(index, failure))?.split();
        Ok(Self {
            members: Arc::clone(members),
            member: index,
            names: names.clone(),
            requests,
            responses,
            grouping: Grouping { cursor: from.get(), partial: Vec::new() },
            queue: VecDeque::new(),
            heard: Instant::now(),
            asked: false,
            silence: options.progress_interval,
            patience: options.progress_timeout,
            ended: false,
        })
    }

    pub(super) fn into_stream(self) -> WatchStream {
        WatchStream::new(stream::unfold(self, |mut watching| async move {
            if watching.ended {
                return None;
            }
            let item = watching.next().await;
            watching.ended = item.is_err();
            Some((item, watching))
        }))
    }

    async fn next(&mut self) -> Result<WatchItem, WatchEnded> {
        loop {
            if let Some(item) = self.queue.pop_front() {
                return Ok(item);
            }
            let wait = if self.asked { self.patience } else { self.silence };
            // An answer that is already here counts, however late its reader.
            match tokio::time::timeout_at(self.heard + wait, self.responses.message()).await {
                Ok(Ok(Some(response))) => {
                    let progress = self.asked && response.0.events.is_empty() && !response.0.created;
                    self.asked = false;
                    self.heard = Instant::now();
                    self.take(response.0)?;
                    if progress && self.grouping.partial.is_empty() {
                        // Not the revision in the answer: up to 3.5.7 it can be ahead of events still to come.
                        return Ok(WatchItem::Progress { revision: Revision::new(self.grouping.cursor) });
                    }
                }
                Ok(Ok(None)) => return Err(self.lost(Failure::Unclear("the stream was closed".to_owned()))),
                Ok(Err(error)) => return Err(self.lost(error.into())),
                Err(_elapsed) if self.asked => return Err(self.lost(Failure::timeout(self.patience))),
                Err(_elapsed) => self.ask().await?,
            }
        }
    }

    /// Asks for a sign of life. That this succeeds proves nothing: it only queues the question.
    async fn ask(&mut self) -> Result<(), WatchEnded> {
        let asked = tokio::time::timeout(self.patience, self.requests.request_progress()).await;
        match asked {
            Ok(Ok(())) => {
                self.asked = true;
                self.heard = Instant::now();
                Ok(())
            }
            Ok(Err(error)) => Err(self.lost(error.into())),
            Err(_elapsed) => Err(self.lost(Failure::timeout(self.patience))),
        }
    }

    fn take(&mut self, response: PbWatchResponse) -> Result<(), WatchEnded> {
        if let Some(ended) = ended(&response) {
            return Err(ended);
        }
        let header = response.header.map(ResponseHeader);
        self.members.same_cluster(header.as_ref()).map_err(|failure| self.lost(failure))?;
        let items = self.grouping.take(&self.names, response.events, response.fragment);
        self.queue.extend(items.map_err(|reason| WatchEnded::Unavailable { reason })?);
        Ok(())
    }

    fn lost(&self, failure: Failure) -> WatchEnded {
        self.members.eject(self.member, &failure);
        match failure {
            Failure::Compacted => WatchEnded::Compacted { oldest: Revision::new(self.grouping.cursor + 1) },
            Failure::NotDone(reason)
            | Failure::Unclear(reason)
            | Failure::Refused(reason)
            | Failure::Full(reason)
            | Failure::AnswerTooLarge(reason)
            | Failure::Corrupt(reason) => WatchEnded::Unavailable { reason },
            Failure::Future | Failure::LeaseGone => {
                WatchEnded::Unavailable { reason: format!("etcd spoke of something else: {failure:?}") }
            }
        }
    }
}

/// Whether an answer says that etcd has ended the watch; the stream stays open and silent after that. The header of such
/// an answer carries no revision.
fn ended(response: &PbWatchResponse) -> Option<WatchEnded> {
    if !response.canceled {
        return None;
    }
    if response.compact_revision > 0 {
        return Some(WatchEnded::Compacted { oldest: names::revision(response.compact_revision) });
    }
    Some(WatchEnded::Unavailable { reason: format!("etcd ended the watch: {}", response.cancel_reason) })
}

/// Collects events into whole commits.
struct Grouping {
    /// The last commit that was yielded.
    cursor: u64,
    /// Events of an answer whose other fragments are still to come.
    partial: Vec<PbEvent>,
}

impl Grouping {
    fn take(&mut self, names: &Names, events: Vec<PbEvent>, more: bool) -> Result<Vec<WatchItem>, String> {
        self.partial.extend(events);
        let mut whole = std::mem::take(&mut self.partial);
        if more {
            // Whatever comes before the last revision seen is complete; that one may go on in the next fragment.
            let revision = |event: &PbEvent| event.kv.as_ref().map(|kv| kv.mod_revision);
            let last = whole.last().and_then(revision);
            let cut = whole.iter().rposition(|event| revision(event) != last).map_or(0, |position| position + 1);
            self.partial = whole.split_off(cut);
        }
        let mut commits: Vec<(u64, Vec<Change>)> = Vec::new();
        for event in whole {
            let kv = event.kv.ok_or("an event without a key")?;
            let revision = names::revision(kv.mod_revision);
            let number = revision.get();
            if number <= self.cursor {
                tracing::warn!(revision = number, after = self.cursor, "dropping a repeated etcd event");
                continue;
            }
            let Some(key) = names.inner(&kv.key) else {
                tracing::warn!(name = %String::from_utf8_lossy(&kv.key), "passing over an etcd key that is not ours");
                continue;
            };
            let change = match event.r#type {
                0 => names
                    .entry(&kv.key, kv.value, kv.mod_revision, kv.create_revision)
                    .map(Change::Put)
                    .ok_or("an event for a key that is not ours")?,
                1 => Change::Delete { key, revision },
                other => return Err(format!("an event of unknown type {other}")),
            };
            match commits.last_mut() {
                Some((last, changes)) if *last == number => changes.push(change),
                Some((last, _)) if *last > number => return Err(format!("revision {number} after {last}")),
                Some(_) | None => commits.push((number, vec![change])),
            }
        }
        if let Some((last, _)) = commits.last() {
            self.cursor = *last;
        }
        let item = |(revision, changes)| WatchItem::Changes { revision: Revision::new(revision), changes };
        Ok(commits.into_iter().map(item).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etcd_client::proto::PbKeyValue;

    fn event(key: &str, revision: i64, kind: i32) -> PbEvent {
        let kv = PbKeyValue {
            key: format!("/meridian{key}").into_bytes(),
            mod_revision: revision,
            create_revision: revision,
            ..PbKeyValue::default()
        };
        PbEvent { r#type: kind, kv: Some(kv), ..PbEvent::default() }
    }

    fn sizes(items: &[WatchItem]) -> Vec<(u64, usize)> {
        let size = |item: &WatchItem| match item {
            WatchItem::Changes { revision, changes } => (revision.get(), changes.len()),
            WatchItem::Progress { revision } => (revision.get(), 0),
        };
        items.iter().map(size).collect()
    }

    #[test]
    fn fragments_are_joined_and_repeats_dropped() {
        let names = Names::new("/meridian");
        let mut grouping = Grouping { cursor: 4, partial: Vec::new() };
        let items = grouping.take(&names, vec![event("/a", 3, 0), event("/a", 4, 0), event("/a", 5, 0)], true).unwrap();
        assert_eq!(sizes(&items), [], "what was yielded before is dropped, what may be cut waits");
        let items = grouping.take(&names, vec![event("/b", 5, 1), event("/a", 7, 0)], false).unwrap();
        assert_eq!(sizes(&items), [(5, 2), (7, 1)]);
        assert_eq!(grouping.take(&names, vec![event("/b", 5, 1)], false), Ok(Vec::new()));
        assert_eq!(grouping.cursor, 7);
    }

    #[test]
    fn p08_p20_an_end_said_inside_the_stream_is_an_end() {
        let said = |compact_revision, reason: &str| PbWatchResponse {
            created: true,
            canceled: true,
            compact_revision,
            cancel_reason: reason.to_owned(),
            ..PbWatchResponse::default()
        };
        assert_eq!(ended(&said(21, "")), Some(WatchEnded::Compacted { oldest: Revision::new(21) }));
        let barred = ended(&said(0, "rpc error: code = Unauthenticated desc = invalid auth token")).unwrap();
        assert!(barred.retryable() && barred.to_string().contains("invalid auth token"), "{barred}");
        assert_eq!(ended(&PbWatchResponse { created: true, ..PbWatchResponse::default() }), None);
    }

    #[test]
    fn events_out_of_order_or_of_unknown_type_end_the_watch() {
        let names = Names::new("/meridian");
        let mut grouping = Grouping { cursor: 4, partial: Vec::new() };
        assert!(grouping.take(&names, vec![event("/a", 9, 0), event("/a", 8, 0)], false).is_err());
        assert!(grouping.take(&names, vec![event("/a", 9, 7)], false).is_err());
    }
}
