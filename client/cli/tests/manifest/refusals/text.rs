//! Files and YAML: what is refused before any field is looked at (M1 to M5, M25).

use std::time::Instant;

use meridian_cli::manifest::{FILE_BYTES_MAX, parse};

use super::{TIME_MAX, assert_refused, playbook, refuse, service};

#[test]
fn m1_a_large_file_is_refused_before_it_is_parsed() {
    let at_limit = format!("{}#{}", service("ok"), "x".repeat(FILE_BYTES_MAX));
    assert_eq!(parse("ok.yaml", &at_limit.as_bytes()[..FILE_BYTES_MAX]).unwrap().len(), 1);
    for bytes in [FILE_BYTES_MAX + 1, 10 * 1024 * 1024] {
        // Not YAML at all: only the length can be the reason.
        let errors = refuse(&vec![b'['; bytes]);
        assert_eq!(errors.all()[0].code, "MANIFEST_TOO_LARGE");
        assert_eq!((errors.all()[0].line, errors.all().len()), (0, 1));
    }
}

#[test]
fn m2_to_m5_yaml_tricks() {
    let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n".to_owned();
    let blocks = (0..10_000).map(|depth| format!("{}a:\n", " ".repeat(depth % 500))).collect::<String>();
    assert_eq!(refuse(&blocks.as_bytes()[..FILE_BYTES_MAX]).all()[0].code, "TOO_DEEP");
    let nest = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(refuse(nest(32).as_bytes()).all()[0].code, "WRONG_TYPE");
    assert_refused(vec![
        ("M2 bomb", bomb, "ALIAS_REFUSED", ""),
        ("M2 alias only", service("*a"), "ALIAS_REFUSED", ""),
        ("M2 merge", format!("{}<<: *a\n", service("x")), "ALIAS_REFUSED", ""),
        ("M3 limit + 1", nest(33), "TOO_DEEP", ""),
        ("M3 10000", nest(10_000), "TOO_DEEP", ""),
        ("M3 unclosed", "[".repeat(10_000), "TOO_DEEP", ""),
        ("M3 lines", (0..100).map(|depth| format!("{}- \n", " ".repeat(depth))).collect(), "TOO_DEEP", ""),
        ("M4", format!("{}kind: Region\n", service("x")), "DUPLICATE_KEY", ""),
        ("M4 deep", playbook("soak: 5s", "soak: 5s\n          soak: 6s"), "DUPLICATE_KEY", ""),
        ("M5", playbook("soak: 5s", "autoAprove: true"), "UNKNOWN_FIELD", "spec.stages[1].waves[0].autoAprove"),
        ("M5 top", format!("{}status: {{}}\n", service("x")), "UNKNOWN_FIELD", "status"),
        ("tag", service("!!str x"), "TAG_REFUSED", ""),
        ("directive", format!("%YAML 1.2\n---\n{}", service("x")), "YAML_INVALID", ""),
        ("list as key", "[a, b]: c".to_owned(), "KEY_NOT_TEXT", ""),
        ("not yaml", "a: [1, 2\nb: }".to_owned(), "YAML_INVALID", ""),
        ("a scalar", "hello".to_owned(), "WRONG_TYPE", ""),
    ]);
}

#[test]
fn m19_secrets_are_refused_where_they_stand_and_not_repeated() {
    let token = format!("ghp_{}", "x1".repeat(20));
    let pem = "\n    -----BEGIN EC PRIVATE KEY-----\n    MIIEx1x1\n".to_owned();
    let described = format!("{}spec:\n  description: |{pem}", service("x"));
    let label =
        format!("apiVersion: meridian.dev/v1\nkind: Region\nmetadata: {{name: x, labels: {{token: {token}}}}}\n");
    let errors = [refuse(described.as_bytes()), refuse(label.as_bytes())];
    let found =
        errors.iter().map(|errors| (errors.all()[0].code, errors.all()[0].field.as_str(), errors.all()[0].line));
    assert_eq!(found.collect::<Vec<_>>(), [("SECRET", "spec.description", 6), ("SECRET", "metadata.labels.token", 3)]);
    for errors in errors {
        let said = [errors.to_string(), errors.render(false)].concat();
        assert!(!said.contains("x1x1"), "{said}");
    }
}

#[test]
fn m25_encodings() {
    let text = service("x");
    let mut bom = b"\xef\xbb\xbf".to_vec();
    bom.extend_from_slice(text.as_bytes());
    let utf16 = |mark: u16, swap: bool| -> Vec<u8> {
        let units = std::iter::once(mark).chain(text.encode_utf16());
        units.flat_map(|unit| if swap { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    let mut invalid = text.clone().into_bytes();
    invalid.extend_from_slice(b"# caf\xe9\n");
    let without_mark: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases = [
        (bom, "BYTE_ORDER_MARK", 0),
        (utf16(0xfeff, false), "NOT_UTF8", 0),
        (utf16(0xfeff, true), "NOT_UTF8", 0),
        (without_mark, "CONTROL_CHARACTER", 1),
        (invalid, "NOT_UTF8", 4),
        (b"\xc0\xaf".to_vec(), "NOT_UTF8", 1),
        (b"\xed\xa0\x80".to_vec(), "NOT_UTF8", 1),
    ];
    for (input, code, line) in cases {
        let errors = refuse(&input);
        let found: Vec<(&str, usize)> = errors.all().iter().map(|e| (e.code, e.line)).collect();
        assert_eq!(found, [(code, line)], "{errors}");
    }
}

/// Texts made to be slow: each must be refused within [`TIME_MAX`].
#[test]
fn texts_made_to_be_slow_are_refused_in_time() {
    let patterns = [
        "[],",
        "{},",
        "a,",
        "a: ",
        "? ",
        "- ",
        "- - ",
        "\"",
        "'",
        "{a: [",
        "? [a]: b\n",
        "a: b\n",
        "a:\n",
        "--- \n",
        "...\n",
        "\n",
        " \n",
        "\t\n",
        "# \n",
        "|\n ",
        "a: >\n  b\n",
        "!a ",
        "&a ",
        "*a ",
        "&a [",
        "{{",
        "a: 'b\n",
        "- a: \"b\n",
        "%a\n",
        "\\",
        ": ",
        "é: ",
        "[a]: ",
    ];
    for pattern in patterns {
        for opening in ["", "[", "{", "a: [", "kind: {metadata: "] {
            let text = opening.chars().chain(pattern.chars().cycle()).take(FILE_BYTES_MAX / 4).collect::<String>();
            let begun = Instant::now();
            let documents = parse("slow.yaml", text.as_bytes()).unwrap_or_default();
            assert!(documents.is_empty(), "{opening:?} {pattern:?}");
            let took = begun.elapsed();
            assert!(took < TIME_MAX, "{took:?} for {opening:?} {pattern:?}");
        }
    }
}
