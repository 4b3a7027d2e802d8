//! One run of the program, in this process, with everything it printed.

use std::ffi::OsString;

use meridian_cli::app;
use meridian_cli::session::{Size, Terminal};
use meridian_client::fake::FakeServer;

/// What a run left behind.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code.
    pub exit: u8,
    /// What it printed.
    pub stdout: String,
    /// What it said besides.
    pub stderr: String,
}

/// Who sits in front of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reader {
    /// A program.
    Program,
    /// A person with a terminal.
    Person,
}

/// Runs with these arguments against a server.
pub async fn meridian(server: &FakeServer, arguments: &[&str]) -> Ran {
    with(&server.address(), arguments, "", Reader::Program).await
}

/// Runs with everything said.
pub async fn with(server: &str, arguments: &[&str], stdin: &str, reader: Reader) -> Ran {
    let (mut stdout, mut stderr, mut stdin) = (Vec::new(), Vec::new(), stdin.as_bytes());
    let is_person = reader == Reader::Person;
    let terminal = Terminal {
        stdout: &mut stdout,
        stderr: &mut stderr,
        stdin: &mut stdin,
        shows: is_person,
        answers: is_person,
        no_color: true,
        size: &|| Size { rows: 40, columns: 120 },
    };
    let first = ["meridian", "--server", server, "--actor", "ann"];
    let exit = app::run(first.iter().chain(arguments).map(OsString::from), terminal).await.number();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { exit, stdout: text(stdout), stderr: text(stderr) }
}
