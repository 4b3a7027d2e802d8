//! Two equal servers on one store: whoever is asked knows, whoever is told obeys, and only the owner moves forward.

use futures::StreamExt as _;
use meridian_core::time::Span;
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::rollout::State;
use meridian_proto::r#gen::v1::watch_rollouts_response::Item;
use meridian_store::{WatchItem, layout};
use tonic::Code;

use crate::support::agent::{Link, Obedient};
use crate::support::fixture::{SERVICE, playbook};
use crate::support::pair::Pair;
use crate::support::{Server, until, why};

/// The service of the fixture, as the store names it.
const NAME: &str = "checkout";

/// Everything a rollout needs, and the name of one that waits for agents.
async fn started(server: &Server, bake: Span) -> String {
    server.put_service(SERVICE).await;
    let mut quick = playbook(bake);
    quick.rollback.retention = Span::ZERO;
    server.put_playbook(&quick).await;
    server.add_release("1.0.0").await;
    server.put_region("eu").await;
    let plan = server.plan("1.0.0").await;
    server.start_rollout(&plan.name).await.name
}

async fn reached(server: &Server, name: &str, state: State) -> v1::Rollout {
    until(state.as_str_name(), || async {
        let rollout = server.rollout(name).await;
        (rollout.state == i32::from(state)).then_some(rollout)
    })
    .await
}

#[tokio::test]
async fn a_rollout_goes_through_with_its_agents_on_the_other_server() {
    let pair = Pair::start().await;
    let (owner, other) = pair.of(NAME).await;
    let _agent = Obedient::start(other.channel.clone(), "eu").await;
    let name = started(other, Span::ZERO).await;
    let stable = reached(owner, &name, State::Stable).await;
    assert_eq!(reached(other, &name, State::Stable).await.revision, stable.revision);
    let seen = pair.list(&layout::all_seen()).await;
    assert_eq!(seen.len(), 1, "what was heard came through the store: {seen:?}");
}

#[tokio::test]
async fn nothing_is_written_of_lanes_whose_agent_and_owner_meet() {
    let pair = Pair::start().await;
    let (owner, _) = pair.of(NAME).await;
    let mut writes = pair.store.watch(&layout::all_seen(), meridian_store::Revision::ZERO).await.unwrap();
    let _agent = Obedient::start(owner.channel.clone(), "eu").await;
    let name = started(owner, Span::ZERO).await;
    let stable = reached(owner, &name, State::Stable).await;
    // Every decision is a commit, and so would every word of the agent have been. The watch is told of all up to here.
    loop {
        match writes.next().await.unwrap().unwrap() {
            WatchItem::Changes { changes, .. } => panic!("written: {changes:?}"),
            WatchItem::Progress { revision } if revision.get() >= stable.revision => break,
            WatchItem::Progress { .. } => {}
        }
    }
}

#[tokio::test]
async fn both_show_the_same_record_and_watches_tell_of_what_the_other_did() {
    let pair = Pair::start().await;
    let (owner, other) = pair.of(NAME).await;
    let name = started(owner, Span::from_secs(3600)).await;
    let request = v1::WatchRolloutsRequest { target: name.clone(), start_revision: 0 };
    until("the other one knows it", || async {
        let request = v1::GetRolloutRequest { name: name.clone() };
        other.rollouts().get_rollout(request).await.ok()
    })
    .await;
    let mut watch = other.rollouts().watch_rollouts(request).await.unwrap().into_inner();
    let pause = v1::PauseRolloutRequest { name: name.clone(), reason: "lunch".to_owned(), ..Default::default() };
    let held = owner.rollouts().pause_rollout(pause).await.unwrap().into_inner().rollout.unwrap();
    loop {
        let item = tokio::time::timeout(crate::support::PATIENCE, watch.message()).await.unwrap().unwrap().unwrap();
        if let Some(Item::Snapshot(told) | Item::Delta(told)) = item.item
            && told.revision >= held.revision
        {
            assert_eq!((told.state, told.etag), (held.state, held.etag));
            break;
        }
    }
    let shown = other.rollout(&name).await;
    assert_eq!(shown.revision, held.revision);
    assert!(shown.known_time.is_some());
}

#[tokio::test]
async fn orders_are_carried_out_where_they_arrive() {
    let pair = Pair::start().await;
    let (owner, other) = pair.of(NAME).await;
    let _agent = Obedient::start(owner.channel.clone(), "eu").await;
    let first = started(owner, Span::ZERO).await;
    reached(owner, &first, State::Stable).await;
    owner.put_playbook(&playbook(Span::from_secs(3600))).await;
    owner.add_release("1.1.0").await;
    let name = owner.start_rollout(&owner.plan("1.1.0").await.name).await.name;
    until("it bakes", || async {
        let rollout = owner.rollout(&name).await;
        (rollout.lanes[0].state == i32::from(v1::rollout_lane::State::Baking)).then_some(())
    })
    .await;
    let back = v1::RollbackRolloutRequest { name: name.clone(), reason: "it smells".to_owned(), ..Default::default() };
    let told = other.rollouts().rollback_rollout(back).await.unwrap().into_inner().rollout.unwrap();
    assert_ne!(told.state, i32::from(State::Running));
    reached(owner, &name, State::RolledBack).await;
    reached(other, &name, State::RolledBack).await;
}

#[tokio::test]
async fn of_two_sessions_the_newest_counts_wherever_it_is() {
    let pair = Pair::start().await;
    let [one, two] = &pair.servers;
    let (mut older, first) = Link::introduced(one.channel.clone(), "eu").await;
    let (newer, second) = Link::introduced(two.channel.clone(), "eu").await;
    assert!(second.session_number > first.session_number);
    assert_eq!(why(&older.cut().await), (Code::Aborted, "SESSION_SUPERSEDED".to_owned()));
    drop(older);
    let contact = |server: &Server| {
        let mut regions = server.regions();
        async move {
            let request = v1::GetRegionRequest { name: "regions/eu".to_owned() };
            regions.get_region(request).await.unwrap().into_inner().region.unwrap().contact
        }
    };
    for server in [one, two] {
        until("both know that it is there", || async {
            (contact(server).await == i32::from(v1::Contact::Live)).then_some(())
        })
        .await;
    }
    drop(newer);
    for server in [one, two] {
        until("both know that it has gone", || async {
            (contact(server).await == i32::from(v1::Contact::Lost)).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_server_that_goes_away_leaves_its_work_to_the_other() {
    let pair = Pair::start().await;
    let owner = pair.owner(NAME).await;
    let name = started(&pair.servers[owner], Span::from_millis(50)).await;
    let Pair { store, servers } = pair;
    let [one, two] = servers;
    let (owner, other) = if owner == 0 { (one, two) } else { (two, one) };
    let mut gone = store.watch(&layout::owners(), store.get(&layout::owners()).await.unwrap().revision).await.unwrap();
    let ending = tokio::spawn(owner.running.shutdown());
    // Given up and taken again.
    let mut keys = std::collections::BTreeSet::new();
    while keys.len() < 8 {
        if let WatchItem::Changes { changes, .. } = gone.next().await.unwrap().unwrap() {
            keys.extend(changes.into_iter().filter_map(|change| match change {
                meridian_store::Change::Put(item) => Some(item.key),
                meridian_store::Change::Delete { .. } => None,
            }));
        }
    }
    ending.await.unwrap();
    let _agent = Obedient::start(other.channel.clone(), "eu").await;
    reached(&other, &name, State::Stable).await;
    let left = store.list(&layout::replicas(), None, 10).await.unwrap().items;
    assert_eq!(left.len(), 1, "who has gone is no member: {left:?}");
}
