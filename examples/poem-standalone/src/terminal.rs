//! What a command says to the person who runs it; a reader that went away is no error.

use std::io::{self, Write};

/// A line on standard output.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// A line on standard error.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
