//! The choice of a slot: cohort first, then the client's memory, then the weight. It knows headers and the routing; it
//! keeps nothing between requests.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

use super::cookie;
use super::weyl::Weyl;
use crate::control::{CohortRule, RequestKey, Routing, Slot, Split, Sticky, WHOLE_BASIS_POINTS};

/// A chosen slot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Chosen {
    /// Where the request goes.
    pub(crate) slot: Slot,
    /// Whether the client should remember it: chosen by weight, in a mixed split, with memory configured.
    pub(crate) remember: bool,
}

/// A key with its name parsed once.
enum Key {
    Header(HeaderName),
    Cookie(String),
}

enum Rule {
    Equals(Key, Vec<u8>),
    Share(Key, u16),
}

/// A routing's rules, prepared for asking.
pub(super) struct Chooser {
    cohort: Option<(Rule, Slot)>,
    split: Split,
    sticky: Option<Sticky>,
}

impl Key {
    /// A header name that is none matches nothing; validation refuses it before.
    fn new(key: &RequestKey) -> Option<Self> {
        match key {
            RequestKey::Header(name) => HeaderName::try_from(name).ok().map(Self::Header),
            RequestKey::Cookie(name) => Some(Self::Cookie(name.clone())),
        }
    }

    fn value<'h>(&self, headers: &'h HeaderMap) -> Option<&'h [u8]> {
        match self {
            Self::Header(name) => headers.get(name).map(HeaderValue::as_bytes),
            Self::Cookie(name) => cookie::find(headers, name),
        }
    }
}

impl Rule {
    fn new(rule: &CohortRule) -> Option<Self> {
        match rule {
            CohortRule::Header { name, value } => {
                let key = Key::new(&RequestKey::Header(name.clone()))?;
                Some(Self::Equals(key, value.clone().into_bytes()))
            }
            CohortRule::Cookie { name, value } => {
                Some(Self::Equals(Key::Cookie(name.clone()), value.clone().into_bytes()))
            }
            CohortRule::Percentage { basis_points, key } => Some(Self::Share(Key::new(key)?, *basis_points)),
        }
    }

    fn matches(&self, headers: &HeaderMap) -> bool {
        match self {
            Self::Equals(key, wanted) => key.value(headers) == Some(wanted.as_slice()),
            Self::Share(key, basis_points) => {
                key.value(headers).is_some_and(|value| basis_point_of(value) < *basis_points)
            }
        }
    }
}

impl Chooser {
    pub(super) fn new(routing: &Routing) -> Self {
        let cohort = routing.cohort.as_ref();
        Self {
            cohort: cohort.and_then(|cohort| Some((Rule::new(&cohort.rule)?, cohort.slot))),
            split: routing.split,
            sticky: routing.sticky.clone(),
        }
    }

    pub(super) fn choose(&self, headers: &HeaderMap, weyl: &Weyl) -> Chosen {
        if let Some((rule, slot)) = &self.cohort
            && rule.matches(headers)
        {
            return Chosen { slot: *slot, remember: false };
        }
        if let Some(sticky) = &self.sticky
            && let Some(slot) = remembered(headers, &sticky.cookie)
            && self.split.of(slot) > 0
        {
            return Chosen { slot, remember: false };
        }
        let slot = weyl.pick(self.split);
        Chosen { slot, remember: self.sticky.is_some() && self.split.is_mixed() }
    }
}

fn remembered(headers: &HeaderMap, name: &str) -> Option<Slot> {
    let value = cookie::find(headers, name)?;
    Slot::BOTH.into_iter().find(|slot| slot.as_str().as_bytes() == value)
}

/// The `Set-Cookie` value that makes a client remember its slot.
pub(crate) fn sticky_cookie(sticky: &Sticky, slot: Slot) -> Option<HeaderValue> {
    let Sticky { cookie, max_age_s } = sticky;
    HeaderValue::try_from(format!("{cookie}={slot}; Max-Age={max_age_s}; Path=/; HttpOnly; SameSite=Lax")).ok()
}

/// Where a key's value falls, 0 to 9 999. Stable over processes, versions and machines: FNV-1a, then the finalizer of
/// SplitMix64, because FNV alone spreads short similar values unevenly. A raised share keeps all earlier members.
pub(super) fn basis_point_of(value: &[u8]) -> u16 {
    let fnv = value
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (fnv ^ (fnv >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let mixed = mixed ^ (mixed >> 31);
    u16::try_from(mixed % u64::from(WHOLE_BASIS_POINTS)).unwrap_or_default()
}
