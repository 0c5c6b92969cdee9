//! Numbers in few bytes: unsigned LEB128.

/// Appends a number: seven bits a byte, the low ones first.
#[inline]
pub fn put(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push(low_bits(number) | 0x80);
        number >>= 7;
    }
    into.push(low_bits(number));
}

/// Appends a number that may be negative, near zero in few bytes.
pub fn put_signed(into: &mut Vec<u8>, number: i64) {
    put(into, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

/// Takes a number from the front; none if there is no whole one, and then nobody knows how much was taken.
#[inline]
pub fn take(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Takes a number that [`put_signed`] appended.
pub fn take_signed(from: &mut &[u8]) -> Option<i64> {
    let number = take(from)?;
    Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}

#[inline]
fn low_bits(number: u64) -> u8 {
    number.to_le_bytes()[0] & 0x7f
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_numbers_take_few_bytes() {
        fn check(number: u64, expected: &[u8]) {
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            assert_eq!(bytes, expected, "{number}");
            assert_eq!(take(&mut &bytes[..]), Some(number));
        }
        check(0, &[0]);
        check(127, &[127]);
        check(128, &[0x80, 1]);
        check(300, &[0xac, 2]);
        check(u64::MAX, &[255, 255, 255, 255, 255, 255, 255, 255, 255, 1]);
    }

    #[test]
    fn what_is_no_number_is_none() {
        for bytes in [&[][..], &[0x80], &[0xff; 10], &[0xff; 11]] {
            assert_eq!(take(&mut &bytes[..]), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn signed_numbers_read_back(number: i64, rest: Vec<u8>) {
            let mut bytes = Vec::new();
            put_signed(&mut bytes, number);
            bytes.extend_from_slice(&rest);
            let mut from = &bytes[..];
            prop_assert_eq!(take_signed(&mut from), Some(number));
            prop_assert_eq!(from, rest);
        }
    }
}
