//! From the artifact folder to a verified copy in a slot: the bytes that are started are the bytes that were hashed,
//! because the copy is made while hashing and only the copy is started. It does not know what the bytes are.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use meridian_core::digest::Digest;
use sha2::{Digest as _, Sha256};

use crate::durable::{blocking, sync_folder_of};
use crate::error::{DriverError, code};

/// Readable and executable, writable by nobody: a running release is not edited.
const COPY_MODE: u32 = 0o555;
/// A step of copying: large enough that the disk, not the calls, sets the pace.
const STEP_BYTES: usize = 256 * 1024;

/// Copies the artifact with this digest from `artifacts` into `folder` and removes other copies there. The copy's path.
///
/// # Errors
/// `ARTIFACT_MISSING`, `DIGEST_MISMATCH`, `DRIVER_STATE`.
pub(super) async fn verified_copy(artifacts: &Path, folder: &Path, digest: Digest) -> Result<PathBuf, DriverError> {
    let (source, copy) = (artifacts.join(digest.hex()), folder.join(digest.hex()));
    let (from, to) = (source.clone(), copy.clone());
    let outcome = blocking(move || Ok(copy_and_hash(&from, &to, digest))).await;
    match outcome.unwrap_or_else(|error| Err(Failure::Io(error))) {
        Ok(()) => Ok(copy),
        Err(Failure::Missing) => {
            let message = format!("there is no {}", source.display());
            Err(DriverError::passing(code::ARTIFACT_MISSING, message))
        }
        Err(Failure::Other(found)) => {
            let message = format!("{} holds {found}; it is not started", source.display());
            Err(DriverError::permanent(code::DIGEST_MISMATCH, message))
        }
        Err(Failure::Io(error)) => Err(DriverError::state("copy", &source, &error)),
    }
}

enum Failure {
    Missing,
    Other(Digest),
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn copy_and_hash(from: &Path, to: &Path, digest: Digest) -> Result<(), Failure> {
    let mut source = File::open(from).map_err(|error| match error.kind() == io::ErrorKind::NotFound {
        true => Failure::Missing,
        false => Failure::Io(error),
    })?;
    let folder = to.parent().ok_or_else(|| io::Error::other("a copy lies in a folder"))?;
    empty(folder)?;
    let beside = folder.join("copying");
    let mut copy = OpenOptions::new().write(true).create_new(true).mode(COPY_MODE).open(&beside)?;
    let mut hasher = Sha256::new();
    let mut step = vec![0_u8; STEP_BYTES];
    loop {
        let length = source.read(&mut step)?;
        if length == 0 {
            break;
        }
        hasher.update(&step[..length]);
        copy.write_all(&step[..length])?;
    }
    copy.sync_all()?;
    let found = Digest::from_bytes(hasher.finalize().into());
    if found != digest {
        fs::remove_file(&beside)?;
        return Err(Failure::Other(found));
    }
    fs::rename(&beside, to)?;
    sync_folder_of(to)?;
    Ok(())
}

/// Nothing runs in the slot, so whatever lies there is of the past.
fn empty(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        fs::remove_file(entry?.path())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_bytes_are_copied() {
        let folder = tempfile::tempdir().unwrap();
        let (artifacts, slot) = (folder.path().join("artifacts"), folder.path().join("slot"));
        fs::create_dir(&artifacts).unwrap();
        let digest = Digest::of(b"right");
        let missing = verified_copy(&artifacts, &slot, digest).await.unwrap_err();
        assert_eq!((missing.code(), missing.is_permanent()), (code::ARTIFACT_MISSING, false));

        fs::write(artifacts.join(digest.hex()), b"wrong").unwrap();
        let other = verified_copy(&artifacts, &slot, digest).await.unwrap_err();
        assert_eq!((other.code(), other.is_permanent()), (code::DIGEST_MISMATCH, true));
        assert!(other.message().contains(&Digest::of(b"wrong").to_string()), "{other}");
        assert_eq!(fs::read_dir(&slot).unwrap().count(), 0);

        fs::write(artifacts.join(digest.hex()), b"right").unwrap();
        fs::write(slot.join("older"), b"").unwrap();
        let copy = verified_copy(&artifacts, &slot, digest).await.unwrap();
        assert_eq!(fs::read(&copy).unwrap(), b"right");
        assert_eq!(fs::read_dir(&slot).unwrap().count(), 1);
    }
}
