//! Is the token valid now, and short-lived enough? (RFC 7519, sections 4.1.4 to 4.1.6)

use crate::reason::Reason;

/// A `NumericDate`, kept as the whole seconds on either side of it.
///
/// A fraction is rounded against the token wherever it matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Date {
    /// The last whole second not after the date.
    pub floor_s: i64,
    /// The first whole second not before the date.
    pub ceil_s: i64,
}

/// The last second of the year 9999; a date past it is refused as out of range.
pub const LATEST_S: i64 = 253_402_300_799;

/// The three dates of a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Dates {
    /// `exp`
    pub expires: Date,
    /// `iat`
    pub issued: Date,
    /// `nbf`, where the token has one.
    pub not_before: Option<Date>,
}

/// Judges the dates at `now_s`, with `skew_s` in the token's favour, and the cap of the resource.
///
/// The cap has no skew: both ends come from the issuer's one clock.
pub fn judge(dates: &Dates, now_s: i64, skew_s: i64, max_lifetime_s: i64) -> Result<(), Reason> {
    if now_s >= dates.expires.floor_s.saturating_add(skew_s) {
        return Err(Reason::TokenExpired);
    }
    let latest = now_s.saturating_add(skew_s);
    if dates.not_before.is_some_and(|date| date.ceil_s > latest) {
        return Err(Reason::TokenNotYetValid);
    }
    if dates.issued.ceil_s > latest {
        return Err(Reason::TokenFromFuture);
    }
    let lifetime = dates.expires.ceil_s.saturating_sub(dates.issued.floor_s);
    if lifetime <= 0 || lifetime > max_lifetime_s {
        return Err(Reason::LifetimeTooLong);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Date, Dates, judge};
    use crate::reason::Reason::{LifetimeTooLong, TokenExpired, TokenFromFuture, TokenNotYetValid};

    const fn at(second: i64) -> Date {
        Date { floor_s: second, ceil_s: second }
    }

    #[test]
    fn every_edge_of_every_date() {
        // now is 1,000, skew 30, cap 300; rows are iat, exp, nbf.
        for (case, issued, expires, not_before, expected) in [
            ("plain", at(900), at(1_100), None, Ok(())),
            ("expired within skew", at(900), at(971), None, Ok(())),
            ("expired at the edge", at(900), at(970), None, Err(TokenExpired)),
            ("nbf within skew", at(900), at(1_100), Some(at(1_030)), Ok(())),
            ("nbf past skew", at(900), at(1_100), Some(at(1_031)), Err(TokenNotYetValid)),
            ("iat within skew", at(1_030), at(1_100), None, Ok(())),
            ("iat past skew", at(1_031), at(1_100), None, Err(TokenFromFuture)),
            ("at the cap", at(900), at(1_200), None, Ok(())),
            ("over the cap", at(900), at(1_201), None, Err(LifetimeTooLong)),
            ("exp before iat", at(1_010), at(1_005), None, Err(LifetimeTooLong)),
            ("exp is iat", at(1_010), at(1_010), None, Err(LifetimeTooLong)),
            (
                "a fraction over the cap",
                at(900),
                Date { floor_s: 1_200, ceil_s: 1_201 },
                None,
                Err(LifetimeTooLong),
            ),
            ("dates at the ends of time", at(i64::MIN), at(i64::MAX), None, Err(LifetimeTooLong)),
        ] {
            let dates = Dates { expires, issued, not_before };
            assert_eq!(judge(&dates, 1_000, 30, 300), expected, "{case}");
        }
    }
}
