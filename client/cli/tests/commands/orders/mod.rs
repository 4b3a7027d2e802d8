//! Orders: what reaches the server, what is asked before, and what is said when it is not known whether they were done.

pub(crate) mod queue;

use meridian_client::fake::{FakeServer, sample};
use meridian_client::{ApprovalView, EntryView, RefusalKind, RolloutState, RolloutView, SignOffView};
use meridian_core::digest::Digest;
use meridian_core::id::{ItemId, ServiceId, SetId};
use meridian_core::plan::{Debt, Hotfix, Supersede};
use meridian_core::playbook::ItemKind;
use meridian_core::release::{Notes, Release, Reversibility};
use meridian_core::time::Span;
use meridian_core::weight::Weight;

use crate::look::plan;
use crate::run::{Reader, meridian, with};

#[tokio::test]
async fn rollback_is_one_command_that_never_asks() {
    let server = FakeServer::start().await;
    server.put_rollout(&sample::rollout());
    let ran = with(&server.address(), &["rollout", "rollback", "checkout"], "", Reader::Person).await;
    assert_eq!(ran.exit, 0, "{ran:?}");
    let last = |server: &FakeServer| server.seen().last().unwrap().words.clone();
    assert_eq!(last(&server), ["services/checkout/rollouts/r-1", "ann", "operator", "fleet"]);
    meridian(&server, &["rollout", "rollback", "checkout/r-1", "--wave", "--reason", "errors"]).await;
    assert_eq!(last(&server)[2..], ["errors", "wave"]);
    meridian(&server, &["rollout", "rollback", "checkout/r-1", "--region", "us-east"]).await;
    assert_eq!(last(&server)[3], "us-east");
    let both = meridian(&server, &["rollout", "rollback", "checkout/r-1", "--region", "us-east", "--wave"]).await;
    assert_eq!(both.exit, 2);
}

#[tokio::test]
async fn pause_resume_and_refusals() {
    let server = FakeServer::start().await;
    server.put_rollout(&sample::rollout());
    for (verb, call) in [("pause", "PauseRollout"), ("resume", "ResumeRollout")] {
        assert_eq!(meridian(&server, &["rollout", verb, "checkout/r-1"]).await.exit, 0);
        assert_eq!(server.seen().last().unwrap().call, call);
    }
    server.refuse_next([(RefusalKind::Precondition, "TRANSITION_NOT_ALLOWED")]);
    assert_eq!(meridian(&server, &["rollout", "resume", "checkout/r-1"]).await.exit, 5);
}

#[tokio::test]
async fn consent_goes_with_the_plan_that_was_looked_at() {
    let server = FakeServer::start().await;
    let mut rollout = sample::rollout();
    rollout.waits = vec![sample::reason("APPROVALS", "wave early: 1 of 2 approvals of role sre", None, None)];
    rollout.approvals = vec![ApprovalView {
        wave: "early".to_owned(),
        role: "sre".to_owned(),
        actor: "bob".to_owned(),
        identity: "unverified",
        at: rollout.created,
        until: rollout.created,
        used: false,
    }];
    server.put_rollout(&rollout);
    let last = |server: &FakeServer| server.seen().last().unwrap().clone();
    let ran = meridian(&server, &["rollout", "approve", "checkout", "--role", "sre"]).await;
    assert_eq!(ran.exit, 0, "{ran:?}");
    let plan = format!("plans/{}", rollout.plan.hex());
    let name = "services/checkout/rollouts/r-1";
    assert_eq!(last(&server).words, [name, "ann", "operator", "sre", "", &plan]);
    let revoke = ["rollout", "revoke", "checkout/r-1", "--role", "sre", "--wave", "early", "--reason", "too soon"];
    assert_eq!(meridian(&server, &revoke).await.exit, 0);
    assert_eq!(
        (last(&server).call, &last(&server).words[2..]),
        ("RevokeApproval", &["too soon", "sre", "early"].map(str::to_owned)[..])
    );
    assert_eq!(meridian(&server, &["rollout", "approve", "checkout/r-1"]).await.exit, 2, "in which role?");
    let said = meridian(&server, &["explain", "checkout/r-1"]).await.stdout;
    assert!(said.contains("people of that role") && said.contains("unverified") && said.contains("run out"), "{said}");
    let json = meridian(&server, &["rollout", "status", "checkout/r-1", "-o", "json"]).await.stdout;
    assert!(json.contains("\"approvals\"") && json.contains("\"unverified\""), "{json}");
}

