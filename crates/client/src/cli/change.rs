//! From words to a change, as a line that the hub's batches have.

use nexus_metric::{Kind, Labels, Name, plain_spelling, text::number};
use serde_json::{Map, Value};

use super::{
    Failure,
    arguments::{Create, Definition, Number, Path, Series},
};

/// A metric's name and labels, checked.
#[derive(Debug, PartialEq)]
pub(super) struct Target {
    pub(super) metric: String,
    pub(super) labels: Vec<(String, String)>,
}

impl Path {
    pub(super) fn target(&self) -> Result<Target, Failure> {
        target(&self.metric, &self.words).and_then(no_other_words)
    }

    pub(super) fn deletion(&self) -> Result<String, Failure> {
        Ok(item("delete", &self.target()?, None, Map::new()))
    }
}

impl Series {
    pub(super) fn change(&self, op: &str) -> Result<String, Failure> {
        Ok(item(op, &self.path.target()?, None, self.definition.fields(None)?))
    }
}

impl Number {
    pub(super) fn change(&self, op: &str) -> Result<String, Failure> {
        let (target, others) = target(&self.metric, &self.words)?;
        let value = match others.as_slice() {
            [text] => number::parse(text.trim()),
            [] => {
                return Err(Failure::usage(format!(
                    "{op} needs a number: nexus {op} {} 4",
                    self.metric
                )));
            }
            [_, second, ..] => return Err(Failure::usage(format!("{second:?} is one number too many"))),
        };
        let value = value.ok_or_else(|| neither(&others, "a number"))?;
        Ok(item(op, &target, Some(value), self.definition.fields(None)?))
    }
}

impl Create {
    pub(super) fn change(&self) -> Result<String, Failure> {
        let (target, others) = target(&self.metric, &self.words)?;
        let help = match (others.as_slice(), &self.definition.help_text) {
            ([], _) => None,
            ([help], None) => Some(help.as_str()),
            ([other, ..], Some(_)) | ([_, other, ..], None) => {
                return Err(Failure::usage(format!("{other:?} is one description too many")));
            }
        };
        Ok(item("create", &target, None, self.definition.fields(help)?))
    }
}

impl Definition {
    fn fields(&self, help: Option<&str>) -> Result<Map<String, Value>, Failure> {
        let mut fields = Map::new();
        if let Some(kind) = &self.kind {
            let kind: Kind = kind
                .parse()
                .map_err(|error| Failure::usage(format!("--type: {error}")))?;
            fields.insert("type".to_owned(), kind.as_str().into());
        }
        for (name, text) in [
            ("help", help.or(self.help_text.as_deref())),
            ("unit", self.unit.as_deref()),
        ] {
            if let Some(text) = text {
                fields.insert(name.to_owned(), text.into());
            }
        }
        if !self.buckets.is_empty() {
            let bounds = self.buckets.iter().map(|bound| json_number(*bound));
            fields.insert("buckets".to_owned(), bounds.collect());
        }
        Ok(fields)
    }
}

/// The name and the labels, and the words that are no labels.
fn target(metric: &str, words: &[String]) -> Result<(Target, Vec<String>), Failure> {
    let (mut labels, mut others) = (Vec::new(), Vec::new());
    for word in words {
        match word.split_once('=') {
            Some((name, value)) if !name.contains(char::is_whitespace) => {
                labels.push((name.to_owned(), value.to_owned()));
            }
            _ => others.push(word.clone()),
        }
    }
    let pairs = labels.iter().map(|(name, value)| (name, value));
    Labels::from_pairs(pairs).map_err(|error| Failure::usage(error.to_string()))?;
    let target = Target {
        metric: name(metric)?,
        labels,
    };
    Ok((target, others))
}

fn no_other_words((target, others): (Target, Vec<String>)) -> Result<Target, Failure> {
    if others.is_empty() {
        Ok(target)
    } else {
        Err(neither(&others, ""))
    }
}

fn neither(words: &[String], expected: &str) -> Failure {
    let word = words.first().map_or("", String::as_str);
    Failure::usage(match expected {
        "" => format!("{word:?} is not a label: expected NAME=VALUE"),
        expected => format!("{word:?} is neither a label (NAME=VALUE) nor {expected}"),
    })
}

