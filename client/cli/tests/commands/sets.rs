//! `set …`: what is asked of the server, what is said without asking, and how members end.

use meridian_client::RolloutState;
use meridian_client::fake::{FakeServer, sample};
use serde_json::Value;

use crate::run::meridian;

const MEMBERS: [&str; 6] = ["pay@2.1.0", "checkout@1.4.0=bold@3", "--playbook", "careful", "--after", "checkout=pay"];

fn with<'a>(first: &[&'a str], rest: &[&'a str]) -> Vec<&'a str> {
    first.iter().chain(rest).copied().collect()
}

#[tokio::test]
async fn a_set_is_reviewed_and_started_as_it_was() {
    let server = FakeServer::start().await;
    let planned = meridian(&server, &with(&["set", "plan", "autumn", "-o", "json"], &MEMBERS)).await;
    assert_eq!((planned.exit, planned.stderr.as_str()), (0, "nothing was started\n"), "{planned:?}");
    let plan: Value = serde_json::from_str(&planned.stdout).unwrap();
    assert_eq!((plan["name"].as_str(), plan["created"].as_str()), (Some("sets/autumn"), None));
    assert_eq!(plan["members"][1]["after"], serde_json::json!(["pay"]));
    assert_eq!(plan["members"][1]["state"], "planned");
    let digest = plan["digest"].as_str().unwrap();
    let started = meridian(&server, &with(&["set", "start", "autumn", "--digest", digest], &MEMBERS)).await;
    assert_eq!((started.exit, started.stdout.as_str()), (0, "sets/autumn started\n"), "{started:?}");
    let words = &server.seen().into_iter().rev().find(|seen| seen.call == "CreateSet").unwrap().words;
    assert_eq!(words[0], "services/pay/releases/2.1.0 playbooks/careful ");
    assert_eq!(words[1], "services/checkout/releases/1.4.0 playbooks/bold/revisions/3 services/pay");
    assert_eq!(words[2..], [digest, "ann"]);
    let shown = meridian(&server, &["set", "status", "autumn"]).await;
    assert!(shown.stdout.contains("autumn-checkout") && shown.stdout.contains("pay"), "{shown:?}");
    let back = meridian(&server, &["set", "rollback", "sets/autumn", "--reason", "carts are lost"]).await;
    assert_eq!(back.exit, 0, "{back:?}");
    let words = &server.seen().into_iter().rev().find(|seen| seen.call == "RollbackSet").unwrap().words;
    assert_eq!(words[..], ["sets/autumn", "ann", "carts are lost"]);
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_before_anybody_is_asked() {
    let server = FakeServer::start().await;
    let table: [(&[&str], &str); 7] = [
        (&["set", "plan", "x", "pay", "web@1.0.0", "--playbook", "p"], "write SERVICE@VERSION"),
        (&["set", "plan", "x", "pay@1", "web@1.0.0", "--playbook", "p"], "1"),
        (&["set", "plan", "x", "pay@1.0.0", "web@1.0.0"], "add =PLAYBOOK, or give --playbook for all"),
        (&["set", "plan", "x", "pay@1.0.0", "web@1.0.0", "--playbook", "p", "--after", "web"], "write SERVICE=OTHER"),
        (
            &["set", "plan", "x", "pay@1.0.0", "web@1.0.0", "--playbook", "p", "--after", "mail=pay"],
            "mail is no member",
        ),
        (&["set", "plan", "X", "pay@1.0.0", "web@1.0.0", "--playbook", "p"], "is no name of a set"),
        (&["set", "start", "x", "pay@1.0.0", "web@1.0.0", "--playbook", "p", "--digest", "abc"], "--digest: sha256:"),
    ];
    for (arguments, words) in table {
        let ran = meridian(&server, arguments).await;
        assert_eq!(ran.exit, 2, "{arguments:?} {ran:?}");
        assert!(ran.stderr.contains(words), "{arguments:?} {ran:?}");
    }
    assert!(server.seen().is_empty(), "nobody was asked");
    let unknown = meridian(&server, &["set", "status", "winter"]).await;
    assert_eq!(unknown.exit, 3, "{unknown:?}");
}

#[tokio::test]
async fn waiting_for_a_set_ends_as_its_members_do() {
    let server = FakeServer::start().await;
    let members = ["checkout@1.4.0", "pay@2.1.0", "--playbook", "careful"];
    meridian(&server, &with(&["set", "start", "autumn"], &members)).await;
    for (state, exit) in [(RolloutState::Switched, 0), (RolloutState::RolledBack, 10)] {
        for service in ["checkout", "pay"] {
            let mut view = sample::rollout();
            view.name.service = meridian_core::id::ServiceId::new(service).unwrap();
            view.name.rollout = meridian_core::id::RolloutId::new(format!("autumn-{service}")).unwrap();
            view.state = state;
            server.put_rollout(&view);
        }
        let ran = meridian(&server, &["set", "status", "autumn", "--wait"]).await;
        assert_eq!(ran.exit, exit, "{ran:?}");
        assert!(ran.stdout.contains(state.as_str()), "{ran:?}");
    }
}
