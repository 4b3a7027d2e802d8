//! `release …`: make releases known, list and show them, make their notes, veto them and lift that.

mod commits;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use meridian_client::{Intent, ReleaseName};
use meridian_core::digest::Digest;
use meridian_core::release::{NOTES_BYTES_MAX, Notes, Release, Reversibility};
use sha2::{Digest as _, Sha256};

use super::{Outcome, get};
use crate::args::{self, Commits, Output, ReleaseCommand, ReleaseCreate, ReleaseOrder};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::manifest;
use crate::output::json;
use crate::output::kinds::release::{ReleaseHistory, notes_json};
use crate::reference;
use crate::session::{Detail, Session};

/// Read at once: artifacts may be larger than memory.
const CHUNK_BYTES: usize = 1 << 16;

pub(super) async fn run(session: &mut Session<'_>, command: ReleaseCommand) -> Outcome {
    match command {
        ReleaseCommand::Create(create) => make(session, &create).await,
        ReleaseCommand::List { service } => {
            let service = service.as_deref().map(reference::service).transpose()?;
            let client = session.client().await?;
            let releases = get::releases(&client, service.as_ref()).await?;
            session.list(&releases)?;
            Ok(Exit::Done)
        }
        ReleaseCommand::Show { service, version } => show(session, &service, &version).await,
        ReleaseCommand::Notes(Commits { from, repo }) => notes(session, &from, &repo).await,
        ReleaseCommand::Veto(order) => veto(session, &order, Change::Veto).await,
        ReleaseCommand::Unveto(order) => veto(session, &order, Change::Unveto).await,
    }
}

/// Whether agents may start a release.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Change {
    Veto,
    Unveto,
}

async fn veto(session: &mut Session<'_>, order: &ReleaseOrder, change: Change) -> Outcome {
    let ReleaseOrder { service, version, reason } = order;
    let name = ReleaseName { service: reference::service(service)?, version: reference::version(version)? };
    let (client, request, said) = (session.client().await?, session.request()?, session.order(reason));
    let (view, note) = match change {
        Change::Veto => (client.veto_release(&name, &said, &request).await?, "vetoed: no agent may start it"),
        Change::Unveto => (client.unveto_release(&name, &said, &request).await?, "no longer vetoed"),
    };
    if session.global.output == Output::Table {
        session.write(&format!("release/{}/{} {note}\n", name.service, name.version))?;
    } else {
        session.one(&view, Detail::Row)?;
    }
    Ok(Exit::Done)
}

async fn show(session: &mut Session<'_>, service: &str, version: &str) -> Outcome {
    let name = ReleaseName { service: reference::service(service)?, version: reference::version(version)? };
    let client = session.client().await?;
    let view = client.release(&name).await?;
    let mut rollouts = client.rollouts(Some(&name.service)).await?;
    rollouts.retain(|rollout| rollout.release == view.release.reference());
    rollouts.sort_by_key(|rollout| rollout.created);
    session.one(&ReleaseHistory { view, rollouts }, Detail::Full)?;
    Ok(Exit::Done)
}

async fn notes(session: &mut Session<'_>, range: &str, repo: &Path) -> Outcome {
    let made = commits::read(range, repo).await?;
    session.hint(&made.left_out());
    let text = match session.global.output {
        Output::Json | Output::Jsonl => json::one(&notes_json(&made.notes)),
        Output::Table | Output::Yaml | Output::Name | Output::Svg => manifest::notes_to_yaml(&made.notes),
    };
    session.write(&text)?;
    Ok(Exit::Done)
}

async fn make(session: &mut Session<'_>, create: &ReleaseCreate) -> Outcome {
    if create.notes.len() > NOTES_BYTES_MAX {
        return Err(CliError::Usage(format!("--notes: at most {NOTES_BYTES_MAX} bytes")));
    }
    let notes = match &create.notes_from {
        None => Notes::Plain(create.notes.clone()),
        Some(range) => {
            let made = commits::read(range, &create.repo).await?;
            session.hint(&made.left_out());
            made.notes
        }
    };
    let release = Release {
        service: reference::service(&create.service)?,
        version: reference::version(&create.version)?,
        digest: digest(create.digest.as_deref(), create.artifact.as_deref())?,
        notes,
        reversibility: match create.reversibility {
            args::Reversibility::Free => Reversibility::Free,
            args::Reversibility::Costly => Reversibility::Costly,
            args::Reversibility::PointOfNoReturn => Reversibility::PointOfNoReturn,
        },
        prepares: create.prepares.as_deref().map(reference::version).transpose()?,
    };
    let intent = if create.validate_only { Intent::Check } else { Intent::Commit };
    let (client, request) = (session.client().await?, session.request()?);
    let view = client.create_release(&release, intent, &request).await?;
    if session.global.output == Output::Table {
        let note = if create.validate_only { "valid" } else { "created" };
        session.write(&format!("release/{}/{} {note} ({})\n", release.service, release.version, release.digest))?;
    } else {
        session.one(&view, Detail::Row)?;
    }
    Ok(Exit::Done)
}

/// A digest as it was said, or that of a file.
pub(super) fn digest(said: Option<&str>, file: Option<&Path>) -> Result<Digest, CliError> {
    match (said, file) {
        (_, Some(path)) => {
            let failed = |source| CliError::File { path: path.display().to_string(), source };
            hash(path).map_err(failed)
        }
        (Some(text), None) => {
            Digest::parse(text).map_err(|error| CliError::Usage(format!("--digest {text:?}: {error}")))
        }
        (None, None) => Err(CliError::Usage("say a digest or a file".to_owned())),
    }
}

fn hash(path: &Path) -> std::io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let length = file.read(&mut chunk)?;
        if length == 0 {
            return Ok(Digest::from_bytes(hasher.finalize().into()));
        }
        hasher.update(&chunk[..length]);
    }
}
