//! Charts as SVG: executions over time, stacked by how they ended, and small lines for tables.
//!
//! They have no styles of their own, which pages do not allow; the style sheet gives text and axes the colours of the page.

use flowmastery_core::{
    error::{Error, Result},
    model::series::{Interval, Point, Series},
};
use jiff::tz::TimeZone;
use plotters::{
    coord::ranged1d::{IntoSegmentedCoord, SegmentValue},
    prelude::*,
};

/// How wide and high the chart of a page is, in units that the page scales.
const SIZE: (u32, u32) = (960, 280);
/// The same of a line in a table.
const SMALL: (u32, u32) = (120, 28);

/// So many bars have room for a gap between them; more are drawn as one shape of each colour.
const MOST_BARS: usize = 60;

/// Successful, failed, canceled and unfinished, from the bottom up.
pub(crate) type Colours = [RGBColor; 4];
/// Those of pages.
pub(crate) const COLOURS: Colours = [
    RGBColor(0x2f, 0x9e, 0x62),
    RGBColor(0xd6, 0x45, 0x45),
    RGBColor(0x9a, 0xa3, 0xad),
    RGBColor(0x4c, 0x8b, 0xd9),
];
/// Those of paper, which are told apart without colour.
pub(crate) const GREYS: Colours = [
    RGBColor(0xc9, 0xc9, 0xc9),
    RGBColor(0x10, 0x10, 0x10),
    RGBColor(0x5f, 0x5f, 0x5f),
    RGBColor(0x93, 0x93, 0x93),
];
const LINE: RGBColor = RGBColor(0xd8, 0xdd, 0xe3);
const TEXT: RGBColor = RGBColor(0x5b, 0x66, 0x72);

/// How the executions of a point ended, in the order of the colours.
pub(crate) fn stack(point: &Point) -> [i64; 4] {
    [point.successful, point.failed, point.canceled, point.unfinished].map(Option::unwrap_or_default)
}

/// The executions of a series, a bar for each point; `None` where none is known, whether none ran or nobody could see them.
///
/// # Errors
/// When it cannot be drawn.
pub(crate) fn executions(series: &Series, colours: &Colours) -> Result<Option<String>> {
    let known: Vec<&Point> = series.points.iter().filter(|point| point.total.is_some()).collect();
    let highest = known.iter().filter_map(|point| point.total).max().unwrap_or(0);
    if highest == 0 {
        return Ok(None);
    }
    let mut svg = String::new();
    let drawn = draw(&mut svg, series, &known, (highest, colours));
    drawn.map_err(|error| Error::internal(error.to_string()))?;
    Ok(Some(scalable(svg, SIZE)))
}

type Drawn = std::result::Result<(), Box<dyn std::error::Error>>;

