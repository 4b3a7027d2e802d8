//! Sets of the server in memory: it keeps what is started, and decides nothing.

use meridian_core::digest::Digest;
use meridian_core::time::Timestamp;
use meridian_proto::convert::{name, timestamp_to_wire};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::set_service_server::SetService;
use tonic::{Code, Request, Response, Status};

use super::Shared;
use super::refusal::not_found;

impl Shared {
    fn kept_set(&self, name: &str) -> Result<v1::LaunchSet, Status> {
        let state = self.lock();
        let mut set = state.sets.get(name).cloned().ok_or_else(|| not_found(name))?;
        for member in &mut set.members {
            member.view = state.rollouts.get(&member.rollout).cloned();
        }
        Ok(set)
    }
}

#[tonic::async_trait]
impl SetService for Shared {
    async fn create_set(
        &self,
        request: Request<v1::CreateSetRequest>,
    ) -> Result<Response<v1::CreateSetResponse>, Status> {
        let v1::CreateSetRequest { set_id, members, digest, actor, validate_only, request_id } = request.into_inner();
        let said: Vec<String> = members
            .iter()
            .map(|member| format!("{} {} {}", member.release, member.playbook, member.after.join(",")))
            .collect();
        let words: Vec<&str> = said.iter().map(String::as_str).chain([digest.as_str(), actor.as_str()]).collect();
        self.enter("CreateSet", &request_id, &words).await?;
        let member = |wanted: v1::SetMemberWanted| {
            let (service, _) = name::parse_release(&wanted.release)
                .map_err(|error| Status::new(Code::InvalidArgument, error.to_string()))?;
            Ok(v1::SetMember {
                service: name::service(&service),
                rollout: format!("services/{service}/rollouts/{set_id}-{service}"),
                plan: name::plan(&Digest::of(wanted.release.as_bytes())),
                after: wanted.after,
                view: None,
            })
        };
        let set = v1::LaunchSet {
            name: format!("sets/{set_id}"),
            members: members.into_iter().map(member).collect::<Result<_, Status>>()?,
            digest: Digest::of(said.join("\n").as_bytes()).to_string(),
            requester: actor,
            create_time: (!validate_only).then(|| timestamp_to_wire(Timestamp::from_millis(1))),
        };
        if !validate_only {
            self.lock().sets.insert(set.name.clone(), set.clone());
        }
        Ok(Response::new(v1::CreateSetResponse { set: Some(set) }))
    }

    async fn get_set(&self, request: Request<v1::GetSetRequest>) -> Result<Response<v1::GetSetResponse>, Status> {
        let v1::GetSetRequest { name } = request.into_inner();
        self.enter("GetSet", "", &[&name]).await?;
        Ok(Response::new(v1::GetSetResponse { set: Some(self.kept_set(&name)?) }))
    }

    async fn rollback_set(
        &self,
        request: Request<v1::RollbackSetRequest>,
    ) -> Result<Response<v1::RollbackSetResponse>, Status> {
        let v1::RollbackSetRequest { name, actor, reason } = request.into_inner();
        self.enter("RollbackSet", "", &[&name, &actor, &reason]).await?;
        Ok(Response::new(v1::RollbackSetResponse { set: Some(self.kept_set(&name)?) }))
    }
}
