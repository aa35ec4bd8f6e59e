//! What the program contains besides its code: the schema and the sample register.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "cargo:rerun-if-changed=migrations")?;
    writeln!(out, "cargo:rerun-if-changed=data")
}
