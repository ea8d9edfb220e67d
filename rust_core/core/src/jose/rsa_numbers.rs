//! What the numbers of an RSA public key must be.

use super::key_set::KeyFault;
use super::roca;

/// The size of a modulus in bits, bounds inclusive: below, it can be factored; above, one
/// verification costs more than a decision may.
pub(super) const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The exponent in bits: RFC 8017 allows any, and work grows with it. This is the bound of AWS-LC.
const MAX_EXPONENT_BITS: usize = 33;

/// Judges modulus and exponent (big-endian) and gives the size of the modulus in bits.
pub(super) fn judge(modulus: &[u8], exponent: &[u8]) -> Result<u32, KeyFault> {
    let bits = bit_length(modulus).ok_or(KeyFault::Member("n"))?;
    let exponent_bits = bit_length(exponent).ok_or(KeyFault::Member("e"))?;
    if !MODULUS_BITS.contains(&bits) {
        return Err(KeyFault::RsaSize { bits });
    }
    if !is_odd(modulus) {
        return Err(KeyFault::RsaModulusEven);
    }
    // At least two bits and odd: 3 or more.
    if !is_odd(exponent) || !(2..=MAX_EXPONENT_BITS).contains(&exponent_bits) {
        return Err(KeyFault::RsaExponent);
    }
    if roca::has_fingerprint(modulus) {
        return Err(KeyFault::Roca);
    }
    u32::try_from(bits).map_err(|_| KeyFault::RsaSize { bits })
}

/// The length of a positive number without leading zero bytes, the only form that RFC 7518,
/// section 2, `Base64urlUInt`, allows.
fn bit_length(number: &[u8]) -> Option<usize> {
    let leading = usize::try_from(number.first()?.leading_zeros()).ok()?;
    if leading >= 8 {
        return None;
    }
    number.len().checked_mul(8)?.checked_sub(leading)
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|byte| byte & 1 == 1)
}
