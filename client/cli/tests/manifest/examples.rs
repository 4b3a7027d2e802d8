//! The examples that are shipped: they read, they mean what they say, and they name the artifacts that lie beside them.

use std::fs;
use std::path::{Path, PathBuf};

use meridian_cli::manifest::{Manifest, Origin, load, parse, to_yaml};
use meridian_core::cohort::{CohortRule, RequestKey};
use meridian_core::digest::Digest;
use meridian_core::plan::{Inventory, RegionFacts, compile};
use meridian_core::playbook::{Playbook, validate};
use meridian_core::release::Release;
use meridian_core::weight::Weight;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/skyoptima")
}

fn read(file: &str) -> Vec<Manifest> {
    let bytes = fs::read(folder().join("manifests").join(file)).unwrap();
    parse(file, &bytes).unwrap().into_iter().map(|document| document.manifest).collect()
}

fn playbook() -> Playbook {
    let Some(Manifest::Playbook(playbook)) = read("playbook.yaml").pop() else { panic!("no playbook") };
    playbook
}

#[test]
fn a_preview_is_a_step_for_those_who_ask() {
    let text = "apiVersion: meridian.dev/v1
kind: Playbook
metadata: {name: preview}
spec:
  stages:
    - kind: production
      waves:
        - name: all
          regions: rest
          strategy: blue-green
          preview: {cohort: {header: X-Preview, value: 'yes'}, bake: 10m}
          bake: 30m
";
    let Some(Manifest::Playbook(playbook)) = parse("p", text.as_bytes()).unwrap().pop().map(|it| it.manifest) else {
        panic!("no playbook")
    };
    let steps = &playbook.stages[0].waves[0].steps;
    let rule = CohortRule::Equals(RequestKey::Header("x-preview".to_owned()), "yes".to_owned());
    assert_eq!((steps[0].weight, steps[0].cohort.clone()), (Weight::NONE, Some(rule)));
    assert_eq!((steps[1].weight, steps[1].cohort.clone(), steps.len()), (Weight::WHOLE, None, 2));
    validate(playbook).unwrap();
}

fn releases() -> Vec<Release> {
    let release = |manifest| match manifest {
        Manifest::Release(release) => release,
        Manifest::Service(_) | Manifest::Playbook(_) | Manifest::Region(_) | Manifest::Route(_) => {
            panic!("not a release")
        }
    };
    read("releases.yaml").into_iter().map(release).collect()
}

fn inventory() -> Inventory {
    let mut inventory = Inventory::default();
    for manifest in read("regions.yaml") {
        let Manifest::Region(region) = manifest else { panic!("not a region") };
        let facts = RegionFacts { labels: region.labels, cordoned: region.cordoned, ..RegionFacts::default() };
        inventory.regions.insert(region.id, facts);
    }
    inventory
}

#[test]
fn all_examples_are_read_and_printed() {
    let origin = Origin::Path(folder().join("manifests"));
    let documents = load(&[origin], false, &mut std::io::empty()).unwrap();
    let places = documents.iter().map(|document| {
        let file = Path::new(&document.place.file).file_name().unwrap().to_string_lossy().into_owned();
        format!("# {file}:{}\n{}", document.place.line, to_yaml(&document.manifest))
    });
    insta::assert_snapshot!("examples", places.collect::<Vec<_>>().join("---\n"));
}

#[test]
fn line_ends_of_windows_mean_the_same() {
    let text = fs::read_to_string(folder().join("manifests/playbook.yaml")).unwrap();
    let documents = parse("playbook.yaml", text.replace('\n', "\r\n").as_bytes()).unwrap();
    assert_eq!(documents[0].manifest, Manifest::Playbook(playbook()));
}

#[test]
fn releases_name_the_artifacts_beside_them() {
    for release in releases() {
        let artifact = folder().join("artifacts").join(format!("skyoptima-{}.json", release.version));
        assert_eq!(release.digest, Digest::of(&fs::read(artifact).unwrap()), "{}", release.version);
    }
    assert_eq!(releases().len(), 3);
}

#[test]
fn the_examples_make_a_plan_together() {
    let plan = compile(&validate(playbook()).unwrap(), 1, &releases()[1], &inventory()).unwrap();
    let waves: Vec<(String, usize, usize)> =
        plan.waves.iter().map(|wave| (wave.id.to_string(), wave.regions.len(), wave.steps.len())).collect();
    assert_eq!(waves, [("canary".into(), 1, 1), ("first".into(), 1, 3), ("rest".into(), 2, 1)]);
}

/// Regions that nobody knows, and waves that leave nobody anything, show only against an inventory.
#[test]
fn m7_unknown_and_missing_regions_are_refused_by_the_plan() {
    let text = fs::read_to_string(folder().join("manifests/playbook.yaml")).unwrap();
    let cases = [
        ("regions: rest", "regions: [mars]", "UNKNOWN_REGION"),
        ("regions: rest", "regions: {labels: {tier: none}}", "EMPTY_WAVE"),
    ];
    for (from, to, code) in cases {
        let documents = parse("bad.yaml", text.replacen(from, to, 1).as_bytes()).unwrap();
        let Some(Manifest::Playbook(playbook)) = documents.into_iter().map(|d| d.manifest).next() else { panic!() };
        let refused = compile(&validate(playbook).unwrap(), 1, &releases()[1], &inventory()).unwrap_err();
        assert!(refused.iter().any(|refusal| refusal.code() == code), "{refused:?}");
    }
}
