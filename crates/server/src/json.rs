//! What JSON from outside and our own state file have in common: numbers that JSON cannot hold, labels, and what is an object.

use std::{borrow::Cow, fmt, marker::PhantomData};

use nexus_metric::{spelling, text::number};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, value::MapAccessDeserializer},
};

/// Reads a whole body; what is wrong is said with the path to it.
pub(crate) fn read<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        match &*path {
            "." | "?" => error.into_inner().to_string(),
            path => format!("{path}: {}", error.inner()),
        }
    })?;
    deserializer.end().map_err(|error| error.to_string())?;
    Ok(read)
}

/// What is sent as an object. A list is none, though the fields could be taken from one in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Visitor(PhantomData))
    }
}

/// A whole number that is not below zero, also as a double (`3.0`): some languages have no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number that is not below zero")
            }

            fn visit_u64<E>(self, value: u64) -> Result<Count, E> {
                Ok(Count(value))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Count, E> {
                let whole = spelling::whole_double(value).map(Count);
                whole.ok_or_else(|| E::invalid_value(de::Unexpected::Float(value), &self))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// A label's value: a text, or a number or a truth value as its text.
struct LabelValue<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for LabelValue<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = LabelValue<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number or a truth value")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<LabelValue<'de>, E> {
                Ok(LabelValue(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<LabelValue<'de>, E> {
                Ok(LabelValue(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E>(self, text: String) -> Result<LabelValue<'de>, E> {
                Ok(LabelValue(Cow::Owned(text)))
            }

            fn visit_u64<E>(self, value: u64) -> Result<LabelValue<'de>, E> {
                Ok(LabelValue(value.to_string().into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<LabelValue<'de>, E> {
                Ok(LabelValue(value.to_string().into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<LabelValue<'de>, E> {
                let mut text = Vec::new();
                number::write(&mut text, value);
                Ok(LabelValue(String::from_utf8_lossy(&text).into_owned().into()))
            }

            fn visit_bool<E>(self, value: bool) -> Result<LabelValue<'de>, E> {
                Ok(LabelValue(if value { "true" } else { "false" }.into()))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// A JSON number, or a text that is a number (`"NaN"`, `"+Inf"`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Number(pub(crate) f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or a text like \"NaN\" or \"+Inf\"")
            }

            fn visit_f64<E>(self, value: f64) -> Result<Number, E> {
                Ok(Number(value))
            }

            #[expect(clippy::cast_precision_loss, reason = "a metric's value is a double")]
            fn visit_u64<E>(self, value: u64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }

            #[expect(clippy::cast_precision_loss, reason = "a metric's value is a double")]
            fn visit_i64<E>(self, value: i64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                number::parse(text)
                    .map(Number)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// A text that is borrowed from the body where it can be.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// Labels in the order in which they were sent, so that a name given twice is noticed.
pub(crate) struct Pairs<'a>(pub(crate) Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of labels")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some((Text(name), LabelValue(value))) = map.next_entry()? {
                    pairs.push((name, value));
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        a: Count,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        inner: Object<Inner>,
    }

    #[test]
    fn objects_are_objects_and_mistakes_have_a_path() {
        let check = |body: &str, expected: Result<u64, &str>| {
            let read = read::<Object<Outer>>(body.as_bytes()).map(|outer| outer.0.inner.0.a.0);
            match (read, expected) {
                (Err(error), Err(expected)) => assert!(error.starts_with(expected), "{body}: {error}"),
                (read, expected) => assert_eq!(read, expected.map_err(str::to_owned), "{body}"),
            }
        };
        check(r#"{"inner":{"a":3}}"#, Ok(3));
        check(r#"{"inner":{"a":3.0}}"#, Ok(3));
        check(
            r#"{"inner":{"a":3.5}}"#,
            Err("inner.a: invalid value: floating point `3.5`, expected a whole number"),
        );
        check(
            r#"{"inner":{"a":-1}}"#,
            Err("inner.a: invalid type: integer `-1`, expected a whole number"),
        );
        check("[{\"a\":3}]", Err("invalid type: sequence, expected an object"));
        check(
            r#"{"inner":[3]}"#,
            Err("inner: invalid type: sequence, expected an object"),
        );
        check(r#"{"inner":{"a":3,"a":4}}"#, Err("inner: duplicate field `a`"));
        check(r#"{"inner":{"a":3}} x"#, Err("trailing characters"));
    }

    #[test]
    fn labels_are_texts_numbers_or_truth_values() {
        let check = |body: &str, expected: &str| {
            let found = match read::<Pairs<'_>>(body.as_bytes()) {
                Ok(Pairs(pairs)) => pairs
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect::<Vec<_>>()
                    .join(" "),
                Err(error) => error,
            };
            assert!(found.starts_with(expected), "{body}: {found}");
        };
        check(
            r#"{"code":200,"ok":true,"text":"x\n","ratio":0.5,"whole":200.0,"below":-1}"#,
            "code=200 ok=true text=x\n ratio=0.5 whole=200 below=-1",
        );
        check(
            r#"{"code":null}"#,
            "code: invalid type: null, expected a text, a number or a truth value",
        );
        check(r#"{"code":[1]}"#, "code: invalid type: sequence, expected a text");
    }
}
