//! The file of a backup: parts with their lengths, and a checksum at the end without which nothing of it is believed.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use bytes::Bytes;
use meridian_core::digest::Digest;
use meridian_core::time::Timestamp;
use meridian_proto::convert::{timestamp_from_wire, timestamp_to_wire};
use meridian_proto::r#gen::records::v1 as wire;
use prost::Message;
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use wire::backup_frame::Frame;

use crate::{Key, MAX_KEY_BYTES, MAX_VALUE_BYTES, Revision};

/// The layout of the file; others are not read.
pub const FORMAT: u32 = 1;
const FIRST_LINE: &[u8] = b"MERIDIAN-BACKUP\n";
/// The largest entry, and room for what holds it together.
const PART_BYTES_MAX: usize = MAX_KEY_BYTES + MAX_VALUE_BYTES + 1024;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// When it was taken.
    pub time: Timestamp,
    /// By which version.
    pub server_version: String,
    /// From what kind of store.
    pub store: String,
    /// At which revision of it.
    pub revision: Revision,
}

/// A backup that was read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// What it says of itself.
    pub header: Header,
    /// What it keeps.
    pub entries: BTreeMap<Key, Bytes>,
    /// The digest of the file but for its end: its name, wherever it lies.
    pub digest: Digest,
}

/// Why a file is not restored from.
#[derive(Debug, Error)]
pub enum BackupInvalid {
    /// It can't be read.
    #[error("the backup can't be read")]
    Io(#[from] io::Error),
    /// It begins with something else.
    #[error("this is no backup of Meridian")]
    NoBackup,
    /// Written by a version that lays it out differently.
    #[error("the backup has format {found}, this version reads format {FORMAT}")]
    Format {
        /// Its format.
        found: u32,
    },
    /// It ends too early: the copy is not whole.
    #[error("the backup is cut off after {entries} entries")]
    CutOff {
        /// How many were read.
        entries: u64,
    },
    /// It is not what was written.
    #[error("the backup is damaged: {reason}")]
    Damaged {
        /// What was found.
        reason: String,
    },
}

/// Writes a backup; tells its digest.
///
/// # Errors
/// If it can't be written.
pub fn write(out: &mut impl Write, header: &Header, entries: &BTreeMap<Key, Bytes>) -> io::Result<Digest> {
    let mut hasher = Sha256::new();
    let mut put = |bytes: &[u8]| {
        hasher.update(bytes);
        out.write_all(bytes)
    };
    put(FIRST_LINE)?;
    let Header { time, server_version, store, revision } = header;
    put(&part(Frame::Header(wire::BackupHeader {
        format: FORMAT,
        time: Some(timestamp_to_wire(*time)),
        server_version: server_version.clone(),
        store: store.clone(),
        revision: revision.get(),
    })))?;
    for (key, value) in entries {
        put(&part(Frame::Entry(wire::BackupEntry { key: key.as_str().to_owned(), value: value.clone() })))?;
    }
    let digest: [u8; 32] = hasher.finalize().into();
    out.write_all(&part(Frame::End(wire::BackupEnd {
        entries: entries.len() as u64,
        sha256: digest.to_vec().into(),
    })))?;
    Ok(Digest::from_bytes(digest))
}

fn part(frame: Frame) -> Vec<u8> {
    let message = wire::BackupFrame { frame: Some(frame) }.encode_to_vec();
    // Keys and values are far below 4 GiB: checked when they were stored.
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], &message].concat()
}

/// Reads a backup, whole or not at all.
///
/// # Errors
/// See [`BackupInvalid`].
pub fn read(input: &mut impl Read) -> Result<Backup, BackupInvalid> {
    let mut reader = Reader { input, hasher: Sha256::new(), entries: 0 };
    let mut first = [0; FIRST_LINE.len()];
    if !reader.fill(&mut first)? || first != FIRST_LINE {
        return Err(BackupInvalid::NoBackup);
    }
    reader.hasher.update(first);
    let Frame::Header(header) = reader.part()? else {
        return Err(damaged("it does not begin with a header"));
    };
    let header = header_of(header)?;
    let mut entries: BTreeMap<Key, Bytes> = BTreeMap::new();
    loop {
        let before = reader.hasher.clone();
        match reader.part()? {
            Frame::Entry(entry) => {
                let key = Key::new(entry.key).map_err(|invalid| damaged(&invalid.to_string()))?;
                if entries.last_key_value().is_some_and(|(last, _)| *last >= key) {
                    return Err(damaged(&format!("{key} is out of order")));
                }
                entries.insert(key, entry.value);
                reader.entries += 1;
            }
            Frame::End(end) => {
                let digest: [u8; 32] = before.finalize().into();
                if *end.sha256 != digest || end.entries != reader.entries {
                    return Err(damaged("its checksum is another"));
                }
                if reader.fill(&mut [0])? {
                    return Err(damaged("something follows its end"));
                }
                return Ok(Backup { header, entries, digest: Digest::from_bytes(digest) });
            }
            Frame::Header(_) => return Err(damaged("it has two headers")),
        }
    }
}

