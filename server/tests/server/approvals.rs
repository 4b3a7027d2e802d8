//! Consent and sign-offs over the wire: who counts, what is told of it, and that it survives in the record.

use meridian_core::id::{ItemId, RoleId};
use meridian_core::playbook::{ApprovalRule, ChecklistItem, ItemKind};
use meridian_core::time::Span;
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::rollout::State;
use tonic::Code;

use crate::support::agent::Obedient;
use crate::support::fixture::{SERVICE, playbook};
use crate::support::{Server, until, uuid, why};

/// A rollout by ann over one region whose only wave asks for two people of the role `sre`.
async fn asking(server: &Server) -> (Obedient, v1::Rollout) {
    server.put_service(SERVICE).await;
    let mut asks = playbook(Span::ZERO);
    let rule = ApprovalRule { role: RoleId::new("sre").unwrap(), count: 2, valid_for: Span::from_secs(3600) };
    asks.stages[0].waves[0].approvals = vec![rule];
    server.put_playbook(&asks).await;
    server.add_release("1.0.0").await;
    let agent = Obedient::start(server.channel.clone(), "eu").await;
    let plan = server.plan("1.0.0").await;
    assert_eq!((plan.waves[0].approvals[0].role.as_str(), plan.waves[0].approvals[0].count), ("sre", 2));
    let rollout = server.start_rollout(&plan.name).await;
    let waiting = until("it waits for consent", || async {
        let rollout = server.rollout(&rollout.name).await;
        rollout.waits.iter().any(|wait| wait.code == "APPROVALS").then_some(rollout)
    });
    (agent, waiting.await)
}

fn approval(name: &str, actor: &str) -> v1::ApproveRolloutRequest {
    let (name, actor, role) = (name.to_owned(), actor.to_owned(), "sre".to_owned());
    v1::ApproveRolloutRequest { name, actor, role, ..Default::default() }
}

#[tokio::test]
async fn a_wave_waits_for_two_people_and_says_for_whom() {
    let server = Server::plain().await;
    let (_agent, rollout) = asking(&server).await;
    let wait = rollout.waits.iter().find(|wait| wait.code == "APPROVALS").unwrap();
    assert!(wait.message.contains("0 of 2 approvals of role sre"), "{wait:?}");
    let approve = async |request| server.rollouts().approve_rollout(request).await;
    let own = approve(approval(&rollout.name, "ann")).await.unwrap_err();
    assert_eq!(why(&own), (Code::FailedPrecondition, "OWN_REQUEST".to_owned()));
    let nobody = approve(approval(&rollout.name, "")).await.unwrap_err();
    assert_eq!(why(&nobody), (Code::FailedPrecondition, "APPROVER_UNNAMED".to_owned()));
    let other =
        v1::ApproveRolloutRequest { plan: format!("plans/{}", "0".repeat(64)), ..approval(&rollout.name, "bob") };
    assert_eq!(why(&approve(other).await.unwrap_err()).1, "OTHER_PLAN");
    let unasked = v1::ApproveRolloutRequest { role: "boss".to_owned(), ..approval(&rollout.name, "bob") };
    assert_eq!(why(&approve(unasked).await.unwrap_err()).1, "APPROVAL_NOT_ASKED");
    let roleless = v1::ApproveRolloutRequest { role: String::new(), ..approval(&rollout.name, "bob") };
    assert_eq!(why(&approve(roleless).await.unwrap_err()), (Code::InvalidArgument, "MISSING".to_owned()));
    // Sent twice, it is one; and it is told with what it was for.
    let plan = rollout.plan.clone();
    let bob = v1::ApproveRolloutRequest { request_id: uuid(), plan, ..approval(&rollout.name, "bob") };
    approve(bob.clone()).await.unwrap();
    let told = approve(bob).await.unwrap().into_inner().rollout.unwrap();
    let [given] = told.approvals.as_slice() else { panic!("{:?}", told.approvals) };
    assert_eq!((given.wave.as_str(), given.actor.as_str(), &given.plan), ("all", "bob", &rollout.plan));
    assert_eq!((given.identity, given.used), (v1::approval::Identity::Unverified.into(), false));
    assert_eq!(given.digest, rollout.release.as_ref().unwrap().digest);
    approve(approval(&rollout.name, "carl")).await.unwrap();
    let stable = until("it goes on", || async {
        let rollout = server.rollout(&rollout.name).await;
        (rollout.state == i32::from(State::Switched)).then_some(rollout)
    });
    assert!(stable.await.approvals.iter().all(|approval| approval.used));
    let request = v1::ListDecisionsRequest { parent: rollout.name.clone(), ..Default::default() };
    let decisions = server.rollouts().list_decisions(request).await.unwrap().into_inner().decisions;
    let given: Vec<_> = decisions.iter().filter(|decision| decision.kind == "approve").collect();
    assert_eq!(given.len(), 2);
    assert!(given[0].actor == "bob" && given[0].message.starts_with("as sre (unverified)"), "{given:?}");
}

