//! The floor under every decision: one key, 256 bytes, compared and set in a real etcd, one after the other, through
//! etcd's own client and nothing of ours.

use std::time::Instant;

use anyhow::Context;
use etcd_client::{Client, Compare, CompareOp, KvClient, Txn, TxnOp};

const KEY: &str = "/bench/cas";
const VALUE_BYTES: usize = 256;

/// A key that is compared and set.
pub struct Cas {
    kv: KvClient,
    revision: i64,
}

impl Cas {
    /// Connects and writes the key once.
    pub async fn connect(endpoint: &str) -> anyhow::Result<Self> {
        let mut kv = Client::connect([endpoint], None).await.context("connecting to etcd")?.kv_client();
        let put = kv.put(KEY, vec![0; VALUE_BYTES], None).await?;
        let revision = put.header().context("etcd tells its revision")?.revision();
        Ok(Self { kv, revision })
    }

    /// Sets the key `count` times; how long each took, in milliseconds.
    pub async fn times(&mut self, count: usize) -> anyhow::Result<Vec<f64>> {
        let mut times = Vec::with_capacity(count);
        for number in 0..count {
            let value = vec![u8::try_from(number % 251)?; VALUE_BYTES];
            let unchanged = Compare::mod_revision(KEY, CompareOp::Equal, self.revision);
            let txn = Txn::new().when([unchanged]).and_then([TxnOp::put(KEY, value, None)]);
            let began = Instant::now();
            let answer = self.kv.txn(txn).await?;
            times.push(began.elapsed().as_secs_f64() * 1000.0);
            anyhow::ensure!(answer.succeeded(), "somebody else writes {KEY}");
            self.revision = answer.header().context("etcd tells its revision")?.revision();
        }
        Ok(times)
    }
}