fn header_of(wire: wire::BackupHeader) -> Result<Header, BackupInvalid> {
    let wire::BackupHeader { format, time, server_version, store, revision } = wire;
    if format != FORMAT {
        return Err(BackupInvalid::Format { found: format });
    }
    let time = time.ok_or_else(|| damaged("it does not say when it was taken"))?;
    let time = timestamp_from_wire(time).map_err(|invalid| damaged(&invalid.to_string()))?;
    Ok(Header { time, server_version, store, revision: Revision::new(revision) })
}

fn damaged(reason: &str) -> BackupInvalid {
    BackupInvalid::Damaged { reason: reason.to_owned() }
}

struct Reader<'a, R> {
    input: &'a mut R,
    hasher: Sha256,
    entries: u64,
}

impl<R: Read> Reader<'_, R> {
    /// The next part.
    fn part(&mut self) -> Result<Frame, BackupInvalid> {
        let mut length = [0; 4];
        self.take(&mut length)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > PART_BYTES_MAX {
            return Err(damaged(&format!("a part of {length} bytes")));
        }
        let mut message = vec![0; length];
        self.take(&mut message)?;
        let decoded = wire::BackupFrame::decode(&message[..]).map_err(|error| damaged(&error.to_string()))?;
        decoded.frame.ok_or_else(|| damaged("a part of an unknown kind"))
    }

    fn take(&mut self, into: &mut [u8]) -> Result<(), BackupInvalid> {
        if !self.fill(into)? {
            return Err(BackupInvalid::CutOff { entries: self.entries });
        }
        self.hasher.update(&*into);
        Ok(())
    }

    /// Whether there was enough to fill it.
    fn fill(&mut self, into: &mut [u8]) -> io::Result<bool> {
        match self.input.read_exact(into) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup() -> (Header, BTreeMap<Key, Bytes>) {
        let header = Header {
            time: Timestamp::from_millis(1_700_000_000_000),
            server_version: "0.1.0".to_owned(),
            store: "memory".to_owned(),
            revision: Revision::new(42),
        };
        let entry = |name: &str, value: &'static [u8]| (Key::new(name).unwrap(), Bytes::from_static(value));
        let entries = [entry("/a", b"\x00\xff"), entry("/b", b""), entry("/c", &[7; 100])];
        (header, entries.into())
    }

    #[test]
    fn a_backup_reads_back() {
        let (header, entries) = backup();
        let mut file = Vec::new();
        let digest = write(&mut file, &header, &entries).unwrap();
        assert_eq!(read(&mut &file[..]).unwrap(), Backup { header, entries, digest });
    }

    #[test]
    fn one_changed_or_missing_byte_is_noticed() {
        let (header, entries) = backup();
        let mut file = Vec::new();
        write(&mut file, &header, &entries).unwrap();
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 0x10;
            assert!(read(&mut &changed[..]).is_err(), "byte {at} was changed");
            assert!(read(&mut &file[..at]).is_err(), "cut before byte {at}");
        }
        file.push(0);
        assert!(matches!(read(&mut &file[..]), Err(BackupInvalid::Damaged { .. })));
    }

    #[test]
    fn other_files_and_other_formats_are_called_that() {
        assert!(matches!(read(&mut &b"hello"[..]), Err(BackupInvalid::NoBackup)));
        assert!(matches!(read(&mut &[0_u8; 100][..]), Err(BackupInvalid::NoBackup)));
        let newer = wire::BackupHeader { format: 2, ..wire::BackupHeader::default() };
        let file = [FIRST_LINE, &part(Frame::Header(newer))].concat();
        assert!(matches!(read(&mut &file[..]), Err(BackupInvalid::Format { found: 2 })));
    }
}
