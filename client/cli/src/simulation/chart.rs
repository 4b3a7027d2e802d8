//! A simulation as a picture: for each course the share of traffic on the new release over time, and below it where each
//! region is. Plain SVG without scripts; what colours say, titles and the legend say in words.

use std::fmt::Write as _;

use meridian_core::time::Timestamp;
use meridian_simulate::{Course, Ended};

use super::{Run, Simulation, names, place};
use crate::clock::{iso, minute};

const WIDTH: u64 = 1000;
/// Room for names of regions.
const LEFT: u64 = 140;
const PLOT: u64 = WIDTH - LEFT - 20;
const TITLE: u64 = 24;
/// The height of the whole of the traffic.
const TRAFFIC: u64 = 80;
const AXIS: u64 = 34;
const LEGEND: u64 = 30;
/// All rows of regions together are about this high.
const ROWS: u64 = 600;
const TICKS: u64 = 5;
/// Rows that are lower have no room for a name.
const NAMED: u64 = 9;

/// Places of regions, in the order of their way; the class of a shape is its word.
const PLACES: [(&str, &str); 6] = [
    ("preparing", "#b9c3d3"),
    ("shifting", "#e3a72f"),
    ("baking", "#5c9bd6"),
    ("settled", "#3f9d5a"),
    ("reverting", "#c5372c"),
    ("reverted", "#e7a79f"),
];

