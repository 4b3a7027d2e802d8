//! What can be seen to be wrong with a question to somebody else's metrics before anybody has asked it.

use super::validate::{Found, TEXT_BYTES_MAX};
use crate::evidence::query::PLACES;
use crate::evidence::{Amount, Asks, Bound, Query, Reach, Source};
use crate::text::template::{Template, TemplateError};

pub(super) fn check(found: &mut Found, at: &str, query: &Query) {
    let at = format!("{at}.{}", query.source.as_str());
    check_url(found, &at, query);
    check_places(found, &format!("{at}.url"), &query.url);
    match &query.asks {
        Asks::Value { of, bound } => {
            check_text(found, &format!("{at}.{}", value_field(query.source)), query.source, of);
            check_bound(found, &at, *bound);
        }
        Asks::Counts { errors, total, max: _ } => {
            check_text(found, &format!("{at}.errors"), query.source, errors);
            check_text(found, &format!("{at}.total"), query.source, total);
        }
    }
    if query.reach == Reach::Fleet && query.is_local() {
        let fix = "leave `over: fleet` out, or ask without `{{region}}` and `{{slot}}`";
        found.add("FLEET_QUERY_LOCAL", format!("{at}.over"), "fleet", fix);
    }
}

/// The field that says where one value is.
const fn value_field(source: Source) -> &'static str {
    match source {
        Source::Prometheus => "query",
        Source::WebhookGet | Source::WebhookPost => "pointer",
    }
}

fn check_url(found: &mut Found, at: &str, query: &Query) {
    if let Err(fix) = check_address(&query.url, query.source == Source::Prometheus) {
        found.add("URL_INVALID", format!("{at}.url"), query.url.escape_debug(), fix);
    }
}

/// Whether a text is an address that may be spoken to; with what to write instead.
///
/// # Errors
/// What is wrong with it.
pub fn check_address(url: &str, is_base: bool) -> Result<(), &'static str> {
    let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        return Err("begin with `http://` or `https://`");
    };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    if host.is_empty() || host.starts_with(':') {
        return Err("name a host, e.g. `http://prometheus.example:9090`");
    }
    if host.contains('@') {
        return Err("leave name and password out: a manifest is no place for a secret");
    }
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) || url.contains('#') {
        return Err("use letters, digits and signs without blanks and `#`; write the rest as %20");
    }
    if is_base && rest.contains('?') {
        return Err("leave the part from `?` on out: the query has its own field");
    }
    if url.len() > Query::URL_BYTES_MAX { Err("at most 2048 characters") } else { Ok(()) }
}

fn check_text(found: &mut Found, field: &str, source: Source, text: &str) {
    match source {
        Source::Prometheus => {
            if !(1..=TEXT_BYTES_MAX).contains(&text.len()) {
                let fix = format!("a query of 1 to {TEXT_BYTES_MAX} bytes");
                found.add("QUERY_INVALID", field, text.len(), fix);
            }
        }
        Source::WebhookGet | Source::WebhookPost => {
            let escapes = text.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
            let begins = text.is_empty() || text.starts_with('/');
            if !begins || !escapes || text.len() > TEXT_BYTES_MAX {
                let fix = "an RFC 6901 pointer, e.g. `/orders/perMinute`; `~` is written `~0`, `/` in a name `~1`";
                found.add("POINTER_INVALID", field, text.escape_debug(), fix);
            }
        }
    }
    check_places(found, field, text);
}

fn check_places(found: &mut Found, field: &str, text: &str) {
    let fix = format!("write one of {}", PLACES.map(|place| format!("`{{{{{place}}}}}`")).join(", "));
    match Template::parse(text, &PLACES) {
        Ok(_) => {}
        Err(TemplateError::Unknown(place)) => {
            found.add("PLACEHOLDER_UNKNOWN", field, format!("{{{{{place}}}}}").escape_debug(), fix);
        }
        Err(TemplateError::Unclosed) => found.add("PLACEHOLDER_UNKNOWN", field, "{{", "close it with `}}`"),
    }
}

fn check_bound(found: &mut Found, at: &str, bound: Bound) {
    let (name, limit) = match bound {
        Bound::Most(most) => ("max", most),
        Bound::Least(least) => ("min", least),
    };
    let field = format!("{at}.{name}");
    if limit > Amount::LARGEST {
        found.add("AMOUNT_TOO_LARGE", field, limit, format!("at most {}", Amount::LARGEST));
    } else if bound == Bound::Least(Amount::ZERO) {
        found.add("MIN_ZERO", field, 0, "more than 0: nothing lies below it");
    }
}
