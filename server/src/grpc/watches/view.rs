//! Watches, KPIs and milestones as they are shown.

use meridian_core::audit::AuditEntry;
use meridian_core::canon::Canonical as _;
use meridian_core::watch::{Milestone, Reached, Wait};
use meridian_proto::convert::timestamp_to_wire;
use meridian_proto::r#gen::v1;

use crate::grpc::field::etag_to_wire;
use crate::watching::{KpiSeen, WatchView};

pub(super) fn watch(seen: &WatchView) -> v1::Watch {
    let WatchView { watch, revision, waits } = seen;
    let waits = waits.iter().map(wait).collect();
    v1::Watch { waits, etag: etag_to_wire(*revision), ..watch.into() }
}

fn wait(wait: &Wait) -> v1::Reason {
    v1::Reason {
        code: wait.code().to_owned(),
        message: wait.to_string(),
        region: String::new(),
        until: wait.until().map(timestamp_to_wire),
    }
}

pub(super) fn decision(entry: &AuditEntry) -> v1::WatchDecision {
    v1::WatchDecision {
        epoch: Some(entry.epoch.into()),
        time: Some(timestamp_to_wire(entry.time)),
        kind: entry.kind.clone(),
        actor: entry.actor.clone(),
        message: entry.message.clone(),
        digest: entry.digest().to_string(),
        previous_digest: entry.previous.map(|digest| digest.to_string()).unwrap_or_default(),
    }
}

pub(super) fn kpi(seen: &KpiSeen) -> v1::Kpi {
    let KpiSeen { kpi, samples, last } = seen;
    v1::Kpi {
        kpi: kpi.to_string(),
        samples: *samples,
        last_time: last.map(|(at, _)| timestamp_to_wire(at)),
        last_value: last.map(|(_, value)| value.to_string()).unwrap_or_default(),
    }
}

pub(super) fn milestone((milestone, reached): (Milestone, Reached)) -> v1::Milestone {
    let (time, reason) = match reached {
        Reached::Yes(at) => (at, ""),
        Reached::NotYet(why) | Reached::Never(why) => (None, why),
    };
    v1::Milestone {
        milestone: milestone.as_str().to_owned(),
        state: v1::milestone::State::from(reached).into(),
        reach_time: time.map(timestamp_to_wire),
        reason: reason.to_owned(),
    }
}
