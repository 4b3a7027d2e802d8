//! Where programs and sockets are. It knows folders, not what the programs do.

use std::path::{Path, PathBuf};

use crate::error::{DriverError, code};

/// Below the kernel's limit of 108 bytes for a unix socket's path, its closing zero included.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// The program to start: the configured one, else the one beside our own, else the name, to be looked up in `PATH`.
pub(crate) fn locate(configured: Option<&Path>, name: &str) -> PathBuf {
    if let Some(path) = configured {
        return std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    }
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name(name));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| name.into())
}

/// The folder as an absolute path: what we start runs elsewhere.
pub(crate) fn absolute(folder: &Path) -> Result<PathBuf, DriverError> {
    std::path::absolute(folder).map_err(|error| DriverError::state("find", folder, &error))
}

/// A unix socket in a folder, if the kernel can hold its path.
pub(crate) fn socket(folder: &Path, name: &str) -> Result<PathBuf, DriverError> {
    let path = folder.join(name);
    let length = path.as_os_str().len();
    if length <= SOCKET_PATH_BYTES_MAX {
        return Ok(path);
    }
    let message = format!(
        "{} has {length} bytes, a unix socket's path at most {SOCKET_PATH_BYTES_MAX}: choose a shorter folder",
        path.display()
    );
    Err(DriverError::permanent(code::DRIVER_CONFIG, message))
}
