//! What is sent to whom: the formats of receivers. Pure: the same saying, secret and moment give the same letter.

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use meridian_core::alert::{Alert, Route, Saying, Severity, Target, Turn};
use meridian_core::time::{Span, Timestamp};
use meridian_outbound::Letter;
use serde_json::{Value, json};

use super::sign;

/// How long an Alertmanager believes what it is told once: it forgets sooner what it is not told again.
const BELIEVED: Span = Span::from_secs(24 * 3600);
/// The longest summary that `PagerDuty` takes.
const PAGER_SUMMARY_MAX: usize = 1024;
/// The longest text that a chat shows.
const CHAT_TEXT_MAX: usize = 3000;

/// One thing to be said to one receiver.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    /// In whose words.
    pub route: &'a Route,
    /// What.
    pub saying: &'a Saying,
    /// The same however often it is sent.
    pub delivery: &'a str,
    /// When it is sent.
    pub now: Timestamp,
}

/// The letter for a receiver; `secret` is the content of the secret that it names.
pub(super) fn letter(target: &Target, secret: Option<&str>, notice: Notice<'_>) -> Letter {
    let secret = secret.unwrap_or_default();
    let (url, body) = match target {
        Target::Alertmanager { url } => {
            let url = format!("{}/api/v2/alerts", url.trim_end_matches('/'));
            (url, Value::from(vec![alertmanager(notice)]))
        }
        Target::Webhook { url, .. } => (url.clone(), webhook(notice)),
        Target::PagerDuty { url, .. } => (url.clone(), pager_duty(notice, secret)),
        Target::Slack { .. } => (secret.to_owned(), slack(notice)),
    };
    let body = Bytes::from(body.to_string());
    let mut headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    if matches!(target, Target::Webhook { .. }) {
        headers.extend(sign::headers(notice.delivery, notice.now, Some(secret), &body));
    }
    Letter { method: Method::POST, url, headers, body }
}

fn alertmanager(Notice { route, saying, now, .. }: Notice<'_>) -> Value {
    let Saying { turn, alert } = saying;
    let ends = match turn {
        Turn::Raised => now.after(BELIEVED),
        Turn::Resolved => now,
    };
    // The labels are the identity of an alert there, so nothing that changes is among them.
    let mut labels = json!({
        "alertname": format!("meridian-{}", alert.topic.kind.as_str()),
        "severity": alert.topic.kind.severity().as_str(),
        "service": alert.service.as_str(),
        "rollout": alert.rollout.as_str(),
        "release": alert.release.version.to_string(),
    });
    if let Some(region) = &alert.topic.region {
        labels["region"] = region.as_str().into();
    }
    let annotations = json!({ "summary": route.words(saying), "description": alert.summary });
    json!({ "labels": labels, "annotations": annotations, "startsAt": moment(alert.since), "endsAt": moment(ends) })
}

fn webhook(Notice { route, saying, delivery, now }: Notice<'_>) -> Value {
    json!({
        "version": 1,
        "delivery": delivery,
        "sent": moment(now),
        "turn": saying.turn.as_str(),
        "text": route.words(saying),
        "alert": details(&saying.alert),
    })
}

fn pager_duty(Notice { route, saying, .. }: Notice<'_>, routing_key: &str) -> Value {
    let Saying { turn, alert } = saying;
    let action = match turn {
        Turn::Raised => "trigger",
        Turn::Resolved => "resolve",
    };
    let severity = match alert.topic.kind.severity() {
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    };
    json!({
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": alert.key(),
        "client": "Meridian",
        "payload": {
            "summary": cut(&route.words(saying), PAGER_SUMMARY_MAX),
            "source": format!("meridian/{}", alert.service),
            "severity": severity,
            "timestamp": moment(alert.since),
            "component": alert.service.as_str(),
            "group": alert.topic.region.as_ref().map_or("all regions", |region| region.as_str()),
            "class": alert.topic.kind.as_str(),
            "custom_details": details(alert),
        },
    })
}

fn slack(Notice { route, saying, .. }: Notice<'_>) -> Value {
    let Saying { turn, alert } = saying;
    let text = escaped(cut(&route.words(saying), CHAT_TEXT_MAX));
    let sign = match (turn, alert.topic.kind.severity()) {
        (Turn::Resolved, _) => ":white_check_mark:",
        (Turn::Raised, Severity::Warning) => ":warning:",
        (Turn::Raised, Severity::Critical) => ":rotating_light:",
    };
    let about = format!("rollout {} · {} · {}", alert.rollout, alert.topic, turn.as_str());
    json!({
        "text": text,
        "blocks": [
            { "type": "section", "text": { "type": "mrkdwn", "text": format!("{sign} {text}") } },
            { "type": "context", "elements": [{ "type": "mrkdwn", "text": escaped(&about) }] },
        ],
    })
}

fn details(alert: &Alert) -> Value {
    json!({
        "key": alert.key(),
        "kind": alert.topic.kind.as_str(),
        "severity": alert.topic.kind.severity().as_str(),
        "service": alert.service.as_str(),
        "rollout": alert.rollout.as_str(),
        "release": alert.release.version.to_string(),
        "digest": alert.release.digest.to_string(),
        "region": alert.topic.region.as_ref().map(|region| region.as_str()),
        "summary": alert.summary,
        "since": moment(alert.since),
    })
}

/// As RFC 3339 has it.
fn moment(at: Timestamp) -> String {
    meridian_proto::convert::timestamp_to_wire(at).to_string()
}

