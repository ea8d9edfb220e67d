//! Which 32 bytes may be an Ed25519 public key or the first half of a signature (RFC 8032).
//!
//! A key of small order verifies one signature for almost any message, so that "signed by this
//! key" would mean nothing. AWS-LC checks the equation of RFC 8032, section 5.1.7, and the range
//! of S; the rest is checked here, once for each key and with a few comparisons for each R.

/// Why 32 bytes are no key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum PointFault {
    /// The y-coordinate is not reduced (RFC 8032, section 5.1.3, step 1).
    NotCanonical,
    /// One of the eight points whose order divides 8.
    SmallOrder,
    /// No x belongs to this y (RFC 8032, section 5.1.3, step 3).
    NotOnCurve,
}

/// Judges a public key.
pub(super) fn judge(point: &[u8; 32]) -> Result<(), PointFault> {
    let y = without_sign(*point);
    if !is_reduced(&y) {
        return Err(PointFault::NotCanonical);
    }
    if is_small_order(point) {
        return Err(PointFault::SmallOrder);
    }
    if !is_on_curve(&y) {
        return Err(PointFault::NotOnCurve);
    }
    Ok(())
}

/// Whether an encoding, canonical or not, stands for a point whose order divides 8.
pub(super) fn is_small_order(point: &[u8; 32]) -> bool {
    // Most points differ from all of these in one byte that tells: cheap for every signature.
    SMALL_ORDER_Y.contains(&without_sign(*point))
}

/// The y-coordinates of the points of order 1, 2, 4 and 8, with the two that have a second
/// encoding below 2^255. The sign bit is clear: both signs are of the same order.
const SMALL_ORDER_Y: [[u8; 32]; 7] = [
    // 0, order 4
    [0; 32],
    // 1, order 1
    small(1),
    // the two of order 8
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    // p - 1, order 2
    near_p(0xec),
    // p and p + 1: 0 and 1 once more
    near_p(0xed),
    near_p(0xee),
];

const fn small(y: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = y;
    bytes
}

/// 2^255 - 256 + `low`; p is `low` = 0xed.
const fn near_p(low: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = low;
    bytes[31] = 0x7f;
    bytes
}

const fn without_sign(mut point: [u8; 32]) -> [u8; 32] {
    point[31] &= 0x7f;
    point
}

fn is_reduced(y: &[u8; 32]) -> bool {
    y.iter().rev().lt(near_p(0xed).iter().rev())
}

/// x^2 = (y^2 - 1) / (d y^2 + 1) has a solution when numerator times denominator is a square;
/// the denominator is never 0, since -1/d is none.
fn is_on_curve(y: &[u8; 32]) -> bool {
    let y_squared = Field::from_bytes(y).square();
    let numerator = y_squared.minus(Field::ONE);
    let denominator = y_squared.times(Field::D).plus(Field::ONE);
    numerator.times(denominator).is_square()
}

/// An integer modulo p = 2^255 - 19, in five limbs of 51 bits with some room above.
///
/// All values here are public, so that time may depend on them. Limbs stay below 2^54: sums of
/// five products times 19 stay below 2^115, and nothing wraps.
#[derive(Clone, Copy)]
struct Field([u64; 5]);

impl Field {
    const ONE: Self = Self([1, 0, 0, 0, 0]);

    /// -121665/121666 (RFC 8032, section 5.1).
    const D: Self = Self([
        0x0003_4dca_1359_78a3,
        0x0001_a828_3b15_6ebd,
        0x0005_e7a2_6001_c029,
        0x0007_39c6_63a0_3cbb,
        0x0005_2036_cee2_b6ff,
    ]);

    const MASK: u64 = (1 << 51) - 1;

