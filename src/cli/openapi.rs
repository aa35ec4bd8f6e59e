//! `greenlight openapi`: the contract, to be read by machines.

use super::{Error, output};

pub(super) fn run() -> Result<(), Error> {
    output::result(crate::http::openapi().trim_end())
}
