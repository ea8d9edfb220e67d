//! The fingerprint of RSA keys that a faulty library made (CVE-2017-15361, "ROCA").
//!
//! Primes of that library are `k * M + (65537^a mod M)`, with `M` a product of the first primes.
//! So modulo each of those primes the modulus is a power of 65537, which an honest modulus is for
//! all of them with a chance of less than one in a hundred million.

/// The odd primes below 168: those that divide `M` for every key length of the library.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

const GENERATOR: u32 = 65_537;

/// Whether a modulus (big-endian) has the fingerprint.
pub(super) fn has_fingerprint(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|prime| is_power_of_generator(residue(modulus, *prime), *prime))
}

/// No operation below can wrap: primes are below 2^8, the generator is below 2^17.
fn residue(modulus: &[u8], prime: u32) -> u32 {
    modulus.iter().fold(0_u32, |residue, byte| {
        residue.wrapping_shl(8).wrapping_add(u32::from(*byte)).checked_rem(prime).unwrap_or(0)
    })
}

fn is_power_of_generator(residue: u32, prime: u32) -> bool {
    let mut power = 1;
    loop {
        if power == residue {
            return true;
        }
        power = GENERATOR.wrapping_mul(power).checked_rem(prime).unwrap_or(1);
        if power == 1 {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PRIMES, has_fingerprint, is_power_of_generator, residue};

    #[test]
    fn residues_of_big_endian_numbers() {
        assert_eq!(residue(&[1, 0, 1], 167), 65_537 % 167);
        assert_eq!(residue(&[0xff; 8], 101), u32::try_from(u64::MAX % 101).unwrap_or(0));
    }

    #[test]
    fn powers_have_the_fingerprint_and_others_do_not() {
        // 65537^4 is itself a power for every prime.
        let power = 65_537_u128.pow(4).to_be_bytes();
        assert!(has_fingerprint(&power));
        assert!(!has_fingerprint(&(65_537_u128.pow(4) + 2).to_be_bytes()));
        // The test says something: for several primes not every residue is a power.
        let telling = PRIMES
            .iter()
            .filter(|prime| (1..**prime).any(|residue| !is_power_of_generator(residue, **prime)));
        assert!(telling.count() >= 16);
    }
}
