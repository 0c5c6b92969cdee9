//! Which texts are read, and as what.

use super::*;
use crate::{
    Kind, Labels,
    text::{Escaping, Value, write},
};

/// The text is read and written again as `expected`.
#[track_caller]
fn check(format: Format, text: &str, expected: &str) {
    let document = parse(format, text.as_bytes()).unwrap_or_else(|error| panic!("{error} in {text:?}"));
    let written = write(&document, format, Escaping::AllowUtf8);
    assert_eq!(str::from_utf8(&written), Ok(expected));
}

#[track_caller]
fn classic(text: &str, expected: &str) {
    check(Format::Prometheus, text, expected);
}

#[track_caller]
fn open(text: &str, expected: &str) {
    check(
        Format::OpenMetrics,
        &format!("{text}# EOF\n"),
        &format!("{expected}# EOF\n"),
    );
}

/// The text is refused; `expected` is line and reason.
#[track_caller]
fn refused(format: Format, text: &str, expected: &str) {
    match parse(format, text.as_bytes()) {
        Ok(document) => panic!("{text:?} was read as {document:?}"),
        Err(error) => assert_eq!(error.to_string(), expected, "{text:?}"),
    }
}

#[track_caller]
fn classic_refused(text: &str, expected: &str) {
    refused(Format::Prometheus, text, expected);
}

#[track_caller]
fn open_refused(text: &str, expected: &str) {
    refused(Format::OpenMetrics, &format!("{text}# EOF\n"), expected);
}

#[test]
fn classic_samples_need_no_header() {
    classic("", "");
    classic("x 1\n", "# TYPE x untyped\nx 1\n");
    classic("x{} 1\n", "# TYPE x untyped\nx 1\n");
    classic("x{a=\"\"} 1\n", "# TYPE x untyped\nx 1\n");
    classic("x{b=\"2\",a=\"1\",} 1\n", "# TYPE x untyped\nx{a=\"1\",b=\"2\"} 1\n");
    classic(
        "x_bucket{le=\"1\"} 1\n",
        "# TYPE x_bucket untyped\nx_bucket{le=\"1\"} 1\n",
    );
    classic("x -1.5e3 1500\n", "# TYPE x untyped\nx -1500 1500\n");
    classic("x nan -1\n", "# TYPE x untyped\nx NaN -1\n");
    classic("x +inf\n", "# TYPE x untyped\nx +Inf\n");
}

#[test]
fn classic_blanks_and_comments_do_not_matter() {
    classic("\n \t\n# hello\n#\n# HELP\n# TYPE x\n#TYPE\n", "");
    classic(
        " \t x\t{ a = \"1\" , b=\"2\" , } \t 1  5 \n",
        "# TYPE x untyped\nx{a=\"1\",b=\"2\"} 1 5\n",
    );
    classic("x{a=\"1\"}1\n", "# TYPE x untyped\nx{a=\"1\"} 1\n");
    classic(
        " #\tHELP  x \t a  b \n#TYPE x GAUGE \nx 1\n",
        "# HELP x a  b \n# TYPE x gauge\nx 1\n",
    );
    classic(
        "# HELP x a\\\\b\\nc\\\"d\\q\\\nx 1\n",
        "# HELP x a\\\\b\\nc\"d\\\\q\\\\\n# TYPE x untyped\nx 1\n",
    );
    classic("# EOF\nx 1\n", "# TYPE x untyped\nx 1\n");
}

#[test]
fn classic_families_may_come_in_pieces() {
    classic(
        "x 1\ny 2\nx{a=\"b\"} 3\n",
        "# TYPE x untyped\nx 1\nx{a=\"b\"} 3\n# TYPE y untyped\ny 2\n",
    );
    classic(
        "# TYPE h histogram\nh_count 3\ny 1\nh_bucket{le=\"1\"} 2\nh_sum 4\n",
        "# TYPE h histogram\nh_bucket{le=\"1.0\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 4\nh_count 3\n# TYPE y untyped\ny 1\n",
    );
    classic(
        "# TYPE s summary\ns{quantile=\"0.9\"} 2\ns{quantile=\"0.5\"} NaN\ns_count 4\n",
        "# TYPE s summary\ns{quantile=\"0.5\"} NaN\ns{quantile=\"0.9\"} 2\ns_count 4\n",
    );
    classic("# TYPE e gauge\n", "# TYPE e gauge\n");
}

