//! The link: dials out, says hello, and comes back whenever it is lost. The only place of the agent that names tonic.
//!
//! It never trusts a server to be the newest: what may be obeyed is decided by each lane's memory.

mod backoff;
mod connect;
mod goals;
mod servers;
mod session;

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use meridian_proto::convert::Hello;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

pub use connect::Dial;
pub use goals::Goals;

use crate::board::Board;
use crate::config::Security;
use crate::contact::ContactClock;
use crate::metrics::{LinkIs, Metrics};
use servers::{Left, Servers};
use session::Ended;

/// How long the first hello waits for lanes to be looked at. A region that cannot be read must still be told.
const FIRST_LOOK_MAX: Duration = Duration::from_secs(2);

/// What a link needs.
pub struct Link {
    /// Servers as `host:port`; each is as good as the others.
    pub servers: Vec<String>,
    /// How links are secured.
    pub security: Security,
    /// How connections are opened.
    pub dial: Arc<Dial>,
    /// What the drivers can do, all of them.
    pub capabilities: BTreeSet<String>,
    /// Where goals go.
    pub goals: Goals,
    /// Where reports come from.
    pub board: Arc<Board>,
    /// Where it is told whether a server hears us.
    pub contact: ContactClock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// Dials over the machine's own network.
#[must_use]
pub fn sockets() -> Arc<Dial> {
    Arc::new(connect::by_sockets)
}

impl Link {
    /// Holds one session after the other, for ever. May be dropped at any moment.
    pub async fn run(self) {
        self.board.known(self.goals.inboxes.len(), FIRST_LOOK_MAX).await;
        let mut servers = Servers::new(&self.servers);
        let mut asked = None;
        while let Some((server, wait)) = servers.next(asked, Instant::now()) {
            sleep(wait).await;
            self.metrics.link_attempted();
            let begun = Instant::now();
            asked = match self.session(server).await {
                Ok(Ended::Drained(after)) => {
                    info!(server, ?after, "the server goes away");
                    Some(after)
                }
                Ok(Ended::Closed) => {
                    info!(server, "the server ended the session");
                    None
                }
                Err(error) => {
                    warn!(server, error = chain(error.as_ref()), "no session");
                    None
                }
            };
            self.contact.lost();
            self.metrics.link_is(LinkIs::Closed);
            servers.left(Left { lived: begun.elapsed(), asked }, Instant::now());
        }
    }

    async fn session(&self, server: &str) -> Result<Ended, Box<dyn Error + Send + Sync>> {
        let channel = connect::connect(server, &self.security, self.dial.as_ref()).await?;
        let ended =
            session::hold(channel, self.hello(), &self.goals, &self.board, &self.contact, &self.metrics).await?;
        Ok(ended)
    }

    /// Everything known, as of now: a server that never heard of us learns all of it.
    fn hello(&self) -> Hello {
        Hello {
            region: self.goals.region.clone(),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            capabilities: self.capabilities.clone(),
            lanes: self.board.take_all(),
            services: self.goals.inboxes.keys().cloned().collect(),
        }
    }
}

/// An error and what caused it, in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}
