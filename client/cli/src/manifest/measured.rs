//! The file of `simulate --evidence`: what regions measure while a plan is played. It is no document: nothing is applied.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use meridian_core::id::{KpiId, RegionId};
use meridian_core::watch::Decimal;
use meridian_simulate::{Answered, Measured};

use super::error::{ManifestError, ManifestErrors};
use super::report::{Report, cap};
use super::shape::{Cursor, Refused};
use super::{source, values, yaml};

/// What is measured.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct MeasuredFile {
    /// In every region.
    pub(crate) everywhere: Measured,
    /// In these instead.
    pub(crate) regions: BTreeMap<RegionId, Measured>,
    /// What KPIs come to after the launch.
    pub(crate) kpis: BTreeMap<KpiId, Decimal>,
}

impl MeasuredFile {
    /// Reads the file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn load(path: &Path) -> Result<Self, ManifestErrors> {
        let name = path.display().to_string();
        let bytes = File::open(path).and_then(|mut file| source::read_bounded(&mut file));
        let bytes = bytes.map_err(|error| ManifestErrors::new(vec![source::unreadable(&name, &error)]))?;
        Self::parse(&name, &bytes)
    }

    fn parse(name: &str, bytes: &[u8]) -> Result<Self, ManifestErrors> {
        let text = source::decode(name, bytes).map_err(|error| ManifestErrors::new(vec![*error]))?;
        let mut report = Report::new(name, text);
        let roots = yaml::documents(text).unwrap_or_else(|refusals| {
            refusals.into_iter().for_each(|refusal| report.add_refusal(refusal));
            Vec::new()
        });
        let read = match roots.as_slice() {
            [root] => file(&Cursor::root(root), &mut report),
            [] | [_, ..] => None,
        };
        let mut errors = report.into_errors();
        match read {
            Some(read) if errors.is_empty() => return Ok(read),
            None if errors.is_empty() => {
                let fix = "write `everywhere: {requests: 600}` and, if some differ, `regions:`";
                let message = format!("{} documents are here, one is needed", roots.len());
                errors.push(ManifestError::of_file(name, "ONE_DOCUMENT", message, fix));
            }
            Some(_) | None => {}
        }
        Err(ManifestErrors::new(cap(errors)))
    }
}

fn file(root: &Cursor<'_>, report: &mut Report<'_>) -> Option<MeasuredFile> {
    let fields = root.fields(report, &["everywhere", "regions", "kpis"])?;
    let standard = Measured::default();
    let everywhere = fields.get("everywhere").map_or(Some(standard), |given| measured(&given, standard, report))?;
    let mut regions = BTreeMap::new();
    if let Some(given) = fields.get("regions") {
        for entry in given.entries(report)? {
            let of = Cursor { node: &entry.value, path: format!("regions.{}", entry.key) };
            match RegionId::new(entry.key.clone()) {
                Ok(region) => {
                    regions.insert(region, measured(&of, everywhere, report)?);
                }
                Err(error) => of.refuse(report, Refused::new("NAME_INVALID", error.to_string(), "write a region")),
            }
        }
    }
    let mut kpis = BTreeMap::new();
    if let Some(given) = fields.get("kpis") {
        for entry in given.entries(report)? {
            let of = Cursor { node: &entry.value, path: format!("kpis.{}", entry.key) };
            match KpiId::new(entry.key.clone()) {
                Ok(kpi) => {
                    kpis.insert(kpi, of.value(report, values::decimal)?);
                }
                Err(error) => of.refuse(report, Refused::new("NAME_INVALID", error.to_string(), "write a KPI")),
            }
        }
    }
    Some(MeasuredFile { everywhere, regions, kpis })
}

/// What is said, over what holds otherwise.
fn measured(given: &Cursor<'_>, otherwise: Measured, report: &mut Report<'_>) -> Option<Measured> {
    let fields = given.fields(report, &["requests", "cohort", "new", "old"])?;
    let requests = fields.value_or(report, "requests", otherwise.requests, values::number);
    let cohort = fields.value_or(report, "cohort", otherwise.cohort, values::percent);
    let new = fields.get("new").map_or(Some(otherwise.new), |given| answered(&given, otherwise.new, report));
    let old = fields.get("old").map_or(Some(otherwise.old), |given| answered(&given, otherwise.old, report));
    Some(Measured { requests: requests?, cohort: cohort?, new: new?, old: old? })
}

fn answered(given: &Cursor<'_>, otherwise: Answered, report: &mut Report<'_>) -> Option<Answered> {
    let fields = given.fields(report, &["errors", "probes", "latency"])?;
    let errors = fields.value_or(report, "errors", otherwise.errors, values::percent);
    let probes = fields.value_or(report, "probes", otherwise.probes, values::percent);
    let latency = fields.value_or(report, "latency", otherwise.latency, values::span);
    Some(Answered { errors: errors?, probes: probes?, latency: latency? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use meridian_core::time::Span;

    #[test]
    fn what_is_not_said_holds_as_everywhere() {
        let text =
            b"everywhere: {requests: 600, new: {errors: 0.5%}}\nregions: {a: {new: {latency: 2s}}, b: {requests: 6}}\n\
              kpis: {conversion: 2.6}";
        let read = MeasuredFile::parse("e.yaml", text).unwrap();
        let of = |name: &str| read.regions[&RegionId::new(name).unwrap()];
        assert_eq!((of("a").requests, of("a").new.latency), (600, Span::from_secs(2)));
        assert_eq!((of("a").new.errors.to_string(), of("b").requests), ("0.5%".to_owned(), 6));
        assert_eq!(of("b").old, Measured::default().old);
        assert_eq!(read.kpis[&KpiId::new("conversion").unwrap()].to_string(), "2.6");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let table = [
            ("everywhere: {request: 5}", "e.yaml:1:14: UNKNOWN_FIELD"),
            ("regions: {A_: {}}", "NAME_INVALID"),
            ("regions:\n  a: {new: {errors: 5}}", "e.yaml:2:21: PERCENT_INVALID"),
            ("kpis: {conversion: high}", "NUMBER_INVALID"),
            ("regions: {}\n---\nregions: {}", "ONE_DOCUMENT"),
            ("a: [", "YAML_INVALID"),
        ];
        for (text, why) in table {
            let refused = MeasuredFile::parse("e.yaml", text.as_bytes()).unwrap_err().to_string();
            assert!(refused.contains(why), "{why}: {refused}");
        }
    }
}
