//! Two equal servers on one store, in this process.

use std::sync::Arc;

use meridian_core::id::ServiceId;
use meridian_core::ownership::{SHARDS, Shard};
use meridian_server::StoreChoice;
use meridian_store::memory::{MemoryLimits, MemoryStore};
use meridian_store::{Key, Store, Versioned, layout, record};

use super::{Server, config, until};

/// Two servers and the store between them.
pub struct Pair {
    pub store: Arc<dyn Store>,
    pub servers: [Server; 2],
}

impl Pair {
    /// Started one after the other; each owns its half.
    pub async fn start() -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(MemoryLimits::default()));
        let choice = || StoreChoice::Given(store.clone());
        let one = Server::with(meridian_server::Config { store: choice(), ..config() }).await;
        let two = Server::with(meridian_server::Config { store: choice(), ..config() }).await;
        let pair = Self { store, servers: [one, two] };
        pair.shared_out(2).await;
        pair
    }

    /// Waits until so many servers own all shards between them.
    pub async fn shared_out(&self, owners: usize) {
        until("all shards have owners", || async {
            let items = self.list(&layout::owners()).await;
            let names: std::collections::BTreeSet<_> =
                items.iter().map(|item| record::decode_owner(&item.key, &item.value).unwrap()).collect();
            (items.len() == usize::from(SHARDS) && names.len() == owners).then_some(())
        })
        .await;
    }

    /// Which of the two owns a service.
    pub async fn owner(&self, service: &str) -> usize {
        let key = layout::owner(Shard::of(&ServiceId::new(service).unwrap()));
        let item = self.store.get(&key).await.unwrap().item.unwrap();
        let owner = record::decode_owner(&key, &item.value).unwrap();
        let key = layout::replica(&owner);
        let item = self.store.get(&key).await.unwrap().item.unwrap();
        let member = record::decode_member(&key, &item.value).unwrap();
        let is = |server: &Server| server.running.grpc_addr.to_string() == member.address;
        self.servers.iter().position(is).unwrap()
    }

    /// The owner of a service, and the other one.
    pub async fn of(&self, service: &str) -> (&Server, &Server) {
        let owner = self.owner(service).await;
        (&self.servers[owner], &self.servers[1 - owner])
    }

    pub async fn list(&self, prefix: &Key) -> Vec<Versioned> {
        self.store.list(prefix, None, 1000).await.unwrap().items
    }
}
