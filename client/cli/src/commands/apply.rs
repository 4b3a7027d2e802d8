//! `apply`: make or change what manifests say, what others refer to first.

use meridian_client::{Client, ClientError, Intent, RegionChange, ReleaseName, RequestId, ServiceChange};
use meridian_core::alert::Route;
use meridian_core::playbook::Playbook;
use meridian_core::release::Release;
use serde_json::json;

use super::Outcome;
use crate::args::{Apply, DryRun, Output};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::manifest::{Document, Manifest, RegionManifest, ServiceManifest};
use crate::output::kinds::{region, service};
use crate::output::{json, jsonl, yaml};
use crate::session::Session;

/// What became of a document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Effect {
    Created,
    Changed,
    Unchanged,
    Checked,
}

impl Effect {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Checked => "valid",
        }
    }
}

/// How to make one change.
struct Change<'a> {
    client: &'a Client,
    intent: Intent,
    request: RequestId,
}

pub(super) async fn run(session: &mut Session<'_>, apply: &Apply) -> Outcome {
    let mut documents = super::load(session, &apply.files)?;
    documents.sort_by_key(|document| rank(&document.manifest));
    let mut results = Vec::new();
    let mut failure = None;
    for document in &documents {
        let name = short_name(&document.manifest);
        match effect(session, apply.dry_run, document, documents.len() > 1).await {
            Ok(effect) => {
                show(session, &name, effect, apply.dry_run)?;
                results.push((name, effect));
            }
            // What was done before stays done; what comes after may need this one.
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    let value = |(name, effect): &(String, Effect)| json!({ "name": name, "effect": effect.as_str() });
    match session.global.output {
        Output::Json => session.write(&json::list(results.iter().map(value)))?,
        Output::Jsonl => session.write(&jsonl::list(results.iter().map(value)))?,
        Output::Yaml => session.write(&yaml::print(&results.iter().map(value).collect()))?,
        Output::Table | Output::Name | Output::Svg => {}
    }
    failure.map_or(Ok(Exit::Done), Err)
}

fn show(session: &mut Session<'_>, name: &str, effect: Effect, dry_run: Option<DryRun>) -> Result<(), CliError> {
    let note = match dry_run {
        None => "",
        Some(DryRun::Client) => " (dry run)",
        Some(DryRun::Server) => " (dry run on the server)",
    };
    match session.global.output {
        Output::Table | Output::Svg => session.write(&format!("{name} {}{note}\n", effect.as_str())),
        Output::Name => session.write(&format!("{name}\n")),
        Output::Json | Output::Jsonl | Output::Yaml => Ok(()),
    }
}

async fn effect(
    session: &mut Session<'_>,
    dry_run: Option<DryRun>,
    document: &Document,
    is_one_of_several: bool,
) -> Result<Effect, CliError> {
    let intent = match dry_run {
        Some(DryRun::Client) => return Ok(Effect::Checked),
        Some(DryRun::Server) => Intent::Check,
        None => Intent::Commit,
    };
    let client = session.client().await?;
    let mut request = session.request()?;
    if is_one_of_several {
        // One id stands for one change; each gets its own, the same one when the command is repeated.
        request = request.derive(&short_name(&document.manifest));
    }
    let change = Change { client: &client, intent, request };
    let done = match &document.manifest {
        Manifest::Service(service) => change.service(service).await,
        Manifest::Playbook(playbook) => change.playbook(playbook).await,
        Manifest::Release(release) => change.release(release).await,
        Manifest::Region(region) => change.region(region).await,
        Manifest::Route(route) => change.route(route).await,
    };
    let place = document.place.to_string();
    done.map_err(|source| CliError::Document { place, source })
}

/// Services before releases, and regions before playbooks that name them.
const fn rank(manifest: &Manifest) -> u8 {
    match manifest {
        Manifest::Service(_) => 0,
        Manifest::Region(_) => 1,
        Manifest::Playbook(_) => 2,
        Manifest::Release(_) => 3,
        Manifest::Route(_) => 4,
    }
}

/// `service/checkout`, as `get` takes it.
pub(super) fn short_name(manifest: &Manifest) -> String {
    match manifest {
        Manifest::Service(service) => format!("service/{}", service.id),
        Manifest::Playbook(playbook) => format!("playbook/{}", playbook.id),
        Manifest::Release(release) => format!("release/{}/{}", release.service, release.version),
        Manifest::Region(region) => format!("region/{}", region.id),
        Manifest::Route(route) => format!("route/{}", route.id),
    }
}

/// A thing that may not be there.
pub(super) fn if_there<T>(found: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

impl Change<'_> {
    async fn service(&self, manifest: &ServiceManifest) -> Result<Effect, ClientError> {
        let there = if_there(self.client.service(&manifest.id).await)?;
        let is_same = |there| service::to_manifest(there) == Manifest::Service(manifest.clone());
        if there.as_ref().is_some_and(is_same) {
            return Ok(Effect::Unchanged);
        }
        let ServiceManifest { id, labels, description, owner, parameters } = manifest.clone();
        let etag = there.as_ref().map(|there| there.etag.clone());
        let change = ServiceChange { id, description, owner, labels, parameters, etag };
        self.client.apply_service(&change, self.intent, &self.request).await?;
        Ok(changed_or_created(there.is_some()))
    }

    async fn region(&self, manifest: &RegionManifest) -> Result<Effect, ClientError> {
        let there = if_there(self.client.region(&manifest.id).await)?;
        let is_same = |there| region::to_manifest(there) == Manifest::Region(manifest.clone());
        if there.as_ref().is_some_and(is_same) {
            return Ok(Effect::Unchanged);
        }
        let RegionManifest { id, labels, description, cordoned, traffic_share } = manifest.clone();
        let etag = there.as_ref().map(|there| there.etag.clone());
        let change = RegionChange { id, labels, description, cordoned, traffic_share, etag };
        self.client.apply_region(&change, self.intent, &self.request).await?;
        Ok(changed_or_created(there.is_some()))
    }

    async fn playbook(&self, playbook: &Playbook) -> Result<Effect, ClientError> {
        let there = if_there(self.client.playbook(&playbook.id, None).await)?;
        if there.as_ref().is_some_and(|there| there.playbook == *playbook) {
            return Ok(Effect::Unchanged);
        }
        let etag = there.as_ref().map(|there| there.etag.as_str());
        self.client.apply_playbook(playbook, etag, self.intent, &self.request).await?;
        Ok(changed_or_created(there.is_some()))
    }

    async fn route(&self, route: &Route) -> Result<Effect, ClientError> {
        let there = if_there(self.client.route(&route.id).await)?;
        if there.as_ref().is_some_and(|there| there.route == *route) {
            return Ok(Effect::Unchanged);
        }
        let etag = there.as_ref().map(|there| there.etag.as_str());
        self.client.apply_route(route, etag, self.intent, &self.request).await?;
        Ok(changed_or_created(there.is_some()))
    }

    async fn release(&self, release: &Release) -> Result<Effect, ClientError> {
        let name = ReleaseName { service: release.service.clone(), version: release.version.clone() };
        let there = if_there(self.client.release(&name).await)?;
        if there.is_some_and(|there| there.release == *release) {
            return Ok(Effect::Unchanged);
        }
        // With other content it is refused: the server says it with its own reason.
        self.client.create_release(release, self.intent, &self.request).await?;
        Ok(Effect::Created)
    }
}

const fn changed_or_created(was_there: bool) -> Effect {
    if was_there { Effect::Changed } else { Effect::Created }
}
