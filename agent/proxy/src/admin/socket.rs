//! The control socket as a file: ours alone, made anew over a stale one, never taken from a living process.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tokio::net::UnixListener;

use crate::error::StartError;

/// Listens on a unix socket that only our own user can open.
///
/// # Errors
/// When somebody answers there, or the system refuses.
pub(crate) fn bind(path: &Path) -> Result<UnixListener, StartError> {
    let failed = |source: io::Error| StartError::Control { path: path.to_owned(), source };
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => return Err(StartError::ControlInUse(path.to_owned())),
        // Left by a process that was killed: nobody listens.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)?;
        }
        // Nothing there, or something that the bind will complain about better.
        Err(_) => {}
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}
