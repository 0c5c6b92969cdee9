//! What each text format makes of a family and its samples.

use super::*;

fn header(name: &str, kind: Kind) -> Header<'_> {
    Header {
        name,
        kind,
        help: "",
        unit: "",
    }
}

#[track_caller]
fn check_header(header: Header<'_>, classic: &str, open: &str) {
    for (format, expected) in [(Format::Prometheus, classic), (Format::OpenMetrics, open)] {
        let mut out = Vec::new();
        Lines::new(header, format, Escaping::AllowUtf8).header(&mut out);
        assert_eq!(str::from_utf8(&out), Ok(expected));
    }
}

#[test]
fn each_format_announces_kinds_by_its_own_rules() {
    let check = |name, kind, classic: &str, open: &str| {
        check_header(
            header(name, kind),
            &format!("# TYPE {classic}\n"),
            &format!("# TYPE {open}\n"),
        );
    };
    check("x", Kind::Gauge, "x gauge", "x gauge");
    check("x_total", Kind::Counter, "x_total counter", "x counter");
    check("x", Kind::Counter, "x counter", "x unknown");
    check("_total", Kind::Counter, "_total counter", "_total unknown");
    check("x_total", Kind::Gauge, "x_total gauge", "x_total gauge");
    check("x", Kind::Histogram, "x histogram", "x histogram");
    check("x", Kind::Summary, "x summary", "x summary");
    check("x", Kind::Untyped, "x untyped", "x unknown");
    check("x_info", Kind::Info, "x_info gauge", "x info");
    check("x", Kind::Info, "x gauge", "x unknown");
    check("x", Kind::StateSet, "x gauge", "x stateset");
    check("x", Kind::GaugeHistogram, "x untyped", "x gaugehistogram");
    check(
        "my.x_total",
        Kind::Counter,
        "\"my.x_total\" counter",
        "\"my.x\" counter",
    );
    check("a\"\\\n", Kind::Gauge, r#""a\"\\\n" gauge"#, r#""a\"\\\n" gauge"#);
}

#[test]
fn help_is_escaped_and_left_out_if_empty() {
    let header = Header {
        help: "a \\ \"b\"\nc",
        ..header("x", Kind::Gauge)
    };
    check_header(
        header,
        "# HELP x a \\\\ \"b\"\\nc\n# TYPE x gauge\n",
        "# HELP x a \\\\ \\\"b\\\"\\nc\n# TYPE x gauge\n",
    );
}

#[test]
fn a_unit_is_announced_only_where_the_name_ends_in_it() {
    let check = |name: &str, kind: Kind, unit: &str, expected: bool| {
        let mut out = Vec::new();
        let header = Header {
            unit,
            ..header(name, kind)
        };
        Lines::new(header, Format::OpenMetrics, Escaping::AllowUtf8).header(&mut out);
        assert_eq!(memchr::memmem::find(&out, b"# UNIT ").is_some(), expected, "{name}");
    };
    check("x_seconds", Kind::Gauge, "seconds", true);
    check("x_seconds_total", Kind::Counter, "seconds", true);
    check("x.a_seconds", Kind::Gauge, "seconds", true);
    check("x_seconds", Kind::Gauge, "", false);
    check("x_seconds", Kind::Gauge, "conds", false);
    check("seconds", Kind::Gauge, "seconds", false);
    check("x_total", Kind::Counter, "total", false);
    check("x_seconds_info", Kind::Info, "seconds", false);
}

#[track_caller]
fn check_start(name: &str, kind: Kind, suffix: Suffix, labels: &str, extra: Extra, expected: [&str; 2]) {
    for (escaping, expected) in [Escaping::AllowUtf8, Escaping::Underscores].into_iter().zip(expected) {
        let mut out = Vec::new();
        Lines::new(header(name, kind), Format::OpenMetrics, escaping).start(&mut out, suffix, labels, extra);
        assert_eq!(str::from_utf8(&out), Ok(expected));
    }
}

#[test]
fn samples_begin_with_name_and_labels() {
    use Suffix::{Bucket, Count, Created, Sum, Value};
    let same = |text| [text, text];
    check_start("x", Kind::Gauge, Value, "", Extra::None, same("x "));
    check_start("x", Kind::Gauge, Value, "a=\"b\"", Extra::None, same("x{a=\"b\"} "));
    check_start(
        "x",
        Kind::Histogram,
        Bucket,
        "",
        Extra::Le(1.0),
        same("x_bucket{le=\"1.0\"} "),
    );
    check_start(
        "x",
        Kind::Histogram,
        Bucket,
        "a=\"b\"",
        Extra::Le(2.5),
        same("x_bucket{a=\"b\",le=\"2.5\"} "),
    );
    check_start(
        "x",
        Kind::Summary,
        Value,
        "",
        Extra::Quantile(0.0),
        same("x{quantile=\"0.0\"} "),
    );
    check_start("x", Kind::Summary, Sum, "", Extra::None, same("x_sum "));
    check_start("x", Kind::GaugeHistogram, Sum, "", Extra::None, same("x_gsum "));
    check_start("x", Kind::GaugeHistogram, Count, "", Extra::None, same("x_gcount "));
    check_start("x_total", Kind::Counter, Value, "", Extra::None, same("x_total "));
    check_start("x_total", Kind::Counter, Created, "", Extra::None, same("x_created "));
    check_start("m.x", Kind::Gauge, Value, "", Extra::None, ["{\"m.x\"} ", "m_x "]);
    check_start(
        "m.x",
        Kind::Gauge,
        Value,
        "a=\"b\"",
        Extra::None,
        ["{\"m.x\",a=\"b\"} ", "m_x{a=\"b\"} "],
    );
    check_start(
        "m.x_total",
        Kind::Counter,
        Created,
        "",
        Extra::None,
        ["{\"m.x_created\"} ", "m_x_created "],
    );
    check_start(
        "m.x",
        Kind::Histogram,
        Bucket,
        "",
        Extra::Le(1.0),
        ["{\"m.x_bucket\",le=\"1.0\"} ", "m_x_bucket{le=\"1.0\"} "],
    );
}

#[test]
fn a_line_has_what_its_format_and_kind_allow() {
    let check = |name: &str, kind: Kind, format: Format, expected: &str| {
        let lines = Lines::new(header(name, kind), format, Escaping::AllowUtf8);
        let mut out = Vec::new();
        lines.start(&mut out, Suffix::Value, "", Extra::None);
        number::write(&mut out, 5.0);
        lines.timestamp(&mut out, 1.5);
        lines.exemplar(&mut out, "id=\"7\"", 0.5, Some(2.0));
        out.push(b'\n');
        lines.created(&mut out, "", 1.25);
        finish(&mut out, format);
        assert_eq!(str::from_utf8(&out), Ok(expected));
    };
    check("x_total", Kind::Counter, Format::Prometheus, "x_total 5 1500\n");
    check(
        "x_total",
        Kind::Counter,
        Format::OpenMetrics,
        "x_total 5 1.5 # {id=\"7\"} 0.5 2\nx_created 1.25\n# EOF\n",
    );
    check("x", Kind::Counter, Format::OpenMetrics, "x 5 1.5\n# EOF\n");
    check("x", Kind::Gauge, Format::OpenMetrics, "x 5 1.5\n# EOF\n");
}
