//! Backups and restores: what is refused, what may be interrupted, and in [`drill`] the loss of a whole store.

mod drill;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use meridian_core::audit::{self, AuditEntry};
use meridian_core::epoch::Epoch;
use meridian_core::id::ServiceId;
use meridian_core::rollout::veto::Vetoes;
use meridian_core::time::{Span, Timestamp};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::rollout::State;
use meridian_server::backup::{self, BackupError};
use meridian_server::{Config, StartError, StoreChoice, start};
use meridian_store::faulty::{CommitFault, FaultRates, Faulty};
use meridian_store::memory::MemoryStore;
use meridian_store::{Expect, Key, Store, Txn, layout, record};

use crate::rollouts::{baking, switched};
use crate::support::agent::Obedient;
use crate::support::fixture::{SERVICE, playbook};
use crate::support::{Server, config, until};

async fn chain(store: &dyn Store) -> Vec<AuditEntry> {
    let service = ServiceId::new("checkout").unwrap();
    let page = store.list(&layout::audits(&service), None, 1000).await.unwrap();
    page.items.iter().map(|item| record::decode_audit(&item.key, &item.value, &service).unwrap()).collect()
}

/// A backup of a store in which a rollout has ended and another is in progress.
async fn backed_up(dir: &Path) -> PathBuf {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let server = Server::with(Config { store: StoreChoice::Given(store.clone()), ..config() }).await;
    server.put_service(SERVICE).await;
    let mut quick = playbook(Span::ZERO);
    quick.rollback.retention = Span::ZERO;
    server.put_playbook(&quick).await;
    server.add_release("1.0.0").await;
    let _agent = Obedient::start(server.channel.clone(), "eu").await;
    let plan = server.plan("1.0.0").await;
    let first = server.start_rollout(&plan.name).await;
    until("it is stable", || async {
        (server.rollout(&first.name).await.state == i32::from(State::Stable)).then_some(())
    })
    .await;
    server.running.shutdown().await;
    let file = dir.join("backup");
    backup::take(store.as_ref(), &file, Timestamp::from_millis(1_700_000_000_000)).await.unwrap();
    file
}

const NOW: Timestamp = Timestamp::from_millis(1_700_000_100_000);

async fn restore(store: &Arc<dyn Store>, file: &Path) -> Result<backup::Restored, BackupError> {
    backup::restore(store.clone(), file, "carla", 0, NOW).await
}

#[tokio::test]
async fn a_restore_may_be_interrupted_anywhere_and_run_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = backed_up(dir.path()).await;
    let mut interrupted = 0;
    for commits in 0.. {
        let solid: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let weak = Faulty::new(solid.clone(), 1, FaultRates::default());
        weak.script(std::iter::repeat_n(CommitFault::None, commits).chain([CommitFault::Refused]));
        let weak: Arc<dyn Store> = Arc::new(weak);
        if restore(&weak, &file).await.is_ok() {
            break;
        }
        interrupted += 1;
        if commits > 0 {
            let started = start(Config { store: StoreChoice::Given(solid.clone()), ..config() }).await;
            assert!(matches!(started, Err(StartError::Store(_))), "no server starts on half a store");
        }
        let done = restore(&solid, &file).await.unwrap();
        assert!(!done.before);
        let entries = chain(solid.as_ref()).await;
        audit::verify(&entries).unwrap();
        let restores = entries.iter().filter(|entry| entry.kind == "restore").count();
        assert_eq!(restores, 1, "interrupted after {commits} commits");
        assert_eq!(entries.last().unwrap().epoch.generation(), done.generation);
        let server = start(Config { store: StoreChoice::Given(solid), ..config() }).await.unwrap();
        server.shutdown().await;
    }
    assert!(interrupted >= 4, "mark, records, decision, end: only {interrupted}");
}

#[tokio::test]
async fn only_an_empty_store_is_filled_and_only_from_what_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let file = backed_up(dir.path()).await;
    let full: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let key = Key::new("/replicas/a").unwrap();
    full.commit(Txn::new().put(key, "", Expect::Absent)).await.unwrap();
    let refused = restore(&full, &file).await.unwrap_err().to_string();
    assert!(refused.contains("/replicas/a") && refused.contains("stop them first"), "{refused}");
    let bytes = std::fs::read(&file).unwrap();
    let empty: Arc<dyn Store> = Arc::new(MemoryStore::default());
    for (name, content) in [("cut", bytes[..bytes.len() / 2].to_vec()), ("other", b"hello".to_vec())] {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        assert!(matches!(restore(&empty, &path).await, Err(BackupError::File { .. })), "{name}");
    }
    assert!(empty.list(&layout::everything(), None, 1).await.unwrap().items.is_empty(), "nothing was begun");
    restore(&empty, &file).await.unwrap();
    let second = dir.path().join("second");
    backup::take(empty.as_ref(), &second, NOW).await.unwrap();
    assert!(matches!(restore(&empty, &second).await, Err(BackupError::Other { .. })));
}