/// The name as the hub's simple API reads it. In a batch it stands as it will be called.
fn name(text: &str) -> Result<String, Failure> {
    let name = plain_spelling(text).into_owned();
    Name::legacy(&name).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(name)
}

fn item(op: &str, target: &Target, value: Option<f64>, mut fields: Map<String, Value>) -> String {
    fields.insert("op".to_owned(), op.into());
    fields.insert("metric".to_owned(), target.metric.as_str().into());
    if !target.labels.is_empty() {
        let labels = target
            .labels
            .iter()
            .map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        fields.insert("labels".to_owned(), labels.collect());
    }
    if let Some(value) = value {
        fields.insert("value".to_owned(), json_number(value));
    }
    Value::Object(fields).to_string()
}

/// A number as short as it can be; JSON has no NaN and no infinity: those are texts.
pub(super) fn json_number(value: f64) -> Value {
    let text = spelled(value);
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

pub(super) fn spelled(value: f64) -> String {
    let mut text = Vec::new();
    number::write(&mut text, value);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::arguments::{Arguments, Command};

    #[track_caller]
    fn check(line: &[&str], expected: &str) {
        let arguments = Arguments::try_parse_from([&["nexus"], line].concat()).unwrap();
        let found = match arguments.command.unwrap() {
            Command::Create(create) => create.change(),
            Command::Set(number) => number.change("set"),
            Command::Add(number) => number.change("add"),
            Command::Inc(series) => series.change("inc"),
            Command::Delete(path) => path.deletion(),
            other => panic!("{other:?}"),
        };
        assert_eq!(found.unwrap_or_else(|failure| failure.message), expected);
    }

    #[test]
    fn words_become_changes() {
        check(&["inc", "jobs"], r#"{"metric":"jobs","op":"inc"}"#);
        check(
            &["inc", "My-Jobs.x", "queue=mail", "--type", "counter"],
            r#"{"labels":{"queue":"mail"},"metric":"my_jobs_x","op":"inc","type":"counter"}"#,
        );
        check(
            &["add", "jobs", "queue=a=b", "4"],
            r#"{"labels":{"queue":"a=b"},"metric":"jobs","op":"add","value":4}"#,
        );
        check(
            &["add", "jobs", "4", "q="],
            r#"{"labels":{"q":""},"metric":"jobs","op":"add","value":4}"#,
        );
        check(&["set", "g", "-4.5"], r#"{"metric":"g","op":"set","value":-4.5}"#);
        check(
            &["set", "g", "--", "-Inf"],
            r#"{"metric":"g","op":"set","value":"-Inf"}"#,
        );
        check(&["set", "g", "1e21"], r#"{"metric":"g","op":"set","value":1e+21}"#);
        check(
            &["create", "demo", "a demo key"],
            r#"{"help":"a demo key","metric":"demo","op":"create"}"#,
        );
        check(
            &["create", "demo", "rate = 4", "--unit", "bytes", "--buckets", "0.1,1,10"],
            r#"{"buckets":[0.1,1,10],"help":"rate = 4","metric":"demo","op":"create","unit":"bytes"}"#,
        );
        check(&["delete", "g"], r#"{"metric":"g","op":"delete"}"#);
        check(
            &["delete", "g", "a="],
            r#"{"labels":{"a":""},"metric":"g","op":"delete"}"#,
        );
    }

    #[test]
    fn words_that_cannot_be_are_named() {
        check(&["inc", "jobs", "4"], "\"4\" is not a label: expected NAME=VALUE");
        check(&["add", "jobs", "q=1"], "add needs a number: nexus add jobs 4");
        check(
            &["add", "jobs", "four"],
            "\"four\" is neither a label (NAME=VALUE) nor a number",
        );
        check(&["add", "jobs", "4", "5"], "\"5\" is one number too many");
        check(&["inc", "jobs", "a=1", "a=2"], "label \"a\" is given more than once");
        check(
            &["inc", "jobs", "__x__=1"],
            "label name \"__x__\" is reserved: names must not begin with __",
        );
        check(&["create", "a", "one", "two"], "\"two\" is one description too many");
        check(
            &["create", "a", "one", "--help-text", "two"],
            "\"one\" is one description too many",
        );
        let arguments = Arguments::try_parse_from(["nexus", "inc", "näme"]).unwrap();
        assert!(matches!(arguments.command, Some(Command::Inc(series)) if series.change("inc").is_err()));
    }
}
