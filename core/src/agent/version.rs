//! Which agents a server speaks with. Servers and agents are renewed one after the other, so neighbours understand each
//! other; what lies further apart is not guessed at.

use semver::Version;

/// How many minor versions a server and an agent may lie apart, either way.
pub const MINORS_APART_MAX: u64 = 4;

/// An agent of a version that a server does not speak with.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
#[error("an agent of version {agent:?} is not spoken with; renew it to one of {major}.{from} to {major}.{to}")]
pub struct Unsupported {
    /// What the agent says.
    pub agent: String,
    /// The one major version.
    pub major: u64,
    /// The oldest minor version.
    pub from: u64,
    /// The newest one.
    pub to: u64,
}

/// Whether a server of a version speaks with an agent that says it is of another.
///
/// # Errors
/// With the range that is spoken with.
pub fn speaks_with(server: &Version, agent: &str) -> Result<(), Unsupported> {
    let (from, to) = (server.minor.saturating_sub(MINORS_APART_MAX), server.minor.saturating_add(MINORS_APART_MAX));
    let fits = |agent: Version| agent.major == server.major && (from..=to).contains(&agent.minor);
    if Version::parse(agent).is_ok_and(fits) {
        return Ok(());
    }
    Err(Unsupported { agent: agent.to_owned(), major: server.major, from, to })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_spoken_with_and_nobody_else() {
        let server = Version::new(2, 7, 1);
        for near in ["2.3.0", "2.7.1", "2.7.99", "2.11.4", "2.8.0-rc.1+build"] {
            assert_eq!(speaks_with(&server, near), Ok(()), "{near}");
        }
        for far in ["2.2.9", "2.12.0", "1.7.1", "3.7.1", "", "7", "two", "2.7"] {
            let unsupported = speaks_with(&server, far).unwrap_err();
            assert_eq!((unsupported.from, unsupported.to), (3, 11), "{far}");
        }
        assert!(speaks_with(&Version::new(0, 1, 0), "0.0.9").is_ok());
        let words = speaks_with(&server, "2.2.9").unwrap_err().to_string();
        assert!(words.contains("2.3 to 2.11"), "{words}");
    }
}
