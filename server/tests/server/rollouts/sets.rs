//! Sets over the API: two services whose owners are two servers, which begin in their order, end together, and go back
//! together, whichever server is told.

use meridian_core::time::Span;
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::rollout::State;
use meridian_proto::r#gen::v1::set_service_client::SetServiceClient;
use tonic::Code;
use tonic::transport::Channel;

use crate::support::agent::Obedient;
use crate::support::fixture::{PLAYBOOK, playbook, release};
use crate::support::pair::Pair;
use crate::support::{Server, fields, until, why};

/// Two servers, a service that each of them owns, and agents of both in two regions.
struct Launch {
    pair: Pair,
    /// `checkout`, and one that the other server owns.
    services: [String; 2],
    _agents: Vec<Obedient>,
}

impl Launch {
    async fn of(bake: Span, retention: Span) -> Self {
        let pair = Pair::start().await;
        let mine = pair.owner("checkout").await;
        let mut other = String::new();
        for number in 0..40 {
            other = format!("pay-{number}");
            if pair.owner(&other).await != mine {
                break;
            }
        }
        let services = ["checkout".to_owned(), other];
        let [server, second] = &pair.servers;
        let mut plan = playbook(bake);
        plan.rollback.retention = retention;
        server.put_playbook(&plan).await;
        for service in &services {
            server.put_service(&format!("services/{service}")).await;
            Self::release(server, service, "1.0.0").await;
        }
        let names = services.clone();
        let agents = vec![
            Obedient::of(server.channel.clone(), "eu", &names).await,
            Obedient::of(second.channel.clone(), "us", &names).await,
        ];
        Self { pair, services, _agents: agents }
    }

    async fn release(server: &Server, service: &str, version: &str) {
        let parent = format!("services/{service}");
        server.releases().create_release(v1::CreateReleaseRequest { parent, ..release(version) }).await.unwrap();
    }

    /// The first comes after the second.
    fn wanted(&self, set: &str, version: &str) -> v1::CreateSetRequest {
        let [first, second] = &self.services;
        let member = |service: &str, after: &[&str]| v1::SetMemberWanted {
            release: format!("services/{service}/releases/{version}"),
            playbook: PLAYBOOK.to_owned(),
            after: after.iter().map(|service| format!("services/{service}")).collect(),
        };
        let members = vec![member(first, &[second]), member(second, &[])];
        v1::CreateSetRequest { set_id: set.to_owned(), members, actor: "ann".to_owned(), ..Default::default() }
    }

    fn sets(&self, server: usize) -> SetServiceClient<Channel> {
        SetServiceClient::new(self.pair.servers[server].channel.clone())
    }

    async fn start(&self, set: &str, version: &str) -> v1::LaunchSet {
        self.sets(0).create_set(self.wanted(set, version)).await.unwrap().into_inner().set.unwrap()
    }

    async fn states(&self, set: &str) -> Vec<State> {
        let request = v1::GetSetRequest { name: format!("sets/{set}") };
        let set = self.sets(1).get_set(request).await.unwrap().into_inner().set.unwrap();
        set.members.into_iter().map(|member| member.view.unwrap().state()).collect()
    }

    async fn until(&self, set: &str, what: &str, fits: impl Fn(&[State]) -> bool) {
        until(what, || async { fits(&self.states(set).await).then_some(()) }).await;
    }
}

