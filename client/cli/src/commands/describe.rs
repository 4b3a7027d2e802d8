//! `describe`: everything about one thing.

use super::{Outcome, get};
use crate::args::What;
use crate::error::CliError;
use crate::reference::Reference;
use crate::session::{Detail, Session};

pub(super) async fn run(session: &mut Session<'_>, what: &What) -> Outcome {
    let Reference { kind, name } = Reference::parse(&what.what, what.name.as_deref())?;
    let name = name.ok_or_else(|| CliError::Usage(format!("which one? Say {}/NAME", what.what)))?;
    get::one(session, kind, &name, Detail::Full).await
}
