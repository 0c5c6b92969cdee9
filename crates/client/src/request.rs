//! What is asked of a hub, as a method, a URL and a body. Pure.

use nexus_metric::{Kind, Labels, Name, text::number};
use reqwest::{Method, Url};

use crate::Error;

/// A series, and what is made if it does not exist.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) kind: Option<Kind>,
    pub(crate) help: String,
    pub(crate) unit: String,
    pub(crate) buckets: Vec<f64>,
}

/// What to do with a target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Operation<'a> {
    /// Holds the description.
    Create(&'a str),
    Read,
    Update(f64),
    Increment,
    Decrement,
    Add(f64),
    Subtract(f64),
    Observe(f64),
    Delete,
}

impl Operation<'_> {
    pub(crate) fn method(self) -> Method {
        match self {
            Operation::Create(_) => Method::POST,
            Operation::Read => Method::GET,
            Operation::Delete => Method::DELETE,
            Operation::Update(_)
            | Operation::Increment
            | Operation::Decrement
            | Operation::Add(_)
            | Operation::Subtract(_)
            | Operation::Observe(_) => Method::PUT,
        }
    }

    pub(crate) fn body(self) -> Option<Vec<u8>> {
        match self {
            Operation::Create(help) => Some(help.into()),
            Operation::Update(value)
            | Operation::Add(value)
            | Operation::Subtract(value)
            | Operation::Observe(value) => Some(spelled(value)),
            Operation::Read | Operation::Increment | Operation::Decrement | Operation::Delete => None,
        }
    }

    /// What follows the name in the path.
    fn segment(self) -> Option<&'static str> {
        match self {
            Operation::Increment => Some("inc"),
            Operation::Decrement => Some("dec"),
            Operation::Add(_) => Some("add"),
            Operation::Subtract(_) => Some("sub"),
            Operation::Observe(_) => Some("observe"),
            Operation::Create(_) | Operation::Read | Operation::Update(_) | Operation::Delete => None,
        }
    }

    /// Whether it changes anything.
    pub(crate) fn writes(self) -> bool {
        self != Operation::Read
    }

    /// Whether the hub may be told what the metric is. To a deletion any parameter would mean "only the series".
    fn defines(self) -> bool {
        !matches!(self, Operation::Read | Operation::Delete)
    }
}

/// Where a hub is.
///
/// # Errors
/// It is not an address of a hub; the text says why.
pub(crate) fn base(text: &str) -> Result<Url, Error> {
    let wrong = |why: &str| Error::invalid(format!("{text:?} is not the address of a hub: {why}"));
    let mut url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it must begin with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        // Not shown: it may be a secret.
        return Err(Error::invalid(
            "the address of a hub cannot hold a user or password: give the key to the builder",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it must end with the host, the port or a path"));
    }
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty();
    }
    Ok(url)
}

/// The URL of an operation.
///
/// # Errors
/// The name or a label cannot be sent; what can, the hub judges.
pub(crate) fn url(base: &Url, target: &Target, operation: Operation<'_>) -> Result<Url, Error> {
    Name::new(&target.name).map_err(|error| Error::invalid(error.to_string()))?;
    // In a path the two mean a directory, however they are encoded, and line ends are left out.
    if matches!(&*target.name, "." | "..") || target.name.contains(char::is_control) {
        return Err(Error::invalid(format!("{:?} is not a metric name", target.name)));
    }
    let labels = target.labels.iter().map(|(name, value)| (name, value));
    Labels::from_pairs(labels).map_err(|error| Error::invalid(error.to_string()))?;

    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().push(&target.name).extend(operation.segment());
    }
    let mut parameters = target.labels.clone();
    if operation.defines() {
        parameters.extend(definition(target, operation));
    }
    if !parameters.is_empty() {
        url.query_pairs_mut().extend_pairs(parameters);
    }
    Ok(url)
}

/// The URL of an endpoint of the JSON API.
pub(crate) fn api(base: &Url, endpoint: &str) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(["api", "v1", endpoint]);
    }
    url
}

