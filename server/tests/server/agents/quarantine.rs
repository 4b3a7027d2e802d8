//! Agents that are not believed: they get nothing that moves forward, what they say does not count, and that holds over
//! sessions and servers until somebody vouches for them.

use std::collections::BTreeMap;

use meridian_core::epoch::Epoch;
use meridian_core::goal::Goal;
use meridian_core::id::{RegionId, ServiceId};
use meridian_core::observation::Observed;
use meridian_proto::convert::{goal_from_wire, lane_to_wire, report_to_wire};
use meridian_proto::r#gen::agent::v1 as wire;
use meridian_proto::r#gen::agent::v1::session_request::Message as Said;
use meridian_proto::r#gen::agent::v1::session_response::Message as Told;
use meridian_proto::r#gen::v1;
use tonic::Code;

use crate::support::agent::{Link, done, hello};
use crate::support::fixture::SERVICE;
use crate::support::{Server, config, until, why};

fn service() -> ServiceId {
    ServiceId::new("checkout").unwrap()
}

fn remembering(seen: &Observed) -> wire::Hello {
    wire::Hello { lanes: vec![lane_to_wire(&service(), seen)], ..hello("eu") }
}

async fn goal(link: &mut Link) -> Goal {
    loop {
        if let Some(Told::Goals(goals)) = link.hear().await.unwrap()
            && let Some(goal) = goals.goals.into_iter().next()
        {
            return goal_from_wire(&RegionId::new("eu").unwrap(), goal).unwrap();
        }
    }
}

async fn report(link: &Link, seen: &Observed) {
    let lanes = BTreeMap::from([(service(), seen.clone())]);
    link.say(Said::Report(report_to_wire(&lanes))).await;
}

async fn region(server: &Server) -> v1::Region {
    let request = v1::GetRegionRequest { name: "regions/eu".to_owned() };
    server.regions().get_region(request).await.unwrap().into_inner().region.unwrap()
}

async fn confirm(server: &Server) -> Result<v1::Region, tonic::Status> {
    let request = v1::ConfirmRegionRequest {
        name: "regions/eu".to_owned(),
        actor: "ann".to_owned(),
        reason: "the disk was replaced".to_owned(),
        request_id: String::new(),
    };
    Ok(server.regions().confirm_region(request).await?.into_inner().region.unwrap())
}

fn is_quarantined(region: &v1::Region) -> bool {
    region.contact == i32::from(v1::Contact::Quarantined) && region.quarantine.is_some()
}

/// A rollout whose agent has obeyed until a step was confirmed; what it saw last.
async fn at_a_step(server: &Server) -> (Link, Observed, String) {
    server.stocked().await;
    let (mut link, _) = Link::introduced(server.channel.clone(), "eu").await;
    let plan = server.plan("1.0.0").await;
    let name = server.start_rollout(&plan.name).await.name;
    let mut seen = Observed::default();
    loop {
        let goal = goal(&mut link).await;
        seen = done(&goal, Some(&seen));
        report(&link, &seen).await;
        if goal.measurement.is_some() {
            break;
        }
    }
    until("the step is recorded", || async {
        let lanes = server.rollout(&name).await.lanes;
        (lanes.first()?.state == i32::from(v1::rollout_lane::State::Baking)).then_some(())
    })
    .await;
    (link, seen, name)
}

#[tokio::test]
async fn an_agent_that_forgot_what_it_accepted_is_not_believed_until_confirmed() {
    let server = Server::plain().await;
    let (link, seen, name) = at_a_step(&server).await;
    drop(link);
    // Its disk is empty; in the report it is as obedient as ever.
    let mut link = Link::open(server.channel.clone()).await.unwrap();
    link.say(Said::Hello(remembering(&Observed { done: None, accepted: Epoch::ZERO, ..seen.clone() }))).await;
    let Some(Told::Welcome(_)) = link.hear().await.unwrap() else { panic!("an agent in quarantine is heard") };
    let found = region(&server).await;
    assert!(is_quarantined(&found), "{found:?}");
    let lane = &found.quarantine.as_ref().unwrap().lanes[0];
    assert_eq!((lane.service.as_str(), lane.code.as_str()), (SERVICE, "EPOCH_FORGOTTEN"));
    let waits = |rollout: &v1::Rollout| rollout.waits.iter().map(|reason| reason.code.clone()).collect::<Vec<_>>();
    until("the rollout waits for a human", || async {
        let rollout = server.rollout(&name).await;
        waits(&rollout).contains(&"QUARANTINED".to_owned()).then_some(())
    })
    .await;
    // It gets the goal, and whatever it says of it counts again, once somebody has confirmed it.
    assert!(!is_quarantined(&confirm(&server).await.unwrap()));
    let told = goal(&mut link).await;
    assert_eq!(told.epoch, seen.accepted, "the goal of the step was kept back until now");
    report(&link, &done(&told, Some(&seen))).await;
    until("it counts", || async {
        let rollout = server.rollout(&name).await;
        (!waits(&rollout).contains(&"QUARANTINED".to_owned())).then_some(())
    })
    .await;
    assert_eq!(region(&server).await.contact, i32::from(v1::Contact::Live));
}

