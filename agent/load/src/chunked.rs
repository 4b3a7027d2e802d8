//! Skips a body in chunked coding, however it is cut into reads. It does not keep what it skips.

/// A chunk larger than this (4 GiB) is a server gone wrong.
const MAX_SIZE_DIGITS: u8 = 8;

/// Where in a chunked body the next byte falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunked {
    /// In the size; so many digits were seen.
    Size { size: u64, digits: u8 },
    /// After the size, before the end of its line.
    Extension { size: u64 },
    /// In the data; so many bytes are left.
    Data { left: u64 },
    /// In the line end after the data.
    DataEnd,
    /// In the trailer; `empty` while its current line has no byte.
    Trailer { empty: bool },
    /// After the last byte.
    Done,
}

/// The body is not in chunked coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotChunked;

impl Chunked {
    /// Before the first byte.
    pub(crate) const START: Self = Self::Size { size: 0, digits: 0 };

    /// Moves over `bytes` and returns how many of them belong to the body.
    pub(crate) fn skip(&mut self, bytes: &[u8]) -> Result<usize, NotChunked> {
        let mut at = 0;
        while at < bytes.len() && *self != Self::Done {
            if let Self::Data { left } = *self {
                let skipped = left.min((bytes.len() - at) as u64);
                at += skipped as usize;
                *self = if skipped == left { Self::DataEnd } else { Self::Data { left: left - skipped } };
            } else {
                *self = self.after(bytes[at])?;
                at += 1;
            }
        }
        Ok(at)
    }

    fn after(self, byte: u8) -> Result<Self, NotChunked> {
        match (self, byte) {
            (Self::Size { digits: 0, .. }, b'\r' | b'\n' | b';' | b' ' | b'\t') => Err(NotChunked),
            (Self::Size { size, .. } | Self::Extension { size }, b'\n') => {
                Ok(if size == 0 { Self::Trailer { empty: true } } else { Self::Data { left: size } })
            }
            (Self::Size { size, .. }, b'\r' | b';' | b' ' | b'\t') => Ok(Self::Extension { size }),
            (Self::Size { size, digits }, digit) => {
                let value = char::from(digit).to_digit(16).ok_or(NotChunked)?;
                if digits == MAX_SIZE_DIGITS {
                    return Err(NotChunked);
                }
                Ok(Self::Size { size: size * 16 + u64::from(value), digits: digits + 1 })
            }
            (Self::Extension { size }, _) => Ok(Self::Extension { size }),
            (Self::DataEnd, b'\r') => Ok(Self::DataEnd),
            (Self::DataEnd, b'\n') => Ok(Self::START),
            (Self::DataEnd, _) => Err(NotChunked),
            (Self::Trailer { empty: true }, b'\n') => Ok(Self::Done),
            (Self::Trailer { empty: false }, b'\n') => Ok(Self::Trailer { empty: true }),
            (Self::Trailer { empty }, b'\r') => Ok(Self::Trailer { empty }),
            (Self::Trailer { .. }, _) => Ok(Self::Trailer { empty: false }),
            // `skip` never comes here: data is skipped as a block, and nothing follows the end.
            (Self::Data { .. } | Self::Done, _) => Err(NotChunked),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"3\r\none\r\n1A;ext=1\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\ntrailer: x\r\n\r\n";

    #[test]
    fn a_body_ends_where_it_ends_however_it_is_cut() {
        for cut in 0..BODY.len() {
            let mut state = Chunked::START;
            assert_eq!(state.skip(&BODY[..cut]), Ok(cut));
            assert_ne!(state, Chunked::Done, "cut at {cut}");
            let rest = [&BODY[cut..], b"HTTP/1.1"].concat();
            assert_eq!(state.skip(&rest), Ok(BODY.len() - cut));
            assert_eq!(state, Chunked::Done);
        }
    }

    #[test]
    fn what_is_not_chunked_is_refused() {
        for bad in ["x\r\n", "\r\n", ";a\r\n", "3\r\noneX", "123456789\r\n"] {
            let mut state = Chunked::START;
            assert_eq!(state.skip(bad.as_bytes()), Err(NotChunked), "{bad:?}");
        }
    }
}
