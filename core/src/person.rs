//! People, as far as they can be told apart. Names are declared; where a certificate proves one it stands in brackets
//! behind. Whether a declared name is true is not known here.

/// What an actor is told apart by: the proven name where there is one (`declared (proven)`), whatever its case.
#[must_use]
pub fn person(actor: &str) -> String {
    let proven = actor.strip_suffix(')').and_then(|rest| rest.rsplit_once('('));
    proven.map_or(actor, |(_, proven)| proven).trim().to_lowercase()
}

/// Whether somebody has not said who they are.
#[must_use]
pub fn is_nobody(actor: &str) -> bool {
    matches!(person(actor).as_str(), "" | "unknown")
}
