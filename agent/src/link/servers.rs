//! Which server to try next, and when: a random one of those that may be tried, rather another than the one just left.
//! Agents that lost a server together neither come back together nor all go to the same other one. It opens nothing.

use std::time::Duration;

use rand::RngExt;
use rand::seq::{IndexedRandom, SliceRandom};
use tokio::time::Instant;

use super::backoff::Backoff;

/// Before any try after a loss, whoever is tried: others have lost the same server at the same moment.
const SPREAD: Duration = Duration::from_millis(50);
/// A server that goes away is left alone for so long, if there is another: it is not back before.
const DRAINED: Duration = Duration::from_secs(5);

/// The servers and how they were found.
#[derive(Debug)]
pub(super) struct Servers {
    all: Vec<Server>,
    /// The one tried last.
    last: Option<usize>,
}

#[derive(Debug)]
struct Server {
    address: String,
    backoff: Backoff,
    not_before: Option<Instant>,
}

/// How a try or a session ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Left {
    /// How long it lived; next to nothing if it never did.
    pub lived: Duration,
    /// The server goes away, and asked us to come back after this.
    pub asked: Option<Duration>,
}

impl Servers {
    /// In an order of this process's own.
    pub fn new(addresses: &[String]) -> Self {
        let server =
            |address: &String| Server { address: address.clone(), backoff: Backoff::default(), not_before: None };
        let mut all: Vec<Server> = addresses.iter().map(server).collect();
        all.shuffle(&mut rand::rng());
        Self { all, last: None }
    }

    /// Notes how the last try ended.
    pub fn left(&mut self, left: Left, now: Instant) {
        let several = self.all.len() > 1;
        let Some(server) = self.last.and_then(|last| self.all.get_mut(last)) else {
            return;
        };
        server.backoff.ended_after(left.lived);
        let away = match left.asked {
            Some(asked) if several => asked.max(DRAINED),
            Some(asked) => asked,
            None => Duration::ZERO,
        };
        server.not_before = Some(now + server.backoff.wait().max(away));
    }

    /// The next to try, and how long to wait before. `None` only without any server.
    pub fn next(&mut self, asked: Option<Duration>, now: Instant) -> Option<(&str, Duration)> {
        let due = |server: &Server| server.not_before.map_or(now, |moment| moment.max(now));
        let soonest = self.all.iter().map(due).min()?;
        let open: Vec<usize> = (0..self.all.len()).filter(|index| due(&self.all[*index]) == soonest).collect();
        let others: Vec<usize> = open.iter().copied().filter(|index| Some(*index) != self.last).collect();
        let from = if others.is_empty() { &open } else { &others };
        let index = *from.choose(&mut rand::rng())?;
        let spread = match self.last.replace(index) {
            // The first try of all: machines that were switched on together are few, and servers are waiting.
            None => Duration::ZERO,
            Some(_) => SPREAD.mul_f64(rand::rng().random_range(0.0..=1.0)),
        };
        // What a server asks for gets some jitter too: it asked everybody, and all go to the same others.
        let asked = asked.map_or(Duration::ZERO, |asked| asked.mul_f64(rand::rng().random_range(1.0..=1.5)));
        let wait = (soonest - now).max(asked).max(spread);
        Some((self.all[index].address.as_str(), wait))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn servers(count: usize) -> Servers {
        Servers::new(&(0..count).map(|number| format!("s{number}:1")).collect::<Vec<_>>())
    }

    fn lost(lived: Duration) -> Left {
        Left { lived, asked: None }
    }

    #[test]
    fn the_first_choice_is_spread_over_all() {
        let now = Instant::now();
        let first: BTreeSet<String> = (0..200).map(|_| servers(3).next(None, now).unwrap().0.to_owned()).collect();
        assert_eq!(first.len(), 3, "two hundred agents do not all begin with one server");
        assert_eq!(servers(0).next(None, now), None);
    }

    #[test]
    fn another_is_tried_at_once_and_the_same_only_after_its_wait() {
        let now = Instant::now();
        for _ in 0..50 {
            let mut servers = servers(3);
            let mut tried = Vec::new();
            for _ in 0..3 {
                let (address, wait) = servers.next(None, now).unwrap();
                assert!(wait <= SPREAD, "there is one that was not tried yet");
                tried.push(address.to_owned());
                servers.left(lost(Duration::ZERO), now);
            }
            let distinct: BTreeSet<_> = tried.iter().collect();
            assert_eq!(distinct.len(), 3, "{tried:?}");
        }
    }

    #[test]
    fn one_that_fails_again_and_again_waits_longer_than_one_that_works() {
        let (mut servers, mut now) = (servers(2), Instant::now());
        // s0 is dead, s1 holds its sessions for a minute.
        let mut tries = 0;
        for _ in 0..400 {
            let (address, wait) = servers.next(None, now).unwrap();
            now += wait;
            if address.starts_with("s0") {
                tries += 1;
                servers.left(lost(Duration::ZERO), now);
            } else {
                now += Duration::from_secs(60);
                servers.left(lost(Duration::from_secs(60)), now);
            }
        }
        assert!((100..=300).contains(&tries), "neither is given up, neither is preferred blindly: {tries}");
    }

    #[test]
    fn a_drained_server_is_left_alone_if_there_is_another() {
        let now = Instant::now();
        let asked = Duration::from_millis(400);
        let drained = Left { lived: Duration::from_secs(60), asked: Some(asked) };
        let mut two = servers(2);
        let first = two.next(None, now).unwrap().0.to_owned();
        two.left(drained, now);
        let (other, wait) = two.next(Some(asked), now).unwrap();
        assert_ne!(other, first);
        assert!(wait >= asked && wait <= asked.mul_f64(1.5), "{wait:?}");
        two.left(lost(Duration::ZERO), now);
        let (other, _) = two.next(None, now).unwrap();
        assert_ne!(other, first, "it is not back yet");
        let mut one = servers(1);
        one.next(None, now).unwrap();
        one.left(drained, now);
        let (_, wait) = one.next(Some(asked), now).unwrap();
        assert!(wait >= asked && wait < DRAINED, "{wait:?}");
    }
}
