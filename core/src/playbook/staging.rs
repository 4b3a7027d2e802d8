//! What a stage under simulated load asks of its regions: the load, and whether the way back is rehearsed under it. It
//! knows no clock and no connection; agents make the load.

use std::collections::BTreeMap;

use crate::canon::{Canon, Canonical};
use crate::time::Span;

/// What makes a stage one under simulated load.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Staging {
    /// What each region is put under while it bakes.
    pub load: Load,
    /// Whether the steps of its waves go on from 100 % down to nothing and up again.
    pub rehearsal: bool,
}

/// An open load: requests are due by the clock, whatever the answers do.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Load {
    /// Requests due a second.
    pub rate: u32,
    /// How long it takes to grow, evenly, from nothing to the rate.
    pub ramp: Span,
    /// The mix.
    pub requests: Vec<LoadRequest>,
    /// Connections that it is driven over.
    pub connections: u32,
    /// How long a request may take from when it is due; what was not sent by then is not sent.
    pub timeout: Span,
}

/// One kind of request in the mix of a load.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct LoadRequest {
    /// How.
    pub method: Method,
    /// What of, with its query.
    pub path: String,
    /// Further headers by name.
    pub headers: BTreeMap<String, String>,
    /// What is sent along; empty: nothing.
    pub body: String,
    /// How many of it there are, relative to the others.
    pub weight: u32,
}

/// The methods that a load may use.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Method {
    /// Reads.
    #[default]
    Get,
    /// Reads without the answer's body.
    Head,
    /// Sends.
    Post,
    /// Replaces.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Get, Self::Head, Self::Post, Self::Put, Self::Delete];

    /// As HTTP has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    /// Whether a body may go with it.
    #[must_use]
    pub const fn takes_body(self) -> bool {
        match self {
            Self::Post | Self::Put => true,
            Self::Get | Self::Head | Self::Delete => false,
        }
    }
}

impl Load {
    /// The highest rate: one agent on a small machine makes it beside its other work.
    pub const RATE_MAX: u32 = 10_000;
    /// The most requests in a mix.
    pub const REQUESTS_MAX: usize = 20;
    /// The most headers of a request.
    pub const HEADERS_MAX: usize = 16;
    /// The longest body.
    pub const BODY_BYTES_MAX: usize = 4096;
    /// The longest path, name or value of a header.
    pub const TEXT_BYTES_MAX: usize = 512;
    /// The largest weight in a mix.
    pub const WEIGHT_MAX: u32 = 1000;
    /// The most connections.
    pub const CONNECTIONS_MAX: u32 = 256;
    /// Connections unless the playbook says otherwise.
    pub const CONNECTIONS: u32 = 16;
    /// The longest that a request may take.
    pub const TIMEOUT_MAX: Span = Span::from_secs(60);
    /// How long one may take unless the playbook says otherwise.
    pub const TIMEOUT: Span = Span::from_secs(1);

    /// How many requests have become due by then.
    #[must_use]
    pub fn due_after(&self, elapsed: Span) -> u64 {
        let (rate, ramp, elapsed) =
            (u128::from(self.rate), u128::from(self.ramp.millis()), u128::from(elapsed.millis()));
        // The area under a line that rises from nothing to the rate and goes on level.
        let due =
            if elapsed < ramp { rate * elapsed * elapsed / (2000 * ramp) } else { rate * (2 * elapsed - ramp) / 2000 };
        u64::try_from(due).unwrap_or(u64::MAX)
    }
}

impl Canonical for LoadRequest {
    fn feed(&self, canon: &mut Canon) {
        let Self { method, path, headers, body, weight } = self;
        canon.text(method.as_str()).text(path).number(headers.len() as u64);
        for (name, value) in headers {
            canon.text(name).text(value);
        }
        canon.text(body).number(u64::from(*weight));
    }
}

impl Canonical for Load {
    fn feed(&self, canon: &mut Canon) {
        let Self { rate, ramp, requests, connections, timeout } = self;
        canon.number(u64::from(*rate)).value(ramp).value(requests);
        canon.number(u64::from(*connections)).value(timeout);
    }
}

impl Canonical for Staging {
    fn feed(&self, canon: &mut Canon) {
        canon.value(&self.load).value(&self.rehearsal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_is_half_of_what_is_due_in_its_time() {
        let load = |ramp| Load {
            rate: 200,
            ramp: Span::from_secs(ramp),
            requests: Vec::new(),
            connections: 1,
            timeout: Load::TIMEOUT,
        };
        let table = [
            (0, 0, 0),
            (0, 1_000, 200),
            (10, 0, 0),
            (10, 1_000, 10),
            (10, 5_000, 250),
            (10, 10_000, 1_000),
            (10, 11_000, 1_200),
            (0, u64::MAX, u64::MAX / 5),
        ];
        for (ramp, millis, due) in table {
            assert_eq!(load(ramp).due_after(Span::from_millis(millis)), due, "{ramp} s, {millis} ms");
        }
    }
}
