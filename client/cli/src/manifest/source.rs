//! Where manifests come from: files, folders, standard input. It bounds what is read, and turns bytes into text before
//! anything looks at it. It does not know YAML.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::error::{Finding, ManifestError, ManifestErrors};
use super::report::Report;
use super::yaml::Place;
use super::{Document, DocumentPlace, ERRORS_MAX, FILE_BYTES_MAX, FILES_MAX, envelope};

/// How deep folders are followed: symbolic links to folders are not, so this only bounds odd trees.
const FOLDER_DEPTH_MAX: usize = 16;
/// How standard input is named in places.
const STDIN: &str = "<stdin>";

/// One source of manifests, as named by an operator.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Origin {
    /// Standard input, written `-`.
    Stdin,
    /// A file, or a folder of `*.yaml` and `*.yml` files.
    Path(PathBuf),
}

impl From<&str> for Origin {
    fn from(written: &str) -> Self {
        if written == "-" { Self::Stdin } else { Self::Path(PathBuf::from(written)) }
    }
}

/// Reads all documents of some sources, files of a folder in the order of their names; with `recursive` folders in
/// folders too.
///
/// # Errors
/// Everything that is wrong in any file, at most [`ERRORS_MAX`]; also if a file can't be read or there is no document
/// at all.
pub fn load(origins: &[Origin], recursive: bool, stdin: &mut dyn Read) -> Result<Vec<Document>, ManifestErrors> {
    let mut documents = Vec::new();
    let mut errors = Vec::new();
    let mut files = Vec::new();
    let mut take = |file: &str, bytes: io::Result<Vec<u8>>, errors: &mut Vec<ManifestError>| {
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => return errors.push(unreadable(file, &error)),
        };
        let (read, refused) = envelope::read(file, &bytes);
        documents.extend(read);
        errors.extend(refused);
    };
    for origin in origins {
        match origin {
            Origin::Stdin => take(STDIN, read_bounded(stdin), &mut errors),
            Origin::Path(path) => {
                files.clear();
                if let Err(error) = list(path, recursive, FOLDER_DEPTH_MAX, &mut files) {
                    errors.push(unreadable(&path.display().to_string(), &error));
                }
                for path in files.iter().take(FILES_MAX) {
                    let bytes = File::open(path).and_then(|mut file| read_bounded(&mut file));
                    take(&path.display().to_string(), bytes, &mut errors);
                    if errors.len() > ERRORS_MAX {
                        break;
                    }
                }
                if files.len() > FILES_MAX {
                    let message = format!("there are more than {FILES_MAX} files");
                    let name = path.display().to_string();
                    errors.push(ManifestError::of_file(&name, "TOO_MANY_FILES", message, "apply fewer at a time"));
                }
            }
        }
    }
    if documents.is_empty() && errors.is_empty() {
        let names: Vec<String> = origins.iter().map(named).collect();
        let fix = "name a file with documents, or a folder with *.yaml files (add -R for folders in it)";
        errors.push(ManifestError::of_file(&names.join(", "), "NO_MANIFESTS", "there is no document here", fix));
    }
    envelope::finish(documents, errors)
}

/// Bytes to text: bounded, UTF-8, without byte order mark and control characters.
pub(super) fn decode<'b>(file: &str, bytes: &'b [u8]) -> Result<&'b str, Box<ManifestError>> {
    let whole = |code, message: String, fix: &str| Err(Box::new(ManifestError::of_file(file, code, message, fix)));
    if bytes.len() > FILE_BYTES_MAX {
        let message = format!("a file of manifests has at most {FILE_BYTES_MAX} bytes");
        return whole("MANIFEST_TOO_LARGE", message, "split it into several files");
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        let message = "the file begins with a byte order mark".to_owned();
        return whole("BYTE_ORDER_MARK", message, "save it as UTF-8 without BOM: its first three bytes are ef bb bf");
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return whole("NOT_UTF8", "the file is UTF-16".to_owned(), "save it as UTF-8");
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
        let place = DocumentPlace { file: file.to_owned(), line: valid.lines().count().max(1) };
        let (message, fix) = ("this line is not UTF-8".to_owned(), "save the file as UTF-8".to_owned());
        let finding = Finding { code: "NOT_UTF8", field: String::new(), value: String::new(), message, fix };
        Box::new(ManifestError::of_document(&place, finding))
    })?;
    let taken = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    match text.char_indices().find(|(_, c)| !taken(*c)) {
        Some((offset, character)) => Err(Box::new(control_character(file, text, offset, character))),
        None => Ok(text),
    }
}

fn control_character(file: &str, text: &str, offset: usize, character: char) -> ManifestError {
    let before = &text[..offset];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    let place = Place { line, column, offset, length: character.len_utf8() };
    let finding = Finding {
        code: "CONTROL_CHARACTER",
        field: String::new(),
        value: character.to_string(),
        message: "a control character stands here".to_owned(),
        fix: "remove it".to_owned(),
    };
    let mut report = Report::new(file, text);
    report.add(place, finding);
    report.into_errors().remove(0)
}

fn named(origin: &Origin) -> String {
    match origin {
        Origin::Stdin => STDIN.to_owned(),
        Origin::Path(path) => path.display().to_string(),
    }
}

pub(super) fn unreadable(file: &str, error: &io::Error) -> ManifestError {
    let fix = "check the path and the permissions";
    ManifestError::of_file(file, "FILE_UNREADABLE", format!("this can't be read: {error}"), fix)
}

/// One byte more than allowed at most: enough to see that it is too much.
pub(super) fn read_bounded(source: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file by its name, whatever it is called; of a folder the regular YAML files. Stops one past [`FILES_MAX`].
fn list(path: &Path, recursive: bool, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !fs::metadata(path)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        entries.push((entry.path(), entry.file_type()?));
    }
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    for (path, kind) in entries {
        if files.len() > FILES_MAX {
            break;
        }
        let yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        if kind.is_dir() && recursive && depth > 0 {
            list(&path, recursive, depth - 1, files)?;
        } else if yaml && fs::metadata(&path).is_ok_and(|target| target.is_file()) {
            files.push(path);
        }
    }
    Ok(())
}
