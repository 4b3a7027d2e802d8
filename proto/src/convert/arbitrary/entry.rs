//! Strategies for the smaller records.

use meridian_core::agent::quarantine::{Distrust, Pardon};
use meridian_core::audit::AuditEntry;
use meridian_core::plan::parameters::{Layer, Parameters};
use meridian_core::queue::{Left, Queue, Request};
use meridian_core::rollout::gates::stops::{Said, Stop, StopEntry, StopScope, Stops};
use meridian_core::rollout::veto::{Veto, Vetoes};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use super::{
    NAME, decided, digest, epoch, labels, moment, parameters, plan, playbook, playbook_id, region, release, rollout_id,
    service, share, text, version,
};
use crate::convert::record::{
    Confirmed, Drain, Head, Quarantine, Region, RequestDone, Restore, Service, StoredPlan, StoredPlaybook,
    StoredRelease, UNDRAINS_MAX, Undrain,
};

/// A service's description.
pub fn stored_service() -> impl Strategy<Value = Service> {
    let layer = (btree_set(region(), 0..3), labels(), parameters());
    let layer =
        layer.prop_map(|(regions, labels, values)| Layer { regions: regions.into_iter().collect(), labels, values });
    let layers = vec(layer, 0..3).prop_map(|layers| Parameters::new(layers).expect("few and sound"));
    let parts = (text(), text(), labels(), layers, moment(), moment());
    parts.prop_map(|(description, owner, labels, parameters, created, updated)| Service {
        description,
        owner,
        labels,
        parameters,
        created,
        updated,
    })
}

/// Stops that stand.
pub fn stops() -> impl Strategy<Value = Stops> {
    let stop = (said(), btree_map(rollout_id(), said(), 0..3)).prop_map(|(said, exempt)| Stop { said, exempt });
    let parts = (any::<u64>(), option::of(digest()), btree_map(stop_scope(), stop, 0..4));
    parts.prop_map(|(number, log, standing)| Stops { number, log, standing })
}

/// An order about stops.
pub fn stop_entry() -> impl Strategy<Value = StopEntry> {
    let parts = (any::<u64>(), text(), stop_scope(), option::of(rollout_id()), said(), option::of(digest()));
    parts.prop_map(|(number, kind, scope, rollout, said, previous)| StopEntry {
        number,
        kind,
        scope,
        rollout,
        said,
        previous,
    })
}

/// A queue, with what waits in its order.
pub fn queue() -> impl Strategy<Value = Queue> {
    let request = || (rollout_id(), version(), playbook_id(), option::of(1..u64::MAX), said());
    let request = || {
        request().prop_map(|(rollout, release, playbook, revision, said)| Request {
            number: 0,
            rollout,
            release,
            playbook,
            revision,
            said,
        })
    };
    let left = (request(), "[A-Z_]{1,20}", said()).prop_map(|(request, code, said)| Left { request, code, said });
    (0..1000_u64, vec(request(), 0..4), vec(left, 0..4), option::of(said())).prop_map(
        |(before, waiting, left, hold)| {
            let numbered = waiting.into_iter().zip(before + 1..);
            let waiting: Vec<Request> = numbered.map(|(request, number)| Request { number, ..request }).collect();
            Queue { asked: before + waiting.len() as u64, waiting, left, hold }
        },
    )
}

fn stop_scope() -> impl Strategy<Value = StopScope> {
    prop_oneof![
        Just(StopScope::Organisation),
        service().prop_map(StopScope::Service),
        region().prop_map(StopScope::Region),
        rollout_id().prop_map(StopScope::Rollout),
    ]
}

fn said() -> impl Strategy<Value = Said> {
    (text(), text(), moment()).prop_map(|(actor, reason, at)| Said { actor, reason, at })
}