#[tokio::test]
async fn quarantine_holds_over_sessions_and_the_restart_of_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let store = || meridian_server::StoreChoice::Embedded(folder.path().to_owned());
    let server = Server::with(meridian_server::Config { store: store(), ..config() }).await;
    let (link, seen, _) = at_a_step(&server).await;
    drop(link);
    server.running.shutdown().await;

    // The first hello to a server that has never heard of the agent: the records know better.
    let server = Server::with(meridian_server::Config { store: store(), ..config() }).await;
    let older = Observed { accepted: Epoch::new(seen.accepted.generation(), 1), done: None, ..seen.clone() };
    for _ in 0..2 {
        let mut link = Link::open(server.channel.clone()).await.unwrap();
        link.say(Said::Hello(remembering(&older))).await;
        let Some(Told::Welcome(_)) = link.hear().await.unwrap() else { panic!("an agent in quarantine is heard") };
        assert!(is_quarantined(&region(&server).await));
    }
    // It remembers again, as if nothing had been: somebody has to look all the same.
    let mut link = Link::open(server.channel.clone()).await.unwrap();
    link.say(Said::Hello(remembering(&seen))).await;
    let Some(Told::Welcome(_)) = link.hear().await.unwrap() else { panic!("an agent in quarantine is heard") };
    assert!(is_quarantined(&region(&server).await));
    confirm(&server).await.unwrap();
    assert_eq!(goal(&mut link).await.epoch, seen.accepted);
}

#[tokio::test]
async fn nobody_can_vouch_for_an_epoch_that_was_never_issued() {
    let server = Server::plain().await;
    let (link, seen, _) = at_a_step(&server).await;
    let never = Epoch::new(seen.accepted.generation(), seen.accepted.counter() + 1000);
    report(&link, &Observed { accepted: never, ..seen }).await;
    until("it is in quarantine", || async { is_quarantined(&region(&server).await).then_some(()) }).await;
    let refused = confirm(&server).await.unwrap_err();
    assert_eq!(why(&refused), (Code::FailedPrecondition, "EPOCH_NEVER_ISSUED".to_owned()));
    assert!(is_quarantined(&region(&server).await));
}

/// An agent from before the flood, or from the day after tomorrow.
#[tokio::test]
async fn an_agent_of_another_age_is_sent_home_with_its_way_back_and_nothing_else() {
    let server = Server::plain().await;
    let (link, _, _) = at_a_step(&server).await;
    drop(link);
    let away = |version: &str| wire::Hello { agent_version: version.to_owned(), ..hello("eu") };
    let versions = ["0.9.0", "3.0.0", "nonsense", ""];
    for version in versions {
        let mut link = Link::open(server.channel.clone()).await.unwrap();
        link.say(Said::Hello(away(version))).await;
        let Some(Told::Welcome(_)) = link.hear().await.unwrap() else { panic!("{version}: no welcome") };
        let refused = link.hear().await.unwrap_err();
        assert_eq!(
            why(&refused),
            (Code::FailedPrecondition, "AGENT_VERSION".to_owned()),
            "{version}: no step was told"
        );
        assert!(refused.message().contains("0.0 to 0.5"), "{}", refused.message());
    }
    assert!(region(&server).await.quarantine.is_none(), "it is old, not a liar");

    // Where the lane rests it is told so: that is all a rollback ever asks for.
    let server = Server::plain().await;
    server.stocked().await;
    let plan = server.plan("1.0.0").await;
    server.start_rollout(&plan.name).await;
    let mut link = Link::open(server.channel.clone()).await.unwrap();
    link.say(Said::Hello(away("0.9.0"))).await;
    assert!(goal(&mut link).await.is_at_rest());
    assert_eq!(why(&link.cut().await), (Code::FailedPrecondition, "AGENT_VERSION".to_owned()));
}
