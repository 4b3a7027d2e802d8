//! The methods by name: who may call them and how they count against what is done at once. Read from the descriptions
//! that the services are generated from.

use std::collections::HashMap;
use std::sync::Arc;

use prost::Message as _;
use tonic::{Code, Status};

use crate::grpc::status;
use crate::tls::{Caller, Identity};

/// The methods that stop something.
const URGENT: [&str; 2] = ["/meridian.v1.RolloutService/RollbackRollout", "/meridian.v1.RolloutService/PauseRollout"];
/// The package that agents speak.
const AGENT_PACKAGE: &str = "meridian.agent.v1";
/// The package that operators speak.
const PUBLIC_PACKAGE: &str = "meridian.v1";

/// Who may call a method.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Access {
    Agents,
    Operators,
    Anybody,
}

/// How a method counts against what is done at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Weight {
    Call,
    Urgent,
    /// Limited where it is opened.
    Stream,
}

#[derive(Clone, Debug)]
pub(super) struct Method {
    pub label: Arc<str>,
    pub access: Access,
    pub weight: Weight,
}

/// By the method that was matched, never by the raw path: what matches nothing reaches nothing.
pub(super) fn check_access(access: Access, caller: &Caller) -> Result<(), Status> {
    let allowed = match (access, caller) {
        (_, Caller::Refused(refused)) => {
            return Err(status::reasoned(Code::Unauthenticated, "IDENTITY_REFUSED", refused.to_string()));
        }
        (_, Caller::Plaintext) | (Access::Anybody, Caller::Known(_)) => true,
        (Access::Agents, Caller::Known(Identity::Region(_))) => true,
        (Access::Operators, Caller::Known(Identity::Operator(_))) => true,
        (Access::Agents, Caller::Known(Identity::Operator(_) | Identity::Server(_))) => false,
        (Access::Operators, Caller::Known(Identity::Region(_) | Identity::Server(_))) => false,
    };
    if allowed {
        return Ok(());
    }
    let message = "the certificate is not of somebody who may call this method";
    Err(status::reasoned(Code::PermissionDenied, "METHOD_NOT_YOURS", message))
}

/// All methods by their path, read from the descriptions that the services are generated from.
pub(super) fn methods() -> Result<HashMap<String, Method>, prost::DecodeError> {
    let set = prost_types::FileDescriptorSet::decode(meridian_proto::FILE_DESCRIPTOR_SET)?;
    let mut methods = HashMap::new();
    for file in set.file {
        let access = match file.package() {
            AGENT_PACKAGE => Access::Agents,
            PUBLIC_PACKAGE => Access::Operators,
            _ => continue,
        };
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                let weight = if method.server_streaming() {
                    Weight::Stream
                } else if URGENT.contains(&path.as_str()) {
                    Weight::Urgent
                } else {
                    Weight::Call
                };
                methods.insert(path.clone(), Method { label: path.into(), access, weight });
            }
        }
    }
    Ok(methods)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_known_by_what_they_are() {
        let methods = methods().unwrap();
        let facts = |path: &str| methods.get(path).map(|method| (method.access, method.weight));
        assert_eq!(facts("/meridian.agent.v1.AgentService/Session"), Some((Access::Agents, Weight::Stream)));
        assert_eq!(facts("/meridian.v1.PlanService/CreatePlan"), Some((Access::Operators, Weight::Call)));
        assert_eq!(facts("/meridian.v1.RolloutService/WatchRollouts"), Some((Access::Operators, Weight::Stream)));
        assert_eq!(facts("meridian.v1.PlanService/CreatePlan"), None);
        for path in URGENT {
            assert_eq!(facts(path), Some((Access::Operators, Weight::Urgent)));
        }
    }

    #[test]
    fn every_identity_has_its_methods() {
        let region = meridian_core::id::RegionId::new("eu").unwrap();
        let agent = Caller::Known(Identity::Region(region));
        let operator = Caller::Known(Identity::Operator("ann".to_owned()));
        let server = Caller::Known(Identity::Server("s".to_owned()));
        let table = [
            (&agent, Access::Agents, None),
            (&agent, Access::Operators, Some(Code::PermissionDenied)),
            (&operator, Access::Operators, None),
            (&operator, Access::Agents, Some(Code::PermissionDenied)),
            (&server, Access::Operators, Some(Code::PermissionDenied)),
            (&server, Access::Anybody, None),
            (&Caller::Plaintext, Access::Agents, None),
        ];
        for (caller, access, refused) in table {
            let code = check_access(access, caller).err().map(|status| status.code());
            assert_eq!(code, refused, "{caller:?} {access:?}");
        }
        let nobody = Caller::Refused(crate::tls::IdentityRefused::NotOneUri(2));
        for access in [Access::Agents, Access::Operators, Access::Anybody] {
            assert_eq!(check_access(access, &nobody).unwrap_err().code(), Code::Unauthenticated);
        }
    }
}