#[tokio::test]
async fn consent_is_taken_back_and_a_rollback_waits_for_none() {
    let server = Server::plain().await;
    let (_agent, rollout) = asking(&server).await;
    server.rollouts().approve_rollout(approval(&rollout.name, "bob")).await.unwrap();
    let revoke = |actor: &str| v1::RevokeApprovalRequest {
        name: rollout.name.clone(),
        actor: actor.to_owned(),
        role: "sre".to_owned(),
        ..Default::default()
    };
    let none = server.rollouts().revoke_approval(revoke("carl")).await.unwrap_err();
    assert_eq!(why(&none).1, "NO_APPROVAL");
    let told = server.rollouts().revoke_approval(revoke("bob")).await.unwrap().into_inner().rollout.unwrap();
    assert!(told.approvals.is_empty());
    let back = v1::RollbackRolloutRequest { name: rollout.name.clone(), actor: "ann".to_owned(), ..Default::default() };
    server.rollouts().rollback_rollout(back).await.unwrap();
    until("it has ended", || async {
        (server.rollout(&rollout.name).await.state == i32::from(State::Aborted)).then_some(())
    })
    .await;
    let late = server.rollouts().approve_rollout(approval(&rollout.name, "bob")).await.unwrap_err();
    assert_eq!(why(&late).1, "ROLLOUT_ENDED");
}

#[tokio::test]
async fn a_launch_waits_for_its_checklist_and_says_whose_it_is() {
    let server = Server::plain().await;
    server.put_service(SERVICE).await;
    let item = |kind: ItemKind, owner: &str| ChecklistItem {
        id: ItemId::new(kind.as_str()).unwrap(),
        kind,
        owner: owner.to_owned(),
        valid_for: ChecklistItem::VALID_FOR,
    };
    let mut listed = playbook(Span::ZERO);
    listed.checklist = vec![item(ItemKind::Uat, "bob"), item(ItemKind::SecurityAudit, "carl")];
    server.put_playbook(&listed).await;
    server.add_release("1.0.0").await;
    let _agent = Obedient::start(server.channel.clone(), "eu").await;
    let plan = server.plan("1.0.0").await;
    assert_eq!(plan.checklist.len(), 2);
    let rollout = server.start_rollout(&plan.name).await;
    let waits = async |what: &str| {
        until(what, || async {
            let rollout = server.rollout(&rollout.name).await;
            rollout.waits.iter().find(|wait| wait.code == "CHECKLIST").map(|wait| wait.message.clone())
        })
        .await
    };
    let told = waits("it waits for the checklist").await;
    assert!(told.ends_with("uat (bob), security-audit (carl)"), "{told}");
    let sign = |actor: &str, item: &str| v1::SignItemRequest {
        name: rollout.name.clone(),
        actor: actor.to_owned(),
        item: item.to_owned(),
        evidence_uri: "https://reports.example/7".to_owned(),
        evidence_digest: format!("sha256:{}", "7".repeat(64)),
        ..Default::default()
    };
    let signed = async |request| server.rollouts().sign_item(request).await;
    assert_eq!(why(&signed(sign("carl", "uat")).await.unwrap_err()).1, "NOT_OWNER");
    assert_eq!(why(&signed(sign("bob", "load")).await.unwrap_err()).1, "UNKNOWN_ITEM");
    let bare = v1::SignItemRequest { evidence_uri: String::new(), ..sign("bob", "uat") };
    assert_eq!(why(&signed(bare).await.unwrap_err()), (Code::InvalidArgument, "MISSING".to_owned()));
    for uri in
        ["javascript://%0aalert(1)", "javascript:alert(1)", "data:text/html,x", "report.pdf", "https://", "https://a b"]
    {
        let bad = v1::SignItemRequest { evidence_uri: uri.to_owned(), ..sign("bob", "uat") };
        assert_eq!(why(&signed(bad).await.unwrap_err()), (Code::InvalidArgument, "NO_ADDRESS".to_owned()), "{uri}");
    }
    let vague = v1::SignItemRequest { evidence_digest: String::new(), ..sign("bob", "uat") };
    assert_eq!(why(&signed(vague).await.unwrap_err()).0, Code::InvalidArgument);
    let told = signed(sign("bob", "uat")).await.unwrap().into_inner().rollout.unwrap();
    let given = told.checklist[0].sign_off.as_ref().unwrap();
    assert_eq!((given.actor.as_str(), given.evidence_uri.as_str()), ("bob", "https://reports.example/7"));
    assert_eq!(given.identity, i32::from(v1::approval::Identity::Unverified));
    assert_eq!(given.digest, rollout.release.as_ref().unwrap().digest);
    let revoke = v1::RevokeSignOffRequest {
        name: rollout.name.clone(),
        actor: "dora".to_owned(),
        reason: "found something".to_owned(),
        item: "uat".to_owned(),
        ..Default::default()
    };
    let told = server.rollouts().revoke_sign_off(revoke).await.unwrap().into_inner().rollout.unwrap();
    assert!(told.checklist.iter().all(|entry| entry.sign_off.is_none()));
    signed(sign("bob", "uat")).await.unwrap();
    signed(sign("carl", "security-audit")).await.unwrap();
    let switched = until("it goes on", || async {
        let rollout = server.rollout(&rollout.name).await;
        (rollout.state == i32::from(State::Switched)).then_some(rollout)
    });
    assert!(switched.await.checklist.iter().all(|entry| entry.sign_off.as_ref().is_some_and(|sign| sign.used)));
}