/// The whole picture.
pub(crate) fn draw(simulation: &Simulation) -> String {
    let row = (ROWS / simulation.plan.lanes.len().max(1) as u64).clamp(4, 16);
    let panel = TITLE + TRAFFIC + 8 + row * simulation.plan.lanes.len() as u64 + AXIS;
    let height = LEGEND + panel * simulation.runs.len() as u64;
    let plan = &simulation.plan;
    let title = format!("{} {} by {}, simulated", plan.service, plan.release, plan.playbook.id);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<title>{}</title>\n<style>\n\
         text{{font:11px sans-serif;fill:#1d2530}} .head{{font-weight:bold;font-size:13px}} .edge{{stroke:#8a94a3}}\n\
         .traffic{{fill:#3f9d5a;fill-opacity:.35;stroke:#2c7a43}} .region{{font-size:9px}}\n",
        escaped(&title)
    );
    for (place, color) in PLACES {
        line(&mut out, format_args!(".{place}{{fill:{color}}}"));
    }
    line(&mut out, format_args!("</style>\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>"));
    legend(&mut out);
    for (number, run) in simulation.runs.iter().enumerate() {
        let scale = Scale::of(&run.course, LEGEND + panel * number as u64, row);
        line(&mut out, format_args!("<g>"));
        head(&mut out, simulation, run, &scale);
        traffic(&mut out, &run.course, &scale);
        lanes(&mut out, simulation, run, &scale);
        axis(&mut out, &scale, run.course.lanes.len() as u64);
        line(&mut out, format_args!("</g>"));
    }
    out.push_str("</svg>\n");
    out
}

/// From moments to places in the picture.
struct Scale {
    from: Timestamp,
    to: Timestamp,
    top: u64,
    row: u64,
}

impl Scale {
    fn of(course: &Course, top: u64, row: u64) -> Self {
        Self { from: course.from, to: course.end.at, top, row }
    }

    /// In tenths of a unit, so that short things are not lost.
    fn x(&self, moment: Timestamp) -> String {
        let whole = u128::from(self.to.since(self.from).millis().max(1));
        let part = u128::from(moment.since(self.from).millis()).min(whole);
        let tenths = u128::from(LEFT * 10) + u128::from(PLOT * 10) * part / whole;
        format!("{}.{}", tenths / 10, tenths % 10)
    }

    fn width(&self, from: Timestamp, to: Timestamp) -> String {
        let whole = u128::from(self.to.since(self.from).millis().max(1));
        let tenths = u128::from(PLOT * 10) * u128::from(to.since(from).millis()) / whole;
        let tenths = tenths.max(5);
        format!("{}.{}", tenths / 10, tenths % 10)
    }

    const fn traffic_bottom(&self) -> u64 {
        self.top + TITLE + TRAFFIC
    }

    const fn rows_top(&self) -> u64 {
        self.traffic_bottom() + 8
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("text grows");
}

fn legend(out: &mut String) {
    for (number, (place, _)) in PLACES.iter().enumerate() {
        let x = LEFT + 110 * number as u64;
        line(out, format_args!("<rect class=\"{place}\" x=\"{x}\" y=\"8\" width=\"12\" height=\"12\"/>"));
        line(out, format_args!("<text x=\"{}\" y=\"18\">{place}</text>", x + 16));
    }
}

fn head(out: &mut String, simulation: &Simulation, run: &Run, scale: &Scale) {
    let what = match run.failures.as_slice() {
        [] => format!("{} {}", simulation.plan.service, simulation.plan.release),
        failures => format!("if {} fails", names(failures)),
    };
    let (Ended::Over { phase, .. } | Ended::Waiting { phase, .. }) = &run.course.end.how;
    let text = format!("{what}: {phase} {}", iso(run.course.end.at));
    line(out, format_args!("<text class=\"head\" x=\"8\" y=\"{}\">{}</text>", scale.top + 14, escaped(&text)));
}

fn traffic(out: &mut String, course: &Course, scale: &Scale) {
    let bottom = scale.traffic_bottom();
    let y = |basis_points: u16| bottom - TRAFFIC * u64::from(basis_points) / 10_000;
    let mut path = format!("M{LEFT} {bottom}");
    for (at, share) in &course.exposure {
        write!(path, "H{}V{}", scale.x(*at), y(share.basis_points())).expect("text grows");
    }
    write!(path, "H{}V{bottom}Z", scale.x(scale.to)).expect("text grows");
    let most = course.exposed_most();
    line(out, format_args!("<path class=\"traffic\" d=\"{path}\"><title>at most {most} of all traffic</title></path>"));
    let right = LEFT + PLOT;
    line(out, format_args!("<path class=\"edge\" d=\"M{LEFT} {bottom}H{right}\"/>"));
    line(out, format_args!("<text x=\"8\" y=\"{}\">100% of traffic</text>", bottom - TRAFFIC + 10));
    line(out, format_args!("<text x=\"8\" y=\"{bottom}\">0%</text>"));
}

fn lanes(out: &mut String, simulation: &Simulation, run: &Run, scale: &Scale) {
    let row = scale.row;
    for (number, (region, stays)) in run.course.lanes.iter().enumerate() {
        let y = scale.rows_top() + row * number as u64;
        if row >= NAMED {
            let name = escaped(region.as_str());
            line(out, format_args!("<text class=\"region\" x=\"8\" y=\"{}\">{name}</text>", y + row - 2));
        }
        for stay in stays.iter().filter(|stay| PLACES.iter().any(|(place, _)| *place == stay.at.as_str())) {
            let to = stay.to.unwrap_or(scale.to);
            let (x, width, height) = (scale.x(stay.from), scale.width(stay.from, to), row - 1);
            let said = format!("{region} {} {} to {}", place(&simulation.plan, stay.at), iso(stay.from), iso(to));
            let class = stay.at.as_str();
            line(
                out,
                format_args!(
                    "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"><title>{}</title></rect>",
                    escaped(&said)
                ),
            );
        }
    }
}

fn axis(out: &mut String, scale: &Scale, rows: u64) {
    let y = scale.rows_top() + scale.row * rows;
    let right = LEFT + PLOT;
    line(out, format_args!("<path class=\"edge\" d=\"M{LEFT} {y}H{right}\"/>"));
    let whole = scale.to.since(scale.from);
    for tick in 0..=TICKS {
        let at = Timestamp::from_millis(scale.from.millis() + whole.millis() / TICKS * tick);
        let anchor = if tick == TICKS { "end" } else { "start" };
        let x = scale.x(at);
        line(out, format_args!("<text x=\"{x}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>", y + 13, minute(at)));
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