    fn from_bytes(bytes: &[u8; 32]) -> Self {
        // Limb i holds the bits from 51 i on.
        let limb = |first_bit: usize| {
            let from = first_bit.checked_div(8).unwrap_or(0);
            let low = bytes.iter().skip(from).take(8).rev();
            let word = low.fold(0_u64, |word, byte| (word << 8) | u64::from(*byte));
            (word >> (first_bit & 7)) & Self::MASK
        };
        Self([limb(0), limb(51), limb(102), limb(153), limb(204)])
    }

    fn plus(self, other: Self) -> Self {
        let mut sum = self.0;
        sum.iter_mut().zip(other.0).for_each(|(limb, more)| *limb = limb.wrapping_add(more));
        Self(sum)
    }

    /// Adds 2p first, so that no limb goes below zero; `other` must be reduced to 52 bits.
    fn minus(self, other: Self) -> Self {
        const TWO_P: [u64; 5] = [
            0x000f_ffff_ffff_ffda,
            0x000f_ffff_ffff_fffe,
            0x000f_ffff_ffff_fffe,
            0x000f_ffff_ffff_fffe,
            0x000f_ffff_ffff_fffe,
        ];
        let mut difference = self.plus(Self(TWO_P)).0;
        difference.iter_mut().zip(other.0).for_each(|(limb, less)| *limb = limb.wrapping_sub(less));
        Self(difference)
    }

    fn times(self, other: Self) -> Self {
        let [a0, a1, a2, a3, a4] = self.0.map(u128::from);
        let [b0, b1, b2, b3, b4] = other.0.map(u128::from);
        // 2^255 = 19: what leaves at the top comes back below, times 19.
        let [c1, c2, c3, c4] = [b1, b2, b3, b4].map(|limb| limb.wrapping_mul(19));
        let sum = |terms: [(u128, u128); 5]| {
            terms.iter().fold(0_u128, |sum, (a, b)| sum.wrapping_add(a.wrapping_mul(*b)))
        };
        let mut wide = [
            sum([(a0, b0), (a1, c4), (a2, c3), (a3, c2), (a4, c1)]),
            sum([(a0, b1), (a1, b0), (a2, c4), (a3, c3), (a4, c2)]),
            sum([(a0, b2), (a1, b1), (a2, b0), (a3, c4), (a4, c3)]),
            sum([(a0, b3), (a1, b2), (a2, b1), (a3, b0), (a4, c4)]),
            sum([(a0, b4), (a1, b3), (a2, b2), (a3, b1), (a4, b0)]),
        ];
        // Twice around: after the first, limb 0 may still be wide.
        for _ in 0..2 {
            let mut carry = 0_u128;
            for limb in &mut wide {
                *limb = limb.wrapping_add(carry);
                carry = *limb >> 51;
                *limb &= u128::from(Self::MASK);
            }
            if let Some(lowest) = wide.first_mut() {
                *lowest = lowest.wrapping_add(carry.wrapping_mul(19));
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "each limb is below 2^52 by now")]
        Self(wide.map(|limb| limb as u64))
    }

    fn square(self) -> Self {
        self.times(self)
    }

    /// Euler's criterion: the power (p - 1) / 2 = 2^254 - 10 is 0 or 1 for squares, -1 for others.
    fn is_square(self) -> bool {
        let mut power = Self::ONE;
        for bit in (0..254_u32).rev() {
            power = power.square();
            // 2^254 - 10 is 254 ones less 9: all bits but 0 and 3.
            if bit != 0 && bit != 3 {
                power = power.times(self);
            }
        }
        !power.plus(Self::ONE).is_zero()
    }

    /// Whether this is 0 modulo p, for limbs below 2^53.
    fn is_zero(self) -> bool {
        let [l0, l1, l2, l3, l4] = self.times(Self::ONE).0;
        let high_ones = [l1, l2, l3, l4].iter().all(|limb| *limb == Self::MASK);
        let p = l0 == Self::MASK.wrapping_sub(18) && high_ones;
        p || (l0 | l1 | l2 | l3 | l4) == 0
    }
}

#[cfg(test)]
mod tests;