#[tokio::test]
async fn the_line_is_stopped_over_the_wire_and_every_order_is_kept() {
    let server = Server::plain().await;
    let raise = |scope: &str, actor: &str, reason: &str| v1::RaiseStopRequest {
        scope: scope.to_owned(),
        actor: actor.to_owned(),
        reason: reason.to_owned(),
        request_id: uuid(),
    };
    let raised = async |request| server.stops().raise_stop(request).await;
    for (request, refusal) in [
        (raise("organisation", "", "phones ring"), (Code::FailedPrecondition, "STOPPER_UNNAMED")),
        (raise("organisation", "bob", ""), (Code::FailedPrecondition, "REASON_NEEDED")),
        (raise("", "bob", "phones ring"), (Code::InvalidArgument, "MISSING")),
        (raise("lanes/eu", "bob", "phones ring"), (Code::InvalidArgument, "UNKNOWN_WORD")),
    ] {
        let (code, reason) = refusal;
        assert_eq!(why(&raised(request.clone()).await.unwrap_err()), (code, reason.to_owned()), "{request:?}");
    }
    let stop = raise("regions/eu", "bob", "phones ring");
    raised(stop.clone()).await.unwrap();
    let told = raised(stop).await.unwrap().into_inner().stops;
    assert_eq!((told.len(), told[0].scope.as_str(), told[0].actor.as_str()), (1, "regions/eu", "bob"), "sent twice");
    assert_eq!(why(&raised(raise("regions/eu", "carl", "me too")).await.unwrap_err()).1, "ALREADY_STOPPED");
    server.put_service(SERVICE).await;
    server.put_playbook(&playbook(Span::ZERO)).await;
    server.add_release("1.0.0").await;
    let _agent = Obedient::start(server.channel.clone(), "eu").await;
    let rollout = server.start_rollout(&server.plan("1.0.0").await.name).await;
    let wait = until("it says that the line is stopped", || async {
        let waits = server.rollout(&rollout.name).await.waits;
        waits.into_iter().find(|wait| wait.code == "STOP_THE_LINE")
    });
    assert!(wait.await.message.ends_with("regions/eu is stopped by bob: phones ring"));
    let lift = v1::LiftStopRequest {
        scope: "regions/eu".to_owned(),
        actor: "carl".to_owned(),
        reason: "mended".to_owned(),
        request_id: uuid(),
    };
    assert!(server.stops().lift_stop(lift).await.unwrap().into_inner().stops.is_empty());
    until("it goes on", || async {
        (server.rollout(&rollout.name).await.state == i32::from(State::Switched)).then_some(())
    })
    .await;
    let listed = server.stops().list_stops(v1::ListStopsRequest {}).await.unwrap().into_inner();
    let kinds: Vec<_> = listed.log.iter().map(|entry| (entry.number, entry.kind.as_str())).collect();
    assert_eq!((kinds.as_slice(), listed.stops.len()), (&[(2, "lift"), (1, "raise")][..], 0));
    assert!(listed.log[1].previous_digest.is_empty() && !listed.log[0].previous_digest.is_empty());
}
