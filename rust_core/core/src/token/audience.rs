//! Is the token meant for this resource? (RFC 7519, section 4.1.3; RFC 8707, section 2)
//!
//! Comparison is by code point: no case folding, no trailing slash, no default port. Two URIs that
//! a browser would treat alike are two audiences.

use crate::reason::Reason;
use crate::snapshot::Audience;

/// Judges the values of `aud` against the resource that is called.
///
/// An `aud` that names the resource and more than the mode allows is refused although it contains
/// the resource: such a token works elsewhere too, and whoever receives it there could use it here.
pub fn judge<'a>(
    mode: &Audience,
    resource: &str,
    values: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), Reason> {
    if !values.clone().any(|value| value == resource) {
        return Err(Reason::AudienceMismatch);
    }
    let fits = match mode {
        Audience::ExactlyOne => values.count() == 1,
        Audience::Any => true,
        Audience::Family(members) => {
            let mut values = values;
            values.all(|value| value == resource || members.iter().any(|member| member == value))
        }
    };
    if fits { Ok(()) } else { Err(Reason::AudienceTooBroad) }
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::reason::Reason::{AudienceMismatch, AudienceTooBroad};
    use crate::snapshot::Audience;

    const R: &str = "https://api.example/orders";

    #[test]
    fn each_mode_against_each_shape() {
        let family =
            || Audience::Family(vec![R.to_owned(), "https://api.example/bills".to_owned()]);
        for (case, mode, values, expected) in [
            ("one", Audience::ExactlyOne, &[R][..], Ok(())),
            ("none", Audience::ExactlyOne, &[], Err(AudienceMismatch)),
            (
                "sibling",
                Audience::ExactlyOne,
                &["https://api.example/bills"],
                Err(AudienceMismatch),
            ),
            ("two", Audience::ExactlyOne, &[R, "https://x.example"], Err(AudienceTooBroad)),
            ("twice the same", Audience::ExactlyOne, &[R, R], Err(AudienceTooBroad)),
            ("any of two", Audience::Any, &["https://x.example", R], Ok(())),
            ("any without it", Audience::Any, &["https://x.example"], Err(AudienceMismatch)),
            ("family of two", family(), &[R, "https://api.example/bills"], Ok(())),
            ("family and a stranger", family(), &[R, "https://x.example"], Err(AudienceTooBroad)),
            ("family without it", family(), &["https://api.example/bills"], Err(AudienceMismatch)),
        ] {
            assert_eq!(judge(&mode, R, values.iter().copied()), expected, "{case}");
        }
    }

    // Attacks 22 and 23: nothing in an audience is a pattern, a prefix or a spelling.
    #[test]
    fn nothing_is_normalised() {
        for value in [
            "https://api.example/orders/",
            "https://api.example/Orders",
            "HTTPS://api.example/orders",
            "https://api.example:443/orders",
            "https://api.example./orders",
            "https://api.example/orders?",
            "https://api.example/orders#",
            "https://api.example/order",
            "https://api.example/ordersx",
            "https://api.example.evil/orders",
            "https://api-example/orders",
            "https://api.example/%6frders",
            "https://api.example/*",
            "*",
            "",
        ] {
            assert_eq!(
                judge(&Audience::Any, R, [value].into_iter()),
                Err(AudienceMismatch),
                "{value}"
            );
        }
    }
}
