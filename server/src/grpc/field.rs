//! Fields that many requests share: etags, request ids, pages. Checked the same way everywhere.

use std::fmt::Debug;

use meridian_core::digest::Digest;
use meridian_core::text::secret::Secret;
use meridian_proto::convert::{Invalid, InvalidKind};
use meridian_store::{Key, Revision};
use prost::Message;
use tonic::Status;

use super::status;
use crate::engine::RequestMark;

/// Items of a page if the caller does not say.
const PAGE_DEFAULT: usize = 100;
/// The most items of a page.
pub const PAGE_MAX: usize = 1000;
/// Bytes of a page token that tell whether it is one of ours.
const SEAL_BYTES: usize = 8;

/// An etag: the revision that last wrote the thing, in hexadecimal; empty for what is not stored.
#[must_use]
pub fn etag_to_wire(revision: Revision) -> String {
    if revision == Revision::ZERO { String::new() } else { format!("{:x}", revision.get()) }
}

/// Reads an etag; empty: any state is fine.
///
/// # Errors
/// If it can't be one of ours.
pub fn etag(field: &str, text: &str) -> Result<Option<Revision>, Status> {
    if text.is_empty() {
        return Ok(None);
    }
    let number = u64::from_str_radix(text, 16).ok().filter(|number| format!("{number:x}") == text);
    number.map(Revision::new).map(Some).ok_or_else(|| bad(field, text, InvalidKind::UnknownWord("our etags")))
}

/// The mark of a request: its id with the digest of method and body. Without an id there is none.
///
/// # Errors
/// If the id is not a UUID in its usual form, or some text of the request looks like a secret.
pub fn mark(method: &'static str, id: &str, message: &(impl Message + Debug)) -> Result<Option<RequestMark>, Status> {
    no_secret(message)?;
    if id.is_empty() {
        return Ok(None);
    }
    let parsed = uuid::Uuid::try_parse(id).ok().filter(|uuid| uuid.hyphenated().to_string().eq_ignore_ascii_case(id));
    let Some(uuid) = parsed else {
        return Err(bad("request_id", id, InvalidKind::BadResource("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")));
    };
    let mut body = method.as_bytes().to_vec();
    body.push(0);
    body.extend_from_slice(&message.encode_to_vec());
    Ok(Some(RequestMark { id: uuid.hyphenated().to_string(), body: Digest::of(&body) }))
}

/// Refuses a request of which some text looks like a secret: what is taken is kept, shown and exported. The text itself is
/// not repeated.
///
/// # Errors
/// Naming the field.
pub fn no_secret(message: &impl Debug) -> Result<(), Status> {
    // Written out, a message has a field a line, whatever its type; what is deeper stands further in.
    let written = format!("{message:#?}");
    let Some((at, secret)) = written.lines().enumerate().find_map(|(at, line)| Some((at, Secret::of(line)?))) else {
        return Ok(());
    };
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut path: Vec<&str> = Vec::new();
    let mut inside = usize::MAX;
    for line in written.lines().take(at + 1).collect::<Vec<_>>().into_iter().rev() {
        if depth(line) < inside {
            inside = depth(line);
            let name = line.trim_start().split_once(": ").map(|(name, _)| name);
            let is_name =
                |name: &&str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte == b'#');
            path.extend(name.filter(is_name).map(|name| name.trim_start_matches("r#")));
        }
    }
    path.reverse();
    Err(status::invalid(&Invalid::of("(not shown)", InvalidKind::Secret(secret.as_str())).within(&path.join("."))))
}

/// Which part of a listing is wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PageWanted {
    /// At most so many.
    pub size: usize,
    /// Beginning after this key.
    pub after: Option<Key>,
}

/// Reads size and token of a page. Too large a size is lowered.
///
/// # Errors
/// A negative size; a token that was not made for this listing.
pub fn page(listing: &str, prefix: &Key, size: i32, token: &str) -> Result<PageWanted, Status> {
    let size = match usize::try_from(size) {
        Ok(0) => PAGE_DEFAULT,
        Ok(size) => size.min(PAGE_MAX),
        Err(_) => {
            return Err(bad("page_size", &size.to_string(), InvalidKind::OutOfRange { min: 0, max: 1000 }));
        }
    };
    if token.is_empty() {
        return Ok(PageWanted { size, after: None });
    }
    let forged = || bad("page_token", token, InvalidKind::UnknownWord("the tokens of this listing"));
    let bytes = unhex(token).filter(|bytes| bytes.len() > SEAL_BYTES).ok_or_else(forged)?;
    let (sealed, key) = bytes.split_at(SEAL_BYTES);
    let key = std::str::from_utf8(key).ok().and_then(|key| Key::new(key).ok()).ok_or_else(forged)?;
    if sealed != seal(listing, &key) || !key.starts_with(prefix) {
        return Err(forged());
    }
    Ok(PageWanted { size, after: Some(key) })
}

