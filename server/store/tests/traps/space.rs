//! A quota that is used up: forward work stops, and what takes traffic back still goes through.

use std::time::Duration;

use etcd_client::Client;

use super::support::{key, put, three};
use meridian_store::{CommitError, Expect, Keeping, Store, Txn};

/// Fills it to the brim and not beyond: a member counts only what it has flushed, which being asked for a hash makes it
/// do.
async fn fill(store: &dyn Store, members: &mut [Client], folder: &str) -> usize {
    for index in 0.. {
        let txn = Txn::new().put(key(&format!("/{folder}/{index}")), vec![b'x'; 200_000], Expect::Absent);
        match store.commit(txn).await {
            Ok(_) => {
                for member in &mut *members {
                    member.hash().await.unwrap();
                }
            }
            Err(CommitError::Full { .. }) => return index,
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!("the quota ends it")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_etcd_still_takes_what_is_urgent() {
    let (members, store) = three(&["--quota-backend-bytes", "8388608"]).await;
    let record = put(&store, "/rollouts/a", Expect::Absent).await.unwrap();
    let lease = store.lease(Duration::from_secs(600)).await.unwrap().id;
    // Housekeeping keeps the reserve, and users of the store do not see it.
    store.compact(record).await.unwrap();
    assert_eq!(store.list(&key("/"), None, 10).await.unwrap().items.len(), 1);
    let mut clients = Vec::new();
    for member in &members {
        clients.push(Client::connect([member.endpoint()], None).await.unwrap());
    }
    let mut raw = clients[0].clone();
    let mut reserved = async || raw.get("/meridian!reserve", None).await.unwrap().count();
    assert_eq!(reserved().await, 1);

    assert!(fill(&store, &mut clients, "forward").await > 10);
    assert_eq!(store.get(&key("/rollouts/a")).await.unwrap().item.unwrap().mod_revision, record);
    assert!(matches!(store.keep(lease).await, Ok(Keeping::Alive(_))), "who owns goes on owning");
    let back = |expect| Txn::new().put(key("/rollouts/a"), "going back", expect).urgent();
    let committed = store.commit(back(Expect::At(record))).await.unwrap().revision;
    assert_eq!(reserved().await, 0, "nothing but the reserve could be given up");
    let confirmed = store.commit(back(Expect::At(committed))).await.unwrap().revision;
    assert!(confirmed > committed);

    // Once there is room again, housekeeping reserves some of it.
    for index in 0..20 {
        let name = key(&format!("/forward/{index}"));
        let Some(item) = store.get(&name).await.unwrap().item else { break };
        store.commit(Txn::new().delete(name, Expect::At(item.mod_revision)).urgent()).await.unwrap();
    }
    store.commit(back(Expect::At(confirmed))).await.unwrap();
    store.compact(confirmed).await.unwrap();
    assert_eq!(reserved().await, 1);
}
