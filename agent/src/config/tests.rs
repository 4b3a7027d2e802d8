//! Configurations that are taken, and the words with which others are not.

use super::*;

const GOOD: &str = r#"
region: eu-west-1
servers: ["control-1.example:7600", "[::1]:7600"]
plaintext: true
state_dir: /var/lib/meridian
metrics: 127.0.0.1:9601
lanes:
  - service: shop
    workload: { driver: process, dir: /d, artifacts: /a, command: [/bin/shop, "{address}"] }
    traffic: { driver: proxy, dir: /p, listen: "127.0.0.1:8080" }
    sticky: { cookie: shop-slot, max_age_s: 3600 }
"#;

#[test]
fn a_whole_configuration_is_read() {
    let config = Config::parse(GOOD).unwrap();
    assert_eq!(config.region.as_str(), "eu-west-1");
    assert_eq!(config.security, Security::Plaintext);
    assert_eq!(config.lanes[0].service.as_str(), "shop");
    assert_eq!(config.lanes[0].sticky.as_ref().unwrap().max_age_s, 3600);
    let tls = GOOD.replace("plaintext: true", "tls: { ca: /ca.pem, cert: /c.pem, key: /k.pem }");
    assert!(matches!(Config::parse(&tls).unwrap().security, Security::Tls(_)));
}

#[test]
fn what_cannot_work_is_named() {
    let lane = &GOOD[GOOD.find("  - service").unwrap()..];
    let table = [
        (GOOD.replace("plaintext: true", ""), "either `tls`"),
        (GOOD.replace("plaintext: true", "plaintext: true\ntls: { ca: a, cert: b, key: c }"), "either `tls`"),
        (GOOD.replace("region: eu-west-1", "region: EU"), "`region` is \"EU\""),
        (GOOD.replace("region: eu-west-1", "region: eu\nregoin: x"), "regoin"),
        (GOOD.replace("control-1.example:7600", "control-1.example"), "host:port"),
        (GOOD.replace("control-1.example:7600", "http://x:1/"), "host:port"),
        (GOOD.replace(r#"["control-1.example:7600", "[::1]:7600"]"#, "[]"), "`servers` has 0"),
        (GOOD.replace("driver: proxy", "driver: nginx"), "nginx"),
        (format!("{GOOD}{lane}"), "`shop` twice"),
        ("region: [".to_owned(), "not understood"),
    ];
    for (text, words) in table {
        let error = Config::parse(&text).unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[test]
fn files_are_bounded_and_missing_ones_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.yaml");
    assert!(Config::load(&path).unwrap_err().to_string().contains("agent.yaml"));
    std::fs::write(&path, GOOD).unwrap();
    assert!(Config::load(&path).is_ok());
    std::fs::write(&path, "#".repeat(1024 * 1024 + 1)).unwrap();
    assert!(matches!(Config::load(&path), Err(ConfigError::TooLarge { .. })));
}
