//! Looking for something that must not be there, in every form in which it could hide.

use std::{
    fs,
    path::{Path, PathBuf},
};

use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};
use memchr::memmem;

/// Where a trace was found, and in which form.
pub type Found = (PathBuf, String);

/// A text in all its forms.
#[derive(Debug)]
pub struct Needle {
    forms: Vec<(String, Vec<u8>)>,
}

impl Needle {
    /// The forms of a text: as it is, base64 in every alignment, hex, UTF-16.
    pub fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut forms = vec![
            ("plain".to_owned(), bytes.to_vec()),
            ("hex".to_owned(), HEXLOWER.encode(bytes).into_bytes()),
            ("HEX".to_owned(), HEXUPPER.encode(bytes).into_bytes()),
            ("UTF-16LE".to_owned(), text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            ("UTF-16BE".to_owned(), text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ];
        for alignment in 0..3 {
            for (name, encoding) in [("base64", &BASE64), ("base64url", &BASE64URL)] {
                forms.push((format!("{name}+{alignment}"), inside(encoding, bytes, alignment)));
            }
        }
        Self { forms }
    }

    /// The forms, with their names.
    pub fn forms(&self) -> &[(String, Vec<u8>)] {
        &self.forms
    }

    /// Every file below a folder that holds it, in its content or in its path.
    pub fn find_below(&self, folder: &Path) -> Vec<Found> {
        let mut found = Vec::new();
        for path in files_below(folder) {
            let name = path.as_os_str().as_encoded_bytes();
            // A socket or a file that went meanwhile holds nothing.
            let content = fs::read(&path).unwrap_or_default();
            for (form, bytes) in &self.forms {
                if contains(&content, bytes) || contains(name, bytes) {
                    found.push((path.clone(), form.clone()));
                }
            }
        }
        found
    }
}

/// The characters of base64 that depend on nothing but the text, behind so many other bytes.
fn inside(encoding: &data_encoding::Encoding, bytes: &[u8], alignment: usize) -> Vec<u8> {
    let whole = encoding.encode(&[&vec![b'-'; alignment], bytes].concat()).into_bytes();
    // Bits of the bytes before are in the first characters, bits of what follows in the last.
    let first = (alignment * 8).div_ceil(6);
    let last = (alignment + bytes.len()) * 8 / 6;
    whole[first..last].to_vec()
}

/// Copies every file below a directory to the same place below another.
pub fn copy_below(from: &Path, to: &Path) {
    for file in files_below(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(file, target).unwrap();
    }
}

/// All files below a folder, however deep.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memmem::find(haystack, needle).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found_at_every_place() {
        let needle = Needle::new("canary-4711");
        for encoding in [&BASE64, &BASE64URL, &HEXUPPER] {
            for before in 0..7 {
                let text = [&vec![b'x'; before], b"canary-4711".as_slice(), b"and more"].concat();
                let encoded = encoding.encode(&text).into_bytes();
                assert!(needle.forms().iter().any(|(_, form)| contains(&encoded, form)), "{before}");
            }
        }
        assert!(!contains(b"canary-471", b"canary-4711"));
    }

    #[test]
    fn names_of_files_count() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("deep")).unwrap();
        fs::write(folder.path().join("deep").join("a canary.txt"), "nothing").unwrap();
        assert_eq!(Needle::new("canary").find_below(folder.path()).len(), 1);
        assert!(Needle::new("falcon").find_below(folder.path()).is_empty());
    }
}
