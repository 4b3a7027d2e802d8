//! Single values, each with one way to write it: percentages, durations, whole numbers, names, versions, digests.
//! Nothing is rounded and nothing is guessed.

use meridian_core::digest::Digest;
use meridian_core::evidence::Amount;
use meridian_core::id::InvalidName;
use meridian_core::plan::TrafficShare;
use meridian_core::time::Span;
use meridian_core::watch::{Decimal, InvalidDecimal};
use meridian_core::weight::Weight;
use semver::Version;

use super::shape::Refused;
use super::yaml::Scalar;

type Read<T> = Result<T, Refused>;

/// The longest version: beyond this it is not one that a person reads.
const VERSION_BYTES_MAX: usize = 128;

/// `10%`, `20.5%`: 0 to 100 with at most two decimals, so that basis points say it exactly.
pub(super) fn percent(scalar: &Scalar) -> Read<Weight> {
    let refuse = || {
        let fix = "write 0% to 100% with at most two decimals, e.g. `20.5%`";
        Refused::new("PERCENT_INVALID", "this is not a percentage", fix)
    };
    let number = scalar.text.strip_suffix('%').ok_or_else(refuse)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let padded = match part.len() {
        1 => format!("{part}0"),
        2 => part.to_owned(),
        _ => return Err(refuse()),
    };
    if whole.len() > 3 || !padded.bytes().all(|b| b.is_ascii_digit()) {
        return Err(refuse());
    }
    let whole = integer(whole).ok_or_else(refuse)?;
    let part: u64 = padded.parse().map_err(|_| refuse())?;
    Weight::from_basis_points(whole * 100 + part).map_err(|_| refuse())
}

/// `5s`, `1h30m`, `250ms`, `2d`: whole numbers with units, each unit once, from large to small; at most [`Span::MAX`].
pub(super) fn span(scalar: &Scalar) -> Read<Span> {
    let refuse = |message: String| {
        Refused::new("DURATION_INVALID", message, "write whole numbers with units d, h, m, s, ms, e.g. `5s` or `1h30m`")
    };
    let shape = || refuse("this is not a duration".to_owned());
    let long = || refuse(format!("a duration is at most {}", Span::MAX));
    let mut rest = scalar.text.as_str();
    let mut largest = u64::MAX;
    let mut total = 0_u64;
    if rest.is_empty() {
        return Err(shape());
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let letters = after.bytes().take_while(u8::is_ascii_lowercase).count();
        let (unit, next) = after.split_at(letters);
        let millis = match unit {
            "d" => 86_400_000,
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1000,
            "ms" => 1,
            _ => return Err(shape()),
        };
        if millis >= largest {
            return Err(shape());
        }
        let number = integer(number).ok_or_else(shape)?;
        total = number.checked_mul(millis).and_then(|more| total.checked_add(more)).ok_or_else(long)?;
        (largest, rest) = (millis, next);
    }
    let span = Span::from_millis(total);
    if span > Span::MAX { Err(long()) } else { Ok(span) }
}

/// A whole number of up to 64 bits.
pub(super) fn number(scalar: &Scalar) -> Read<u64> {
    let fix = "write a whole number in plain digits, e.g. `50`";
    let refuse = || Refused::new("NUMBER_INVALID", "this is not a whole number", fix);
    integer(&scalar.text).filter(|_| scalar.plain).ok_or_else(refuse)
}

/// `200/s`: so many a second.
pub(super) fn rate(scalar: &Scalar) -> Read<u32> {
    let refuse = || Refused::new("RATE_INVALID", "this is not a rate", "write so many a second, e.g. `200/s`");
    let number = scalar.text.strip_suffix("/s").and_then(integer).ok_or_else(refuse)?;
    u32::try_from(number).map_err(|_| refuse())
}

/// A whole number of up to 32 bits.
pub(super) fn small_number(scalar: &Scalar) -> Read<u32> {
    let fix = format!("write at most {}", u32::MAX);
    let refuse = || Refused::new("NUMBER_INVALID", "this number is too large", fix);
    u32::try_from(number(scalar)?).map_err(|_| refuse())
}

/// A decimal number of at most six digits after the point.
pub(super) fn decimal(scalar: &Scalar) -> Read<Decimal> {
    let fix = "write a number with at most six digits after the point, e.g. `99.95`";
    let refuse = |invalid: InvalidDecimal| Refused::new("NUMBER_INVALID", invalid.to_string(), fix);
    Decimal::parse(&scalar.text).map_err(refuse)
}

