//! KPIs as they are pushed: a bounded history each, under a compare.

use meridian_core::id::{KpiId, ServiceId};
use meridian_core::time::Timestamp;
use meridian_core::watch::kpi::{AHEAD_MAX, KPIS_MAX, KpiRefused};
use meridian_core::watch::{Decimal, History};
use meridian_store::record::{self, Service};
use meridian_store::{Expect, Txn, layout};

use super::{CONFLICTS_MAX, Watches};
use crate::error::EngineError;

/// A KPI as it is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KpiSeen {
    /// Which.
    pub kpi: KpiId,
    /// How many samples are kept.
    pub samples: u64,
    /// The newest of them.
    pub last: Option<(Timestamp, Decimal)>,
}

impl KpiSeen {
    fn of(kpi: KpiId, history: &History) -> Self {
        let last = history.samples().last_key_value().map(|(at, value)| (*at, *value));
        Self { kpi, samples: history.samples().len() as u64, last }
    }
}

impl Watches {
    /// Records a sample; without a time, of now. The same sample again changes nothing.
    ///
    /// # Errors
    /// If there is no such service, it has too many KPIs, the time lies ahead, or the store fails.
    pub async fn record_kpi(
        &self,
        service: &ServiceId,
        kpi: &KpiId,
        value: Decimal,
        at: Option<Timestamp>,
    ) -> Result<KpiSeen, EngineError> {
        self.catalog.get::<Service>(service).await?;
        let now = self.clock.now();
        let at = at.unwrap_or(now);
        if at > now.after(AHEAD_MAX) {
            return Err(KpiRefused::Ahead.into());
        }
        let key = layout::kpi(service, kpi);
        for attempt in 0..CONFLICTS_MAX {
            let item = self.store.get(&key).await?.item;
            let (before, expect) = match &item {
                Some(item) => (record::decode_history(&key, &item.value)?, Expect::At(item.mod_revision)),
                None => (History::default(), Expect::Absent),
            };
            if item.is_none() && self.kpis(service).await?.len() >= KPIS_MAX {
                return Err(KpiRefused::TooMany.into());
            }
            let mut after = before.clone();
            after.record(at, value);
            let seen = KpiSeen::of(kpi.clone(), &after);
            if after == before {
                return Ok(seen);
            }
            let txn = Txn::new().put(key.clone(), record::encode_history(&after), expect);
            if self.catalog.commit(txn, &key, None, kpi.to_string(), now).await?.is_some() {
                return Ok(seen);
            }
            tokio::time::sleep(crate::backoff::jittered(attempt)).await;
        }
        Err(EngineError::Contended { key: kpi.to_string() })
    }

    /// The KPIs of a service.
    ///
    /// # Errors
    /// If there is no such service or the store fails.
    pub async fn kpis_seen(&self, service: &ServiceId) -> Result<Vec<KpiSeen>, EngineError> {
        self.catalog.get::<Service>(service).await?;
        let kpis = self.kpis(service).await?;
        Ok(kpis.into_iter().map(|(kpi, history)| KpiSeen::of(kpi, &history)).collect())
    }
}
