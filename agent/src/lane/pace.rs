//! How long a lane rests before it looks again by itself. News wakes it at any time; this is for what sends none.

use std::time::Duration;

use tokio::time::Instant;

/// Level-triggered: whatever happened unseen is found within this.
const TICK: Duration = Duration::from_secs(1);
/// First look at something that is coming up: a small release is ready in tens of milliseconds.
const POLL_MIN: Duration = Duration::from_millis(20);
/// Later looks: a probe is cheap, but not free for a release that is starting.
const POLL_MAX: Duration = Duration::from_millis(250);

/// What a lane rests for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rest {
    /// Nothing is expected.
    Tick,
    /// Something is on its way.
    Poll,
    /// Nothing: there is news already.
    Skip,
}

/// The rhythm of one lane.
#[derive(Debug)]
pub struct Pace {
    poll: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { poll: POLL_MIN }
    }
}

impl Pace {
    /// Something moved: the next thing may come soon.
    pub const fn quicken(&mut self) {
        self.poll = POLL_MIN;
    }

    /// How long to rest, and not past the moment of the next try.
    pub fn pause(&mut self, rest: Rest, next_try: Option<Instant>, now: Instant) -> Duration {
        let pause = match rest {
            Rest::Tick => TICK,
            Rest::Poll => {
                let pause = self.poll;
                self.poll = self.poll.mul_f64(1.5).min(POLL_MAX);
                pause
            }
            Rest::Skip => Duration::ZERO,
        };
        next_try.map_or(pause, |moment| pause.min(moment.saturating_duration_since(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_slow_down_and_never_pass_the_next_try() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let polls: Vec<_> = (0..20).map(|_| pace.pause(Rest::Poll, None, now)).collect();
        assert_eq!((polls[0], polls[19]), (POLL_MIN, POLL_MAX));
        pace.quicken();
        assert_eq!(pace.pause(Rest::Poll, None, now), POLL_MIN);
        assert_eq!(pace.pause(Rest::Tick, None, now), TICK);
        let soon = now + Duration::from_millis(7);
        assert_eq!(pace.pause(Rest::Tick, Some(soon), now), Duration::from_millis(7));
        assert_eq!(pace.pause(Rest::Skip, Some(soon), now), Duration::ZERO);
    }
}
