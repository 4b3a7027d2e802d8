//! Every planted bug is found, each by an invariant that says so: a checker that finds nothing is to be trusted only then.

use meridian_model::PLANTED;
use meridian_model::walk::{Break, hunt};

#[test]
fn every_planted_bug_is_found() {
    let mut hidden = Vec::new();
    for bug in &PLANTED {
        match hunt(bug).broken {
            Some(Break { id, trace, .. }) => println!("{}: {id} in {} steps", bug.name, trace.len()),
            None => hidden.push(bug.name),
        }
    }
    assert!(hidden.is_empty(), "not found: {hidden:?}");
}
