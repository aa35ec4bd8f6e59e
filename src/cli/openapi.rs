//! `greenlight openapi`: prints the OpenAPI document.

use super::{Error, output};

pub(super) fn run() -> Result<(), Error> {
    output::result(crate::http::openapi().trim_end())
}
