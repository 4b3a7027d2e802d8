//! From the command line to the exit: parse, run one command, say what failed. The only place that knows the process.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;
use meridian_client::ClientError;

use crate::args::{Command, CommandLine, Output};
use crate::commands;
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::session::{SIZE_UNKNOWN, Session, Size, Terminal};
use crate::style::{Paint, Tone};

/// The program: arguments, standard streams and environment of this process.
#[must_use]
pub fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else {
        // Without the system's timers and sockets nothing can be done, and this is all that can be said.
        let _ = writeln!(io::stderr(), "error: the system gives no event queue");
        return Exit::Error.into();
    };
    let (mut stdout, mut stderr, mut stdin) = (io::stdout(), io::stderr(), io::stdin());
    let terminal = Terminal {
        shows: stdout.is_terminal(),
        answers: stdin.is_terminal() && stderr.is_terminal(),
        no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
        stdout: &mut stdout,
        stderr: &mut stderr,
        stdin: &mut stdin,
        size: &screen_size,
    };
    let exit = runtime.block_on(run(std::env::args_os(), terminal));
    // Whatever still waits for a server must not hold the prompt.
    runtime.shutdown_background();
    exit.into()
}

fn screen_size() -> Size {
    let size = console::Term::stdout().size_checked();
    size.map_or(SIZE_UNKNOWN, |(rows, columns)| Size { rows: usize::from(rows), columns: usize::from(columns) })
}

/// One run with these arguments, the program's name first.
pub async fn run(arguments: impl IntoIterator<Item = OsString>, mut terminal: Terminal<'_>) -> Exit {
    let line = match CommandLine::try_parse_from(arguments) {
        Ok(line) => line,
        Err(error) => return misread(&error, &mut terminal),
    };
    let is_diff = matches!(line.command, Command::Diff(_));
    if line.global.output == Output::Svg && !matches!(line.command, Command::Simulate(_)) {
        let _ = writeln!(terminal.stderr, "error: -o svg: only `simulate` draws a picture");
        return Exit::Usage;
    }
    let mut session = Session::new(line.global, terminal);
    match commands::run(&mut session, line.command).await {
        Ok(exit) => exit,
        Err(error) => {
            let exit = error.exit();
            if exit != Exit::Done {
                report(&mut session, &error);
            }
            // For `diff` 1 means that there are differences.
            if is_diff && exit != Exit::Done { Exit::Usage } else { exit }
        }
    }
}

/// Help, a version, or a command line that makes no sense.
fn misread(error: &clap::Error, terminal: &mut Terminal<'_>) -> Exit {
    let is_wanted = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let text = error.render().to_string();
    // Nobody reads it any more: there is nobody to tell either.
    let _ =
        if is_wanted { terminal.stdout.write_all(text.as_bytes()) } else { terminal.stderr.write_all(text.as_bytes()) };
    if is_wanted { Exit::Done } else { Exit::Usage }
}

fn report(session: &mut Session<'_>, error: &CliError) {
    let paint = session.paint();
    if let CliError::Manifest(errors) = error {
        let text = if session.terminal.shows { errors.render(paint == Paint::Color) } else { errors.to_string() };
        session.hint(text.trim_end());
        return;
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(&format!(": {cause_text}"));
        }
        source = cause.source();
    }
    let head = paint.apply(Tone::Bad, "error:");
    session.hint(&format!("{head} {text}"));
    let Some(client) = error.client() else { return };
    if let Some(refusal) = client.refusal().filter(|refusal| !refusal.trace.is_empty()) {
        session.hint(&format!("  trace {}", refusal.trace));
    }
    let is_open = client.retryable() || matches!(client, ClientError::Timeout { .. });
    if let (true, Some(request)) = (is_open, session.request_used()) {
        let line =
            format!("  it may have been done or not; to try again with the effect of once: --request-id {request}");
        session.hint(&line);
    }
}
