#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a test may fail loudly")]

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

use super::{Field, PointFault, SMALL_ORDER_Y, is_on_curve, is_reduced, is_small_order, judge};

/// The y-coordinate of twice a point: (y^2 + x^2) / (1 - d x^2 y^2), as numerator and denominator.
fn doubled(y: &[u8; 32]) -> (Field, Field) {
    let y_squared = Field::from_bytes(y).square();
    let d_y_squared = y_squared.times(Field::D);
    // x^2 = (y^2 - 1) / (d y^2 + 1); both sides times that denominator.
    let (above, below) = (y_squared.minus(Field::ONE), d_y_squared.plus(Field::ONE));
    let numerator = y_squared.times(below).plus(above);
    let denominator = below.minus(d_y_squared.times(above).times(Field::ONE));
    (numerator, denominator)
}

#[test]
fn the_listed_points_have_small_order() {
    let minus_one = Field([0, 0, 0, 0, 0]).minus(Field::ONE);
    for (y, expected) in SMALL_ORDER_Y.iter().zip([4, 1, 8, 8, 2, 4, 1]) {
        assert!(is_on_curve(y), "order {expected}");
        let (above, below) = doubled(y);
        let order = if Field::from_bytes(y).minus(Field::ONE).is_zero() {
            1 // y = 1 is the neutral element
        } else if above.minus(below.times(Field::ONE)).is_zero() {
            2 // twice the point is the neutral element
        } else if above.minus(below.times(minus_one)).is_zero() {
            4 // twice the point has y = -1, the one point of order 2
        } else if above.is_zero() {
            8 // twice the point has y = 0, which is order 4
        } else {
            0
        };
        assert_eq!(order, expected, "{y:02x?}");
    }
}

#[test]
fn both_signs_of_a_small_order_point_are_refused() {
    for y in SMALL_ORDER_Y {
        for sign in [0, 0x80] {
            let mut point = y;
            *point.last_mut().unwrap() |= sign;
            assert!(is_small_order(&point));
            let fault =
                if is_reduced(&y) { PointFault::SmallOrder } else { PointFault::NotCanonical };
            assert_eq!(judge(&point), Err(fault), "{point:02x?}");
        }
    }
}

#[test]
fn coordinates_from_p_on_are_not_canonical() {
    for low in 0xed..=0xff_u8 {
        for sign in [0x7f, 0xff] {
            let mut point = [0xff; 32];
            *point.first_mut().unwrap() = low;
            *point.last_mut().unwrap() = sign;
            assert_eq!(judge(&point), Err(PointFault::NotCanonical), "{low:x}");
        }
    }
}

#[test]
fn keys_are_on_the_curve_and_about_half_of_other_coordinates_are_not() {
    let mut refused = 0_u32;
    for _ in 0..64 {
        let pair = Ed25519KeyPair::generate().unwrap();
        let mut point: [u8; 32] = pair.public_key().as_ref().try_into().unwrap();
        assert_eq!(judge(&point), Ok(()));
        *point.first_mut().unwrap() ^= 1;
        match judge(&point) {
            Err(PointFault::NotOnCurve) => refused += 1,
            found => assert_eq!(found, Ok(())),
        }
    }
    assert!((8..=56).contains(&refused), "{refused} of 64");
    // RFC 8032, section 5.1.3 has no x for y = 2 (2^2 - 1 over 4 d + 1 is no square).
    let mut two = [0; 32];
    *two.first_mut().unwrap() = 2;
    assert_eq!(judge(&two), Err(PointFault::NotOnCurve));
}
