//! What each verb puts into a batch.

use nexus_metric::Kind;

use super::*;

#[track_caller]
fn check(batch: &Batch, expected: &[&str]) {
    let encoded = batch.to_encoded();
    let found: Vec<_> = encoded.items().map(String::from_utf8_lossy).collect();
    assert_eq!(found, expected);
    assert_eq!((batch.len(), encoded.len()), (expected.len(), expected.len()));
    let bytes: usize = expected.iter().map(|line| line.len() + 1).sum();
    assert_eq!((batch.encoded_len(), encoded.encoded_len()), (bytes, bytes));
    assert_eq!(EncodedBatch::from_lines(encoded.as_bytes().to_vec()), encoded);
}

#[test]
fn each_verb_is_one_line() {
    let mut batch = Batch::new();
    check(&batch, &[]);
    batch.create("a", "help \"me\"");
    batch.create("b", "");
    batch.update("a", 1.5);
    batch.increment("a");
    batch.decrement("a");
    batch.add("a", u64::MAX);
    batch.subtract("a", -0.0);
    batch.observe("h", f64::NEG_INFINITY);
    batch.metric("h").merge(&[1, 0], f64::NAN);
    batch.delete("a");
    let lines = [
        r#"{"op":"create","metric":"a","help":"help \"me\""}"#,
        r#"{"op":"create","metric":"b"}"#,
        r#"{"op":"set","metric":"a","value":1.5}"#,
        r#"{"op":"inc","metric":"a"}"#,
        r#"{"op":"dec","metric":"a"}"#,
        r#"{"op":"add","metric":"a","value":1.8446744073709552e+19}"#,
        r#"{"op":"sub","metric":"a","value":-0.0}"#,
        r#"{"op":"observe","metric":"h","value":"-Inf"}"#,
        r#"{"op":"merge","metric":"h","counts":[1,0],"sum":"NaN"}"#,
        r#"{"op":"delete","metric":"a"}"#,
    ];
    check(&batch, &lines);
    batch.clear();
    check(&batch, &[]);
    assert!(batch.is_empty());
}

#[test]
fn items_say_what_is_meant_and_what_is_made() {
    let mut batch = Batch::new();
    let jobs = batch
        .metric("jobs_total")
        .label("queue", "a\nb")
        .labels([("x", ""), ("x", "é")]);
    jobs.kind(Kind::Counter).help("Jobs").unit("jobs").add(1);
    batch.metric("h").buckets(&[0.5, f64::INFINITY]).observe(1);
    // A deletion is told nothing else: to the hub that would be a mistake.
    let gone = batch.metric("h").label("a", "").buckets(&[1.0]).help("x").unit("y");
    gone.delete();
    let unused = batch.metric("unused");
    drop(unused);
    check(
        &batch,
        &[
            r#"{"op":"add","metric":"jobs_total","labels":{"queue":"a\nb","x":"","x":"é"},"value":1.0,"type":"counter","help":"Jobs","unit":"jobs"}"#,
            r#"{"op":"observe","metric":"h","value":1.0,"type":"histogram","buckets":[0.5,"+Inf"]}"#,
            r#"{"op":"delete","metric":"h","labels":{"a":""}}"#,
        ],
    );
}

#[test]
fn refused_items_can_be_left_out() {
    let mut batch = Batch::new();
    for name in ["a", "b", "c"] {
        batch.increment(name);
    }
    let rest = batch.into_encoded().retain(|index| index != 1);
    assert_eq!(
        rest.as_bytes(),
        b"{\"op\":\"inc\",\"metric\":\"a\"}\n{\"op\":\"inc\",\"metric\":\"c\"}\n"
    );
    assert_eq!(rest.len(), 2);
    let odd = EncodedBatch::from_lines("\n {\"op\":1}\r\n\r\n \n{}");
    assert_eq!(odd.len(), 2);
    assert!(odd.retain(|_| false).is_empty());
}
