//! The rules of an agent's stream.

mod joining;
mod quarantine;

use meridian_core::digest::Digest;
use meridian_proto::r#gen::agent::v1 as wire;
use meridian_proto::r#gen::agent::v1::session_request::Message as Said;
use meridian_proto::r#gen::agent::v1::session_response::Message as Told;
use meridian_proto::r#gen::v1;
use tonic::Code;

use crate::support::agent::{Link, hello};
use crate::support::fixture::SERVICE;
use crate::support::{Server, until, why};

#[tokio::test]
async fn a_stream_is_answered_before_anything_is_said_and_cut_without_a_hello() {
    let server = Server::plain().await;
    // Were it answered only after something is said, the cut would be its first answer, and opening would fail.
    let mut silent = Link::open(server.channel.clone()).await.unwrap();
    assert_eq!(why(&silent.cut().await), (Code::InvalidArgument, "HELLO_EXPECTED".to_owned()));
}

#[tokio::test]
async fn a_hello_comes_first_and_once() {
    let server = Server::plain().await;
    let mut hasty = Link::open(server.channel.clone()).await.unwrap();
    hasty.say(Said::Report(wire::Report::default())).await;
    assert_eq!(why(&hasty.cut().await), (Code::InvalidArgument, "HELLO_EXPECTED".to_owned()));
    let (mut twice, _) = Link::introduced(server.channel.clone(), "eu").await;
    twice.say(Said::Report(wire::Report::default())).await;
    twice.say(Said::Hello(hello("eu"))).await;
    assert_eq!(why(&twice.cut().await), (Code::InvalidArgument, "HELLO_AGAIN".to_owned()));
    let mut mute = Link::open(server.channel.clone()).await.unwrap();
    mute.say.send(wire::SessionRequest { message: None }).await.unwrap();
    assert_eq!(why(&mute.cut().await), (Code::InvalidArgument, "HELLO_EXPECTED".to_owned()));
    let mut nameless = Link::open(server.channel.clone()).await.unwrap();
    nameless.say(Said::Hello(wire::Hello { region: "../x".to_owned(), ..hello("eu") })).await;
    assert_eq!(why(&nameless.cut().await), (Code::InvalidArgument, "BAD_NAME".to_owned()));
}

#[tokio::test]
async fn a_hello_registers_the_region_and_the_newest_session_counts() {
    let server = Server::plain().await;
    let (mut older, first) = Link::introduced(server.channel.clone(), "eu").await;
    let (newer, second) = Link::introduced(server.channel.clone(), "eu").await;
    assert!(second.session_number > first.session_number);
    assert_eq!(why(&older.cut().await), (Code::Aborted, "SESSION_SUPERSEDED".to_owned()));
    let contact = || async {
        let request = v1::GetRegionRequest { name: "regions/eu".to_owned() };
        server.regions().get_region(request).await.unwrap().into_inner().region.unwrap()
    };
    let region = contact().await;
    assert_eq!(region.contact, i32::from(v1::Contact::Live));
    assert_eq!(region.agent_version, "0.0.0-test");
    assert_eq!(region.capabilities, ["cohorts", "parameters", "weights"]);
    drop(newer);
    until("the loss is noticed", || async { (contact().await.contact == i32::from(v1::Contact::Lost)).then_some(()) })
        .await;
}

#[tokio::test]
async fn an_agent_that_flaps_costs_no_commit_for_each_time() {
    let server = Server::plain().await;
    let began = std::time::Instant::now();
    for _ in 0..300 {
        let mut link = Link::open(server.channel.clone()).await.unwrap();
        link.say(Said::Hello(hello("eu"))).await;
        // Who is let in at once is let in now; who is not goes away.
        let _welcome = tokio::time::timeout(std::time::Duration::from_millis(10), link.hear.message()).await;
    }
    let (_, welcome) = Link::introduced(server.channel.clone(), "eu").await;
    // Ten at once, and two a second; the slower this machine, the more may have come in.
    let turns = 10 + began.elapsed().as_millis() / 500 + 1;
    assert!(u128::from(welcome.session_number) <= turns, "{} sessions in {turns} turns", welcome.session_number);
    let (_, other) = Link::introduced(server.channel.clone(), "us").await;
    assert_eq!(other.session_number, 1);
}

#[tokio::test]
async fn goals_come_with_the_session_and_with_every_decision() {
    let server = Server::plain().await;
    server.stocked().await;
    let (mut link, _) = Link::introduced(server.channel.clone(), "eu").await;
    let plan = server.plan("1.0.0").await;
    let rollout = server.start_rollout(&plan.name).await;
    let goal = goal(&mut link).await;
    assert_eq!(goal.service, "checkout");
    assert!(rollout.name.ends_with(&goal.rollout));
    let (mut again, _) = Link::introduced(server.channel.clone(), "eu").await;
    let known = self::goal(&mut again).await;
    assert!(known.epoch.unwrap().counter >= goal.epoch.unwrap().counter, "an old goal was told");
}

async fn goal(link: &mut Link) -> wire::Goal {
    loop {
        if let Some(Told::Goals(goals)) = link.hear().await.unwrap() {
            return goals.goals.into_iter().next().unwrap();
        }
    }
}

#[tokio::test]
async fn what_can_not_be_read_or_believed_is_left_out_and_counted() {
    let server = Server::plain().await;
    server.stocked().await;
    let (mut link, _) = Link::introduced(server.channel.clone(), "eu").await;
    let plan = server.plan("1.0.0").await;
    server.start_rollout(&plan.name).await;
    let goal = goal(&mut link).await;
    let epoch = |counter| Some(v1::Epoch { generation: 0, counter });
    let garbled = wire::LaneReport { service: "Bad Name".to_owned(), accepted: epoch(1), ..Default::default() };
    let future = goal.epoch.unwrap().counter + 1_000_000;
    let lying = wire::LaneReport { service: "checkout".to_owned(), accepted: epoch(future), ..Default::default() };
    link.say(Said::Report(wire::Report { lanes: vec![garbled, lying] })).await;
    until("both are counted", || async {
        let text = crate::support::raw_http::get(server.running.http_addr, "/metrics").await.1;
        let counted = |name: &str| text.contains(&format!("meridian_server_agent_lanes_{name}_total 1"));
        (counted("invalid") && counted("lying")).then_some(())
    })
    .await;
    let seen = wire::SlotSeen { digest: Digest::of(b"x").to_string(), state: 99 };
    let odd =
        wire::LaneReport { service: "checkout".to_owned(), accepted: epoch(1), blue: Some(seen), ..Default::default() };
    link.say(Said::Report(wire::Report { lanes: vec![odd] })).await;
    until("the unknown state is counted", || async {
        let text = crate::support::raw_http::get(server.running.http_addr, "/metrics").await.1;
        text.contains("meridian_server_agent_lanes_invalid_total 2").then_some(())
    })
    .await;
    let list = v1::GetServiceRequest { name: SERVICE.to_owned() };
    server.services().get_service(list).await.unwrap();
}
