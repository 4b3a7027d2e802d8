//! `meridian.v1.SetService`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meridian_core::digest::Digest;
use meridian_core::id::{RolloutId, ServiceId, SetId};
use meridian_core::plan::HashedPlan;
use meridian_core::playbook::Scope;
use meridian_core::rollout::event::{Event, Order};
use meridian_proto::convert::{At as _, Invalid, InvalidKind, TEXT_BYTES_MAX, text};
use meridian_proto::convert::{name, parse_playbook_or_revision, timestamp_to_wire};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::set_service_server::SetService;
use meridian_store::record::StoredSet;
use tonic::{Request, Response, Status};

use crate::catalog::{Effect, MemberOrder, NewSet};
use crate::engine::SetOrder;
use crate::error::EngineError;
use crate::grpc::field::{self, at, mark};
use crate::grpc::orders::actor_of;
use crate::grpc::{Shared, status, view};

/// Answers for sets.
pub struct Sets {
    pub(in crate::grpc) shared: Shared,
}

impl Sets {
    /// A set that was started, with each member as it is now.
    async fn shown(&self, id: &SetId) -> Result<v1::LaunchSet, Status> {
        let stored = self.shared.catalog.set(id).await.map_err(|error| status::refused(&error))?;
        let StoredSet { members, digest, requester, created } = stored;
        let mut shown = Vec::new();
        for (service, rollout) in &members {
            let now = self.shared.engine.status(rollout).await.map_err(|error| status::refused(&error))?;
            let after = now.record.plan.set.iter().flat_map(|set| &set.after).map(name::service).collect();
            shown.push(v1::SetMember {
                service: name::service(service),
                rollout: name::rollout(service, rollout),
                plan: name::plan(&now.record.plan.hash()),
                after,
                view: Some(view::rollout(&now)),
            });
        }
        Ok(v1::LaunchSet {
            name: name::set(id),
            members: shown,
            digest: digest.to_string(),
            requester,
            create_time: Some(timestamp_to_wire(created)),
        })
    }

    /// A set as it would be started.
    fn planned(id: &SetId, set: &NewSet, requester: String) -> v1::LaunchSet {
        let member = |(service, (rollout, plan)): (&ServiceId, &(RolloutId, Arc<HashedPlan>))| v1::SetMember {
            service: name::service(service),
            rollout: name::rollout(service, rollout),
            plan: name::plan(&plan.hash()),
            after: plan.set.iter().flat_map(|set| &set.after).map(name::service).collect(),
            view: None,
        };
        let (members, digest) = (set.members.iter().map(member).collect(), set.digest.to_string());
        v1::LaunchSet { name: name::set(id), members, digest, requester, create_time: None }
    }
}

/// A member as it is wanted.
fn member(wire: v1::SetMemberWanted) -> Result<(ServiceId, MemberOrder), Invalid> {
    let v1::SetMemberWanted { release, playbook, after } = wire;
    let (service, version) = name::parse_release(&release).at("release")?;
    let (playbook, revision) = parse_playbook_or_revision(&playbook).at("playbook")?;
    let parsed = after.iter().enumerate().map(|(index, service)| name::parse_service(service).at_index(index));
    let after = parsed.collect::<Result<BTreeSet<ServiceId>, Invalid>>().at("after")?;
    Ok((service, MemberOrder { version, playbook, revision, after }))
}

fn members(wire: Vec<v1::SetMemberWanted>) -> Result<BTreeMap<ServiceId, MemberOrder>, Invalid> {
    let mut members = BTreeMap::new();
    for (index, wire) in wire.into_iter().enumerate() {
        let (service, order) = member(wire).at_index(index).at("members")?;
        if members.insert(service.clone(), order).is_some() {
            return Err(Invalid::of(service, InvalidKind::Duplicate)).at_index(index).at("members");
        }
    }
    Ok(members)
}

#[tonic::async_trait]
impl SetService for Sets {
    async fn create_set(
        &self,
        request: Request<v1::CreateSetRequest>,
    ) -> Result<Response<v1::CreateSetResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        let request = mark("CreateSet", &message.request_id, &message)?;
        let v1::CreateSetRequest { set_id, members: wanted, digest, actor, validate_only, request_id: _ } = message;
        let bad = |why| field::bad("set_id", &set_id, InvalidKind::BadName(why));
        let id = SetId::new(set_id.clone()).map_err(bad)?;
        let wanted = at("", members(wanted))?;
        let actor = actor_of(actor, &caller)?;
        let refused = |error: EngineError| status::refused(&error);
        if let Some(done) = self.shared.catalog.set_of_request(request.as_ref()).await.map_err(refused)? {
            return Ok(Response::new(v1::CreateSetResponse { set: Some(self.shown(&done).await?) }));
        }
        let effect = if validate_only { Effect::Checked } else { Effect::Made };
        let set = self.shared.catalog.plan_set(&id, &wanted, effect).await.map_err(refused)?;
        if !digest.is_empty() {
            let parsed = Digest::parse(&digest).ok();
            if parsed != Some(set.digest) {
                let (name, now) = (id.to_string(), set.digest.to_string());
                return Err(status::refused(&EngineError::SetChanged { name, given: digest, now }));
            }
        }
        if validate_only {
            return Ok(Response::new(v1::CreateSetResponse { set: Some(Self::planned(&id, &set, actor)) }));
        }
        let NewSet { members, digest } = set;
        let order = SetOrder { id: id.clone(), members, digest, actor, request, lines: BTreeMap::new() };
        self.shared.queues.start_set(order).await.map_err(refused)?;
        Ok(Response::new(v1::CreateSetResponse { set: Some(self.shown(&id).await?) }))
    }

    async fn get_set(&self, request: Request<v1::GetSetRequest>) -> Result<Response<v1::GetSetResponse>, Status> {
        let id = at("name", name::parse_set(&request.into_inner().name))?;
        Ok(Response::new(v1::GetSetResponse { set: Some(self.shown(&id).await?) }))
    }

    async fn rollback_set(
        &self,
        request: Request<v1::RollbackSetRequest>,
    ) -> Result<Response<v1::RollbackSetResponse>, Status> {
        let (_, caller, message) = request.into_parts();
        field::no_secret(&message)?;
        let v1::RollbackSetRequest { name: resource, actor, reason } = message;
        let id = at("name", name::parse_set(&resource))?;
        let actor = actor_of(actor, &caller)?;
        let reason = at("", text("reason", reason, TEXT_BYTES_MAX))?;
        let refused = |error: EngineError| status::refused(&error);
        let members = self.shared.catalog.set(&id).await.map_err(refused)?.members;
        // Each is told at once, and would go back with the first one anyway; one that is back already is as wanted.
        let (mut told, mut failed) = (0, None);
        for rollout in members.values() {
            let order = Order { actor: actor.clone(), reason: reason.clone() };
            match self.shared.engine.order(rollout, Event::Rollback(order, Scope::Fleet), None, None).await {
                Ok(_) => told += 1,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if let Some(error) = failed.filter(|_| told == 0) {
            return Err(status::refused(&error));
        }
        Ok(Response::new(v1::RollbackSetResponse { set: Some(self.shown(&id).await?) }))
    }
}
