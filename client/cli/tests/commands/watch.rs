//! Following a rollout: lines, JSON lines, the picture, and every way it can end.

use meridian_client::fake::{FakeServer, sample};
use meridian_client::{RolloutState, RolloutView};

use crate::run::{Ran, Reader, with};

/// Follows while the rollout goes through these states, each once the one before was watched.
async fn follow(arguments: &[&str], reader: Reader, states: &[RolloutState]) -> Ran {
    let server = FakeServer::start().await;
    let mut view = sample::rollout();
    server.put_rollout(&view);
    let address = server.address();
    let script = async {
        while server.watches() == 0 {
            tokio::task::yield_now().await;
        }
        for state in states {
            view.state = *state;
            server.put_rollout(&view);
        }
    };
    let (ran, ()) = tokio::join!(with(&address, arguments, "", reader), script);
    ran
}

#[tokio::test]
async fn every_end_has_its_exit() {
    use RolloutState as S;
    let table = [
        (&[S::Soaking, S::Switched][..], 0),
        (&[S::Held, S::Running, S::Stable], 0),
        (&[S::RollingBack, S::RolledBack], 10),
        (&[S::RollingBack, S::Aborted], 10),
        (&[S::Frozen, S::Failed], 10),
        (&[S::Superseded], 12),
    ];
    for (states, exit) in table {
        let ran = follow(&["rollout", "watch", "checkout/r-1"], Reader::Program, states).await;
        assert_eq!(ran.exit, exit, "{states:?} {ran:?}");
        let last = states.last().unwrap().as_str();
        assert!(ran.stdout.contains(&format!("checkout state={last} ")), "{ran:?}");
        assert!(ran.stderr.contains(last), "{ran:?}");
    }
    let gates = ["rollout", "watch", "checkout/r-1", "--wait-for-gates", "fail"];
    assert_eq!(follow(&gates, Reader::Program, &[S::Held]).await.exit, 11);
    let late = ["rollout", "watch", "checkout/r-1", "--timeout", "300ms"];
    let ran = follow(&late, Reader::Program, &[S::Held]).await;
    assert_eq!(ran.exit, 8);
    assert!(ran.stderr.contains("meridian rollout watch checkout/r-1"), "{ran:?}");
    let stable = ["rollout", "status", "checkout", "--wait", "--until", "stable"];
    let ran = follow(&stable, Reader::Program, &[S::Switched, S::Stable]).await;
    assert_eq!(ran.exit, 0);
    assert!(ran.stdout.contains("✔ STABLE"), "{ran:?}");
}

#[tokio::test]
async fn lines_are_for_logs_and_json_lines_for_programs() {
    let ran = follow(&["rollout", "watch", "checkout/r-1"], Reader::Program, &[RolloutState::Switched]).await;
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 5, "{lines:#?}");
    let line = "2026-11-23T11:12:00Z us-east state=baking step=1/3 weight=1000 observed=1000 verdict=pass wait=BAKE";
    assert_eq!(lines[2], line);
    let ran =
        follow(&["rollout", "watch", "checkout", "-o", "jsonl"], Reader::Program, &[RolloutState::Switched]).await;
    let values: Vec<serde_json::Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((values[2]["region"].as_str(), values[2]["weight"].as_u64()), (Some("us-east"), Some(1000)));
    assert_eq!(values[4]["state"], "switched");
}

#[tokio::test]
async fn a_person_sees_the_picture_and_at_its_end_the_end() {
    let ran = follow(&["rollout", "watch", "checkout/r-1"], Reader::Person, &[RolloutState::RolledBack]).await;
    assert_eq!(ran.exit, 10);
    assert!(ran.stdout.contains("↶ ROLLED-BACK") && ran.stdout.contains("\u{1b}[2K"), "{ran:?}");
    assert!(ran.stdout.contains("running → rolled-back"), "{ran:?}");
}

#[tokio::test]
async fn a_lost_server_is_said_and_found_again() {
    let mut server = FakeServer::start().await;
    let mut view: RolloutView = sample::rollout();
    server.put_rollout(&view);
    let address = server.address();
    let script = async {
        while server.watches() == 0 {
            tokio::task::yield_now().await;
        }
        server = server.restart().await;
        view.state = RolloutState::Stable;
        server.put_rollout(&view);
        server
    };
    let (ran, _server) =
        tokio::join!(with(&address, &["rollout", "watch", "checkout/r-1"], "", Reader::Program), script);
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert!(ran.stdout.contains("state=stable"));
}

#[tokio::test]
async fn what_is_not_there_is_not_followed() {
    let server = FakeServer::start().await;
    let ran = with(&server.address(), &["rollout", "watch", "checkout/r-9"], "", Reader::Program).await;
    assert_eq!(ran.exit, 3, "{ran:?}");
    let ran = with("http://127.0.0.1:9", &["rollout", "watch", "checkout/r-9"], "", Reader::Program).await;
    assert_eq!(ran.exit, 7, "{ran:?}");
}
