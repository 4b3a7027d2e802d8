//! Shows a rollout while it is followed: a picture redrawn in place, lines, JSON lines, or nothing. It does not know
//! where views come from.

use std::collections::VecDeque;

use meridian_client::RolloutView;

use crate::args::Output;
use crate::clock;
use crate::error::CliError;
use crate::session::Session;
use crate::view::{Scene, Screen, Transition, frame_of, transitions};

/// Events kept for the picture: more would push the regions off a small screen.
const EVENTS_MAX: usize = 5;

/// A way to show.
pub(super) struct Presenter {
    form: Form,
    view: Option<RolloutView>,
    lost: Option<String>,
    events: VecDeque<Transition>,
}

enum Form {
    Picture(Screen),
    Lines,
    JsonLines,
    Nothing,
}

impl Presenter {
    /// As fits the output that is asked for and who reads it.
    pub(super) fn of(session: &Session<'_>) -> Self {
        let form = match session.global.output {
            Output::Json | Output::Jsonl => Form::JsonLines,
            Output::Table if session.terminal.shows => Form::Picture(Screen::default()),
            Output::Table | Output::Yaml | Output::Name | Output::Svg => Form::Lines,
        };
        Self { form, ..Self::silent() }
    }

    /// Nothing at all.
    pub(super) const fn silent() -> Self {
        Self { form: Form::Nothing, view: None, lost: None, events: VecDeque::new() }
    }

    /// Whether it has to be drawn again as time passes.
    pub(super) const fn is_live(&self) -> bool {
        matches!(self.form, Form::Picture(_))
    }

    /// Takes a view. Lines are written at once, a picture with the next [`Self::draw`].
    pub(super) fn take(&mut self, session: &mut Session<'_>, view: RolloutView) -> Result<(), CliError> {
        self.lost = None;
        let found = transitions(self.view.as_ref(), &view);
        match &self.form {
            Form::Picture(_) => {
                self.events.extend(found.into_iter().filter(|event| !event.text.is_empty()));
                while self.events.len() > EVENTS_MAX {
                    self.events.pop_front();
                }
            }
            Form::Lines => {
                session.write(&found.iter().map(|event| format!("{}\n", event.line())).collect::<String>())?
            }
            Form::JsonLines => {
                session.write(&found.iter().map(|event| format!("{}\n", event.json())).collect::<String>())?;
            }
            Form::Nothing => {}
        }
        self.view = Some(view);
        Ok(())
    }

    /// Says that there is no server now.
    pub(super) fn lose(&mut self, session: &mut Session<'_>, why: String) {
        if !self.is_live() && self.lost.is_none() {
            session.hint(&format!("the server is lost, looking for it: {why}"));
        }
        self.lost = Some(why);
    }

    /// Brings the picture up to date.
    pub(super) fn draw(&mut self, session: &mut Session<'_>) -> Result<(), CliError> {
        let (Form::Picture(screen), Some(view)) = (&mut self.form, &self.view) else {
            return Ok(());
        };
        let paint = session.paint();
        let size = (session.terminal.size)();
        let scene = Scene { rollout: view, events: self.events.make_contiguous(), lost: self.lost.as_deref() };
        let frame = frame_of(&scene, clock::now(), size.columns, paint);
        screen.draw(session.terminal.stdout, frame, size)?;
        Ok(())
    }
}
