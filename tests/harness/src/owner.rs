//! Who owns what in a fleet of several servers, read from their etcd as they wrote it there.

use meridian_core::id::ServiceId;
use meridian_core::ownership::Shard;
use meridian_store::etcd::{EtcdOptions, EtcdStore};
use meridian_store::{Key, Store, layout, record};

use crate::fleet::Fleet;

impl Fleet {
    /// The index of the server that owns a service now; `None`: nobody does.
    ///
    /// # Errors
    /// If the records are not in an etcd, or it does not answer.
    pub async fn owner_of(&self, service: &str) -> anyhow::Result<Option<usize>> {
        anyhow::ensure!(!self.etcd().is_empty(), "one server alone owns everything");
        let store = EtcdStore::connect(EtcdOptions::new(self.etcd_endpoints())).await?;
        let read = async |key: Key| anyhow::Ok(store.get(&key).await?.item.map(|item| item.value));
        let key = layout::owner(Shard::of(&ServiceId::new(service)?));
        let Some(owner) = read(key.clone()).await? else { return Ok(None) };
        let owner = record::decode_owner(&key, &owner)?;
        let key = layout::replica(&owner);
        let Some(member) = read(key.clone()).await? else { return Ok(None) };
        let address = record::decode_member(&key, &member)?.address;
        Ok((0..self.servers().count()).find(|index| self.servers().address(*index).to_string() == address))
    }
}