fn draw(svg: &mut String, series: &Series, points: &[&Point], (highest, colours): (i64, &Colours)) -> Drawn {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let font = ("sans-serif", 12).into_font().color(&TEXT);
    let top = (highest as f64 * 1.05).ceil() as i64;
    let mut chart = ChartBuilder::on(&area)
        .margin(6)
        .x_label_area_size(30)
        .y_label_area_size(64)
        .build_cartesian_2d((0..points.len().saturating_sub(1)).into_segmented(), 0..top.max(1))?;
    let tz = TimeZone::get(&series.tz).unwrap_or(TimeZone::UTC);
    let label = |value: &SegmentValue<usize>| match value {
        SegmentValue::CenterOf(place) => points
            .get(*place)
            .map(|point| label_of(point, (series.interval, points.len()), &tz))
            .unwrap_or_default(),
        _ => String::new(),
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(LINE)
        .axis_style(LINE)
        .x_labels(labels(series.interval, points.len()))
        .y_labels(5)
        .x_label_style(font.clone())
        .y_label_style(font)
        .x_label_formatter(&label)
        .y_label_formatter(&|count| super::words::count(Some(*count)))
        .draw()?;
    if points.len() > MOST_BARS {
        chart.draw_series(layers(points, colours))?;
    } else {
        chart.draw_series(bars(points, colours))?;
    }
    area.present()?;
    Ok(())
}

type Corner = (SegmentValue<usize>, i64);

fn bars(points: &[&Point], colours: &Colours) -> Vec<Rectangle<Corner>> {
    let mut bars = Vec::new();
    for (place, point) in points.iter().enumerate() {
        let mut below = 0;
        for (count, colour) in stack(point).into_iter().zip(colours).filter(|(count, _)| *count > 0) {
            let corners =
                [(SegmentValue::Exact(place), below), (SegmentValue::Exact(place + 1), below + count)];
            below += count;
            let mut bar = Rectangle::new(corners, colour.filled());
            bar.set_margin(0, 0, 2, 2);
            bars.push(bar);
        }
    }
    bars
}

/// The outlines of the stack up to each colour, the highest first, so that each shows above those that are drawn over it.
fn layers(points: &[&Point], colours: &Colours) -> Vec<Polygon<Corner>> {
    let mut layers = Vec::new();
    for (at, colour) in colours.iter().enumerate().rev() {
        if points.iter().all(|point| stack(point).get(at).is_none_or(|count| *count == 0)) {
            continue;
        }
        let mut outline = vec![(SegmentValue::Exact(0), 0)];
        for (place, point) in points.iter().enumerate() {
            let height = stack(point).into_iter().take(at + 1).sum();
            outline.extend([(SegmentValue::Exact(place), height), (SegmentValue::Exact(place + 1), height)]);
        }
        outline.push((SegmentValue::Exact(points.len()), 0));
        layers.push(Polygon::new(outline, colour.filled()));
    }
    layers
}

/// The most hours of which each stands below its bar with its time, not its day.
const HOURS: usize = 49;

/// How many bars have something below them: of many hours one a day, so that no day stands there twice.
fn labels(interval: Interval, points: usize) -> usize {
    let days = if interval == Interval::Hour && points > HOURS { points / 24 } else { points };
    days.clamp(1, 8)
}

/// What stands below a bar: the time for hours, else the day.
fn label_of(point: &Point, (interval, points): (Interval, usize), tz: &TimeZone) -> String {
    let format = match interval {
        Interval::Hour if points <= HOURS => "%H:%M",
        Interval::Hour | Interval::Day | Interval::Week => "%-d %b",
        Interval::Month => "%b %Y",
    };
    point.start.to_jiff().to_zoned(tz.clone()).strftime(format).to_string()
}

/// When a point begins, in full; its time only where that says something.
pub(crate) fn start_of(point: &Point, interval: Interval, tz: &TimeZone) -> String {
    let format = if interval == Interval::Hour { "%-d %b %Y, %H:%M" } else { "%-d %b %Y" };
    point.start.to_jiff().to_zoned(tz.clone()).strftime(format).to_string()
}

/// A small line of counts without axes; `None` where nothing is known.
///
/// # Errors
/// When it cannot be drawn.
pub(crate) fn line(counts: &[i64]) -> Result<Option<String>> {
    if counts.len() < 2 {
        return Ok(None);
    }
    let mut svg = String::new();
    draw_line(&mut svg, counts).map_err(|error| Error::internal(error.to_string()))?;
    Ok(Some(scalable(svg, SMALL)))
}

fn draw_line(svg: &mut String, counts: &[i64]) -> Drawn {
    let area = SVGBackend::with_string(svg, SMALL).into_drawing_area();
    let highest = counts.iter().copied().max().unwrap_or(0).max(1);
    let mut chart = ChartBuilder::on(&area).margin(2).build_cartesian_2d(0..counts.len() - 1, 0..highest)?;
    let style = ShapeStyle { color: RGBColor(0x4c, 0x8b, 0xd9).to_rgba(), filled: false, stroke_width: 2 };
    chart.draw_series(LineSeries::new(counts.iter().copied().enumerate(), style))?;
    area.present()?;
    Ok(())
}

/// The picture without a size of its own: it is as wide as its place on the page.
fn scalable(svg: String, (width, height): (u32, u32)) -> String {
    svg.replacen(
        &format!("width=\"{width}\" height=\"{height}\" "),
        "aria-hidden=\"true\" focusable=\"false\" ",
        1,
    )
}

#[cfg(test)]
mod tests {
    use flowmastery_core::{
        clock::Timestamp,
        model::{period::PeriodQuery, rollup::Tally, series::SeriesQuery, sketch::Sketch},
    };

    use super::*;

    /// Hours in which so many ran, or of which nothing is known.
    fn series(totals: &[i64], known: bool) -> Series {
        let period = PeriodQuery::parse(Some("24h"), (None, None), None, None);
        let plan = SeriesQuery::parse(Some("hour"), period).unwrap().at(Timestamp::from_millis(0));
        let tally = |total: i64| Tally::from_parts([0, 0, 0, total, 0, 0, 0, 0], 0, Sketch::default());
        let start = |hour: i64| Timestamp::from_millis(hour * 3_600_000);
        let points: Vec<_> = (0..).zip(totals).map(|(hour, total)| (start(hour), tally(*total))).collect();
        Series::of(&plan, &points, known)
    }

    #[test]
    fn nothing_is_drawn_where_no_execution_is_known() {
        let chart = |totals: &[i64], known| executions(&series(totals, known), &COLOURS).unwrap();
        assert_eq!(chart(&[0, 0], false), None);
        assert_eq!(chart(&[0, 0], true), None);
        assert_eq!(chart(&[], true), None);
        let svg = chart(&[0, 3], true).unwrap();
        assert!(svg.starts_with("<svg") && !svg.contains("style="), "{svg}");
    }

    #[test]
    fn a_line_has_a_place_for_each_count() {
        assert_eq!(line(&[1]).unwrap(), None);
        let svg = line(&[0, 5, 2]).unwrap().unwrap();
        assert!(svg.contains("<polyline"), "{svg}");
        assert!(svg.contains("viewBox=\"0 0 120 28\"") && !svg.contains("width=\"120\""), "{svg}");
        assert!(!svg.contains("style="), "a page's policy allows no inline styles: {svg}");
    }
}
