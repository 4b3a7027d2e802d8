//! Consent over the wire: who counts, what is told of it, and that it survives in the record.

use meridian_core::id::RoleId;
use meridian_core::playbook::ApprovalRule;
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
