//! Parameters: values that a service's workload is started with, different from region to region. A service declares them in
//! layers; a plan pins what they come to in each of its regions, so that going back restores what was pinned then.

use std::collections::BTreeMap;

use crate::id::RegionId;
use crate::text::secret::Secret;

/// The most layers of a service.
pub const LAYERS_MAX: usize = 64;
/// The most values of one layer, and of one region.
pub const VALUES_MAX: usize = 64;
/// The longest name.
pub const NAME_BYTES_MAX: usize = 64;
/// The longest value.
pub const VALUE_BYTES_MAX: usize = 4096;
/// How names begin that the agent or the system keeps for itself.
pub const RESERVED: [&str; 3] = ["MERIDIAN_", "LD_", "PATH"];

/// Values by name.
pub type Values = BTreeMap<String, String>;

/// Values for some regions.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Layer {
    /// Only for these, if any are named.
    pub regions: Vec<RegionId>,
    /// Only for regions with these labels.
    pub labels: BTreeMap<String, String>,
    /// What they get.
    pub values: Values,
}

/// What a service declares: of several layers that give a region one name, the last counts.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Parameters(Vec<Layer>);

/// Why layers are not taken.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
pub enum ParametersRefused {
    /// Too many.
    #[error("there are {0} layers, at most {LAYERS_MAX} are allowed")]
    TooManyLayers(usize),
    /// Too many values.
    #[error("a region would get {0} values, at most {VALUES_MAX} are allowed")]
    TooManyValues(usize),
    /// Not a name.
    #[error("{0:?} is no name of a parameter: write A-Z, 0-9 and _, not a digit first, at most {NAME_BYTES_MAX}")]
    Name(String),
    /// Kept for others.
    #[error("{0} is kept for the agent and the system; use another name")]
    Reserved(String),
    /// Not a value.
    #[error("the value of {0} has more than {VALUE_BYTES_MAX} bytes, or characters that no environment takes")]
    Value(String),
    /// It looks like a secret.
    #[error("the value of {name} looks like {}; give the workload a file instead", .secret.as_str())]
    Secret {
        /// Of which parameter.
        name: String,
        /// What it looks like.
        secret: Secret,
    },
}

impl ParametersRefused {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooManyLayers(_) | Self::TooManyValues(_) => "TOO_MANY_PARAMETERS",
            Self::Name(_) => "PARAMETER_NAME_INVALID",
            Self::Reserved(_) => "PARAMETER_RESERVED",
            Self::Value(_) => "PARAMETER_VALUE_INVALID",
            Self::Secret { .. } => "SECRET",
        }
    }
}

impl Parameters {
    /// Checks layers.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn new(layers: Vec<Layer>) -> Result<Self, ParametersRefused> {
        if layers.len() > LAYERS_MAX {
            return Err(ParametersRefused::TooManyLayers(layers.len()));
        }
        layers.iter().try_for_each(|layer| check(&layer.values))?;
        let mut names: Vec<&String> = layers.iter().flat_map(|layer| layer.values.keys()).collect();
        names.sort_unstable();
        names.dedup();
        if names.len() > VALUES_MAX {
            return Err(ParametersRefused::TooManyValues(names.len()));
        }
        Ok(Self(layers))
    }

    /// The layers, in order.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.0
    }

    /// What they come to in a region.
    #[must_use]
    pub fn of(&self, region: &RegionId, labels: &BTreeMap<String, String>) -> Values {
        let fits = |layer: &&Layer| {
            let named = layer.regions.is_empty() || layer.regions.contains(region);
            named && layer.labels.iter().all(|(key, value)| labels.get(key) == Some(value))
        };
        self.0.iter().filter(fits).flat_map(|layer| layer.values.clone()).collect()
    }
}

/// Checks the values that one region gets.
///
/// # Errors
/// The first one that is wrong.
pub fn check(values: &Values) -> Result<(), ParametersRefused> {
    if values.len() > VALUES_MAX {
        return Err(ParametersRefused::TooManyValues(values.len()));
    }
    for (name, value) in values {
        let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
        let is_name = name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit());
        if !is_name || !name.bytes().next().is_some_and(is_letter) || name.len() > NAME_BYTES_MAX {
            return Err(ParametersRefused::Name(name.clone()));
        }
        if RESERVED.iter().any(|reserved| name.starts_with(reserved)) {
            return Err(ParametersRefused::Reserved(name.clone()));
        }
        if value.len() > VALUE_BYTES_MAX || value.chars().any(|character| character.is_control() && character != '\t') {
            return Err(ParametersRefused::Value(name.clone()));
        }
        if let Some(secret) = Secret::of(value) {
            return Err(ParametersRefused::Secret { name: name.clone(), secret });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_last_layer_that_fits_a_region_counts() {
        let labels = |tier: &str| BTreeMap::from([("tier".to_owned(), tier.to_owned())]);
        let region = |name: &str| RegionId::new(name).expect("a test's name");
        let layers = vec![
            Layer { values: values(&[("LEVEL", "info"), ("DB", "db.internal")]), ..Layer::default() },
            Layer { labels: labels("low"), values: values(&[("CACHE_MB", "64")]), ..Layer::default() },
            Layer { regions: vec![region("eu")], values: values(&[("DB", "db.eu")]), ..Layer::default() },
        ];
        let parameters = Parameters::new(layers).expect("sound layers");
        let of = |name: &str, tier: &str| parameters.of(&region(name), &labels(tier));
        assert_eq!(of("us", "high"), values(&[("LEVEL", "info"), ("DB", "db.internal")]));
        assert_eq!(of("us", "low"), values(&[("LEVEL", "info"), ("DB", "db.internal"), ("CACHE_MB", "64")]));
        assert_eq!(of("eu", "low"), values(&[("LEVEL", "info"), ("DB", "db.eu"), ("CACHE_MB", "64")]));
    }

    #[test]
    fn what_no_environment_takes_is_refused() {
        let long = "x".repeat(VALUE_BYTES_MAX + 1);
        let token = format!("ghp_{}", "x".repeat(36));
        let table = [
            ("", "x", "PARAMETER_NAME_INVALID"),
            ("lower", "x", "PARAMETER_NAME_INVALID"),
            ("1ST", "x", "PARAMETER_NAME_INVALID"),
            ("A=B", "x", "PARAMETER_NAME_INVALID"),
            ("A\0", "x", "PARAMETER_NAME_INVALID"),
            ("PATH", "x", "PARAMETER_RESERVED"),
            ("LD_PRELOAD", "x", "PARAMETER_RESERVED"),
            ("MERIDIAN_TOKEN", "x", "PARAMETER_RESERVED"),
            ("A", "x\0", "PARAMETER_VALUE_INVALID"),
            ("A", "x\ny", "PARAMETER_VALUE_INVALID"),
            ("A", &long, "PARAMETER_VALUE_INVALID"),
            ("TOKEN", &token, "SECRET"),
        ];
        for (name, value, code) in table {
            let layer = Layer { values: values(&[(name, value)]), ..Layer::default() };
            assert_eq!(Parameters::new(vec![layer]).expect_err("refused").code(), code, "{name:?}");
        }
        let many = |count: usize| (0..count).map(|n| (format!("N{n}"), String::new())).collect::<Values>();
        assert!(check(&many(VALUES_MAX)).is_ok());
        assert_eq!(check(&many(VALUES_MAX + 1)).expect_err("refused").code(), "TOO_MANY_PARAMETERS");
        assert!(Parameters::new(vec![Layer::default(); LAYERS_MAX + 1]).is_err());
    }
}
