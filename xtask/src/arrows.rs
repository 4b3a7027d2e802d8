//! Who may import whom. The table is the rule; ARCHITECTURE.md explains it. It reads manifests as cargo sees them and
//! does not look at `use` lines: what a manifest does not name, a file cannot import.

use crate::tidy::finding::Finding;
use crate::tidy::workspace::{Member, Use, Workspace};
use std::collections::BTreeMap;

/// Importer, and which of our crates it may use in its product code.
const ARROWS: [(&str, &[&str]); 15] = [
    ("meridian-core", &[]),
    ("meridian-calendar", &["meridian-core"]),
    ("meridian-outbound", &[]),
    ("meridian-proto", &["meridian-core"]),
    ("meridian-store", &["meridian-core", "meridian-proto"]),
    // Of the proxy the drivers use the control types alone.
    ("meridian-drivers", &["meridian-core", "meridian-proxy"]),
    ("meridian-load", &[]),
    ("meridian-proxy", &[]),
    (
        "meridian-server",
        &["meridian-core", "meridian-calendar", "meridian-outbound", "meridian-proto", "meridian-store"],
    ),
    ("meridian-agent", &["meridian-core", "meridian-outbound", "meridian-proto", "meridian-drivers", "meridian-load"]),
    ("meridian-client", &["meridian-core", "meridian-proto"]),
    ("meridian-simulate", &["meridian-core", "meridian-calendar"]),
    ("meridian-cli", &["meridian-core", "meridian-calendar", "meridian-client", "meridian-simulate"]),
    ("skyoptima", &[]),
    ("xtask", &[]),
];

/// Crates under this folder prove; they may use everything, and no product may use them.
const PROOF: &str = "tests/";
/// Proof crates that tests of a product crate may use.
const PROOF_FOR_TESTS: [&str; 1] = ["meridian-harness"];
/// Crates on the longest way from core to the proof, the proof counted as one.
const CHAIN_MAX: usize = 5;
/// All that core takes from others: errors, versions, digests.
const CORE_OTHERS: [&str; 3] = ["semver", "sha2", "thiserror"];
/// Importer, a crate of others it must not have, and why.
const REFUSED_OTHERS: [(&str, &str, &str); 4] = [
    ("meridian-proto", "tokio", "the wire is data; who sends it brings the runtime"),
    ("meridian-cli", "tonic", "the CLI speaks through meridian-client"),
    ("meridian-cli", "prost", "the CLI speaks through meridian-client"),
    ("meridian-client", "etcd-client", "only the store knows etcd"),
];

/// Checks every arrow between members, what core and the edges take from others, and the longest chain.
#[must_use]
pub fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut found: Vec<Finding> = workspace.members.iter().flat_map(|member| of_member(workspace, member)).collect();
    found.extend(long_chain(workspace));
    found
}

fn of_member(workspace: &Workspace, member: &Member) -> Vec<Finding> {
    let manifest = format!("{}/Cargo.toml", member.folder);
    let mut found = Vec::new();
    let allowed = ARROWS.iter().find(|(importer, _)| *importer == member.name).map(|(_, allowed)| *allowed);
    let proves = member.folder.starts_with(PROOF);
    if allowed.is_none() && !proves {
        let what = format!("{} is not in the table of arrows", member.name);
        found.push(Finding::error("arrow", (&manifest, 1), what, "add it to xtask/src/arrows.rs, with an ADR"));
        return found;
    }
    for dependency in &member.dependencies {
        let is_ours = workspace.member(&dependency.name).is_some();
        let may = proves || allowed.is_some_and(|allowed| allowed.contains(&dependency.name.as_str()));
        let may_in_tests = dependency.used == Use::Dev
            && (PROOF_FOR_TESTS.contains(&dependency.name.as_str()) || dependency.name == member.name);
        if is_ours && !may && !may_in_tests {
            let what = format!("{} must not use {}", member.name, dependency.name);
            let fix = "see the arrows in ARCHITECTURE.md; move the type to where both may see it";
            found.push(Finding::error("arrow", (&manifest, 1), what, fix));
        }
        if !is_ours && dependency.used != Use::Dev {
            found.extend(refused_other(member, &dependency.name, &manifest));
        }
    }
    found
}

fn refused_other(member: &Member, other: &str, manifest: &str) -> Option<Finding> {
    if member.name == "meridian-core" && !CORE_OTHERS.contains(&other) {
        let what = format!("core must not use {other}");
        let fix = format!("core's purity is its manifest: {} and nothing else", CORE_OTHERS.join(", "));
        return Some(Finding::error("arrow", (manifest, 1), what, fix));
    }
    let refused = REFUSED_OTHERS.iter().find(|(importer, crate_, _)| *importer == member.name && *crate_ == other);
    refused.map(|(importer, crate_, why)| {
        Finding::error("arrow", (manifest, 1), format!("{importer} must not use {crate_}"), *why)
    })
}