#[test]
fn classic_families_share_no_names() {
    let clash = "name \"x_count\" belongs to two families";
    classic_refused(
        "# TYPE x histogram\n# TYPE x_count gauge\n",
        &format!("line 1: {clash}"),
    );
    classic_refused("x_count 1\n# TYPE x summary\n", &format!("line 2: {clash}"));
    classic(
        "x 1\nx_count 1\n",
        "# TYPE x untyped\nx 1\n# TYPE x_count untyped\nx_count 1\n",
    );
}

#[test]
fn names_in_quotes_hold_any_text() {
    let text = "# TYPE \"my.x\" gauge\n{\"my.x\",\"a b\"=\"c\\n\\\"\\\\\"} 1\n{\"my.x\"} 2\n";
    classic(text, text);
    open(text, text);
    classic("{ a=\"b\" , \"x\" } 1\n", "# TYPE x untyped\nx{a=\"b\"} 1\n");
    classic(
        "# TYPE \"h.h\" histogram\n{\"h.h_bucket\",le=\"+Inf\"} 1\n",
        "# TYPE \"h.h\" histogram\n{\"h.h_bucket\",le=\"+Inf\"} 1\n{\"h.h_count\"} 1\n",
    );
}

#[test]
fn classic_refuses_what_it_cannot_take_for_sure() {
    classic_refused("x 1", "line 1: unexpected end of input: a line end is missing");
    classic_refused(
        "x 1\ny 2\n# c",
        "line 3: unexpected end of input: a line end is missing",
    );
    classic_refused("x\n", "line 1: expected a blank, found \"\"");
    classic_refused("x 1\n\ny z\n", "line 3: expected a number, found \"z\"");
    classic_refused("x 1e999\n", "line 1: expected a number, found \"1e999\"");
    classic_refused("x 1\r\n", "line 1: expected a number, found \"1\\r\"");
    classic_refused("x 1 1.5\n", "line 1: expected a timestamp, found \"1.5\"");
    classic_refused(
        "x 1 9223372036854775807\n",
        "line 1: expected a timestamp, found \"9223372036854775807\"",
    );
    classic_refused("x 1 2 3\n", "line 1: expected the end of the line, found \"3\"");
    classic_refused("x 1 # {} 1\n", "line 1: expected a timestamp, found \"#\"");
    classic_refused("1x 1\n", "line 1: expected a name, found \"1x\"");
    classic_refused("ä 1\n", "line 1: expected a name, found \"ä 1\"");
    classic_refused(
        "\"x\" 1\n",
        "line 1: expected a name, or one in quotes within braces, found \"\\\"x\\\" 1\"",
    );
    classic_refused("{} 1\n", "line 1: expected a metric name, found \"1\"");
    classic_refused("{\"\"} 1\n", "line 1: expected = after a label name, found \"} 1\"");
    classic_refused("x{\"y\"} 1\n", "line 1: expected = after a label name, found \"} 1\"");
    classic_refused("x{,} 1\n", "line 1: expected a name, found \",} 1\"");
    classic_refused("x{a:b=\"1\"} 1\n", "line 1: expected a label name, found \"a:b\"");
    classic_refused("x{a=1} 1\n", "line 1: expected a quote, found \"1} 1\"");
    classic_refused("x{a=\"1} 1\n", "line 1: expected a closing quote, found \"\\\"1} 1\"");
    classic_refused("x{a=\"\\q\"} 1\n", "line 1: invalid escape sequence \\q");
    classic_refused(
        "x{a=\"1\" b=\"2\"} 1\n",
        "line 1: expected a comma or a closing brace, found \"b=\\\"2\\\"} 1\"",
    );
    classic_refused("x{a=\"1\",a=\"2\"} 1\n", "line 1: label \"a\" is given more than once");
    classic_refused(
        "x{__a=\"1\"} 1\n",
        "line 1: label name \"__a\" is reserved: names must not begin with __",
    );
    classic_refused("x 1\nx 1\n", "line 2: x is given more than once");
    classic_refused(
        "x{a=\"1\"} 1\nx{a=\"1\",b=\"\"} 1\n",
        "line 2: x{a=\"1\"} is given more than once",
    );
    classic_refused(
        "# TYPE x foo\n",
        "line 1: expected counter, gauge, histogram, summary or untyped, found \"foo\"",
    );
    classic_refused(
        "# TYPE x gauge\n# TYPE x gauge\n",
        "line 2: TYPE of \"x\" is repeated or comes after samples",
    );
    classic_refused(
        "x 1\n# TYPE x gauge\n",
        "line 2: TYPE of \"x\" is repeated or comes after samples",
    );
    classic_refused(
        "# HELP x a\n# HELP x a\n",
        "line 2: HELP of \"x\" is repeated or comes after samples",
    );
}

