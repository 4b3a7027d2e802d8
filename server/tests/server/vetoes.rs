//! Vetoes over the API: what was taken back is refused with its reason, and people lift what they may.

use meridian_core::agent::VetoList;
use meridian_core::digest::Digest;
use meridian_core::time::Span;
use meridian_proto::convert::vetoes_from_wire;
use meridian_proto::r#gen::agent::v1::session_response::Message as Told;
use meridian_proto::r#gen::v1;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::rollouts::{baking, switched};
use crate::support::agent::Link;
use crate::support::fixture::{self, SERVICE};
use crate::support::pair::Pair;
use crate::support::{Server, until};

const REASON: &str = "it was the load test";

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

fn name(version: &str) -> String {
    format!("{SERVICE}/releases/{version}")
}

async fn release(server: &Server, version: &str) -> v1::Release {
    let request = v1::GetReleaseRequest { name: name(version) };
    server.releases().get_release(request).await.unwrap().into_inner().release.unwrap()
}

async fn service(server: &Server) -> v1::Service {
    let request = v1::GetServiceRequest { name: SERVICE.to_owned() };
    server.services().get_service(request).await.unwrap().into_inner().service.unwrap()
}

fn unveto(version: &str) -> v1::UnvetoReleaseRequest {
    let (name, reason) = (name(version), REASON.to_owned());
    v1::UnvetoReleaseRequest { name, actor: "bob".to_owned(), reason, request_id: String::new() }
}

fn veto(version: &str) -> v1::VetoReleaseRequest {
    let (name, reason) = (name(version), "it eats orders".to_owned());
    v1::VetoReleaseRequest { name, actor: "bob".to_owned(), reason, request_id: String::new() }
}

fn release_hold(request_id: &str) -> v1::ReleaseHoldRequest {
    let (name, reason) = (SERVICE.to_owned(), REASON.to_owned());
    v1::ReleaseHoldRequest { name, actor: "bob".to_owned(), reason, request_id: request_id.to_owned() }
}

#[tokio::test]
async fn what_was_taken_back_stays_out_until_people_say_otherwise() {
    let server = Server::plain().await;
    let (_agents, _) = switched(&server, Span::ZERO).await;
    let rollout = baking(&server, "1.1.0").await;
    let back = v1::RollbackRolloutRequest { name: rollout.name.clone(), actor: "ann".to_owned(), ..Default::default() };
    server.rollouts().rollback_rollout(back).await.unwrap();
    // From the decision on, not from its end.
    let veto = release(&server, "1.1.0").await.veto.expect("the digest is vetoed");
    assert_eq!((veto.rollout.as_str(), veto.actor.as_str()), (rollout.name.as_str(), "ann"));
    assert_eq!(service(&server).await.hold.unwrap().rollout, rollout.name);
    until("the end", || async { (server.rollout(&rollout.name).await.actions.is_empty()).then_some(()) }).await;
    let again = server.plans().create_plan(fixture::plan("1.1.0")).await.unwrap_err();
    assert_eq!((again.code(), reason(&again).as_str()), (Code::FailedPrecondition, "DIGEST_VETOED"));
    assert!(again.message().contains("meridian release unveto checkout 1.1.0"), "{}", again.message());
    server.add_release("1.1.1").await;
    let hotfix = server.plan("1.1.1").await;
    let held = server.rollouts().create_rollout(fixture::rollout(&hotfix.name)).await.unwrap_err();
    assert_eq!((held.code(), reason(&held).as_str()), (Code::FailedPrecondition, "AUTOMATION_HELD"));
    assert!(held.message().contains("meridian service release-hold checkout"), "{}", held.message());
    let metadata = held.get_error_details().error_info().unwrap().metadata.clone();
    assert_eq!(metadata["rollout"], rollout.name);

    let id = "0197a1b2-0000-7000-8000-00000000000a";
    for _twice in 0..2 {
        server.services().release_hold(release_hold(id)).await.unwrap();
    }
    assert!(service(&server).await.hold.is_none());
    let nothing = server.services().release_hold(release_hold("")).await.unwrap_err();
    assert_eq!(reason(&nothing), "NOT_HELD");
    server.rollouts().create_rollout(fixture::rollout(&hotfix.name)).await.unwrap();
    server.releases().unveto_release(unveto("1.1.0")).await.unwrap();
    assert!(release(&server, "1.1.0").await.veto.is_none());
    chained(&server, &rollout.name).await;
}