fn long_chain(workspace: &Workspace) -> Option<Finding> {
    let mut known = BTreeMap::new();
    let shipped = workspace.members.iter().filter(|member| !member.folder.starts_with(PROOF));
    let longest = shipped.map(|member| chain(workspace, member, &mut known)).max_by_key(Vec::len)?;
    // The proof stands on the longest chain of what is shipped.
    let length = longest.len() + 1;
    (length > CHAIN_MAX).then(|| {
        let what = format!("chain of {length} crates ({} → tests), {CHAIN_MAX} allowed", longest.join(" → "));
        Finding::error("arrow-chain", ("Cargo.toml", 1), what, "merge two of them, or cut an arrow")
    })
}

/// The longest chain that ends at the member, from the deepest crate up. Cargo refuses cycles, so it ends.
fn chain<'a>(
    workspace: &'a Workspace,
    member: &'a Member,
    known: &mut BTreeMap<&'a str, Vec<&'a str>>,
) -> Vec<&'a str> {
    if let Some(chain) = known.get(member.name.as_str()) {
        return chain.clone();
    }
    let mut longest = Vec::new();
    for dependency in member.dependencies.iter().filter(|dependency| dependency.used == Use::Normal) {
        if let Some(used) = workspace.member(&dependency.name) {
            let candidate = chain(workspace, used, known);
            if candidate.len() > longest.len() {
                longest = candidate;
            }
        }
    }
    longest.push(&member.name);
    known.insert(&member.name, longest.clone());
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::workspace::Dependency;

    fn member(name: &str, folder: &str, uses: &[(&str, Use)]) -> Member {
        let dependency = |(name, used): &(&str, Use)| Dependency { name: (*name).to_owned(), used: *used };
        Member {
            name: name.to_owned(),
            folder: folder.to_owned(),
            dependencies: uses.iter().map(dependency).collect(),
            starts: Vec::new(),
        }
    }

    fn whats(members: Vec<Member>) -> Vec<String> {
        check(&Workspace { members }).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_forbidden_arrow_is_found_whatever_its_kind() {
        for used in [Use::Normal, Use::Build, Use::Dev] {
            let members = vec![
                member("meridian-store", "server/store", &[]),
                member("meridian-agent", "agent", &[("meridian-store", used)]),
            ];
            assert_eq!(whats(members), ["meridian-agent must not use meridian-store"]);
        }
    }

    #[test]
    fn tests_may_use_the_harness_and_products_may_not() {
        let harness = || member("meridian-harness", "tests/harness", &[]);
        let with = |used| member("meridian-agent", "agent", &[("meridian-harness", used)]);
        assert!(whats(vec![harness(), with(Use::Dev)]).is_empty());
        assert_eq!(whats(vec![harness(), with(Use::Normal)]), ["meridian-agent must not use meridian-harness"]);
    }

    #[test]
    fn core_takes_nothing_but_its_three() {
        let members = vec![member("meridian-core", "core", &[("sha2", Use::Normal), ("serde", Use::Normal)])];
        assert_eq!(whats(members), ["core must not use serde"]);
        let members = vec![member("meridian-core", "core", &[("proptest", Use::Dev)])];
        assert!(whats(members).is_empty());
    }

    #[test]
    fn the_cli_has_no_wire_and_the_wire_no_runtime() {
        let cli = member("meridian-cli", "client/cli", &[("tonic", Use::Normal)]);
        let proto = member("meridian-proto", "proto", &[("tokio", Use::Normal)]);
        assert_eq!(whats(vec![cli, proto]), ["meridian-cli must not use tonic", "meridian-proto must not use tokio"]);
    }

    #[test]
    fn an_unlisted_crate_must_be_listed() {
        assert_eq!(whats(vec![member("meridian-new", "new", &[])]), ["meridian-new is not in the table of arrows"]);
    }

    #[test]
    fn a_chain_has_an_end() {
        let mut members = vec![member("meridian-core", "core", &[])];
        let order = ["meridian-proto", "meridian-store", "meridian-server", "meridian-cli"];
        let mut below = "meridian-core";
        for name in order {
            members.push(member(name, name, &[(below, Use::Normal)]));
            below = name;
        }
        assert!(whats(members).iter().any(|what| what.starts_with("chain of 6 crates")));
    }
}
