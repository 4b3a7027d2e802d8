//! What the proxy is told: targets, a split, who is an exception, and the epoch that orders such tellings.
//! Plain data as it travels; whether it makes sense is asked by `routing::validate`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// All traffic, in basis points.
pub const WHOLE_BASIS_POINTS: u16 = 10_000;

/// One of the two places traffic can go to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// The first.
    Blue,
    /// The second.
    Green,
}

impl Slot {
    /// Both, in order.
    pub const BOTH: [Self; 2] = [Self::Blue, Self::Green];

    /// `blue` or `green`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing per slot.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slots<T> {
    /// For the blue slot.
    pub blue: T,
    /// For the green slot.
    pub green: T,
}

impl<T> Slots<T> {
    /// The thing of a slot.
    #[must_use]
    pub const fn get(&self, slot: Slot) -> &T {
        match slot {
            Slot::Blue => &self.blue,
            Slot::Green => &self.green,
        }
    }

    /// Made by asking `make` for each slot.
    pub fn from_fn(mut make: impl FnMut(Slot) -> T) -> Self {
        Self { blue: make(Slot::Blue), green: make(Slot::Green) }
    }
}

/// The fencing token of a routing: the proxy never goes back to a lower one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// The high part, raised when the control plane is restored from a backup.
    pub generation: u64,
    /// The low part, raised by each decision.
    pub counter: u64,
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.generation, self.counter)
    }
}

/// What is spoken to a slot.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// HTTP/1.1, connections pooled.
    #[default]
    Http1,
    /// HTTP/2 with prior knowledge, one connection for all requests. Cannot carry `Upgrade:` tunnels.
    Http2,
}

/// Where a slot is reached.
#[derive(Clone, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotTarget {
    /// `host:port`; a name is resolved at each new connection.
    pub address: String,
    /// What is spoken there.
    #[serde(default)]
    pub protocol: Protocol,
}

/// Weights in basis points; they sum to [`WHOLE_BASIS_POINTS`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The share of the blue slot.
    pub blue: u16,
    /// The share of the green slot.
    pub green: u16,
}

impl Split {
    /// The share of a slot in basis points.
    #[must_use]
    pub const fn of(&self, slot: Slot) -> u16 {
        match slot {
            Slot::Blue => self.blue,
            Slot::Green => self.green,
        }
    }

    /// Whether both slots get a share.
    #[must_use]
    pub const fn is_mixed(&self) -> bool {
        self.blue > 0 && self.green > 0
    }
}

/// Where a request carries the text that a rule looks at.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestKey {
    /// A request header by name.
    Header(String),
    /// A cookie by name.
    Cookie(String),
}

/// Which requests are an exception from the split.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CohortRule {
    /// The header is present and equals the value.
    Header {
        /// Header name, any case.
        name: String,
        /// Compared byte by byte.
        value: String,
    },
    /// The cookie is present and equals the value.
    Cookie {
        /// Cookie name, case matters.
        name: String,
        /// Compared byte by byte.
        value: String,
    },
    /// A share of all values of the key, by a stable hash: one caller stays on one side. Without the key: no member.
    Percentage {
        /// The share, 0 to 10 000.
        basis_points: u16,
        /// What is hashed.
        key: RequestKey,
    },
}

/// A rule, and the slot its requests go to whatever the split says.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cohort {
    /// Who.
    pub rule: CohortRule,
    /// Where to.
    pub slot: Slot,
}

/// Keeps a client on the slot it was first given, while the split is mixed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sticky {
    /// The cookie's name; its value is the slot.
    pub cookie: String,
    /// How long a client keeps it, in seconds.
    pub max_age_s: u32,
}

/// Everything the proxy routes by: taken and replaced as a whole.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Routing {
    /// Which decision this belongs to.
    pub epoch: Epoch,
    /// Whether the teller took that decision back on its own: of one epoch this comes later.
    #[serde(default, skip_serializing_if = "is_told")]
    pub alone: bool,
    /// The teller's digest of the goal behind it; tells a repetition from a conflict. 1 to 128 characters.
    pub hash: String,
    /// Where the slots are; a slot without traffic may be absent.
    pub slots: Slots<Option<SlotTarget>>,
    /// Who gets how much of the requests that no other rule decides.
    pub split: Split,
    /// The exception, asked first.
    #[serde(default)]
    pub cohort: Option<Cohort>,
    /// The memory of clients, asked second.
    #[serde(default)]
    pub sticky: Option<Sticky>,
}

impl Routing {
    /// What orders it among all routings.
    #[must_use]
    pub const fn rank(&self) -> (Epoch, bool) {
        (self.epoch, self.alone)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_told(alone: &bool) -> bool {
    !*alone
}

/// The answer to an accepted routing.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// Read back from what now routes requests.
    pub routing: Routing,
    /// Whether every request chosen by an older routing has reached its slot's connection, so that none starts on an
    /// old slot any more. False when that took longer than the bound of one second.
    pub settled: bool,
}
