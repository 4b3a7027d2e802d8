//! What proves a rollout begins with its own first decision, whatever its service has decided before.

use std::sync::Arc;

use meridian_core::epoch::Epoch;
use meridian_core::id::{RolloutId, ServiceId};
use meridian_core::time::Span;
use meridian_proto::r#gen::records::v1 as records;
use meridian_proto::r#gen::v1;
use meridian_server::{Config, StoreChoice};
use meridian_store::memory::MemoryStore;
use meridian_store::{Expect, Key, Store, Txn, layout};
use prost::Message as _;

use super::{baking, switched};
use crate::support::fixture::SERVICE;
use crate::support::{Server, config, until};

async fn export(server: &Server, name: &str) -> v1::ExportRolloutResponse {
    let request = v1::ExportRolloutRequest { name: name.to_owned(), ..Default::default() };
    server.rollouts().export_rollout(request).await.unwrap().into_inner()
}

async fn put(store: &dyn Store, key: &Key, value: Vec<u8>) {
    let at = store.get(key).await.unwrap().item.unwrap().mod_revision;
    store.commit(Txn::new().put(key.clone(), value, Expect::At(at))).await.unwrap();
}

/// What is in an export: its rollouts, in the order of their entries.
fn rollouts(export: &v1::ExportRolloutResponse) -> Vec<String> {
    let entries = export.entries.iter().map(|entry| records::AuditRecord::decode(entry.as_slice()).unwrap());
    entries.map(|entry| entry.rollout).collect()
}

#[tokio::test]
async fn an_export_and_a_history_begin_with_the_rollout() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let server = Server::with(Config { store: StoreChoice::Given(store.clone()), ..config() }).await;
    let (_agents, first) = switched(&server, Span::ZERO).await;
    let own = export(&server, &first.name).await;
    let begun = records::RolloutRecord::decode(own.record.as_slice()).unwrap().begun.unwrap();
    assert_eq!((begun.generation, begun.counter), (0, 1), "the service's first decision");
    let second = baking(&server, "1.1.0").await;
    let id = second.name.rsplit_once('/').unwrap().1;
    let whole = export(&server, &second.name).await;
    // A record of an earlier version does not tell where the rollout begins.
    let mut old = records::RolloutRecord::decode(whole.record.as_slice()).unwrap();
    old.begun = None;
    let key = layout::rollout(&RolloutId::new(id).unwrap());
    put(store.as_ref(), &key, old.encode_to_vec()).await;
    let searched = until("the old record is known", || async {
        let export = export(&server, &second.name).await;
        (export.record == old.encode_to_vec()).then_some(export)
    })
    .await;
    assert_eq!(searched.entries, whole.entries, "it is looked for");
    put(store.as_ref(), &key, whole.record.clone()).await;
    until("the record is known", || async {
        (export(&server, &second.name).await.record == whole.record).then_some(())
    })
    .await;
    // Nobody who asks for the second has to read what became of the first.
    let service = ServiceId::new(SERVICE.trim_start_matches("services/")).unwrap();
    let key = layout::audit(&service, Epoch::new(0, 1));
    put(store.as_ref(), &key, b"torn".to_vec()).await;
    let entries = rollouts(&export(&server, &second.name).await);
    assert!(entries.len() > 1 && entries.iter().all(|rollout| rollout == id), "{entries:?}");
    let request = v1::ListDecisionsRequest { parent: second.name.clone(), ..Default::default() };
    let history = server.rollouts().list_decisions(request).await.unwrap().into_inner().decisions;
    assert_eq!((history[0].kind.as_str(), history.len()), ("start", entries.len()));
}
