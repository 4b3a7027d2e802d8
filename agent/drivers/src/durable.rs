//! Small JSON files that survive a crash at any moment: the old content or the new one, never a mixture. It does not
//! know what is in them.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::DriverError;

/// More than any file of a driver; a larger one is not ours.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Writes a value so that it is on disk when this returns.
pub(crate) async fn save<T: Serialize + Sync>(path: &Path, value: &T) -> Result<(), DriverError> {
    let bytes = serde_json::to_vec_pretty(value).map_err(|error| DriverError::state("write", path, &error))?;
    let target = path.to_owned();
    blocking(move || write(&target, &bytes)).await.map_err(|error| DriverError::state("write", path, &error))
}

/// Reads a value; `None` if there is no such file.
pub(crate) async fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, DriverError> {
    let source = path.to_owned();
    let read = blocking(move || {
        let mut bytes = Vec::new();
        File::open(source)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    match read.await {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| DriverError::state("read", path, &error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DriverError::state("read", path, &error)),
    }
}

/// Removes a file so that it stays away; one that is not there is fine.
pub(crate) async fn remove(path: &Path) -> Result<(), DriverError> {
    let target = path.to_owned();
    let removed = blocking(move || match fs::remove_file(&target) {
        Ok(()) => sync_folder_of(&target),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    });
    removed.await.map_err(|error| DriverError::state("remove", path, &error))
}

/// Makes a folder and those above it.
pub(crate) async fn make_folder(path: &Path) -> Result<(), DriverError> {
    tokio::fs::create_dir_all(path).await.map_err(|error| DriverError::state("make", path, &error))
}

/// Runs file work where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// Makes a rename or removal in the folder of `path` durable.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside: PathBuf = path.to_owned();
    beside.as_mut_os_string().push(".new");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    sync_folder_of(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_come_back_and_garbage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        assert_eq!(load::<u64>(&path).await.unwrap(), None);
        save(&path, &7_u64).await.unwrap();
        save(&path, &8_u64).await.unwrap();
        assert_eq!(load::<u64>(&path).await.unwrap(), Some(8));
        std::fs::write(&path, b"{").unwrap();
        let error = load::<u64>(&path).await.unwrap_err();
        assert!(error.message().contains("a.json"), "{error}");
        remove(&path).await.unwrap();
        remove(&path).await.unwrap();
        assert_eq!(load::<u64>(&path).await.unwrap(), None);
    }
}
