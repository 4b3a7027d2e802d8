//! Values come back, and writes that were cut short do not.

use super::*;

fn reopened(path: &Path) -> Option<Vec<u8>> {
    TwinFile::open(path).unwrap().1
}

fn scribble(path: &Path, bytes: &[u8], at: u64) {
    open(path).unwrap().write_all_at(bytes, at).unwrap();
}

#[test]
fn the_last_value_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let (mut file, value) = TwinFile::open(&path).unwrap();
    assert_eq!((value, reopened(&path)), (None, None));
    let longest = vec![7; VALUE_BYTES_MAX];
    for value in [&b"one"[..], b"", &longest, b"four"] {
        file.write(value).unwrap();
        assert_eq!(reopened(&path).as_deref(), Some(value));
        assert_eq!(fs::metadata(&path).unwrap().len(), FILE_BYTES as u64);
    }
    let error = file.write(&vec![0; VALUE_BYTES_MAX + 1]).unwrap_err();
    assert!(matches!(error, TwinFileError::Write { .. }), "{error}");
    assert_eq!(reopened(&path).as_deref(), Some(&b"four"[..]));
    let others: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(others.len(), 1, "nothing is left beside it: {others:?}");
}

#[test]
fn a_write_cut_short_anywhere_leaves_the_value_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    for before in 0..4_u64 {
        let _ = fs::remove_file(&path);
        let (mut file, _) = TwinFile::open(&path).unwrap();
        let text = |turn: u64| format!("the value of turn {turn}").into_bytes();
        for turn in 1..=before {
            file.write(&text(turn)).unwrap();
        }
        let (old, turn) = (fs::read(&path).unwrap(), before + 1);
        let page = page(turn, &text(turn));
        for cut in 1..page.len() {
            // The first bytes arrived, then the last ones: a disk does not promise an order.
            for (bytes, at) in [(&page[..cut], 0), (&page[cut..], cut)] {
                fs::write(&path, &old).unwrap();
                scribble(&path, bytes, offset(turn) + at as u64);
                let (mut file, value) = TwinFile::open(&path).unwrap();
                let expected = (before > 0).then(|| text(before));
                let is_whole = fs::read(&path).unwrap()[offset(turn) as usize..].starts_with(&page);
                if is_whole {
                    continue;
                }
                assert_eq!(value, expected, "{before} writes, cut at {cut}");
                file.write(b"next").unwrap();
                assert_eq!(reopened(&path).as_deref(), Some(&b"next"[..]));
            }
        }
    }
}

#[test]
fn a_failed_write_does_not_cost_the_good_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let (mut file, _) = TwinFile::open(&path).unwrap();
    file.write(b"good").unwrap();
    // A handle that cannot write stands for a disk that fails.
    let sound = std::mem::replace(&mut file.file, File::open(&path).unwrap());
    for _ in 0..3 {
        assert!(file.write(b"refused").is_err());
    }
    file.file = sound;
    file.write(b"torn").unwrap();
    scribble(&path, b"X", offset(2) + HEAD_BYTES as u64);
    assert_eq!(reopened(&path).as_deref(), Some(&b"good"[..]));
}

#[test]
fn a_file_without_a_whole_page_is_an_error_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let (mut file, _) = TwinFile::open(&path).unwrap();
    file.write(b"one").unwrap();
    file.write(b"two").unwrap();
    let mut swapped = fs::read(&path).unwrap();
    swapped.rotate_left(PAGE_BYTES);
    let mut torn = fs::read(&path).unwrap();
    torn[HEAD_BYTES] ^= 1;
    torn[PAGE_BYTES + 16] ^= 1;
    for bytes in [torn, swapped, vec![0; FILE_BYTES], vec![0; FILE_BYTES - 1], Vec::new()] {
        fs::write(&path, &bytes).unwrap();
        let error = TwinFile::open(&path).unwrap_err();
        assert!(matches!(error, TwinFileError::Corrupt { .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}
