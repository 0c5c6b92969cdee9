//! What can be given as a value.

use std::{fmt, time::Duration};

use nexus_metric::text::number;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Unexpected, Visitor},
};

/// What can be given as a value: every number type of the language, and a [`Duration`], which counts in seconds.
///
/// A hub keeps doubles. What a double cannot hold exactly (integers beyond 2⁵³ = 9 007 199 254 740 992) is rounded to the
/// nearest double, and to the even one of two that are equally near.
///
/// The trait is sealed.
pub trait Number: sealed::Sealed {
    /// The nearest double.
    fn to_f64(self) -> f64;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl sealed::Sealed for $number {}

        impl Number for $number {
            #[allow(
                clippy::cast_precision_loss,
                clippy::cast_lossless,
                reason = "documented; not all of these types need it"
            )]
            fn to_f64(self) -> f64 {
                self as f64
            }
        }
    )*};
}

numbers! { f32 f64 i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize }

impl sealed::Sealed for Duration {}

impl Number for Duration {
    fn to_f64(self) -> f64 {
        self.as_secs_f64()
    }
}

/// A number in JSON: as a text if JSON has no such number, or if it is the bound of a bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spelled(pub(crate) f64);

impl Serialize for Spelled {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() {
            return serializer.serialize_f64(self.0);
        }
        let mut text = Vec::new();
        number::write(&mut text, self.0);
        serializer.serialize_str(&String::from_utf8_lossy(&text))
    }
}

impl<'de> Deserialize<'de> for Spelled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpelledVisitor)
    }
}

struct SpelledVisitor;

impl Visitor<'_> for SpelledVisitor {
    type Value = Spelled;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or a text like \"NaN\" or \"+Inf\"")
    }

    fn visit_f64<E>(self, value: f64) -> Result<Spelled, E> {
        Ok(Spelled(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Spelled, E> {
        Ok(Spelled(value.to_f64()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Spelled, E> {
        Ok(Spelled(value.to_f64()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Spelled, E> {
        let value = number::parse(text).map(Spelled);
        value.ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_nearest_double() {
        fn check(number: impl Number, expected: f64) {
            assert_eq!(number.to_f64().to_bits(), expected.to_bits());
        }
        check(1, 1.0);
        check(-0.0, -0.0);
        check(0.5_f32, 0.5);
        check(u8::MAX, 255.0);
        check(7_usize, 7.0);
        check(i64::MIN, -9_223_372_036_854_775_808.0);
        check(u64::MAX, 18_446_744_073_709_551_616.0);
        check(u128::MAX, 340_282_366_920_938_463_463_374_607_431_768_211_456.0);
        check(9_007_199_254_740_993_u64, 9_007_199_254_740_992.0);
        check(9_007_199_254_740_995_i64, 9_007_199_254_740_996.0);
        check(Duration::from_millis(1500), 1.5);
    }
}