/// `12`, `0.5`, `0.000001`: not below zero, with at most six decimals, so that millionths say it exactly.
pub(super) fn amount(scalar: &Scalar) -> Read<Amount> {
    let refuse = || {
        let fix = format!("write 0 to {} with at most six decimals, e.g. `0.5`", Amount::LARGEST);
        Refused::new("NUMBER_INVALID", "this is not such a number", fix)
    };
    let (whole, part) = scalar.text.split_once('.').unwrap_or((&scalar.text, "0"));
    if !scalar.plain || !(1..=6).contains(&part.len()) || !part.bytes().all(|b| b.is_ascii_digit()) {
        return Err(refuse());
    }
    let whole = integer(whole).and_then(|whole| whole.checked_mul(1_000_000)).ok_or_else(refuse)?;
    let part: u64 = format!("{part:0<6}").parse().map_err(|_| refuse())?;
    let amount = Amount::from_millionths(whole.saturating_add(part));
    if amount > Amount::LARGEST { Err(refuse()) } else { Ok(amount) }
}

/// A region's part of the traffic, relative to the others.
pub(super) fn share(scalar: &Scalar) -> Read<TrafficShare> {
    let fix = format!("write 1 to {}, e.g. `30`", TrafficShare::LARGEST.get());
    TrafficShare::new(number(scalar)?).map_err(|invalid| Refused::new("NUMBER_INVALID", invalid.to_string(), fix))
}

/// `true` or `false`, and no other way to say it.
pub(super) fn boolean(scalar: &Scalar) -> Read<bool> {
    match (scalar.plain, scalar.text.as_str()) {
        (true, "true") => Ok(true),
        (true, "false") => Ok(false),
        (true | false, _) => {
            Err(Refused::new("BOOLEAN_INVALID", "this is neither true nor false", "write `true` or `false`"))
        }
    }
}

/// A name of the domain, by the constructor of its type.
pub(super) fn name<T>(new: impl FnOnce(String) -> Result<T, InvalidName>) -> impl FnOnce(&Scalar) -> Read<T> {
    |scalar| {
        let fix = "1 to 63 of a-z, 0-9 and inner dashes, e.g. `eu-west`";
        new(scalar.text.clone()).map_err(|invalid| Refused::new("NAME_INVALID", invalid.to_string(), fix))
    }
}

/// Free text as it was written, of at most so many bytes.
pub(super) fn text(bytes_max: usize) -> impl FnOnce(&Scalar) -> Read<String> {
    move |scalar| {
        let bytes = scalar.text.len();
        if bytes > bytes_max {
            let message = format!("a text of {bytes} bytes is too long here");
            return Err(Refused::new("TEXT_TOO_LONG", message, format!("at most {bytes_max} bytes")));
        }
        Ok(scalar.text.clone())
    }
}

/// One of some words.
pub(super) fn word<T: Copy>(words: &[(&'static str, T)]) -> impl FnOnce(&Scalar) -> Read<T> {
    |scalar| {
        let known = words.iter().find(|(word, _)| *word == scalar.text);
        known.map(|(_, meaning)| *meaning).ok_or_else(|| unknown_word(words.iter().map(|(word, _)| *word)))
    }
}

/// A refusal that lists what may be written.
pub(super) fn unknown_word<'w>(words: impl Iterator<Item = &'w str>) -> Refused {
    let words: Vec<&str> = words.collect();
    Refused::new("WORD_UNKNOWN", "this word has no meaning here", format!("write one of: {}", words.join(", ")))
}

/// A semantic version, all three numbers and no `v`.
pub(super) fn version(scalar: &Scalar) -> Read<Version> {
    let fix = "write all three numbers and no `v`, e.g. `1.2.3` or `1.2.3-rc.1`";
    if scalar.text.len() > VERSION_BYTES_MAX {
        let message = format!("a version has at most {VERSION_BYTES_MAX} bytes");
        return Err(Refused::new("NOT_SEMVER", message, fix));
    }
    let refuse =
        |error: semver::Error| Refused::new("NOT_SEMVER", format!("this is not a semantic version: {error}"), fix);
    Version::parse(&scalar.text).map_err(refuse)
}

/// `sha256:` and 64 lower-case hexadecimal digits.
pub(super) fn digest(scalar: &Scalar) -> Read<Digest> {
    let fix = "pin the content: `sha256:` and its 64 lower-case hexadecimal digits";
    Digest::parse(&scalar.text).map_err(|invalid| {
        let lower = scalar.text.to_ascii_lowercase();
        let hashes = ["sha1:", "sha224:", "sha256:", "sha384:", "sha512:", "md5:", "blake2b:", "blake3:"];
        let bare_hex = lower.len() >= 32 && lower.bytes().all(|b| b.is_ascii_hexdigit());
        if bare_hex || hashes.iter().any(|hash| lower.contains(hash)) {
            Refused::new("DIGEST_INVALID", "`sha256:` and exactly 64 lower-case hexadecimal digits are needed", fix)
        } else {
            Refused::new("DIGEST_IS_TAG", invalid.to_string(), fix)
        }
    })
}

/// Plain digits without sign, leading zero or separator.
fn integer(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let padded = text.len() > 1 && text.starts_with('0');
    if digits && !padded { text.parse().ok() } else { None }
}
