//! Lines on logarithmic axes, as SVG: a flat cost is a flat line, a cost in proportion a straight one at 45°.

use std::fmt::Write as _;

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What it shows, with its unit.
    pub name: String,
    /// Positive x and y, x rising.
    pub points: Vec<(f64, f64)>,
}

/// Lines over the same x.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// What stands above.
    pub title: String,
    /// What x is.
    pub x: String,
    /// At most as many as there are colours.
    pub lines: Vec<Line>,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 300.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;
/// Told apart by those who see colours differently, on white and on black.
const COLOURS: [&str; 4] = ["#0072b2", "#e69f00", "#009e73", "#cc79a7"];

impl Plot {
    /// The picture.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let axes = Axes::around(self.lines.iter().flat_map(|line| &line.points));
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#777\">\n"
        );
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "<text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{}</text>",
            escaped(&self.title)
        );
        axes.draw(&mut out, &self.x);
        for (number, (line, colour)) in self.lines.iter().zip(COLOURS).enumerate() {
            draw(&mut out, &axes, line, colour, number);
        }
        out.push_str("</svg>\n");
        out
    }
}

fn draw(out: &mut String, axes: &Axes, line: &Line, colour: &str, number: usize) {
    let at: Vec<(f64, f64)> = line.points.iter().map(|point| axes.place(*point)).collect();
    let path: Vec<String> = at.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(
        out,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
        path.join(" ")
    );
    for ((x, y), (_, value)) in at.iter().zip(&line.points) {
        let _ = writeln!(
            out,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/><text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"10\" fill=\"{colour}\">{}</text>",
            y - 7.0,
            short(*value)
        );
    }
    let y = TOP + 14.0 + 20.0 * number as f64;
    let _ = writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{y:.1}\" fill=\"{colour}\">{}</text>",
        WIDTH - RIGHT + 20.0,
        escaped(&line.name)
    );
}

/// Whole decades around all points.
struct Axes {
    x: (f64, f64),
    y: (f64, f64),
}

impl Axes {
    fn around<'a>(points: impl Iterator<Item = &'a (f64, f64)>) -> Self {
        let start = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut x, mut y) = (start, start);
        for point in points {
            x = (x.0.min(point.0.log10().floor()), x.1.max(point.0.log10().ceil()));
            y = (y.0.min(point.1.log10().floor()), y.1.max(point.1.log10().ceil()));
        }
        Axes { x, y }
    }

    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let part = |value: f64, (from, to): (f64, f64)| (value.log10() - from) / (to - from).max(1.0);
        (
            LEFT + part(x, self.x) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - part(y, self.y) * (HEIGHT - TOP - BOTTOM),
        )
    }

    fn draw(&self, out: &mut String, x_name: &str) {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        let decades = |(from, to): (f64, f64)| {
            std::iter::successors(Some(from), |decade| Some(decade + 1.0)).take_while(move |decade| *decade <= to)
        };
        for decade in decades(self.x) {
            let (x, _) = self.place((10f64.powf(decade), 1.0));
            let _ = writeln!(
                out,
                "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#777\" stroke-opacity=\"0.25\"/><text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom + 16.0,
                short(10f64.powf(decade))
            );
        }
        for decade in decades(self.y) {
            let (_, y) = self.place((1.0, 10f64.powf(decade)));
            let _ = writeln!(
                out,
                "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#777\" stroke-opacity=\"0.25\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                y + 4.0,
                short(10f64.powf(decade))
            );
        }
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            f64::midpoint(LEFT, right),
            bottom + 36.0,
            escaped(x_name)
        );
    }
}

/// A number with two digits that count.
fn short(value: f64) -> String {
    match value {
        value if value >= 999_500.0 => format!("{} M", two(value / 1e6)),
        value if value >= 999.5 => format!("{} k", two(value / 1e3)),
        value => two(value),
    }
}

fn two(value: f64) -> String {
    let digits = usize::from(value < 9.95) + usize::from(value < 0.995) + usize::from(value < 0.0995);
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let check = |value, expected| assert_eq!(short(value), expected);
        check(1_000_000.0, "1 M");
        check(5_000_000.0, "5 M");
        check(1_000.0, "1 k");
        check(129.4, "129");
        check(1.64, "1.6");
        check(0.012, "0.012");
        check(0.1, "0.1");
    }

    #[test]
    fn a_flat_line_is_flat_and_names_are_escaped() {
        let plot = Plot {
            title: "a & b".to_owned(),
            x: "x".to_owned(),
            lines: vec![Line {
                name: "c < d".to_owned(),
                points: vec![(1e3, 2.0), (1e6, 2.0)],
            }],
        };
        let svg = plot.to_svg();
        assert!(svg.contains("a &amp; b") && svg.contains("c &lt; d"));
        let points = svg.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
        let ys: Vec<&str> = points
            .split(' ')
            .map(|point| point.split(',').nth(1).unwrap())
            .collect();
        assert_eq!(ys[0], ys[1]);
    }
}
