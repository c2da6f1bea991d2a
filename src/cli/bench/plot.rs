//! Latency over time, drawn by hand as SVG: three lines on a logarithmic scale.

use super::meter::Second;
use std::fmt::Write;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 420.0;
/// The space around the drawing: left, right, top, bottom.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 46.0;
/// The most points of a line: of a longer run several seconds are one, by the worst of them.
const MAX_POINTS: usize = 1_200;

/// A line: its name, its colour, and what it shows.
type Line = (&'static str, &'static str, fn(&Second) -> f64);
const LINES: [Line; 3] = [
    ("max", "#d62728", |second| second.max),
    ("p99", "#ff7f0e", |second| second.p99),
    ("p50", "#1f77b4", |second| second.p50),
];

/// What is drawn.
pub(super) struct Plot<'a> {
    pub(super) title: &'a str,
    pub(super) seconds: &'a [Second],
    /// How many of them are the warm-up.
    pub(super) warm_up: usize,
}

impl Plot<'_> {
    /// The whole page, for a browser.
    pub(super) fn html(&self) -> String {
        let svg = self.svg();
        let title = escaped(self.title);
        format!(
            "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\n\
             <body style=\"margin:1em\">\n{svg}</body></html>\n"
        )
    }

    /// The drawing.
    pub(super) fn svg(&self) -> String {
        let scale = Scale::of(self.seconds);
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             width=\"{WIDTH}\" height=\"{HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
             <text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{}</text>\n",
            escaped(self.title)
        );
        for decade in scale.low..=scale.high {
            let value = 10_f64.powi(decade);
            let y = scale.y(value);
            let _ = writeln!(
                svg,
                "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{value} ms</text>",
                LEFT - 6.0,
                y + 4.0
            );
        }
        let step = tick_every(self.seconds.len());
        for second in (0..=self.seconds.len()).step_by(step) {
            let x = scale.x(second);
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{second} s</text>",
                bottom + 18.0
            );
        }
        if self.warm_up > 0 {
            let x = scale.x(self.warm_up);
            let _ = writeln!(
                svg,
                "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#888\" \
                 stroke-dasharray=\"4 4\"/><text x=\"{:.1}\" y=\"{:.1}\">warm-up ends</text>",
                x + 4.0,
                TOP + 12.0
            );
        }
        for (i, (name, colour, value)) in LINES.iter().enumerate() {
            for points in scale.lines(self.seconds, *value) {
                let _ = writeln!(
                    svg,
                    "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" \
                     stroke-width=\"1.5\"/>"
                );
            }
            let x = LEFT + 70.0 * i as f64;
            let _ = writeln!(
                svg,
                "<rect x=\"{x}\" y=\"32\" width=\"12\" height=\"12\" fill=\"{colour}\"/>\
                 <text x=\"{}\" y=\"43\">{name}</text>",
                x + 17.0
            );
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// Where a second and a latency stand.
struct Scale {
    /// Powers of ten, in milliseconds.
    low: i32,
    high: i32,
    seconds: usize,
}

impl Scale {
    fn of(seconds: &[Second]) -> Scale {
        let answered = || seconds.iter().filter(|second| second.answered > 0);
        let least = answered().map(|second| second.p50).fold(f64::INFINITY, f64::min);
        let most = answered().map(|second| second.max).fold(0.0, f64::max);
        let (low, high) = match most > 0.0 {
            true => (least.max(0.001).log10().floor() as i32, most.log10().ceil() as i32),
            false => (0, 0),
        };
        Scale { low, high: high.max(low + 1), seconds: seconds.len().max(1) }
    }

    fn x(&self, second: usize) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * second as f64 / self.seconds as f64
    }

    fn y(&self, ms: f64) -> f64 {
        let share = (ms.max(0.001).log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share.clamp(0.0, 1.0)
    }

    /// The points of a line, which breaks where nothing was answered.
    fn lines(&self, seconds: &[Second], value: fn(&Second) -> f64) -> Vec<String> {
        let together = seconds.len().div_ceil(MAX_POINTS).max(1);
        let mut lines = vec![String::new()];
        for (i, some) in seconds.chunks(together).enumerate() {
            let answered = some.iter().filter(|second| second.answered > 0);
            let worst = answered.map(value).reduce(f64::max);
            match (worst, lines.last_mut()) {
                (Some(ms), Some(line)) => {
                    // A second is drawn where it ends: that is when it was known.
                    let x = self.x((i * together + some.len()).min(seconds.len()));
                    let _ = write!(line, "{x:.1},{:.1} ", self.y(ms));
                }
                (None, Some(line)) if line.is_empty() => {}
                (None, _) | (_, None) => lines.push(String::new()),
            }
        }
        let lines = lines.into_iter().map(|line| line.trim_end().to_owned());
        lines.filter(|line| !line.is_empty()).collect()
    }
}

/// Every how many seconds one is named, so that about ten are.
fn tick_every(seconds: usize) -> usize {
    const STEPS: [usize; 12] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600];
    STEPS.into_iter().find(|step| seconds / step <= 12).unwrap_or(7_200)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(p50: f64, p99: f64, max: f64) -> Second {
        Second { answered: 100, p50, p99, max, shed: 0 }
    }

    fn silent() -> Second {
        Second { answered: 0, p50: 0.0, p99: 0.0, max: 0.0, shed: 0 }
    }

    #[test]
    fn the_scale_covers_what_there_is_by_powers_of_ten() {
        let rows: [(&[Second], (i32, i32)); 5] = [
            (&[], (0, 1)),
            (&[silent()], (0, 1)),
            (&[second(1.0, 5.0, 10.0)], (0, 1)),
            (&[second(0.4, 5.0, 80.0), second(2.0, 9.0, 1_500.0)], (-1, 4)),
            (&[silent(), second(20.0, 20.0, 20.0)], (1, 2)),
        ];
        for (seconds, expected) in rows {
            let scale = Scale::of(seconds);
            assert_eq!((scale.low, scale.high), expected, "{seconds:?}");
        }
    }

    #[test]
    fn places_are_those_of_a_logarithm() {
        let scale = Scale { low: 0, high: 2, seconds: 10 };
        let (top, bottom) = (TOP, HEIGHT - BOTTOM);
        let rows =
            [(1.0, bottom), (100.0, top), (10.0, (top + bottom) / 2.0), (0.0, bottom), (1e9, top)];
        for (ms, y) in rows {
            assert!((scale.y(ms) - y).abs() < 1e-9, "{ms} ms at {}", scale.y(ms));
        }
        assert_eq!((scale.x(0), scale.x(10)), (LEFT, WIDTH - RIGHT));
    }

    #[test]
    fn a_line_breaks_where_nothing_was_answered() {
        let seconds =
            [second(1.0, 2.0, 3.0), silent(), second(1.0, 2.0, 3.0), second(1.0, 2.0, 3.0)];
        let scale = Scale::of(&seconds);
        let lines = scale.lines(&seconds, |second| second.max);
        assert_eq!(lines.iter().map(|l| l.split(' ').count()).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn a_long_run_is_drawn_by_the_worst_of_several_seconds() {
        let mut seconds = vec![second(1.0, 2.0, 3.0); 10_000];
        seconds[7_003] = second(1.0, 2.0, 950.0);
        let scale = Scale::of(&seconds);
        let lines = scale.lines(&seconds, |second| second.max);
        let points: Vec<_> = lines[0].split(' ').collect();
        assert!(points.len() <= MAX_POINTS, "{}", points.len());
        let worst = format!(",{:.1}", scale.y(950.0));
        assert_eq!(points.iter().filter(|point| point.ends_with(&worst)).count(), 1);
    }

    #[test]
    fn the_drawing_is_whole_and_names_nothing_raw() {
        let seconds = [second(1.0, 2.0, 3.0), second(2.0, 4.0, 40.0)];
        let plot = Plot { title: "a < b & \"c\"", seconds: &seconds, warm_up: 1 };
        let svg = plot.svg();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert_eq!(svg.matches("<polyline").count(), 3);
        assert!(svg.contains("a &lt; b &amp; &quot;c&quot;") && svg.contains("warm-up ends"));
        assert!(plot.html().contains(&svg));
        // The worst line lies above the median's in every second.
        let scale = Scale::of(&seconds);
        assert!(seconds.iter().all(|s| scale.y(s.max) < scale.y(s.p50)));
    }

    #[test]
    fn about_ten_seconds_are_named() {
        for (seconds, step) in [(1, 1), (12, 1), (13, 2), (60, 5), (600, 60), (86_400, 7_200)] {
            assert_eq!(tick_every(seconds), step, "{seconds}");
        }
    }
}
