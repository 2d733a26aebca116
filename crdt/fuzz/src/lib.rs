//! What the fuzz targets share.

pub mod hostile;
pub mod imports;
#[path = "../../../protocol/fuzz/src/input.rs"]
pub mod input;
