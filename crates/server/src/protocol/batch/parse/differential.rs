//! Whether plain items are read by hand or by `serde_json`, the outcome is the same to the letter.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{parse, thorough};

const CHANGES_MAX: usize = 4;

#[track_caller]
fn check(body: &[u8]) {
    let (found, expected) = (parse(body, CHANGES_MAX), thorough(body, CHANGES_MAX));
    // NaN is not equal to itself, its text is.
    assert_eq!(
        format!("{found:?}"),
        format!("{expected:?}"),
        "{}",
        String::from_utf8_lossy(body)
    );
}

/// What may stand where a value is expected: right, unusual, or wrong.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<f64>().prop_map(|value| format!("{value:e}")),
        any::<i64>().prop_map(|value| value.to_string()),
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?",
        "[-+.eE0-9]{0,6}",
        select(vec![
            "\"NaN\"", "\"+Inf\"", "\"1\"", "\"\"", "null", "true", "-0", "-0.0", "1e999", "[1]", "{}", "01", "1.",
            "\"x\"",
        ])
        .prop_map(str::to_owned),
    ]
}

fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_]{1,9}",
        "[a-zé€𝄞 :.]{0,20}",
        "[\\x00-\\x7f]{0,9}",
        select(vec![
            "\\\"",
            "\\u00e9",
            "\\n",
            "\\ud834\\udd1e",
            "\\ud834",
            "\\x",
            "\\",
            "\u{7f}",
            "\u{1f}",
            "__a"
        ])
        .prop_map(str::to_owned),
    ]
    .prop_map(|text| format!("\"{text}\""))
}

fn labels() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        select(vec!["\"b\"", "\"a\"", "\"c.d\"", "\"\"", "\"__x\""]).prop_map(str::to_owned),
        string()
    ];
    let pairs = vec((name, string()), 0..4).prop_map(|pairs| {
        let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name} :{value}")).collect();
        format!("{{{}}}", pairs.join(", "))
    });
    prop_oneof![4 => pairs, 1 => value()]
}

fn member() -> impl Strategy<Value = String> {
    let ops = [
        "set", "add", "sub", "inc", "dec", "create", "observe", "merge", "delete", "explode",
    ];
    let op = select(ops.to_vec()).prop_map(|op| format!("\"{op}\""));
    let metric = prop_oneof![select(vec!["\"a\"", "\"b_total\""]).prop_map(str::to_owned), string()];
    let kind = select(vec!["\"gauge\"", "\"counter\"", "\"histogram\"", "\"thing\"", "null"]).prop_map(str::to_owned);
    let member =
        |name: &'static str, value: BoxedStrategy<String>| value.prop_map(move |value| format!("\"{name}\": {value}"));
    prop_oneof![
        member("op", op.boxed()),
        member("metric", metric.boxed()),
        member("labels", labels().boxed()),
        member("value", value().boxed()),
        member("type", kind.boxed()),
        member("help", string().boxed()),
        member("unit", string().boxed()),
        member("buckets", Just("[1, 2.5]".to_owned()).boxed()),
        member("counts", Just("[1, 0]".to_owned()).boxed()),
        member("sum", value().boxed()),
        member("colour", value().boxed()),
    ]
}

/// Mostly an item that is right; members of all sorts may follow, or stand before.
fn item() -> impl Strategy<Value = String> {
    let right = ("set|add|sub|observe", "[a-z]{1,3}", labels(), value());
    let right = right.prop_map(|(op, metric, labels, value)| {
        vec![
            format!("\"op\":\"{op}\""),
            format!("\"metric\":\"{metric}\""),
            format!("\"labels\":{labels}"),
            format!("\"value\":{value}"),
        ]
    });
    prop_oneof![
        3 => (right, vec(member(), 0..2), any::<bool>()).prop_map(|(right, more, first)| match first {
            true => [more, right].concat(),
            false => [right, more].concat(),
        }),
        1 => vec(member(), 0..5),
    ]
    .prop_map(|members| format!("{{{}}}", members.join(",")))
}

fn body() -> impl Strategy<Value = String> {
    let between = select(vec!["\n", ",", ", ", "", " \r\n\t", ",,"]);
    let around = select(vec![
        ("", ""),
        ("[", "]"),
        (" [ ", " ] "),
        ("[", ""),
        ("", "]"),
        ("[", "] x"),
        ("\u{c}[", "]"),
    ]);
    (vec(item(), 0..6), between, around)
        .prop_map(|(items, between, (before, behind))| format!("{before}{}{behind}", items.join(between)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn what_is_read_by_hand_is_what_serde_json_reads(body in body()) {
        check(body.as_bytes());
    }

    #[test]
    fn a_body_with_a_byte_changed_or_cut_is_read_as_serde_json_reads_it(
        body in body(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let mut body = body.into_bytes();
        if !body.is_empty() {
            let at = at.index(body.len());
            body[at] = byte;
            body.truncate(if cut { at } else { body.len() });
        }
        check(&body);
    }

    #[test]
    fn a_number_is_read_as_serde_json_reads_it(value in value()) {
        check(format!("{{\"op\":\"set\",\"metric\":\"a\",\"value\":{value}}}").as_bytes());
    }
}