/// The token of the page after `key`; empty: that was the last one.
#[must_use]
pub fn next_page(listing: &str, key: Option<&Key>) -> String {
    let Some(key) = key else { return String::new() };
    let bytes = seal(listing, key).into_iter().chain(key.as_str().bytes());
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// Ties a token to its listing. It keeps accidents out, not secrets in: a token says nothing that its listing does not.
fn seal(listing: &str, key: &Key) -> [u8; SEAL_BYTES] {
    let digest = Digest::of(format!("meridian.page.v1\0{listing}\0{key}").as_bytes());
    let mut seal = [0; SEAL_BYTES];
    seal.copy_from_slice(&digest.as_bytes()[..SEAL_BYTES]);
    seal
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    // Twice the longest key and its seal.
    if !text.len().is_multiple_of(2) || text.len() > 2048 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

/// A refusal of one field.
#[must_use]
pub fn bad(field: &str, value: &str, why: InvalidKind) -> Status {
    status::invalid(&Invalid::of(value, why).within(field))
}

/// A refusal of a request that lacks a message.
#[must_use]
pub fn missing(field: &str) -> Status {
    status::invalid(&Invalid::missing(field))
}

/// Puts a field's path before a refusal found inside it.
pub fn at<T>(field: &str, read: Result<T, Invalid>) -> Result<T, Status> {
    read.map_err(|invalid| status::invalid(&invalid.within(field)))
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn etags_are_ours_or_refused() {
        assert_eq!(etag("etag", "").unwrap(), None);
        assert_eq!(etag("etag", &etag_to_wire(Revision::new(255))).unwrap(), Some(Revision::new(255)));
        for text in ["xyz", "0FF", "FF", "+ff", "-1", "00", &"f".repeat(17), " ff"] {
            assert_eq!(etag("etag", text).unwrap_err().code(), Code::InvalidArgument, "{text}");
        }
    }

    #[test]
    fn request_ids_are_uuids() {
        let message = meridian_proto::r#gen::v1::GetPlanRequest { name: "a".to_owned() };
        assert_eq!(mark("m", "", &message).unwrap(), None);
        let id = "0197a1b2-0000-7000-8000-000000000000";
        let one = mark("m", id, &message).unwrap().unwrap();
        assert_eq!(one, mark("m", id, &message).unwrap().unwrap());
        assert_eq!(one, mark("m", &id.to_uppercase(), &message).unwrap().unwrap());
        assert_ne!(one.body, mark("n", id, &message).unwrap().unwrap().body);
        for text in ["1", "0197a1b2000070008000000000000000", "{0197a1b2-0000-7000-8000-000000000000}", "../x"] {
            assert_eq!(mark("m", text, &message).unwrap_err().code(), Code::InvalidArgument, "{text}");
        }
    }

    #[test]
    fn a_secret_is_refused_by_its_field_and_not_repeated() {
        use meridian_proto::r#gen::v1;
        let key = format!("ghp_{}", "x1".repeat(20));
        let pem = "line\n-----BEGIN PRIVATE KEY-----\nMIIE".to_owned();
        let labels = [("token".to_owned(), key.clone())].into();
        let region = v1::Region { description: pem, ..v1::Region::default() };
        let service = v1::Service { labels, ..v1::Service::default() };
        let region = no_secret(&v1::UpdateRegionRequest { region: Some(region), ..Default::default() }).unwrap_err();
        assert!(region.message().starts_with("region.description"), "{}", region.message());
        let service = mark("m", "", &v1::UpdateServiceRequest { service: Some(service), ..Default::default() });
        let service = service.unwrap_err();
        assert!(service.message().starts_with("service.labels"), "{}", service.message());
        for refused in [region, service] {
            assert_eq!(refused.code(), Code::InvalidArgument);
            assert!(!refused.message().contains("x1x1") && !refused.message().contains("MIIE"), "{refused:?}");
        }
        let order = v1::PauseRolloutRequest { reason: "it is not a secret".to_owned(), ..Default::default() };
        assert_eq!(mark("m", "", &order).unwrap(), None);
    }

    #[test]
    fn page_tokens_belong_to_their_listing() {
        let prefix = Key::new("/regions/").unwrap();
        let key = Key::new("/regions/eu").unwrap();
        let token = next_page("regions", Some(&key));
        assert_eq!(
            page("regions", &prefix, 5000, &token).unwrap(),
            PageWanted { size: 1000, after: Some(key.clone()) }
        );
        assert_eq!(page("regions", &prefix, 0, "").unwrap().size, PAGE_DEFAULT);
        let foreign = next_page("regions", Some(&Key::new("/rollouts/x").unwrap()));
        let other = next_page("services", Some(&key));
        for token in ["00", "zz", "é", &token[1..], &token[2..], &foreign, &other, &"ab".repeat(600)] {
            assert_eq!(page("regions", &prefix, 1, token).unwrap_err().code(), Code::InvalidArgument, "{token}");
        }
        assert_eq!(page("regions", &prefix, -1, "").unwrap_err().code(), Code::InvalidArgument);
        assert_eq!(next_page("regions", None), "");
    }
}
