//! Sets: releases of several services that are launched together.

use std::collections::BTreeSet;

use meridian_core::digest::Digest;
use meridian_core::id::{PlaybookId, ServiceId, SetId};
use meridian_core::time::Timestamp;
use meridian_proto::convert::{At as _, Invalid, InvalidKind, name};
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::set_service_client::SetServiceClient as Calls;

use crate::connect::Client;
use crate::error::ClientError;
use crate::name::{ReleaseName, RequestId, RolloutName};
use crate::rollouts::{OperatorOrder, RolloutView};
use crate::{Intent, playbooks, wire};

/// A set, as it is or as it would be started.
#[derive(Clone, Debug, PartialEq)]
pub struct SetView {
    /// Its name.
    pub id: SetId,
    /// In the order of their services.
    pub members: Vec<SetMemberView>,
    /// Digest of the plans of all members.
    pub digest: Digest,
    /// Who started it, as declared.
    pub requester: String,
    /// When; `None`: it was not started.
    pub created: Option<Timestamp>,
}

/// A member of a set.
#[derive(Clone, Debug, PartialEq)]
pub struct SetMemberView {
    /// Its rollout.
    pub rollout: RolloutName,
    /// The plan that is executed.
    pub plan: Digest,
    /// Members that are switched before this one begins.
    pub after: BTreeSet<ServiceId>,
    /// As it is now; `None`: it was not started.
    pub view: Option<RolloutView>,
}

/// Which release of a service is launched in a set, and how.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct SetMemberWanted {
    /// Which release.
    pub release: ReleaseName,
    /// By which playbook.
    pub playbook: PlaybookId,
    /// At which revision; `None`: the latest.
    pub revision: Option<u64>,
    /// Members that are switched before this one begins.
    pub after: BTreeSet<ServiceId>,
}

/// A set to start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SetWanted {
    /// Its name.
    pub id: SetId,
    /// Two to eight, each of another service.
    pub members: Vec<SetMemberWanted>,
    /// What was reviewed; `None`: whatever it is now.
    pub digest: Option<Digest>,
}

impl TryFrom<v1::LaunchSet> for SetView {
    type Error = Invalid;

    fn try_from(message: v1::LaunchSet) -> Result<Self, Invalid> {
        let v1::LaunchSet { name, members, digest, requester, create_time } = message;
        Ok(Self {
            id: name::parse_set(&name).at("name")?,
            members: wire::list("members", members, SetMemberView::try_from)?,
            digest: Digest::parse(&digest)
                .map_err(|_| Invalid::of(&digest, InvalidKind::BadResource("sha256:…")))
                .at("digest")?,
            requester,
            created: wire::moment_or_none("create_time", create_time)?,
        })
    }
}

impl TryFrom<v1::SetMember> for SetMemberView {
    type Error = Invalid;

    fn try_from(message: v1::SetMember) -> Result<Self, Invalid> {
        let v1::SetMember { service: _, rollout, plan, after, view } = message;
        let (service, rollout) = name::parse_rollout(&rollout).at("rollout")?;
        let after = after.iter().map(|service| name::parse_service(service)).collect::<Result<_, _>>().at("after")?;
        Ok(Self {
            rollout: RolloutName { service, rollout },
            plan: name::parse_plan(&plan).at("plan")?,
            after,
            view: wire::optional("view", view)?,
        })
    }
}

impl Client {
    /// Plans all members of a set, and starts them unless they are only to be checked.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn create_set(
        &self,
        wanted: &SetWanted,
        actor: &str,
        intent: Intent,
        request: &RequestId,
    ) -> Result<SetView, ClientError> {
        const CALL: &str = "create set";
        let SetWanted { id, members, digest } = wanted;
        let member = |member: &SetMemberWanted| v1::SetMemberWanted {
            release: member.release.to_string(),
            playbook: playbooks::resource(&member.playbook, member.revision),
            after: member.after.iter().map(name::service).collect(),
        };
        let message = v1::CreateSetRequest {
            set_id: id.to_string(),
            members: members.iter().map(member).collect(),
            digest: digest.as_ref().map(ToString::to_string).unwrap_or_default(),
            actor: actor.to_owned(),
            validate_only: intent.is_check(),
            request_id: request.to_string(),
        };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).create_set(m).await }).await?;
        wire::answer(CALL, wire::required("set", answer.set))
    }

    /// A set that was started.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn set(&self, id: &SetId) -> Result<SetView, ClientError> {
        const CALL: &str = "get set";
        let message = v1::GetSetRequest { name: name::set(id) };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).get_set(m).await }).await?;
        wire::answer(CALL, wire::required("set", answer.set))
    }

    /// Takes all members of a set back.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn roll_back_set(&self, id: &SetId, order: &OperatorOrder) -> Result<SetView, ClientError> {
        const CALL: &str = "rollback set";
        let OperatorOrder { actor, reason, etag: _ } = order.clone();
        let message = v1::RollbackSetRequest { name: name::set(id), actor, reason };
        let answer = self.call(CALL, message, |link, m| async move { Calls::new(link).rollback_set(m).await }).await?;
        wire::answer(CALL, wire::required("set", answer.set))
    }
}
