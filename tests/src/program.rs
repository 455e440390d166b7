//! The workspace's own programs, for tests that start them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A package's program, which stands beside the directory of the test programs; built when it is missing.
pub fn program(package: &str, name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let profile = own.parent().and_then(Path::parent).unwrap();
    let program = profile.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !program.exists() {
        // Cargo lets one build after the other, so tests may race here.
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--package", package, "--target-dir"]).arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
    }
    program
}