#[tokio::test]
async fn members_begin_in_their_order_and_end_in_one_decision() {
    let launch = Launch::of(Span::ZERO, Span::ZERO).await;
    let check = v1::CreateSetRequest { validate_only: true, ..launch.wanted("autumn", "1.0.0") };
    let reviewed = launch.sets(1).create_set(check).await.unwrap().into_inner().set.unwrap();
    assert!(reviewed.create_time.is_none() && reviewed.members.iter().all(|member| member.view.is_none()));
    let other = v1::CreateSetRequest { digest: crate::support::digest("other"), ..launch.wanted("autumn", "1.0.0") };
    let stale = launch.sets(0).create_set(other).await.unwrap_err();
    assert_eq!(why(&stale), (Code::FailedPrecondition, "PLAN_STALE".to_owned()));

    let id = crate::support::uuid();
    let request =
        v1::CreateSetRequest { digest: reviewed.digest.clone(), request_id: id, ..launch.wanted("autumn", "1.0.0") };
    let set = launch.sets(0).create_set(request.clone()).await.unwrap().into_inner().set.unwrap();
    assert_eq!((set.digest, set.requester.as_str()), (reviewed.digest, "ann"));
    let views = set.members.iter().map(|member| member.view.as_ref().unwrap().set.as_str());
    assert!(views.eq(["sets/autumn"; 2]), "each names its set");
    let again = launch.sets(1).create_set(request).await.unwrap().into_inner().set.unwrap();
    assert_eq!(again.create_time, set.create_time, "the same request has the effect of once");
    launch.until("autumn", "both are stable", |states| states.iter().all(|state| *state == State::Stable)).await;

    // The first began when the second was everywhere, and both ended at one revision of the store.
    let [first, second] = &launch.services;
    let server = &launch.pair.servers[0];
    let mut ends = Vec::new();
    for service in [first, second] {
        let parent = format!("services/{service}/rollouts/autumn-{service}");
        let request = v1::ListDecisionsRequest { parent, page_size: 1000, ..Default::default() };
        let decisions = server.rollouts().list_decisions(request).await.unwrap().into_inner().decisions;
        let at = |kind: &str| {
            let found = decisions.iter().find(|decision| decision.kind == kind);
            found.unwrap_or_else(|| panic!("{service} has no {kind}")).time.unwrap()
        };
        ends.push((at("switched"), at("finish"), decisions));
    }
    let heard = |decision: &&v1::Decision| decision.kind == "member" && !decision.message.ends_with("is forward");
    let begun = ends[0].2.iter().find(heard).unwrap();
    assert!(begun.time.unwrap().seconds >= ends[1].0.seconds, "{begun:?}");
    assert_eq!(ends[0].1, ends[1].1);
    let taken = launch.sets(0).create_set(launch.wanted("autumn", "1.0.0")).await.unwrap_err();
    assert_eq!(taken.code(), Code::FailedPrecondition, "there is nothing to do any more: {taken:?}");
}

#[tokio::test]
async fn one_that_goes_back_takes_the_other_along_on_another_server() {
    let launch = Launch::of(Span::ZERO, Span::ZERO).await;
    launch.start("first", "1.0.0").await;
    launch.until("first", "both are stable", |states| states.iter().all(|state| *state == State::Stable)).await;
    // From now on a switched member stays so for long.
    let mut slow = playbook(Span::ZERO);
    slow.rollback.retention = Span::from_secs(3600);
    launch.pair.servers[0].put_playbook(&slow).await;
    for service in &launch.services {
        Launch::release(&launch.pair.servers[0], service, "1.1.0").await;
    }
    launch.start("second", "1.1.0").await;
    let cycle = {
        let mut wanted = launch.wanted("third", "1.1.0");
        wanted.members[1].after = vec![format!("services/{}", launch.services[0])];
        launch.sets(0).create_set(wanted).await.unwrap_err()
    };
    assert_eq!(
        (why(&cycle), fields(&cycle)),
        ((Code::InvalidArgument, "SET_CYCLE".to_owned()), vec!["members".to_owned()])
    );
    let held = launch.sets(0).create_set(launch.wanted("third", "1.1.0")).await.unwrap_err();
    assert_eq!(why(&held), (Code::FailedPrecondition, "LANE_HELD".to_owned()));
    launch.until("second", "both are switched", |states| states.iter().all(|state| *state == State::Switched)).await;
    let rollout = format!("services/{0}/rollouts/second-{0}", launch.services[1]);
    let back = v1::RollbackRolloutRequest { name: rollout, actor: "ann".to_owned(), ..Default::default() };
    launch.pair.servers[1].rollouts().rollback_rollout(back).await.unwrap();
    launch.until("second", "both are back", |states| states.iter().all(|state| *state == State::RolledBack)).await;
    let first = format!("services/{0}/rollouts/second-{0}", launch.services[0]);
    let cause = launch.pair.servers[0].rollout(&first).await.cause.unwrap();
    assert_eq!(cause.code, "SET_BACK");
    let request = v1::RollbackSetRequest { name: "sets/second".to_owned(), ..Default::default() };
    let ended = launch.sets(0).rollback_set(request).await.unwrap_err();
    assert_eq!(why(&ended), (Code::FailedPrecondition, "ROLLOUT_ENDED".to_owned()));
}