/// What people did is in the chain, between the decisions of rollouts, and names the rollout that it is about.
async fn chained(server: &Server, rollout: &str) {
    let request = v1::ListDecisionsRequest { parent: SERVICE.to_owned(), page_size: 1000, ..Default::default() };
    let decisions = server.rollouts().list_decisions(request).await.unwrap().into_inner().decisions;
    assert!(decisions.windows(2).all(|pair| pair[1].previous_digest == pair[0].digest), "the chain is broken");
    let said: Vec<_> = decisions.iter().filter(|decision| decision.message == REASON).collect();
    assert_eq!(said.iter().map(|decision| decision.kind.as_str()).collect::<Vec<_>>(), ["release-hold", "unveto"]);
    assert!(said.iter().all(|decision| decision.actor == "bob" && decision.rollout == rollout));
}

#[tokio::test]
async fn people_veto_what_nobody_uses_and_give_a_reason() {
    let server = Server::plain().await;
    let (_agents, _) = switched(&server, Span::ZERO).await;
    server.add_release("2.0.0").await;
    let serves = server.releases().veto_release(veto("1.0.0")).await.unwrap_err();
    assert_eq!((serves.code(), reason(&serves).as_str()), (Code::FailedPrecondition, "DIGEST_IN_USE"));
    let unknown = server.releases().veto_release(veto("9.9.9")).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    for empty in ["", " \n"] {
        let silent = v1::VetoReleaseRequest { reason: empty.to_owned(), ..veto("2.0.0") };
        let silent = server.releases().veto_release(silent).await.unwrap_err();
        assert_eq!(silent.code(), Code::InvalidArgument, "{empty:?}");
    }
    let not_vetoed = server.releases().unveto_release(unveto("2.0.0")).await.unwrap_err();
    assert_eq!(reason(&not_vetoed), "NOT_VETOED");
    let vetoed = server.releases().veto_release(veto("2.0.0")).await.unwrap().into_inner().release.unwrap();
    let veto = vetoed.veto.unwrap();
    assert_eq!((veto.rollout.as_str(), veto.reason.as_str()), ("", "it eats orders"));
    let request = v1::ListReleasesRequest { parent: SERVICE.to_owned(), ..Default::default() };
    let listed = server.releases().list_releases(request).await.unwrap().into_inner().releases;
    let vetoed: Vec<_> = listed.iter().filter(|release| release.veto.is_some()).map(|it| it.version.as_str()).collect();
    assert_eq!(vetoed, ["2.0.0"]);
    assert!(service(&server).await.hold.is_none(), "one release is not all of them");
    let refused = server.plans().create_plan(fixture::plan("2.0.0")).await.unwrap_err();
    assert_eq!(reason(&refused), "DIGEST_VETOED");
}

/// The next list of vetoes that an agent is told.
async fn told(link: &mut Link) -> VetoList {
    loop {
        if let Told::Goals(goals) = link.hear().await.unwrap().expect("a word")
            && let Some(list) = goals.vetoes.into_iter().next()
        {
            let (service, list) = vetoes_from_wire(list).unwrap();
            assert_eq!(service.as_str(), "checkout");
            return list;
        }
    }
}

fn digests(list: &VetoList) -> Vec<Digest> {
    list.digests.iter().copied().collect()
}

#[tokio::test]
async fn agents_are_told_of_vetoes_when_they_come_and_when_another_server_changes_them() {
    let pair = Pair::start().await;
    let [one, two] = &pair.servers;
    one.put_service(SERVICE).await;
    one.add_release("2.0.0").await;
    one.releases().veto_release(veto("2.0.0")).await.unwrap();
    let (mut link, _) = Link::introduced(two.channel.clone(), "eu").await;
    let first = told(&mut link).await;
    assert_eq!(digests(&first), [Digest::of(b"2.0.0")]);
    one.releases().unveto_release(unveto("2.0.0")).await.unwrap();
    let second = told(&mut link).await;
    assert_eq!((digests(&second), second.at > first.at), (Vec::new(), true));
    two.releases().veto_release(veto("2.0.0")).await.unwrap();
    let third = told(&mut link).await;
    assert_eq!((digests(&third), third.at > second.at), (digests(&first), true));
    // Whoever comes back is told again, wherever it comes.
    let (mut again, _) = Link::introduced(one.channel.clone(), "eu").await;
    assert_eq!(digests(&told(&mut again).await), digests(&first));
}

#[tokio::test]
async fn a_rollback_tells_every_agent_of_the_service_what_it_took_back() {
    let server = Server::plain().await;
    let (_agents, _) = switched(&server, Span::ZERO).await;
    let rollout = baking(&server, "1.1.0").await;
    // Its region has no part in the rollout.
    let (mut link, _) = Link::introduced(server.channel.clone(), "ap").await;
    assert_eq!(digests(&told(&mut link).await), []);
    let back = v1::RollbackRolloutRequest { name: rollout.name, actor: "ann".to_owned(), ..Default::default() };
    server.rollouts().rollback_rollout(back).await.unwrap();
    assert_eq!(digests(&told(&mut link).await), [Digest::of(b"1.1.0")]);
}
