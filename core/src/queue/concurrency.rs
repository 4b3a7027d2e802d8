//! What a request for a rollout does when another one holds the lanes that it needs.

/// The policy of a playbook.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Concurrency {
    /// It is refused.
    #[default]
    Reject,
    /// It waits in the queue of the service.
    Queue,
    /// It takes over the lanes of the one rollout that holds them.
    Supersede,
}

impl Concurrency {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Reject, Self::Queue, Self::Supersede];

    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Queue => "queue",
            Self::Supersede => "supersede",
        }
    }
}
