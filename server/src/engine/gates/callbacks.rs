//! Callbacks in the shell: the owner of a rollout asks the service's own endpoints what its record says is open, until they
//! answer or nobody waits any more. It decides nothing: an answer is an event like any other, and silence is none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use meridian_core::id::CallbackId;
use meridian_core::playbook::Callback;
use meridian_core::rollout::event::AnswerGiven;
use meridian_core::rollout::gates::callbacks::open;
use meridian_core::rollout::state::{Inquiry, Rollout, Said};
use meridian_core::time::Timestamp;
use meridian_outbound::{Letter, Limits, Outbound, SendError, Trust, pause};
use serde_json::{Value, json};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout_at};

use crate::alert::{NoSecret, Secrets, headers as signed};

/// One try: who does not answer by then is asked again.
const LIMITS: Limits = Limits { time: Duration::from_secs(10), body_bytes: 64 * 1024, tries: 1 };
/// The wait after the first try.
const PAUSE_MIN: Duration = Duration::from_millis(500);
/// Any wait at most.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// What is kept of a reason.
const REASON_BYTES_MAX: usize = 1024;

/// Asks endpoints. Cheap to clone.
#[derive(Clone)]
pub struct Asker {
    outbound: Arc<Outbound>,
    secrets: Secrets,
}

/// Why there is no answer yet.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error(transparent)]
    Secret(#[from] NoSecret),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("it answered with {0}")]
    Status(StatusCode),
    #[error("it answered neither pass nor fail")]
    Unclear,
}

/// What is asked, of whom, and until when.
struct Question {
    callback: Callback,
    wave: usize,
    since: Timestamp,
    body: Bytes,
    delivery: String,
}

impl Asker {
    /// One that believes these over `https`, and finds secrets there.
    #[must_use]
    pub fn new(trust: Trust, secrets: Secrets) -> Self {
        Self { outbound: Arc::new(Outbound::new(trust)), secrets }
    }

    /// Asks until there is an answer or the time is over.
    async fn ask(self, question: Question, until: Instant, now: impl Fn() -> Timestamp) -> Option<AnswerGiven> {
        for tried in 1.. {
            match timeout_at(until, self.ask_once(&question, now())).await.ok()? {
                Ok((said, reason)) => {
                    let Question { callback, wave, since, .. } = question;
                    return Some(AnswerGiven { wave, callback: callback.id, since, said, reason });
                }
                Err(why) => tracing::warn!(callback = %question.callback.id, %why, "a callback has not answered"),
            }
            timeout_at(until, tokio::time::sleep(pause(tried, PAUSE_MIN, PAUSE_MAX))).await.ok()?;
        }
        None
    }

    async fn ask_once(&self, question: &Question, now: Timestamp) -> Result<(Said, String), Unanswered> {
        let secret = self.secrets.read_named(question.callback.secret.as_ref()).await?;
        let reply = self.outbound.send(&letter(question, secret.as_deref(), now), LIMITS).await?;
        if !reply.status.is_success() {
            return Err(Unanswered::Status(reply.status));
        }
        read(&reply.body).ok_or(Unanswered::Unclear)
    }
}

fn letter(question: &Question, secret: Option<&str>, now: Timestamp) -> Letter {
    let Question { callback, body, delivery, .. } = question;
    let mut headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    headers.extend(signed(delivery, now, secret, body));
    Letter { method: Method::POST, url: callback.url.clone(), headers, body: body.clone() }
}

/// An explicit yes or no; anything else is neither.
fn read(body: &[u8]) -> Option<(Said, String)> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let said = answer.get("verdict")?.as_str()?;
    let said = [Said::Pass, Said::Fail].into_iter().find(|known| known.as_str() == said)?;
    let mut reason: String = answer.get("reason").and_then(Value::as_str).unwrap_or_default().to_owned();
    reason.retain(|letter| !letter.is_control());
    reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
    let silent = if reason.is_empty() { format!("it said {}", said.as_str()) } else { reason };
    Some((said, silent))
}

/// Which question: wave, callback, and when it was put.
type Key = (usize, CallbackId, Timestamp);

/// What is being asked for one rollout; dropped, nobody is asked any more.
#[derive(Default)]
pub(in crate::engine) struct Asking {
    tasks: JoinSet<Option<AnswerGiven>>,
    under_way: BTreeMap<Key, AbortHandle>,
}

