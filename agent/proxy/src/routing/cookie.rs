//! Reading one cookie of a request. It knows the `Cookie` header's form and nothing of what cookies mean.

use http::{HeaderMap, header};

/// The value of the first cookie with a name, without quotes around it. Over HTTP/2 there may be several headers.
pub(super) fn find<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .map(<[u8]>::trim_ascii)
        .find_map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=')?;
            (&pair[..at] == name.as_bytes()).then(|| unquoted(&pair[at + 1..]))
        })
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value)
}
