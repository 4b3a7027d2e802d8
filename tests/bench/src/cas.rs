//! The floor under every decision: keys of 256 bytes, compared and set in a real etcd, one after the other or many at
//! once, through etcd's own client and nothing of ours.

use std::time::Instant;

use anyhow::Context;
use etcd_client::{Client, Compare, CompareOp, KvClient, Txn, TxnOp};
use futures::future::try_join_all;

const KEY: &str = "/bench/cas";
/// As many connections as keep etcd busy.
const CONNECTIONS: usize = 4;
const VALUE_BYTES: usize = 256;

/// A key that is compared and set.
pub struct Cas {
    kv: KvClient,
    key: String,
    revision: i64,
}

impl Cas {
    /// Connects and writes the key once.
    pub async fn connect(endpoints: &[String]) -> anyhow::Result<Self> {
        let kv = Client::connect(endpoints, None).await.context("connecting to etcd")?.kv_client();
        Self::begin(kv, KEY.to_owned()).await
    }

    async fn begin(mut kv: KvClient, key: String) -> anyhow::Result<Self> {
        let put = kv.put(key.as_str(), vec![0; VALUE_BYTES], None).await?;
        let revision = put.header().context("etcd tells its revision")?.revision();
        Ok(Self { kv, key, revision })
    }

    /// Sets the key `count` times; how long each took, in milliseconds.
    pub async fn times(&mut self, count: usize) -> anyhow::Result<Vec<f64>> {
        let mut times = Vec::with_capacity(count);
        for number in 0..count {
            let value = vec![u8::try_from(number % 251)?; VALUE_BYTES];
            let unchanged = Compare::mod_revision(self.key.as_str(), CompareOp::Equal, self.revision);
            let txn = Txn::new().when([unchanged]).and_then([TxnOp::put(self.key.as_str(), value, None)]);
            let began = Instant::now();
            let answer = self.kv.txn(txn).await?;
            times.push(began.elapsed().as_secs_f64() * 1000.0);
            anyhow::ensure!(answer.succeeded(), "somebody else writes {}", self.key);
            self.revision = answer.header().context("etcd tells its revision")?.revision();
        }
        Ok(times)
    }
}

/// How many a second, with so many under way at once, each on a key of its own and `count` times.
pub async fn rate(endpoints: &[String], at_once: usize, count: usize) -> anyhow::Result<f64> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(Client::connect(endpoints, None).await.context("connecting to etcd")?.kv_client());
    }
    let begin = |number: usize| Cas::begin(clients[number % CONNECTIONS].clone(), format!("{KEY}/{number}"));
    let mut keys = try_join_all((0..at_once).map(begin)).await?;
    let began = Instant::now();
    try_join_all(keys.iter_mut().map(|key| key.times(count))).await?;
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let all = (at_once * count) as f64;
    Ok(all / began.elapsed().as_secs_f64())
}
