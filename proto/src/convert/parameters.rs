//! Parameters: the layers that a service declares, and the values that they come to in a region.

use std::collections::BTreeMap;

use meridian_core::id::RegionId;
use meridian_core::plan::compile::REGIONS_MAX;
use meridian_core::plan::parameters::{LAYERS_MAX, Layer, Parameters, Values, check};

use super::field::{labels, list_with, named};
use super::invalid::{At, Invalid, InvalidKind};
use crate::r#gen::v1;

/// The layers of a service.
///
/// # Errors
/// The first that is wrong.
pub fn parameters_from_wire(field: &str, wire: Vec<v1::ParameterLayer>) -> Result<Parameters, Invalid> {
    let layer = |v1::ParameterLayer { regions, labels: all, values }| {
        let regions = list_with("regions", regions, REGIONS_MAX, |region| named("", region, RegionId::new))?;
        Ok(Layer { regions, labels: labels("labels", all)?, values })
    };
    let layers = list_with(field, wire, LAYERS_MAX, layer)?;
    Parameters::new(layers).map_err(|why| Invalid::of("", InvalidKind::BadParameters(Box::new(why)))).at(field)
}

/// The same on the wire.
#[must_use]
pub fn parameters_to_wire(parameters: &Parameters) -> Vec<v1::ParameterLayer> {
    let layer = |Layer { regions, labels, values }: &Layer| v1::ParameterLayer {
        regions: regions.iter().map(ToString::to_string).collect(),
        labels: labels.clone(),
        values: values.clone(),
    };
    parameters.layers().iter().map(layer).collect()
}

/// What a workload is started with.
pub(super) fn values(field: &str, values: BTreeMap<String, String>) -> Result<Values, Invalid> {
    match check(&values) {
        Ok(()) => Ok(values),
        Err(why) => Err(Invalid::of("", InvalidKind::BadParameters(Box::new(why)))).at(field),
    }
}