#[tokio::test]
async fn items_are_signed_off_with_their_evidence() {
    let server = FakeServer::start().await;
    let mut rollout = sample::rollout();
    let signed = SignOffView {
        actor: "bob".to_owned(),
        identity: "unverified",
        uri: "https://reports.example/1".to_owned(),
        evidence: Digest::of(b"report"),
        at: rollout.created,
        until: rollout.created,
        used: true,
    };
    let entry = |name: &str, kind, owner: &str, signed| EntryView {
        name: name.to_owned(),
        kind,
        owner: owner.to_owned(),
        signed,
    };
    rollout.checklist = vec![entry("uat", "uat", "bob", Some(signed)), entry("legal", "custom", "carl", None)];
    server.put_rollout(&rollout);
    let listed = meridian(&server, &["checklist", "list", "checkout"]).await.stdout;
    assert!(listed.contains("nobody") && listed.contains("used") && listed.contains("unverified"), "{listed}");
    let digest = Digest::of(b"report").to_string();
    let uri = "https://reports.example/2";
    let sign = ["checklist", "sign", "checkout", "--item", "legal", "--evidence", uri, "--digest", &digest];
    let ran = meridian(&server, &sign).await;
    assert_eq!(ran.exit, 0, "{ran:?}");
    let last = |server: &FakeServer| server.seen().last().unwrap().clone();
    let name = "services/checkout/rollouts/r-1";
    assert_eq!(last(&server).words, [name, "ann", "operator", "legal", uri, &digest]);
    assert_eq!(meridian(&server, &sign[..7]).await.exit, 2, "of what?");
    let revoke = ["checklist", "revoke", "checkout/r-1", "--item", "uat", "--reason", "too soon"];
    assert_eq!(meridian(&server, &revoke).await.exit, 0);
    assert_eq!(last(&server).words, [name, "ann", "too soon", "uat"]);
    let json = meridian(&server, &["rollout", "status", "checkout/r-1", "-o", "json"]).await.stdout;
    assert!(json.contains("\"checklist\"") && json.contains("\"owner\": \"carl\""), "{json}");
    let said = meridian(&server, &["explain", "checkout/r-1"]).await.stdout;
    assert!(said.contains("legal") && said.contains("carl"), "{said}");
}

#[tokio::test]
async fn the_line_is_stopped_and_goes_on() {
    let server = FakeServer::start().await;
    server.put_rollout(&sample::rollout());
    let raise = ["stop-the-line", "raise", "--region", "eu", "--reason", "phones ring"];
    let ran = meridian(&server, &raise).await;
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert!(ran.stdout.contains("regions/eu") && ran.stdout.contains("phones ring"), "{ran:?}");
    let last = |server: &FakeServer| server.seen().last().unwrap().words.clone();
    assert_eq!(last(&server), ["regions/eu", "ann", "phones ring"]);
    let exempt = ["stop-the-line", "exempt", "checkout", "--region", "eu", "--reason", "it mends it"];
    assert_eq!(meridian(&server, &exempt).await.exit, 0);
    assert_eq!(last(&server), ["regions/eu", "r-1", "ann", "it mends it"]);
    let listed = meridian(&server, &["stop-the-line", "list", "-o", "json"]).await.stdout;
    assert!(listed.contains("\"scope\": \"regions/eu\""), "{listed}");
    for (flags, scope) in [
        (vec!["--organisation"], "organisation"),
        (vec!["--service", "checkout"], "services/checkout"),
        (vec!["--rollout", "r-1"], "rollouts/r-1"),
    ] {
        let lift = [&["stop-the-line", "lift", "--reason", "mended"], &flags[..]].concat();
        assert_eq!(meridian(&server, &lift).await.exit, 0);
        assert_eq!(last(&server)[0], scope);
    }
    assert_eq!(meridian(&server, &["stop-the-line", "raise", "--reason", "where?"]).await.exit, 2);
    assert_eq!(meridian(&server, &["stop-the-line", "raise", "--organisation"]).await.exit, 2, "why?");
}

