//! `diff`: what `apply` would change, as unified text against what is there.

use meridian_client::{Client, ClientError, ReleaseName};
use similar::TextDiff;

use super::Outcome;
use super::apply::{if_there, short_name};
use crate::args::Files;
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::manifest::{self, Manifest};
use crate::output::kinds::{region, service};
use crate::session::Session;
use crate::style::{Paint, Tone};

/// Unchanged lines shown around a change.
const CONTEXT: usize = 3;

pub(super) async fn run(session: &mut Session<'_>, files: &Files) -> Outcome {
    let documents = super::load(session, files)?;
    let client = session.client().await?;
    let mut exit = Exit::Done;
    for document in documents {
        let place = document.place.to_string();
        let there = present(&client, &document.manifest).await;
        let there = there.map_err(|source| CliError::Document { place, source })?;
        if there.as_ref() == Some(&document.manifest) {
            continue;
        }
        exit = Exit::Error;
        let before = there.as_ref().map(manifest::to_yaml).unwrap_or_default();
        let after = manifest::to_yaml(&document.manifest);
        let text = unified(&short_name(&document.manifest), &before, &after, session.paint());
        session.write(&text)?;
    }
    Ok(exit)
}

/// What is there under the manifest's name, as a manifest.
async fn present(client: &Client, wanted: &Manifest) -> Result<Option<Manifest>, ClientError> {
    Ok(match wanted {
        Manifest::Service(wanted) => if_there(client.service(&wanted.id).await)?.as_ref().map(service::to_manifest),
        Manifest::Region(wanted) => if_there(client.region(&wanted.id).await)?.as_ref().map(region::to_manifest),
        Manifest::Playbook(wanted) => {
            if_there(client.playbook(&wanted.id, None).await)?.map(|view| Manifest::Playbook(view.playbook))
        }
        Manifest::Route(wanted) => if_there(client.route(&wanted.id).await)?.map(|view| Manifest::Route(view.route)),
        Manifest::Release(wanted) => {
            let name = ReleaseName { service: wanted.service.clone(), version: wanted.version.clone() };
            if_there(client.release(&name).await)?.map(|view| Manifest::Release(view.release))
        }
    })
}

fn unified(name: &str, before: &str, after: &str, paint: Paint) -> String {
    let diff = TextDiff::from_lines(before, after);
    let text =
        diff.unified_diff().context_radius(CONTEXT).header(&format!("a/{name}"), &format!("b/{name}")).to_string();
    let line = |line: &str| {
        let tone = match line.as_bytes().first() {
            Some(b'+') => Tone::Good,
            Some(b'-') => Tone::Bad,
            Some(b'@') => Tone::Busy,
            Some(_) | None => Tone::Plain,
        };
        format!("{}\n", paint.apply(tone, line))
    };
    text.lines().map(line).collect()
}