fn definition(target: &Target, operation: Operation<'_>) -> impl Iterator<Item = (String, String)> {
    let help = match operation {
        // There it is the body.
        Operation::Create(_) => "",
        _ => &*target.help,
    };
    let bounds: Vec<String> = target
        .buckets
        .iter()
        .map(|bound| String::from_utf8_lossy(&spelled(*bound)).into_owned())
        .collect();
    [
        ("__type__", target.kind.map_or("", Kind::as_str)),
        ("__help__", help),
        ("__unit__", &target.unit),
        ("__buckets__", &bounds.join(",")),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
}

fn spelled(value: f64) -> Vec<u8> {
    let mut text = Vec::new();
    number::write(&mut text, value);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(base_text: &str, target: &Target, operation: Operation<'_>, expected: &str) {
        let found = base(base_text).and_then(|base| url(&base, target, operation));
        let found = found.map_or_else(|error| error.to_string(), |url| format!("{} {url}", operation.method()));
        assert_eq!(found, expected);
    }

    fn named(name: &str) -> Target {
        Target {
            name: name.into(),
            ..Target::default()
        }
    }

    fn labelled(labels: &[(&str, &str)]) -> Target {
        let labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Target {
            labels: labels.collect(),
            ..named("m")
        }
    }

    #[test]
    fn operations_are_methods_and_paths() {
        let check = |operation, expected: &str, body: Option<&str>| {
            check("https://h:3000", &named("m"), operation, expected);
            assert_eq!(operation.body().as_deref(), body.map(str::as_bytes), "{operation:?}");
        };
        check(Operation::Create("a help"), "POST https://h:3000/m", Some("a help"));
        check(Operation::Create(""), "POST https://h:3000/m", Some(""));
        check(Operation::Read, "GET https://h:3000/m", None);
        check(Operation::Update(1.5), "PUT https://h:3000/m", Some("1.5"));
        check(Operation::Increment, "PUT https://h:3000/m/inc", None);
        check(Operation::Decrement, "PUT https://h:3000/m/dec", None);
        check(Operation::Add(1e21), "PUT https://h:3000/m/add", Some("1e+21"));
        check(Operation::Subtract(-0.0), "PUT https://h:3000/m/sub", Some("-0"));
        check(
            Operation::Observe(f64::INFINITY),
            "PUT https://h:3000/m/observe",
            Some("+Inf"),
        );
        check(Operation::Delete, "DELETE https://h:3000/m", None);
    }

    #[test]
    fn addresses_keep_their_path() {
        let check = |base: &str, expected: &str| check(base, &named("m"), Operation::Read, expected);
        check("http://127.0.0.1:3000", "GET http://127.0.0.1:3000/m");
        check("http://127.0.0.1:3000/", "GET http://127.0.0.1:3000/m");
        check("https://[::1]:3000", "GET https://[::1]:3000/m");
        check("https://h/team/nexus", "GET https://h/team/nexus/m");
        check("https://h/team/nexus/", "GET https://h/team/nexus/m");
        check(
            "127.0.0.1:3000",
            "\"127.0.0.1:3000\" is not the address of a hub: relative URL without a base",
        );
        check(
            "localhost:3000",
            "\"localhost:3000\" is not the address of a hub: it must begin with https:// or http://",
        );
        check(
            "https://h/?a=b",
            "\"https://h/?a=b\" is not the address of a hub: it must end with the host, the port or a path",
        );
        check("", "\"\" is not the address of a hub: relative URL without a base");
        check(
            "https://user:secret@h",
            "the address of a hub cannot hold a user or password: give the key to the builder",
        );
    }

    #[test]
    fn names_are_one_segment() {
        let check = |name: &str, expected: &str| check("https://h", &named(name), Operation::Increment, expected);
        check("jobs_total", "PUT https://h/jobs_total/inc");
        check("a/b", "PUT https://h/a%2Fb/inc");
        check("a?b#c%d e", "PUT https://h/a%3Fb%23c%25d%20e/inc");
        check("é", "PUT https://h/%C3%A9/inc");
        check("inc", "PUT https://h/inc/inc");
        check("...", "PUT https://h/.../inc");
        check("%2e%2e", "PUT https://h/%252e%252e/inc");
        check("", "a metric name must not be empty");
        check(".", "\".\" is not a metric name");
        check("..", "\"..\" is not a metric name");
        check("\n", "\"\\n\" is not a metric name");
        check("a\tb", "\"a\\tb\" is not a metric name");
    }

    #[test]
    fn labels_are_the_query() {
        let check = |labels: &[(&str, &str)], expected: &str| {
            check("https://h", &labelled(labels), Operation::Read, expected);
        };
        check(&[("queue", "mail")], "GET https://h/m?queue=mail");
        check(&[("b", "2"), ("a", "")], "GET https://h/m?b=2&a=");
        check(
            &[("a", "&=+ %\"\\\né☃")],
            "GET https://h/m?a=%26%3D%2B+%25%22%5C%0A%C3%A9%E2%98%83",
        );
        check(&[("a-b", "1")], "GET https://h/m?a-b=1");
        check(&[("", "1")], "a label name must not be empty");
        check(&[("a", "1"), ("a", "2")], "label \"a\" is given more than once");
        check(
            &[("__type__", "counter")],
            "label name \"__type__\" is reserved: names must not begin with __",
        );
    }

    #[test]
    fn definitions_go_with_writes() {
        let target = Target {
            kind: Some(Kind::Histogram),
            help: "How long".into(),
            unit: "seconds".into(),
            buckets: vec![0.1, 1.0, 1e21],
            ..labelled(&[("a", "1")])
        };
        let check = |operation, expected: &str| check("https://h", &target, operation, expected);
        let with_help = "a=1&__type__=histogram&__help__=How+long&__unit__=seconds&__buckets__=0.1%2C1%2C1e%2B21";
        check(Operation::Observe(1.0), &format!("PUT https://h/m/observe?{with_help}"));
        let without = with_help.replace("&__help__=How+long", "");
        check(Operation::Create("How long"), &format!("POST https://h/m?{without}"));
        check(Operation::Read, "GET https://h/m?a=1");
        check(Operation::Delete, "DELETE https://h/m?a=1");
    }

    #[test]
    fn deleting_a_family_says_nothing_else() {
        let target = Target {
            kind: Some(Kind::Counter),
            ..named("m")
        };
        check("https://h", &target, Operation::Delete, "DELETE https://h/m");
        // An empty label is no label, but says that the series is meant.
        check(
            "https://h",
            &labelled(&[("a", "")]),
            Operation::Delete,
            "DELETE https://h/m?a=",
        );
    }
}