#[tokio::test]
async fn vetoes_are_given_and_lifted_with_a_reason() {
    let server = FakeServer::start().await;
    let release = Release {
        service: ServiceId::new("checkout").unwrap(),
        version: "1.8.2".parse().unwrap(),
        digest: Digest::of(b"1.8.2"),
        notes: Notes::default(),
        reversibility: Reversibility::Free,
        prepares: None,
    };
    server.put_release(&release);
    let veto = ["release", "veto", "checkout", "1.8.2", "--reason", "it eats orders"];
    let ran = meridian(&server, &veto).await;
    assert_eq!(ran.stdout, "release/checkout/1.8.2 vetoed: no agent may start it\n", "{ran:?}");
    let last = |server: &FakeServer| server.seen().last().unwrap().words.clone();
    assert_eq!(last(&server), ["services/checkout/releases/1.8.2", "ann", "it eats orders"]);
    let listed = meridian(&server, &["get", "releases", "--service", "checkout"]).await;
    assert!(listed.stdout.contains("vetoed"), "{listed:?}");
    let described = meridian(&server, &["describe", "release/checkout/1.8.2"]).await;
    assert!(described.stdout.contains("ann: it eats orders"), "{described:?}");
    let lifted =
        meridian(&server, &["release", "unveto", "checkout", "1.8.2", "--reason", "fixed the load test"]).await;
    assert_eq!(lifted.stdout, "release/checkout/1.8.2 no longer vetoed\n");
    assert!(!meridian(&server, &["get", "releases", "--service", "checkout"]).await.stdout.contains("vetoed"));
    for silent in [&veto[..4], &["service", "release-hold", "checkout"]] {
        assert_eq!(meridian(&server, silent).await.exit, 2, "a reason is needed");
    }
    server.refuse_next([(RefusalKind::Precondition, "NOT_HELD")]);
    let nothing = ["service", "release-hold", "checkout", "--reason", "we looked"];
    assert_eq!(meridian(&server, &nothing).await.exit, 5);
    assert_eq!(last(&server), ["services/checkout", "ann", "we looked"]);
}

#[tokio::test]
async fn what_cannot_be_undone_is_asked_for() {
    let server = FakeServer::start().await;
    server.put_rollout(&sample::rollout());
    let abandon = ["rollout", "abandon", "checkout/r-1"];
    let alone = meridian(&server, &abandon).await;
    assert_eq!(alone.exit, 2);
    assert!(alone.stderr.contains("--yes"), "{alone:?}");
    assert_eq!(with(&server.address(), &abandon, "no\n", Reader::Person).await.exit, 2);
    assert!(server.seen().is_empty(), "nothing was sent");
    assert_eq!(with(&server.address(), &abandon, "yes\n", Reader::Person).await.exit, 0);
    assert_eq!(meridian(&server, &["rollout", "abandon", "checkout/r-1", "--yes"]).await.exit, 0);
    assert_eq!(meridian(&server, &["delete", "service/a"]).await.exit, 2);
    assert_eq!(meridian(&server, &["delete", "service/a", "--yes"]).await.exit, 3);
    assert_eq!(meridian(&server, &["delete", "rollout/checkout/r-1", "--yes"]).await.exit, 2);
}

#[tokio::test]
async fn a_rollout_starts_from_a_reviewed_plan_or_from_one_made_now() {
    let server = FakeServer::start().await;
    let view = plan();
    server.put_plan(&view);
    server.put_rollout(&sample::rollout());
    let hash = view.hash.hex();
    let reviewed = meridian(&server, &["rollout", "start", "checkout", "--plan", &hash, "--id", "r-1"]).await;
    assert_eq!(reviewed.stdout, "services/checkout/rollouts/r-1 started\n", "{reviewed:?}");
    let words = server.seen().last().unwrap().words.clone();
    assert_eq!(words, ["services/checkout".to_owned(), format!("plans/{hash}"), "r-1".to_owned(), "ann".to_owned()]);
    let now = ["rollout", "start", "checkout", "--release", "1.8.2", "--playbook", "waves", "--id", "r-1"];
    let made = meridian(&server, &now).await;
    assert_eq!(made.exit, 0, "{made:?}");
    assert!(made.stderr.contains("us-east has no way back"));
    assert_eq!(server.seen().last().unwrap().words[1], format!("plans/{hash}"));
    for wrong in [&["--release", "1.8.2"][..], &[], &["--plan", "abc"], &["--plan", &hash, "--playbook", "p"]] {
        let ran = meridian(&server, &[&["rollout", "start", "checkout"][..], wrong].concat()).await;
        assert_eq!(ran.exit, 2, "{wrong:?}");
    }
}

