//! Where log lines go: to standard error, as text or JSON. It does not know who writes them.

use std::io::stderr;

use tracing_subscriber::EnvFilter;

use crate::args::LogFormat;

/// Sends the log of this process to standard error. A second call is ignored: the first one to ask decides.
pub fn to_stderr(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    // Only fails when a log was set up before, which then stays.
    let _ = match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
