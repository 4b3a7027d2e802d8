//! One small value on disk that is replaced often: two pages of fixed size in one file, written in turns, so that a crash
//! in the middle of one leaves the other. Costs one write in place and one sync of data, a fraction of what replacing a
//! whole file costs; it lies in the path of every switch. It does not know what the value is, and it blocks.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Room for two routings with the longest cohort values that a data plane takes.
const PAGE_BYTES: usize = 64 * 1024;
/// Turn (8), length (8), digest (32).
const HEAD_BYTES: usize = 48;
const FILE_BYTES: usize = 2 * PAGE_BYTES;
/// The longest value that fits.
pub const VALUE_BYTES_MAX: usize = PAGE_BYTES - HEAD_BYTES;

/// What is wrong with the file.
#[derive(Debug, thiserror::Error)]
pub enum TwinFileError {
    /// It could not be made or read.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The value could not be written: the value before it counts, unless the machine crashes now, which may leave
    /// either.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is there but is no such file, or neither page was written whole. It is left as it is.
    #[error("{} is corrupt: {reason}", path.display())]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
}

/// An open file. Nobody else writes it.
#[derive(Debug)]
pub struct TwinFile {
    path: PathBuf,
    file: File,
    /// Of the last write that is surely on disk; its parity names the page.
    turn: u64,
}

impl TwinFile {
    /// Opens or makes the file; with it comes the last value that was written whole, `None` before the first.
    ///
    /// # Errors
    /// [`TwinFileError::Open`], and [`TwinFileError::Corrupt`] when there is a file without any value in it.
    pub fn open(path: &Path) -> Result<(Self, Option<Vec<u8>>), TwinFileError> {
        let failed = |source| TwinFileError::Open { path: path.to_owned(), source };
        let corrupt = |reason: String| TwinFileError::Corrupt { path: path.to_owned(), reason };
        let file = match open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(path).and_then(|()| open(path)),
            opened => opened,
        };
        let file = file.map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        if length != FILE_BYTES as u64 {
            return Err(corrupt(format!("it has {length} bytes instead of {FILE_BYTES}")));
        }
        let pages = [read(&file, 0).map_err(failed)?, read(&file, 1).map_err(failed)?];
        let newest = pages.into_iter().flatten().max_by_key(|(turn, _)| *turn);
        let (turn, value) = newest.ok_or_else(|| corrupt("neither of its pages was written whole".to_owned()))?;
        let opened = Self { path: path.to_owned(), file, turn };
        Ok((opened, (turn > 0).then_some(value)))
    }

    /// Replaces the value; it is on disk when this returns.
    ///
    /// # Errors
    /// [`TwinFileError::Write`], also for more than [`VALUE_BYTES_MAX`].
    pub fn write(&mut self, value: &[u8]) -> Result<(), TwinFileError> {
        let turn = self.turn + 1;
        self.write_page(turn, value).map_err(|source| TwinFileError::Write { path: self.path.clone(), source })?;
        // Not before: after a failure the other page, the only good one, must not be the next to be written.
        self.turn = turn;
        Ok(())
    }

    fn write_page(&self, turn: u64, value: &[u8]) -> io::Result<()> {
        if value.len() > VALUE_BYTES_MAX {
            let what = format!("{} bytes, of which {VALUE_BYTES_MAX} fit", value.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        self.file.write_all_at(&page(turn, value), offset(turn))?;
        self.file.sync_data()
    }
}

/// A value and the turn in which it was written.
type Written = (u64, Vec<u8>);

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// Makes the file beside its place and moves it there, so that it is never seen in the making. All its bytes are written,
/// so that later writes change no metadata.
fn make(path: &Path) -> io::Result<()> {
    let mut beside = path.to_owned();
    beside.as_mut_os_string().push(".new");
    let mut bytes = page(0, b"");
    bytes.resize(FILE_BYTES, 0);
    fs::write(&beside, bytes)?;
    File::open(&beside)?.sync_all()?;
    fs::rename(&beside, path)?;
    // The rename itself is lost in a crash until its folder is flushed.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// What a page holds; `None` if it was not written whole.
fn read(file: &File, place: u64) -> io::Result<Option<Written>> {
    let mut page = vec![0; PAGE_BYTES];
    file.read_exact_at(&mut page, offset(place))?;
    let (head, rest) = page.split_at(HEAD_BYTES);
    let number = |at: usize| head[at..at + 8].iter().rev().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    let (turn, length) = (number(0), usize::try_from(number(8)).unwrap_or(usize::MAX));
    let value = rest.get(..length).filter(|value| turn % 2 == place && digest(turn, value) == head[16..]);
    Ok(value.map(|value| (turn, value.to_vec())))
}

fn page(turn: u64, value: &[u8]) -> Vec<u8> {
    let mut page = Vec::with_capacity(HEAD_BYTES + value.len());
    page.extend(turn.to_le_bytes());
    page.extend((value.len() as u64).to_le_bytes());
    page.extend(digest(turn, value));
    page.extend(value);
    page
}

fn digest(turn: u64, value: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(turn.to_le_bytes()).chain_update(value).finalize().into()
}

const fn offset(turn: u64) -> u64 {
    (turn % 2) * PAGE_BYTES as u64
}

#[cfg(test)]
mod tests;
