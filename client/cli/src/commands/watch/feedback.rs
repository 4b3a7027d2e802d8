//! `feedback …`.

use meridian_client::FeedbackGiven;
use meridian_core::watch::{Score, Severity};

use crate::args::{FeedbackCommand, FeedbackGive, Output};
use crate::commands::Outcome;
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::reference;
use crate::session::{Detail, Session};

pub(in crate::commands) async fn run(session: &mut Session<'_>, command: FeedbackCommand) -> Outcome {
    match command {
        FeedbackCommand::Give(give) => {
            let FeedbackGive { release, score, text, cohort, blocker } = give;
            let release = reference::release(&release)?;
            let score = Score::new(u64::from(score)).map_err(|invalid| CliError::Usage(invalid.to_string()))?;
            let severity = if blocker { Severity::Blocker } else { Severity::Note };
            let actor = session.global.actor.clone();
            let given = FeedbackGiven { release, score, severity, text, cohort, actor };
            let (client, request) = (session.client().await?, session.request()?);
            let kept = client.give_feedback(&given, &request).await?;
            session.one(&kept, Detail::Row)?;
        }
        FeedbackCommand::List { release } => {
            let view = session.client().await?.feedback(&reference::release(&release)?).await?;
            session.list(&view.answers)?;
            if session.global.output == Output::Table {
                session.hint(&view.opinion.to_string());
            }
        }
    }
    Ok(Exit::Done)
}
