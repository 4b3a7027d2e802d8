//! Since when no server hears this agent, by the machine's steady clock: what a lane asks before it decides alone. It
//! knows no server.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// Whether a session is open, or since when there is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Contact {
    Open,
    /// What was before this process is not known, so it counts from its start at the earliest.
    LostSince(Instant),
}

/// Told by the link, asked by the lanes. Clones share it.
#[derive(Clone, Debug)]
pub struct ContactClock {
    contact: watch::Sender<Contact>,
}

impl Default for ContactClock {
    fn default() -> Self {
        Self { contact: watch::Sender::new(Contact::LostSince(Instant::now())) }
    }
}

impl ContactClock {
    /// A server has welcomed us.
    pub fn opened(&self) {
        self.contact.send_replace(Contact::Open);
    }

    /// No server hears us. The moment of the loss counts, not that of another try that failed.
    pub fn lost(&self) {
        self.lost_at(Instant::now());
    }

    fn lost_at(&self, moment: Instant) {
        self.contact.send_if_modified(|contact| {
            let was_open = *contact == Contact::Open;
            if was_open {
                *contact = Contact::LostSince(moment);
            }
            was_open
        });
    }

    /// For how long no server has heard us; `None`: one does.
    #[must_use]
    pub fn lost_for(&self) -> Option<Duration> {
        match *self.contact.borrow() {
            Contact::Open => None,
            Contact::LostSince(moment) => Some(moment.elapsed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_alone_counts_from_the_loss_and_ends_with_a_welcome() {
        let (clock, now) = (ContactClock::default(), Instant::now());
        assert!(clock.lost_for().is_some(), "from the start of the process");
        clock.opened();
        assert_eq!(clock.lost_for(), None);
        clock.lost_at(now - Duration::from_secs(5));
        clock.lost_at(now);
        assert!(clock.lost_for() >= Some(Duration::from_secs(5)), "a try that failed is no contact");
        clock.opened();
        assert_eq!(clock.lost_for(), None);
    }
}