#[test]
fn histograms_and_summaries_are_complete() {
    let check = |kind: &str, samples: &str, expected: &str| {
        classic_refused(&format!("# TYPE h {kind}\n{samples}"), expected);
    };
    check("histogram", "h 1\n", "line 2: \"h\" is no sample of a histogram");
    check(
        "histogram",
        "h_bucket 1\n",
        "line 2: h_bucket: a bucket has a label le, a quantile a label quantile",
    );
    check(
        "histogram",
        "h_bucket{le=\"x\"} 1\n",
        "line 2: expected a number, found \"x\"",
    );
    check(
        "histogram",
        "h_bucket{le=\"NaN\"} 1\n",
        "line 2: expected a number, found \"NaN\"",
    );
    check(
        "histogram",
        "h_bucket{le=\"1\",le=\"2\"} 1\n",
        "line 2: label \"le\" is given more than once",
    );
    check(
        "histogram",
        "h_bucket{le=\"1\"} 1.5\n",
        "line 2: expected a whole number that is not negative, found \"1.5\"",
    );
    check("histogram", "h_sum 1\n", "line 2: h: the +Inf bucket is missing");
    check(
        "histogram",
        "h_bucket{le=\"1\"} 1\n",
        "line 2: h: the +Inf bucket is missing",
    );
    check(
        "histogram",
        "h_count 1\nh_count 1\n",
        "line 3: h_count is given more than once",
    );
    check(
        "histogram",
        "h_count 1\nh_sum 1 5\n",
        "line 3: h_sum: the samples of a series have different timestamps",
    );
    check(
        "histogram",
        "h_bucket{le=\"1\"} 1\nh_bucket{le=\"1.0\"} 1\nh_count 1\n",
        "line 2: h: a bucket is given more than once",
    );
    check(
        "histogram",
        "h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\n",
        "line 2: h: the counts of buckets are cumulative and must not fall",
    );
    check(
        "histogram",
        "h_bucket{le=\"+Inf\"} 1\nh_count 2\n",
        "line 2: h: the +Inf bucket differs from the count",
    );
    check(
        "summary",
        "h 1\n",
        "line 2: h: a bucket has a label le, a quantile a label quantile",
    );
    check(
        "summary",
        "h_sum{quantile=\"1\"} 1\n",
        "line 2: h_sum: only buckets have a label le, only quantiles a label quantile",
    );
    check(
        "summary",
        "h{quantile=\"1\"} 1\nh{quantile=\"1.0\"} 1\n",
        "line 2: h: a quantile is given more than once",
    );
}