#[tokio::test]
async fn a_hotfix_goes_with_the_newest_rollout_and_its_reason() {
    let server = FakeServer::start().await;
    let mut view = plan();
    server.put_plan(&view);
    server.put_rollout(&sample::rollout());
    let planned = ["plan", "checkout", "1.8.2", "--playbook", "waves"];
    let over = |words: &'static [&'static str]| [&planned[..], words].concat();
    let asked = |server: &FakeServer| server.seen().last().unwrap().words[2..].to_vec();
    let hotfix = over(&["--hotfix", "--reason", "bookings are lost"]);
    assert_eq!(meridian(&server, &hotfix).await.exit, 0);
    assert_eq!(asked(&server), ["services/checkout/rollouts/r-1", "bookings are lost"]);
    assert_eq!(meridian(&server, &over(&["--supersede"])).await.exit, 0);
    assert_eq!(asked(&server), ["services/checkout/rollouts/r-1", ""]);
    assert_eq!(meridian(&server, &over(&["--supersede=checkout/r-9"])).await.exit, 0);
    assert_eq!(asked(&server), ["services/checkout/rollouts/r-9", ""]);
    let hash = view.hash.hex();
    let reviewed = ["rollout", "start", "checkout", "--plan", &hash, "--supersede"];
    let blank = over(&["--hotfix", "--reason", " "]);
    for wrong in [&over(&["--hotfix"])[..], &over(&["--reason", "why"]), &blank, &reviewed] {
        assert_eq!(meridian(&server, wrong).await.exit, 2, "{wrong:?}");
    }
    let debt = Debt { item: ItemId::new("uat").unwrap(), kind: ItemKind::Uat, owner: "bob".to_owned() };
    let (bake, earned) = (Weight::from_basis_points(2_500).unwrap(), Span::from_secs(90));
    let hotfix = Hotfix { reason: "bookings are lost".to_owned(), bake, earned, debts: vec![debt] };
    let (rollout, release) = (sample::name("r-0").rollout, sample::rollout().release);
    let supersede = Supersede { rollout, release, hotfix: Some(hotfix) };
    view.plan.supersedes = Some(supersede.clone());
    view.hash = view.plan.hash();
    server.put_plan(&view);
    let mut rollout = sample::rollout();
    (rollout.supersedes, rollout.superseded_by) = (Some(supersede), Some(sample::name("r-2").rollout));
    server.put_rollout(&rollout);
    let told = "the lanes of r-0 (1.8.2), as its hotfix: bookings are lost; bakes are 25%; 1m30s earned in the pilot; \
                owes uat (bob)";
    let hash = view.hash.hex();
    for look in [&["describe", "plan", &hash][..], &["explain", "checkout"], &["rollout", "status", "checkout"]] {
        let said = meridian(&server, look).await.stdout;
        assert!(said.contains(told), "{look:?}: {said}");
    }
    let json = meridian(&server, &["rollout", "status", "checkout", "-o", "json"]).await.stdout;
    assert!(json.contains("\"supersededBy\": \"r-2\"") && json.contains("\"earned\": \"1m30s\""), "{json}");
}

#[tokio::test]
async fn lists_and_views_name_the_set_and_who_took_over() {
    let server = FakeServer::start().await;
    let mut rollout = sample::rollout();
    rollout.set = Some(SetId::new("autumn").unwrap());
    (rollout.state, rollout.superseded_by) = (RolloutState::Superseded, Some(sample::name("r-2").rollout));
    server.put_rollout(&rollout);
    let list = meridian(&server, &["rollout", "list"]).await.stdout;
    assert!(list.contains("superseded by r-2") && list.contains("autumn"), "{list}");
    for look in [&["rollout", "status", "checkout"][..], &["describe", "rollout", "checkout"], &["explain", "checkout"]]
    {
        let said = meridian(&server, look).await.stdout;
        assert!(said.contains("meridian set status autumn"), "{look:?}: {said}");
        assert!(said.contains("meridian rollout watch checkout/r-2"), "{look:?}: {said}");
    }
    let json = meridian(&server, &["get", "rollout", "checkout", "-o", "json"]).await.stdout;
    assert!(json.contains("\"set\": \"sets/autumn\""), "{json}");
    server.put_rollout(&RolloutView { set: None, ..sample::rollout() });
    let json = meridian(&server, &["get", "rollout", "checkout", "-o", "json"]).await.stdout;
    assert!(!json.contains("\"set\""), "it is launched alone: {json}");
}

#[tokio::test]
async fn an_order_whose_answer_is_lost_can_be_sent_again_with_its_id() {
    let server = FakeServer::start().await;
    server.put_rollout(&sample::rollout());
    server.hang_next();
    let pause = ["rollout", "pause", "checkout/r-1", "--timeout", "200ms"];
    let ran = meridian(&server, &pause).await;
    assert_eq!(ran.exit, 7);
    let id = ran.stderr.split("--request-id ").nth(1).unwrap().trim().to_owned();
    let again = meridian(&server, &["rollout", "pause", "checkout/r-1", "--request-id", &id]).await;
    assert_eq!(again.exit, 0, "{again:?}");
    let seen = server.seen();
    assert_eq!((&seen[0].request_id, &seen[1].request_id), (&id, &id));
    let wrong = meridian(&server, &["rollout", "pause", "checkout/r-1", "--request-id", "x"]).await;
    assert_eq!(wrong.exit, 2);
}
