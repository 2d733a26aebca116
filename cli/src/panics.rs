//! What is said of a panic: where it happened, never what with. A message may quote an item.

use std::io::Write as _;

use crate::t;

/// Libraries whose panics on damaged or hostile bytes are caught and become errors: nothing is
/// said twice.
const CAUGHT: [&str; 2] = ["/sled-", "/automerge-"];

/// Replaces the standard message, which would print what the panic was called with.
pub(crate) fn install() {
    std::panic::set_hook(Box::new(|info| {
        let Some(place) = info.location() else { return };
        if CAUGHT.iter().any(|library| place.file().contains(library)) {
            return;
        }
        let place = format!("{}:{}", place.file(), place.line());
        // Nobody reads a closed stderr.
        let _ = writeln!(std::io::stderr().lock(), "{}", t!("panic", place = place));
    }));
}