#[test]
fn open_metrics_has_all_kinds() {
    open("", "");
    open("x 1\n", "# TYPE x unknown\nx 1\n");
    for same in [
        "# HELP x a \\\\ \\n \\\"b\\\"\n# TYPE x gauge\nx{a=\"b\"} 1 1.5\n",
        "# TYPE x_seconds counter\n# UNIT x_seconds seconds\nx_seconds_total 1 # {id=\"7\"} 0.5 1.25\nx_seconds_created 9\n",
        "# TYPE x histogram\nx_bucket{le=\"0.5\"} 1 # {} 0.25\nx_bucket{le=\"+Inf\"} 1\nx_sum 0.25\nx_count 1\nx_created 2\n",
        "# TYPE x gaugehistogram\nx_bucket{le=\"+Inf\"} 3\nx_gsum -2\nx_gcount 3\n",
        "# TYPE x summary\nx{quantile=\"0.5\"} 1\nx_sum 3\nx_count 2\nx_created 1\n",
        "# TYPE build info\nbuild_info{version=\"1\"} 1\n",
        "# TYPE x stateset\nx{x=\"a\"} 1\nx{x=\"b\"} 0\n",
        "# TYPE x unknown\nx 1\n# TYPE y unknown\ny 1\n",
    ] {
        open(same, same);
    }
    open(
        "# TYPE x counter\nx_created 1\nx_total 2\n",
        "# TYPE x counter\nx_total 2\nx_created 1\n",
    );
    open("x{a=\"\\q\"} 1\n", "# TYPE x unknown\nx{a=\"\\\\q\"} 1\n");
    check(Format::OpenMetrics, "x 1\n# EOF", "# TYPE x unknown\nx 1\n# EOF\n");
}

#[test]
fn open_metrics_lines_are_exact() {
    open_refused("\n", "line 1: expected a name, found \"\"");
    open_refused(" x 1\n", "line 1: expected a name, found \" x 1\"");
    open_refused("x  1\n", "line 1: expected a number, found \"\"");
    open_refused("x 1 \n", "line 1: expected a timestamp, found \"\"");
    open_refused("x{a=\"1\",} 1\n", "line 1: expected a name, found \"} 1\"");
    open_refused("x{a=\"1\"}1\n", "line 1: expected a blank, found \"1\"");
    open_refused("x 1 NaN\n", "line 1: expected a timestamp, found \"NaN\"");
    open_refused("# hello\n", "line 1: expected HELP, TYPE, UNIT or EOF, found \"hello\"");
    open_refused("#TYPE x gauge\n", "line 1: expected a name, found \"#TYPE x gauge\"");
    open_refused(
        "# TYPE x GAUGE\n",
        "line 1: expected the name of a type, found \"GAUGE\"",
    );
    open_refused(
        "# TYPE x untyped\n",
        "line 1: expected the name of a type, found \"untyped\"",
    );
    let unended = |text, expected| refused(Format::OpenMetrics, text, expected);
    unended("", "line 1: unexpected end of input: # EOF is missing");
    unended("x 1\n", "line 1: unexpected end of input: # EOF is missing");
    unended("# EOF\n\n", "line 2: nothing may follow # EOF");
    unended("# EOF\nx 1\n", "line 2: nothing may follow # EOF");
    unended("# EOF\nx", "line 2: nothing may follow # EOF");
}

#[test]
fn open_metrics_families_are_in_one_piece() {
    open_refused("x 1\ny 1\nx{a=\"b\"} 1\n", "line 3: name \"x\" belongs to two families");
    open_refused("x 1\nx 1\n", "line 2: x is given more than once");
    open_refused(
        "x 1\n# HELP x a\n",
        "line 2: HELP of \"x\" is repeated or comes after samples",
    );
    open_refused(
        "# UNIT x_s s\n# UNIT x_s s\n",
        "line 2: UNIT of \"x_s\" is repeated or comes after samples",
    );
    open_refused(
        "# TYPE x counter\nx_total 1\n# TYPE x_total gauge\n",
        "line 3: name \"x_total\" belongs to two families",
    );
    open_refused(
        "# TYPE x_sum gauge\n# TYPE x histogram\n",
        "line 2: name \"x_sum\" belongs to two families",
    );
    open_refused(
        "# TYPE x counter\nx_total{a=\"1\"} 1\nx_total{a=\"2\"} 1\nx_created{a=\"1\"} 1\n",
        "line 4: the samples of a series of x are not in one piece",
    );
}

