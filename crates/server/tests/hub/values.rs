//! Which bodies are numbers, what becomes of the others, and how numbers read.

use crate::harness::hub;

#[tokio::test]
async fn numbers_are_stored_and_read_back() {
    let hub = hub().start().await;
    hub.check("POST /m", "", "201 Created").await;
    for (body, expected) in [
        ("5", "5"),
        (" 5", "5"),
        ("5\n", "5"),
        ("\t5\r\n", "5"),
        ("-5", "-5"),
        ("+5", "5"),
        ("0.5", "0.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e6", "1000000"),
        ("1.234567e+06", "1234567"),
        ("123456789", "123456789"),
        ("1E-7", "1e-07"),
        ("0.0001", "0.0001"),
        ("1e20", "100000000000000000000"),
        ("1e21", "1e+21"),
        ("1e-400", "0"),
        ("-0", "-0"),
        ("0.1", "0.1"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("9007199254740993", "9007199254740992"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("5e-324", "5e-324"),
        ("NaN", "NaN"),
        ("nan", "NaN"),
        ("+Inf", "+Inf"),
        ("Inf", "+Inf"),
        ("-Inf", "-Inf"),
        ("Infinity", "+Inf"),
        ("-infinity", "-Inf"),
    ] {
        hub.check("PUT /m", body, "204").await;
        hub.check("GET /m", "", &format!("200 {expected}")).await;
    }
}

#[tokio::test]
async fn what_is_not_a_number_is_refused_and_changes_nothing() {
    let hub = hub().start().await;
    hub.check("POST /m", "", "201 Created").await;
    hub.check("POST /h?__type__=histogram", "", "201 Created").await;
    hub.check("PUT /m", "7", "204").await;
    for body in [
        "", " ", "abc", "0x10", "1_000", "1e400", "-1e400", "1,5", "5 5", "5;", "--5", "+-5", "1e", "e1", "٣", "５",
        "5\0", "+NaN", "true", "[5]", "\"5\"",
    ] {
        for request in ["PUT /m", "PUT /m/add", "PUT /m/sub", "PUT /h/observe"] {
            hub.check(request, body, &format!("400 {body:?} is not a number\n"))
                .await;
        }
    }
    for body in [&[0xff, 0xfe][..], &[b'5', 0x80]] {
        hub.check("PUT /m", body, "400 …is not a number\n").await;
    }
    // A long one is not sent back whole.
    let long = hub.put("/m").body(vec![b'x'; 100_000]).send().await;
    assert!(long.status == 400 && long.body.len() < 200, "{long}");
    hub.check("GET /m", "", "200 7").await;
}

#[tokio::test]
async fn a_gauge_takes_what_arithmetic_gives() {
    let hub = hub().start().await;
    hub.check("POST /m", "", "201 Created").await;
    for (request, body, expected) in [
        ("PUT /m/add", "0.1", "0.1"),
        ("PUT /m/add", "0.2", "0.30000000000000004"),
        ("PUT /m", "1e308", "1e+308"),
        ("PUT /m/add", "1e308", "+Inf"),
        ("PUT /m/sub", "+Inf", "NaN"),
        ("PUT /m/inc", "", "NaN"),
        ("PUT /m", "9007199254740992", "9007199254740992"),
        ("PUT /m/inc", "", "9007199254740992"),
    ] {
        hub.check(request, body, "204").await;
        hub.check("GET /m", "", &format!("200 {expected}")).await;
    }
}

#[tokio::test]
async fn counters_and_histograms_take_finite_numbers_only() {
    let hub = hub().start().await;
    hub.check("POST /c?__type__=counter", "", "201 Created").await;
    hub.check("POST /h?__type__=histogram", "", "201 Created").await;
    for body in ["NaN", "+Inf", "-Inf"] {
        for request in ["PUT /c", "PUT /c/add", "PUT /c/sub", "PUT /h/observe"] {
            hub.check(request, body, "400 …is not a finite number…\n").await;
        }
    }
    hub.check("PUT /c", "1.5e308", "204").await;
    hub.check("PUT /c/add", "1.5e308", "400 …is not a finite number…\n")
        .await;
    hub.check("GET /c", "", "200 1.5e+308").await;
    hub.check("GET /api/v1/series?match[]=h", "", "200 …\"sum\":0.0,\"count\":0…")
        .await;
}