/// The beginning of a text, at most so many bytes.
fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// The three characters that mean something in a chat's text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use meridian_core::alert::{Kind, Match, Topic};
    use meridian_core::digest::Digest;
    use meridian_core::id::{RegionId, RolloutId, RouteId, SecretId, ServiceId};
    use meridian_core::release::ReleaseRef;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn route(template: &str) -> Route {
        let (id, template) = (RouteId::new("r").unwrap(), template.to_owned());
        Route { id, matches: Match::default(), template, receivers: Vec::new() }
    }

    fn saying(turn: Turn, kind: Kind, summary: &str) -> Saying {
        let release = ReleaseRef { version: "1.2.3".parse().unwrap(), digest: Digest::of(b"x") };
        let topic = Topic { kind, region: Some(RegionId::new("eu").unwrap()) };
        let (service, rollout) = (ServiceId::new("shop").unwrap(), RolloutId::new("r-1").unwrap());
        let (summary, since) = (summary.to_owned(), Timestamp::from_millis(1_699_999_999_000));
        Saying { turn, alert: Alert { service, rollout, release, topic, summary, since } }
    }

    fn sent(target: &Target, secret: Option<&str>, saying: &Saying, template: &str) -> (Letter, Value) {
        let route = route(template);
        let letter = letter(target, secret, Notice { route: &route, saying, delivery: "d-1", now: NOW });
        let body = serde_json::from_slice(&letter.body).unwrap();
        (letter, body)
    }

    fn secret() -> SecretId {
        SecretId::new("key").unwrap()
    }

    #[test]
    fn an_alertmanager_is_told_what_it_identifies_alerts_by_and_until_when() {
        let target = Target::Alertmanager { url: "http://am:9093/".to_owned() };
        let (raised, body) = sent(&target, None, &saying(Turn::Raised, Kind::VerdictFailed, "bad"), "");
        assert_eq!(raised.url, "http://am:9093/api/v2/alerts");
        let labels = json!({
            "alertname": "meridian-verdict-failed", "severity": "warning", "service": "shop", "rollout": "r-1",
            "release": "1.2.3", "region": "eu",
        });
        assert_eq!(body[0]["labels"], labels);
        assert_eq!(
            (&body[0]["startsAt"], &body[0]["endsAt"]),
            (&json!("2023-11-14T22:13:19Z"), &json!("2023-11-15T22:13:20Z"))
        );
        let (_, over) = sent(&target, None, &saying(Turn::Resolved, Kind::VerdictFailed, "other words"), "");
        assert_eq!((&over[0]["labels"], &over[0]["endsAt"]), (&labels, &json!("2023-11-14T22:13:20Z")));
    }

    #[test]
    fn a_webhook_is_signed_over_what_it_is_sent() {
        let target = Target::Webhook { url: "http://hook/x".to_owned(), secret: secret() };
        let (letter, body) =
            sent(&target, Some("key"), &saying(Turn::Raised, Kind::Held, "why"), "{{kind}}: {{summary}}");
        let header = |name: &str| {
            let found = letter.headers.iter().find(|(known, _)| known.as_str() == name);
            found.map(|(_, value)| value.to_str().unwrap().to_owned()).unwrap()
        };
        assert_eq!(
            (header("meridian-delivery").as_str(), header("meridian-timestamp").as_str()),
            ("d-1", "1700000000")
        );
        assert_eq!(header("meridian-signature"), sign::signature(b"key", 1_700_000_000, &letter.body));
        assert!(!String::from_utf8_lossy(&letter.body).contains("\"key\":\"key\""), "the secret is not in it");
        assert_eq!(
            (&body["turn"], &body["text"], &body["delivery"]),
            (&json!("raised"), &json!("held: why"), &json!("d-1"))
        );
        assert_eq!(body["alert"]["key"], "meridian/shop/r-1/held/eu");
    }

    #[test]
    fn a_pager_is_triggered_and_resolved_by_one_key() {
        let target = Target::PagerDuty { url: "http://pager/v2".to_owned(), secret: secret() };
        let long = "x".repeat(5000);
        let (letter, body) = sent(&target, Some("routing"), &saying(Turn::Raised, Kind::Frozen, &long), "{{summary}}");
        assert_eq!((letter.url.as_str(), &body["routing_key"]), ("http://pager/v2", &json!("routing")));
        assert_eq!((&body["event_action"], &body["payload"]["severity"]), (&json!("trigger"), &json!("critical")));
        assert_eq!(body["payload"]["summary"].as_str().unwrap().len(), 1024);
        let (_, over) = sent(&target, Some("routing"), &saying(Turn::Resolved, Kind::Frozen, "now"), "");
        assert_eq!((&over["event_action"], &over["dedup_key"]), (&json!("resolve"), &body["dedup_key"]));
    }

    #[test]
    fn a_chat_shows_text_and_no_markup() {
        let target = Target::Slack { secret: secret() };
        let (letter, body) = sent(
            &target,
            Some("https://chat/hook"),
            &saying(Turn::Raised, Kind::Held, "<!channel> & <http://x|y>"),
            "{{summary}}",
        );
        assert_eq!(letter.url, "https://chat/hook");
        assert_eq!(body["text"], "&lt;!channel&gt; &amp; &lt;http://x|y&gt;");
        assert!(body["blocks"][0]["text"]["text"].as_str().unwrap().starts_with(":warning: &lt;!channel"));
        assert_eq!(cut("a\u{e4}b", 2), "a");
    }
}