#[test]
fn open_metrics_samples_keep_the_rules_of_their_kind() {
    open_refused("# TYPE x counter\nx 1\n", "line 2: \"x\" is no sample of a counter");
    open_refused(
        "# TYPE x counter\nx_created 1\n",
        "line 2: x_total: it has a creation time but no value",
    );
    open_refused(
        "# TYPE x counter\nx_total NaN\n",
        "line 2: x_total: a counter is neither NaN nor negative",
    );
    open_refused(
        "# TYPE x counter\nx_total -1\n",
        "line 2: x_total: a counter is neither NaN nor negative",
    );
    open_refused("# TYPE x info\nx_info 2\n", "line 2: x_info: the value of an info is 1");
    open_refused(
        "# TYPE x stateset\nx{x=\"a\"} 2\n",
        "line 2: x{x=\"a\"}: the value of a state is 0 or 1",
    );
    open_refused(
        "# TYPE x stateset\nx 1\n",
        "line 2: x: a state set has a label of its own name",
    );
    open_refused(
        "# TYPE x histogram\nx_count 1\n",
        "line 2: x: the +Inf bucket is missing",
    );
    open_refused(
        "# TYPE x summary\nx{quantile=\"2\"} 1\n",
        "line 2: x: a quantile lies between 0 and 1",
    );
    open_refused(
        "# TYPE x summary\nx{quantile=\"1\"} -1\n",
        "line 2: x: the value of a quantile is not negative",
    );
    open_refused("# UNIT x seconds\n", "line 1: x: the name does not end in the unit");
    open_refused(
        "# TYPE x_s info\n# UNIT x_s s\n",
        "line 1: x_s: infos and state sets have no unit",
    );
    open_refused(
        "# TYPE x gauge\nx 1 # {} 1\n",
        "line 2: x: only counters and buckets have exemplars",
    );
    open_refused(
        "# TYPE x counter\nx_total 1 # 1\n",
        "line 2: expected the labels of an exemplar, found \"1\"",
    );
    let long = format!("# TYPE x counter\nx_total 1 # {{a=\"{}\"}} 1\n", "ä".repeat(127));
    open(&long, &long);
    let error = parse(Format::OpenMetrics, long.replace("a=", "ab=").as_bytes()).unwrap_err();
    assert!(error.to_string().ends_with("more than 128 characters"), "{error}");
}

#[test]
fn invalid_utf8_is_refused_with_its_line() {
    for format in [Format::Prometheus, Format::OpenMetrics] {
        assert_eq!(parse(format, b"x 1\ny{a=\"\xff\"} 1\n"), Err(Reason::InvalidUtf8.at(2)));
    }
}

#[test]
fn a_document_says_what_the_text_says() {
    let text = b"# HELP jobs Done.\n# TYPE jobs counter\njobs_total{a=\"b\"} 5 1.5\n# EOF\n";
    let document = parse(Format::OpenMetrics, text).unwrap();
    let family = &document.families[0];
    assert_eq!(
        (family.name.as_str(), family.kind, &*family.help),
        ("jobs_total", Kind::Counter, "Done.")
    );
    let metric = &family.metrics[0];
    assert_eq!(metric.labels, Labels::from_pairs([("a", "b")]).unwrap());
    assert_eq!((&metric.value, metric.timestamp), (&Value::Number(5.0), Some(1.5)));
}
