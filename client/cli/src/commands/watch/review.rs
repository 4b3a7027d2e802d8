//! `review …` and `evaluation …`.

use meridian_client::WatchView;

use super::{find, resolve};
use crate::args::{EvaluationCommand, Output, ReviewCommand, ReviewSaid};
use crate::commands::Outcome;
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::output::kinds::watch::{ReviewShown, reviews};
use crate::session::{Detail, Session};

pub(in crate::commands) async fn run(session: &mut Session<'_>, command: ReviewCommand) -> Outcome {
    match command {
        ReviewCommand::List(rollout) => {
            let view = find(session, &rollout).await?;
            session.list(&reviews(&view))?;
            if session.global.output == Output::Table {
                view.waits.iter().for_each(|wait| session.hint(&wait.message));
            }
        }
        ReviewCommand::Show(review) => {
            let view = find(session, &review.rollout).await?;
            show(session, &view, review.number)?;
        }
        ReviewCommand::Hold(said) => {
            let ReviewSaid { review, text } = said;
            let order = session.order(&text);
            let name = resolve(session, &review.rollout.name).await?;
            let (client, request) = (session.client().await?, session.request()?);
            let view = client.hold_review(&name, review.number, &order, &request).await?;
            show(session, &view, review.number)?;
        }
        ReviewCommand::Sign(said) => {
            let ReviewSaid { review, text } = said;
            let order = session.order(&text);
            let name = resolve(session, &review.rollout.name).await?;
            let (client, request) = (session.client().await?, session.request()?);
            let view = client.sign_review(&name, review.number, &order, &request).await?;
            show(session, &view, review.number)?;
        }
        ReviewCommand::History(rollout) => {
            let name = resolve(session, &rollout.name).await?;
            let decisions = session.client().await?.watch_decisions(&name).await?;
            session.list(&decisions)?;
        }
    }
    Ok(Exit::Done)
}

pub(in crate::commands) async fn evaluation(session: &mut Session<'_>, command: EvaluationCommand) -> Outcome {
    let view = match command {
        EvaluationCommand::Show(rollout) => find(session, &rollout).await?,
        EvaluationCommand::Sign(sign) => {
            let order = session.order(&sign.text);
            let name = resolve(session, &sign.rollout.name).await?;
            let (client, request) = (session.client().await?, session.request()?);
            client.sign_evaluation(&name, sign.waive.as_deref(), &order, &request).await?
        }
    };
    let last = reviews(&view).pop();
    let last = last.ok_or_else(|| CliError::NotFound(format!("{} has no evaluation", view.rollout())))?;
    session.one(&last, Detail::Full)?;
    Ok(Exit::Done)
}

fn show(session: &mut Session<'_>, view: &WatchView, number: u32) -> Result<(), CliError> {
    let found = reviews(view).into_iter().find(|review: &ReviewShown<'_>| review.number == number);
    let missing = || CliError::NotFound(format!("{} has no review {number}", view.rollout()));
    session.one(&found.ok_or_else(missing)?, Detail::Full)
}