impl Asking {
    /// Asks what is open and not asked yet, and nothing else.
    pub fn follow(&mut self, record: &Rollout, asker: &Asker, clock: &Arc<dyn crate::clock::Clock>) {
        let open: BTreeMap<Key, (&Inquiry, &Callback)> = open(record).into_iter().map(keyed).collect();
        self.under_way.retain(|key, task| {
            let stays = open.contains_key(key);
            if !stays {
                task.abort();
            }
            stays
        });
        let now = clock.now();
        for (key, (inquiry, callback)) in open {
            let left = inquiry.since.after(callback.timeout).since(now);
            if self.under_way.contains_key(&key) {
                continue;
            }
            let until = Instant::now() + Duration::from_millis(left.millis());
            let (asker, clock) = (asker.clone(), clock.clone());
            let question = question(record, inquiry, callback);
            let task = self.tasks.spawn(asker.ask(question, until, move || clock.now()));
            self.under_way.insert(key, task);
        }
    }

    /// The next answer; never, if nobody is asked.
    pub async fn answered(&mut self) -> AnswerGiven {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(Some(answer))) => {
                    // What could not be recorded is still open then, and is asked again.
                    self.under_way.remove(&(answer.wave, answer.callback.clone(), answer.since));
                    return answer;
                }
                // Given up, or not asked any more.
                Some(Ok(None) | Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Asks nobody any more, and waits until that is so.
    pub async fn end(&mut self) {
        self.under_way.clear();
        self.tasks.shutdown().await;
    }
}

fn keyed<'r>((inquiry, callback): (&'r Inquiry, &'r Callback)) -> (Key, (&'r Inquiry, &'r Callback)) {
    ((inquiry.wave, inquiry.callback.clone(), inquiry.since), (inquiry, callback))
}

fn question(record: &Rollout, inquiry: &Inquiry, callback: &Callback) -> Question {
    let Inquiry { wave, callback: _, plan, digest, since, answer: _ } = inquiry;
    let planned = record.plan.waves.get(*wave);
    let body = json!({
        "version": 1,
        "gate": callback.id.as_str(),
        "on": "wave-begin",
        "rollout": record.id.as_str(),
        "service": record.plan.service.as_str(),
        "release": record.plan.release.version.to_string(),
        "digest": digest.to_string(),
        "plan": plan.to_string(),
        "wave": planned.map(|planned| planned.id.as_str()),
        "regions": planned.map(|planned| planned.regions.iter().map(ToString::to_string).collect::<Vec<_>>()),
    });
    let delivery = format!("{}/{wave}/{}/{}", record.id, callback.id, since.millis());
    Question { callback: callback.clone(), wave: *wave, since: *since, body: Bytes::from(body.to_string()), delivery }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::signature;

    #[test]
    fn a_question_is_signed_if_a_secret_is_named() {
        let (id, url) = (CallbackId::new("db-check").unwrap(), "https://gate.example/ask".to_owned());
        let callback = Callback { id, url, timeout: meridian_core::time::Span::from_secs(60), secret: None };
        let (since, body) = (Timestamp::from_millis(1_000), Bytes::from_static(b"{}"));
        let question = Question { callback, wave: 0, since, body, delivery: "r/0/db-check/1000".to_owned() };
        let named = |secret| {
            let letter = letter(&question, secret, Timestamp::from_millis(5_000));
            let header = |name: &str| letter.headers.iter().find(|(known, _)| known == name).cloned();
            (header("meridian-delivery").is_some(), header("meridian-signature").map(|(_, value)| value))
        };
        assert_eq!(named(None), (true, None));
        let expected = HeaderValue::try_from(signature(b"key", 5, b"{}")).unwrap();
        assert_eq!(named(Some("key")), (true, Some(expected)));
    }

    #[test]
    fn only_an_explicit_word_is_an_answer() {
        let table = [
            (r#"{"verdict":"pass"}"#, Some((Said::Pass, "it said pass"))),
            (r#"{"verdict":"fail","reason":"the index is\n not built"}"#, Some((Said::Fail, "the index is not built"))),
            (r#"{"verdict":"PASS"}"#, None),
            (r#"{"verdict":true}"#, None),
            (r#"{"pass":true}"#, None),
            ("pass", None),
            ("", None),
        ];
        for (body, expected) in table {
            let expected = expected.map(|(said, reason)| (said, reason.to_owned()));
            assert_eq!(read(body.as_bytes()), expected, "{body}");
        }
        let (_, reason) = read(format!(r#"{{"verdict":"fail","reason":"{}"}}"#, "ä".repeat(2000)).as_bytes()).unwrap();
        assert_eq!(reason.len(), REASON_BYTES_MAX);
    }
}
