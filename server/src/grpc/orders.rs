//! What orders carry: who gives them, why, on top of what, and the names of what comes of them.

use meridian_core::id::{RolloutId, ServiceId};
use meridian_core::rollout::event::{Event, Order};
use meridian_proto::convert::{InvalidKind, TEXT_BYTES_MAX, WORD_BYTES_MAX, text};
use meridian_proto::r#gen::v1;
use tonic::{Extensions, Status};

use super::field::{self, at, etag};
use super::rollouts::Rollouts;
use super::{status, view};
use crate::engine::RequestMark;
use crate::error::EngineError;
use crate::tls::{Caller, Identity};

/// Random characters at the end of a name that the server makes.
const SUFFIX: usize = 6;

/// What every order of an operator carries.
pub(super) struct Told {
    pub name: String,
    pub etag: String,
    pub actor: String,
    pub reason: String,
    pub request: Option<RequestMark>,
    pub caller: Extensions,
}

impl Rollouts {
    /// Carries out an order.
    pub(super) async fn order(
        &self,
        told: Told,
        event: impl FnOnce(Order) -> Event,
    ) -> Result<Option<v1::Rollout>, Status> {
        let Told { name, etag: given, actor, reason, request, caller } = told;
        let order = Order { actor: actor_of(actor, &caller)?, reason: at("", text("reason", reason, TEXT_BYTES_MAX))? };
        let expected = etag("etag", &given)?;
        let id = self.status(&name).await?.record.id.clone();
        match self.shared.engine.order(&id, event(order), expected, request.clone()).await {
            Ok(status) => Ok(Some(view::rollout(&status))),
            // The same order may have had its effect before, and the rollout gone on since then.
            Err(EngineError::Refused(_) | EngineError::StaleEtag { .. })
                if self.shared.catalog.is_done(request.as_ref()).await.map_err(|error| status::refused(&error))? =>
            {
                Ok(Some(view::rollout(&self.status(&name).await?)))
            }
            Err(error) => Err(status::refused(&error)),
        }
    }
}

/// Who gives the order, as declared; a proven name is never replaced by a declared one.
pub(super) fn actor_of(declared: String, caller: &Extensions) -> Result<String, Status> {
    let declared = at("", text("actor", declared, WORD_BYTES_MAX))?;
    if declared.chars().any(char::is_control) {
        return Err(field::bad("actor", &declared, InvalidKind::UnknownWord("the printable texts")));
    }
    Ok(match caller.get::<Caller>() {
        Some(Caller::Known(Identity::Operator(proven))) if declared.is_empty() || declared == *proven => proven.clone(),
        Some(Caller::Known(Identity::Operator(proven))) => format!("{declared} ({proven})"),
        Some(_) | None if declared.is_empty() => "unknown".to_owned(),
        Some(_) | None => declared,
    })
}

/// Who orders something about vetoes, and why: what is lifted or forbidden for everybody needs its reason.
pub(super) fn said(actor: String, reason: String, caller: &Extensions) -> Result<(String, String), Status> {
    if reason.trim().is_empty() {
        return Err(field::missing("reason"));
    }
    Ok((actor_of(actor, caller)?, at("", text("reason", reason, TEXT_BYTES_MAX))?))
}

/// `{service}-{version}-{random}`, cut so that it is a name.
pub(super) fn fresh_id(service: &ServiceId, version: &semver::Version) -> Result<RolloutId, Status> {
    let letter = |letter: char| {
        if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' }
    };
    let mut stem: String = format!("{service}-{version}").chars().map(letter).collect();
    stem.truncate(meridian_core::id::NAME_BYTES_MAX - SUFFIX - 1);
    let random = uuid::Uuid::new_v4().simple().to_string();
    let suffix = random.get(..SUFFIX).unwrap_or(&random);
    let id = RolloutId::new(format!("{}-{suffix}", stem.trim_end_matches('-')));
    id.map_err(|why| field::bad("rollout_id", &stem, InvalidKind::BadName(why)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_names_are_names() {
        let service = ServiceId::new("s".repeat(63)).unwrap();
        for version in ["1.2.3", "1.2.3-RC.1+Build.7", &format!("1.0.0-{}", "a".repeat(100))] {
            let version = semver::Version::parse(version).unwrap();
            assert!(fresh_id(&service, &version).unwrap().as_str().len() <= 63);
        }
        let id = fresh_id(&ServiceId::new("checkout").unwrap(), &semver::Version::new(1, 8, 2)).unwrap();
        assert!(id.as_str().starts_with("checkout-1-8-2-"), "{id}");
    }

    #[test]
    fn a_proven_name_stays() {
        let mut caller = Extensions::new();
        assert_eq!(actor_of(String::new(), &caller).unwrap(), "unknown");
        assert_eq!(actor_of("ann".to_owned(), &caller).unwrap(), "ann");
        caller.insert(Caller::Known(Identity::Operator("bob".to_owned())));
        assert_eq!(actor_of(String::new(), &caller).unwrap(), "bob");
        assert_eq!(actor_of("ann".to_owned(), &caller).unwrap(), "ann (bob)");
        assert!(actor_of("a\nb".to_owned(), &caller).is_err());
    }
}
