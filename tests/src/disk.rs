//! A disk that fills up.

use std::{fs, path::Path, process::Command};

/// A small disk of its own. It goes when this is dropped.
#[derive(Debug)]
pub struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    /// Makes one, of a size in words of `mount`.
    pub fn new(path: &'a Path, size: &str) -> Self {
        fs::create_dir(path).unwrap();
        mount(&[
            "-t",
            "tmpfs",
            "-o",
            &format!("size={size},mode=700"),
            "musette-test",
            path.to_str().unwrap(),
        ]);
        Self(path)
    }

    /// Makes it larger.
    pub fn grow(&self, size: &str) {
        mount(&["-o", &format!("remount,size={size}"), self.0.to_str().unwrap()]);
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(self.0).status());
    }
}

fn mount(args: &[&str]) {
    let output = Command::new("mount").args(args).output().unwrap();
    assert!(output.status.success(), "mount {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}
