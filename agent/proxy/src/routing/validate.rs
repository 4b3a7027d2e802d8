//! Whether a told routing makes sense, alone and after the one in effect. It knows the rules of the control API and
//! changes nothing.

use http::Uri;
use http::header::{HeaderName, HeaderValue};

use crate::control::{CohortRule, Refusal, RequestKey, Routing, Slot, Split, WHOLE_BASIS_POINTS, code};

/// What a routing is after the one in effect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fence {
    /// A later one: take it.
    Newer,
    /// The one in effect, but its slots are reached elsewhere: take it.
    Moved,
    /// The one in effect, told again.
    Same,
}

/// Checks a routing by itself.
///
/// # Errors
/// The first thing that is wrong with it.
pub(crate) fn validate(routing: &Routing) -> Result<(), Refusal> {
    let Split { blue, green } = routing.split;
    let sum = u32::from(blue) + u32::from(green);
    if sum != u32::from(WHOLE_BASIS_POINTS) {
        let found = format!("blue {blue} + green {green} = {sum}");
        return Err(Refusal::new(code::SPLIT_SUM, "split", found, "give weights in basis points that sum to 10000"));
    }
    check_hash(&routing.hash)?;
    for slot in Slot::BOTH {
        check_slot(routing, slot)?;
    }
    if let Some(cohort) = &routing.cohort {
        check_rule(&cohort.rule)?;
    }
    match &routing.sticky {
        Some(sticky) => check_name("sticky.cookie", &sticky.cookie),
        None => Ok(()),
    }
}

/// Checks a routing against the one in effect.
///
/// # Errors
/// When its epoch is lower, or the same with another content. Where the slots are is no content: a slot that comes back on
/// another port is still the slot that was decided on, and must not wait for the next decision.
pub(crate) fn fence(current: Option<&Routing>, told: &Routing) -> Result<Fence, Refusal> {
    let Some(current) = current else {
        return Ok(Fence::Newer);
    };
    if told.rank() > current.rank() {
        return Ok(Fence::Newer);
    }
    if told.rank() < current.rank() {
        let fix = format!("the proxy is at epoch {}; read the goal again and tell the newer one", current.epoch);
        return Err(Refusal::new(code::EPOCH_FENCED, "epoch", told.epoch.to_string(), fix));
    }
    if told == current {
        return Ok(Fence::Same);
    }
    let where_it_was = Routing { slots: current.slots.clone(), ..told.clone() };
    if where_it_was == *current {
        return Ok(Fence::Moved);
    }
    let fix = format!(
        "epoch {} is in effect with hash `{}` and another content; two tellers disagree, find out which is right",
        current.epoch, current.hash
    );
    Err(Refusal::new(code::EPOCH_CONFLICT, "hash", told.hash.clone(), fix))
}

fn check_hash(hash: &str) -> Result<(), Refusal> {
    if (1..=128).contains(&hash.len()) && hash.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(invalid("hash", hash, "give the goal's digest: 1 to 128 visible ASCII characters"))
}

fn check_slot(routing: &Routing, slot: Slot) -> Result<(), Refusal> {
    let field = format!("slots.{slot}");
    match routing.slots.get(slot) {
        Some(target) if is_address(&target.address) => Ok(()),
        Some(target) => Err(Refusal::new(
            code::ADDRESS_INVALID,
            format!("{field}.address"),
            target.address.clone(),
            "give `host:port`, such as 127.0.0.1:9000",
        )),
        None => {
            let weight = routing.split.of(slot);
            if weight > 0 {
                let fix = format!("give the slot a target, or move its weight of {weight} basis points away");
                return Err(Refusal::new(code::SLOT_WITHOUT_TARGET, field, "null", fix));
            }
            if routing.cohort.as_ref().is_some_and(|cohort| cohort.slot == slot) {
                let fix = "give the slot a target, or send the cohort elsewhere";
                return Err(Refusal::new(code::SLOT_WITHOUT_TARGET, field, "null", fix));
            }
            Ok(())
        }
    }
}

fn check_rule(rule: &CohortRule) -> Result<(), Refusal> {
    match rule {
        CohortRule::Header { name, value } => {
            check_name("cohort.rule.header.name", name)?;
            check_value("cohort.rule.header.value", value)
        }
        CohortRule::Cookie { name, value } => {
            check_name("cohort.rule.cookie.name", name)?;
            check_value("cohort.rule.cookie.value", value)
        }
        CohortRule::Percentage { basis_points, key } => {
            if *basis_points > WHOLE_BASIS_POINTS {
                let field = "cohort.rule.percentage.basis_points";
                return Err(invalid(field, &basis_points.to_string(), "give 0 to 10000 basis points"));
            }
            match key {
                RequestKey::Header(name) => check_name("cohort.rule.percentage.key.header", name),
                RequestKey::Cookie(name) => check_name("cohort.rule.percentage.key.cookie", name),
            }
        }
    }
}

/// Names of headers and cookies have the same alphabet (RFC 6265 says token).
fn check_name(field: &str, name: &str) -> Result<(), Refusal> {
    if name.len() <= 128 && HeaderName::try_from(name).is_ok() {
        return Ok(());
    }
    Err(invalid(field, name, "give a name of 1 to 128 token characters"))
}

fn check_value(field: &str, value: &str) -> Result<(), Refusal> {
    if value.len() <= 4096 && HeaderValue::try_from(value).is_ok() {
        return Ok(());
    }
    Err(invalid(field, value, "give at most 4096 visible characters"))
}

fn is_address(address: &str) -> bool {
    let authority = address.parse::<Uri>().ok().and_then(|uri| {
        let parts = uri.into_parts();
        (parts.scheme.is_none() && parts.path_and_query.is_none()).then_some(parts.authority)?
    });
    authority.is_some_and(|authority| {
        let port = authority.port_u16().is_some_and(|port| port > 0);
        !authority.host().is_empty() && !authority.as_str().contains('@') && port
    })
}

fn invalid(field: &str, value: &str, fix: &str) -> Refusal {
    Refusal::new(code::VALUE_INVALID, field, value, fix)
}
