//! Reads `envoy.service.auth.v3.CheckRequest` without copying.

use crate::facts::{Facts, SelectorSettings};
use crate::reason::Reason;

/// Reads a `CheckRequest`; only the selectors that `settings` enable are filled in.
///
/// Errors: [`Reason::RequestMalformed`] where protobuf's own parser would refuse the bytes,
/// [`Reason::RequestNotHttp`] where no HTTP request is described.
pub fn read_check_request<'a>(
    bytes: &'a [u8],
    settings: &SelectorSettings,
) -> Result<Facts<'a>, Reason> {
    let _ = (bytes, settings);
    Err(Reason::RequestMalformed)
}
