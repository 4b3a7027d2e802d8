//! One run of the program: its settings, its terminal, its client. Commands get one of these and nothing global.

use std::io::{self, Read, Write};
use std::time::Duration;

use meridian_client::{Client, Endpoint, OperatorOrder, RequestId, Tls};

use crate::args::{Color, Global, Output};
use crate::error::CliError;
use crate::output::{Shown, json, jsonl, table, yaml};
use crate::style::Paint;

/// The longest one call may take, unless said otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The size of a screen that does not say.
pub const SIZE_UNKNOWN: Size = Size { rows: 24, columns: 110 };

/// Where a run reads and writes.
pub struct Terminal<'a> {
    /// Data.
    pub stdout: &'a mut dyn Write,
    /// Progress, hints and errors.
    pub stderr: &'a mut dyn Write,
    /// Manifests written `-`, and answers.
    pub stdin: &'a mut dyn Read,
    /// Whether a person sees stdout.
    pub shows: bool,
    /// Whether a person can answer.
    pub answers: bool,
    /// Whether colours are unwanted in this environment.
    pub no_color: bool,
    /// The size of the screen now.
    pub size: &'a dyn Fn() -> Size,
}

/// The size of a screen, in characters.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Size {
    /// Lines.
    pub rows: usize,
    /// Characters in a line.
    pub columns: usize,
}

/// One run.
pub struct Session<'a> {
    /// What holds for every command.
    pub global: Global,
    /// Where it reads and writes.
    pub terminal: Terminal<'a>,
    client: Option<Client>,
    request: Option<RequestId>,
}

impl<'a> Session<'a> {
    /// A run that has done nothing yet.
    #[must_use]
    pub const fn new(global: Global, terminal: Terminal<'a>) -> Self {
        Self { global, terminal, client: None, request: None }
    }

    /// The client, made at the first call: commands that need no server never look for one.
    pub(crate) async fn client(&mut self) -> Result<Client, CliError> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let Global { server, ca, cert, key, timeout, .. } = self.global.clone();
        let is_given = ca.is_some() || cert.is_some() || key.is_some();
        let tls = is_given.then_some(Tls { ca, cert, key });
        let timeout = timeout.unwrap_or(TIMEOUT);
        let client = Client::connect(Endpoint { addresses: server, tls, timeout }).await?;
        self.client = Some(client.clone());
        Ok(client)
    }

    /// The id of this run's change.
    pub(crate) fn request(&mut self) -> Result<RequestId, CliError> {
        if let Some(request) = &self.request {
            return Ok(request.clone());
        }
        let request = match &self.global.request_id {
            None => RequestId::random(),
            Some(text) => RequestId::parse(text).map_err(|error| CliError::Usage(format!("--request-id: {error}")))?,
        };
        self.request = Some(request.clone());
        Ok(request)
    }

    /// The id of this run's change, if it has begun one.
    pub(crate) const fn request_used(&self) -> Option<&RequestId> {
        self.request.as_ref()
    }

    /// Who wants it and why.
    pub(crate) fn order(&self, reason: &str) -> OperatorOrder {
        OperatorOrder { actor: self.global.actor.clone(), reason: reason.to_owned(), etag: None }
    }

    /// Whether to use colours on stdout.
    pub(crate) const fn paint(&self) -> Paint {
        match self.global.color {
            Color::Always => Paint::Color,
            Color::Never => Paint::Plain,
            Color::Auto if self.terminal.shows && !self.terminal.no_color => Paint::Color,
            Color::Auto => Paint::Plain,
        }
    }

    /// Prints things of one kind.
    pub(crate) fn list<T: Shown>(&mut self, things: &[T]) -> Result<(), CliError> {
        let now = crate::clock::now();
        let text = match self.global.output {
            Output::Table | Output::Svg => {
                let rows = things.iter().map(|thing| thing.row(now)).collect();
                let headers = if self.global.no_headers { &[][..] } else { T::HEADERS };
                table::print(headers, rows, self.paint())
            }
            Output::Json => json::list(things.iter().map(Shown::json)),
            Output::Jsonl => jsonl::list(things.iter().map(Shown::json)),
            Output::Yaml => yaml::list(things.iter().map(Shown::yaml)),
            Output::Name => things.iter().map(|thing| format!("{}\n", thing.name())).collect(),
        };
        self.write(&text)
    }

    /// Prints one thing; as a table in full if `describe` is given.
    pub(crate) fn one<T: Shown>(&mut self, thing: &T, detail: Detail) -> Result<(), CliError> {
        let text = match (self.global.output, detail) {
            (Output::Table | Output::Svg, Detail::Row) => return self.list(std::slice::from_ref(thing)),
            (Output::Table | Output::Svg, Detail::Full) => thing.describe(crate::clock::now()).print(self.paint()),
            (Output::Json, _) => json::one(&thing.json()),
            (Output::Jsonl, _) => jsonl::list([thing.json()]),
            (Output::Yaml, _) => thing.yaml(),
            (Output::Name, _) => format!("{}\n", thing.name()),
        };
        self.write(&text)
    }

    /// Prints data.
    pub(crate) fn write(&mut self, text: &str) -> Result<(), CliError> {
        self.terminal.stdout.write_all(text.as_bytes())?;
        self.terminal.stdout.flush()?;
        Ok(())
    }

    /// Prints a line of progress or advice. It is lost if nobody reads it.
    pub(crate) fn hint(&mut self, line: &str) {
        let _ = writeln!(self.terminal.stderr, "{line}");
    }

    /// Asks before something that can't be undone.
    pub(crate) fn confirm(&mut self, question: &str, yes: bool) -> Result<(), CliError> {
        if yes {
            return Ok(());
        }
        if !self.terminal.answers {
            return Err(CliError::Usage(format!("{question} There is nobody to ask: say --yes")));
        }
        write!(self.terminal.stderr, "{question} Write yes: ")?;
        self.terminal.stderr.flush()?;
        if self.answer()?.trim() == "yes" {
            Ok(())
        } else {
            Err(CliError::Usage("not confirmed; nothing was done".to_owned()))
        }
    }

    /// One line, at most 64 bytes of it.
    fn answer(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        let mut byte = [0];
        while line.len() < 64 && self.terminal.stdin.read(&mut byte)? == 1 && byte[0] != b'\n' {
            line.push(byte[0]);
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }
}

/// How much to print of one thing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub(crate) enum Detail {
    /// A row.
    Row,
    /// Everything.
    Full,
}