/// A clock may have been ahead when an earlier restore took its generation from it; agents hold what came of that.
#[tokio::test]
async fn a_restore_goes_on_above_what_agents_are_said_to_hold() {
    let dir = tempfile::tempdir().unwrap();
    let file = backed_up(dir.path()).await;
    for (above, generation) in [(0, NOW.millis()), (7, NOW.millis()), (NOW.millis() + 5, NOW.millis() + 6)] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let done = backup::restore(store.clone(), &file, "carla", above, NOW).await.unwrap();
        let last = chain(store.as_ref()).await.last().unwrap().epoch;
        assert_eq!((done.generation, last.generation()), (generation, generation), "above {above}");
    }
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    backup::restore(store.clone(), &file, "carla", u64::MAX, NOW).await.unwrap_err();
    assert!(store.list(&layout::everything(), None, 1).await.unwrap().items.is_empty(), "nothing was begun");
}

/// Orders about vetoes are links of the chain that no rollout's record stands for, also where they name a rollout.
#[tokio::test]
async fn vetoes_and_their_lifting_are_restored() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let server = Server::with(Config { store: StoreChoice::Given(store.clone()), ..config() }).await;
    let (_agents, _) = switched(&server, Span::ZERO).await;
    let (name, actor) = (baking(&server, "1.1.0").await.name, "bob".to_owned());
    let back = v1::RollbackRolloutRequest { name: name.clone(), actor: actor.clone(), ..Default::default() };
    server.rollouts().rollback_rollout(back).await.unwrap();
    until("it is back", || async { (server.rollout(&name).await.state == i32::from(State::RolledBack)).then_some(()) })
        .await;
    let reason = "we looked".to_owned();
    let lift = v1::ReleaseHoldRequest { name: SERVICE.to_owned(), actor, reason, request_id: String::new() };
    server.services().release_hold(lift).await.unwrap();
    server.running.shutdown().await;
    let entries = chain(store.as_ref()).await;
    assert!(entries.last().is_some_and(|entry| entry.kind == "release-hold" && entry.rollout.is_some()));
    let checkout = ServiceId::new("checkout").unwrap();
    let (vetoes, _) = vetoes_of(store.as_ref(), &checkout).await;
    assert!(vetoes.digests.len() == 1 && vetoes.hold.is_none(), "{vetoes:?}");

    let file = dir.path().join("backup");
    backup::take(store.as_ref(), &file, NOW).await.unwrap();
    let fresh: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let done = restore(&fresh, &file).await.unwrap();
    let (after, epoch) = vetoes_of(fresh.as_ref(), &checkout).await;
    assert_eq!((after, epoch.generation()), (vetoes, done.generation));
    audit::verify(&chain(fresh.as_ref()).await).unwrap();
}

#[tokio::test]
async fn a_service_with_nothing_but_a_veto_goes_on_above_it() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let server = Server::with(Config { store: StoreChoice::Given(store.clone()), ..config() }).await;
    server.put_service(SERVICE).await;
    server.add_release("1.0.0").await;
    let (name, actor) = (format!("{SERVICE}/releases/1.0.0"), "bob".to_owned());
    let veto = v1::VetoReleaseRequest { name, actor, reason: "it eats orders".to_owned(), request_id: String::new() };
    server.releases().veto_release(veto).await.unwrap();
    server.running.shutdown().await;
    let checkout = ServiceId::new("checkout").unwrap();
    let (vetoes, before) = vetoes_of(store.as_ref(), &checkout).await;

    let file = dir.path().join("backup");
    backup::take(store.as_ref(), &file, NOW).await.unwrap();
    let fresh: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let done = restore(&fresh, &file).await.unwrap();
    let (after, epoch) = vetoes_of(fresh.as_ref(), &checkout).await;
    assert_eq!((epoch.generation(), epoch.counter()), (done.generation, before.counter() + 1));
    assert_eq!((&after.digests, after.changed), (&vetoes.digests, epoch));
    audit::verify(&chain(fresh.as_ref()).await).unwrap();
    assert!(restore(&fresh, &file).await.unwrap().before);
    // What went on can be backed up again, and a server starts on it.
    backup::take(fresh.as_ref(), &dir.path().join("second"), NOW).await.unwrap();
    let server = start(Config { store: StoreChoice::Given(fresh), ..config() }).await.unwrap();
    server.shutdown().await;
}

async fn vetoes_of(store: &dyn Store, service: &ServiceId) -> (Vetoes, Epoch) {
    let key = layout::head(service);
    let head = record::decode_head(&key, &store.get(&key).await.unwrap().item.unwrap().value).unwrap();
    (head.vetoes, head.epoch)
}