/// A registered region.
pub fn stored_region() -> impl Strategy<Value = Region> {
    let said = (text(), btree_set(NAME, 0..4), any::<u64>(), option::of(share()));
    let stays = (option::of(drain()), vec(undrain(), 0..=UNDRAINS_MAX));
    let trust = (option::of(quarantine()), btree_map(service(), confirmed(), 0..3), stays);
    let parts = (labels(), text(), any::<bool>(), moment(), moment(), said, trust);
    parts.prop_map(|(labels, description, cordoned, created, updated, said, (quarantine, confirmed, stays))| {
        let (agent_version, capabilities, session_number, traffic_share) = said;
        let (drain, undrains) = stays;
        Region {
            labels,
            description,
            cordoned,
            created,
            updated,
            agent_version,
            capabilities,
            session_number,
            traffic_share,
            quarantine,
            confirmed,
            drain,
            undrains,
        }
    })
}

fn drain() -> impl Strategy<Value = Drain> {
    (text(), text(), moment()).prop_map(|(actor, reason, since)| Drain { actor, reason, since })
}

fn undrain() -> impl Strategy<Value = Undrain> {
    let parts = (drain(), text(), text(), moment());
    parts.prop_map(|(drain, actor, reason, time)| Undrain { drain, actor, reason, time })
}

fn quarantine() -> impl Strategy<Value = Quarantine> {
    let forgot = (epoch(), epoch()).prop_map(|(claimed, acked)| Distrust::Forgot { claimed, acked });
    let never = (epoch(), epoch()).prop_map(|(claimed, head)| Distrust::NeverIssued { claimed, head });
    let lanes = btree_map(service(), prop_oneof![forgot, never], 0..3);
    (moment(), lanes).prop_map(|(since, lanes)| Quarantine { since, lanes })
}

fn confirmed() -> impl Strategy<Value = Confirmed> {
    let pardon = (epoch(), epoch()).prop_map(|(acked, claimed)| Pardon { acked, claimed });
    (pardon, text(), text(), moment()).prop_map(|(pardon, actor, reason, time)| Confirmed {
        pardon,
        actor,
        reason,
        time,
    })
}

/// A revision of a playbook.
pub fn stored_playbook() -> impl Strategy<Value = StoredPlaybook> {
    let parts = (playbook(), 1..=u64::MAX, moment());
    parts.prop_map(|(playbook, revision, updated)| StoredPlaybook { playbook, revision, updated })
}

/// A release with its time.
pub fn stored_release() -> impl Strategy<Value = StoredRelease> {
    (release(), moment()).prop_map(|(release, created)| StoredRelease { release, created })
}

/// A plan with its time.
pub fn stored_plan() -> impl Strategy<Value = StoredPlan> {
    (plan(), moment()).prop_map(|(plan, created)| StoredPlan { plan, created })
}

/// The head of a service.
pub fn head() -> impl Strategy<Value = Head> {
    let parts = (epoch(), option::of(digest()), option::of(digest()), vetoes());
    parts.prop_map(|(epoch, audit, plan, vetoes)| Head { epoch, audit, plan, vetoes })
}

fn vetoes() -> impl Strategy<Value = Vetoes> {
    let veto = || {
        let parts = (option::of(rollout_id()), text(), text(), moment());
        parts.prop_map(|(rollout, actor, reason, at)| Veto { rollout, actor, reason, at })
    };
    let parts = (epoch(), btree_map(digest(), veto(), 0..4), option::of(veto()));
    parts.prop_map(|(changed, digests, hold)| Vetoes { changed, digests, hold })
}

/// An audit entry.
pub fn audit_entry() -> impl Strategy<Value = AuditEntry> {
    let words = (text(), text(), text());
    let digests = (digest(), option::of(digest()), vec(any::<u8>(), 0..8));
    let parts = (service(), option::of(rollout_id()), decided(), moment(), words, digests);
    parts.prop_map(|(service, rollout, epoch, time, (kind, actor, message), (record, previous, change))| AuditEntry {
        service,
        rollout,
        epoch,
        time,
        kind,
        actor,
        message,
        record,
        previous,
        change,
    })
}

/// What a request has done.
pub fn request_done() -> impl Strategy<Value = RequestDone> {
    (digest(), text(), moment()).prop_map(|(body, resource, time)| RequestDone { body, resource, time })
}

/// The mark of a restore.
pub fn restore() -> impl Strategy<Value = Restore> {
    let parts = (digest(), 1..=u64::MAX, moment(), any::<bool>());
    parts.prop_map(|(backup, generation, time, done)| Restore { backup, generation, time, done })
}
