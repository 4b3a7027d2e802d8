//! One small value on disk that is replaced often: two pages of fixed size in one file, written in turns, so that a crash
//! in the middle of one leaves the other. Costs one write in place and one sync of data, a fraction of what replacing a
//! whole file costs; it lies in the path of every switch. It does not know what the value is.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use meridian_core::digest::Digest;

use crate::durable::{blocking, sync_folder_of};
use crate::error::DriverError;

/// Room for two routes with the longest cohort values that a data plane takes.
const PAGE_BYTES: usize = 64 * 1024;
/// Turn (8), length (8), digest (32).
const HEAD_BYTES: usize = 48;
/// The longest value.
pub(crate) const VALUE_BYTES_MAX: usize = PAGE_BYTES - HEAD_BYTES;

/// An open file. Nobody else writes it.
#[derive(Debug)]
pub(crate) struct TwinFile {
    path: PathBuf,
    file: Arc<File>,
    /// Of the last write; its parity names the page.
    turn: u64,
}

impl TwinFile {
    /// Opens or makes the file; with it comes the last value that was written whole.
    pub(crate) async fn open(path: &Path) -> Result<(Self, Option<Vec<u8>>), DriverError> {
        let owned = path.to_owned();
        let opened = blocking(move || open(&owned)).await;
        let (file, found) = opened.map_err(|error| DriverError::state("open", path, &error))?;
        let (turn, value) = found.map_or((0, None), |(turn, value)| (turn, Some(value)));
        Ok((Self { path: path.to_owned(), file: Arc::new(file), turn }, value))
    }

    /// Replaces the value; it is on disk when this returns. An error may leave either value.
    pub(crate) async fn write(&mut self, value: &[u8]) -> Result<(), DriverError> {
        if value.len() > VALUE_BYTES_MAX {
            let what = format!("{} bytes, of which {VALUE_BYTES_MAX} fit", value.len());
            return Err(DriverError::state("write", &self.path, &what));
        }
        self.turn += 1;
        let (page, offset, file) = (page(self.turn, value), offset(self.turn), Arc::clone(&self.file));
        let written = blocking(move || {
            file.write_all_at(&page, offset)?;
            file.sync_data()
        });
        written.await.map_err(|error| DriverError::state("write", &self.path, &error))
    }
}

/// A value and the turn in which it was written.
type Written = (u64, Vec<u8>);

fn open(path: &Path) -> io::Result<(File, Option<Written>)> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    let whole = 2 * PAGE_BYTES as u64;
    if file.metadata()?.len() != whole {
        // New, or its making was cut short: written out now, so that later writes change no metadata.
        file.set_len(0)?;
        file.write_all_at(&vec![0; 2 * PAGE_BYTES], 0)?;
        file.sync_all()?;
        sync_folder_of(path)?;
    }
    let newest = [read(&file, 0)?, read(&file, 1)?].into_iter().flatten().max_by_key(|(turn, _)| *turn);
    Ok((file, newest))
}

/// What a page holds; `None` if it was never written whole.
fn read(file: &File, turn: u64) -> io::Result<Option<Written>> {
    let mut page = vec![0; PAGE_BYTES];
    file.read_exact_at(&mut page, offset(turn))?;
    let (head, rest) = page.split_at(HEAD_BYTES);
    let number = |at: usize| head[at..at + 8].iter().rev().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    let (turn, length) = (number(0), usize::try_from(number(8)).unwrap_or(usize::MAX));
    let value = rest.get(..length).filter(|value| digest(turn, value).as_bytes() == &head[16..]);
    Ok(value.map(|value| (turn, value.to_vec())))
}

fn page(turn: u64, value: &[u8]) -> Vec<u8> {
    let mut page = Vec::with_capacity(HEAD_BYTES + value.len());
    page.extend(turn.to_le_bytes());
    page.extend((value.len() as u64).to_le_bytes());
    page.extend(digest(turn, value).as_bytes());
    page.extend(value);
    page
}

fn digest(turn: u64, value: &[u8]) -> Digest {
    Digest::of(&[&turn.to_le_bytes(), value].concat())
}

const fn offset(turn: u64) -> u64 {
    (turn % 2) * PAGE_BYTES as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_whole_value_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let (mut file, value) = TwinFile::open(&path).await.unwrap();
        assert_eq!(value, None);
        for value in [&b"one"[..], b"", b"three"] {
            file.write(value).await.unwrap();
            assert_eq!(TwinFile::open(&path).await.unwrap().1.as_deref(), Some(value));
        }
        assert!(file.write(&vec![0; VALUE_BYTES_MAX + 1]).await.is_err());
        // The write of "three" cut short: the value before it holds.
        let raw = OpenOptions::new().write(true).open(&path).unwrap();
        raw.write_all_at(b"X", offset(3) + HEAD_BYTES as u64 + 1).unwrap();
        let (mut file, value) = TwinFile::open(&path).await.unwrap();
        assert_eq!(value.as_deref(), Some(&b""[..]));
        file.write(b"four").await.unwrap();
        assert_eq!(TwinFile::open(&path).await.unwrap().1.as_deref(), Some(&b"four"[..]));
    }
}
