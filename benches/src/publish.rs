//! Writing what was measured into a page: between marks, so that the rest of it is left as people wrote it.

use std::{fs, path::Path};

use plotters::prelude::*;

use crate::{
    Fallible,
    report::{Plot, Report},
};

/// Where plots go, beside the page.
const PLOTS: &str = "performance";
const SIZE: (u32, u32) = (720, 400);
const FONT: &str = "sans-serif";

/// Replaces what stands between the marks of a page, `<!-- measured: table -->` … `<!-- /measured -->`, of which there may be `table`, `notes`
/// and `plots`; the curves go into files beside it.
///
/// # Errors
/// When the page has no such marks, or cannot be written.
pub fn write(report: &Report, page: &Path, heading: &str) -> Fallible<()> {
    let mut text = fs::read_to_string(page)?;
    let before = text.clone();
    replace(&mut text, "table", &format!("{heading}\n\n{}", report.table()));
    let notes = report.notes().iter().map(|note| format!("- {note}\n")).collect::<String>();
    replace(&mut text, "notes", &notes);
    if has(&text, "plots") {
        let directory = page.parent().unwrap_or(Path::new("")).join(PLOTS);
        fs::create_dir_all(&directory)?;
        let mut images = String::new();
        for plot in report.plots() {
            let name = format!("{}.svg", plot.name);
            fs::write(directory.join(&name), draw(plot)?)?;
            images += &format!("![{}]({PLOTS}/{name})\n\n", plot.title);
        }
        replace(&mut text, "plots", images.trim_end());
    }
    if text == before {
        return Err(
            format!("{} has no marks for what was measured, or has it already", page.display()).into()
        );
    }
    Ok(fs::write(page, text)?)
}

fn mark(part: &str) -> String {
    format!("<!-- measured: {part} -->\n")
}

fn has(text: &str, part: &str) -> bool {
    text.contains(&mark(part))
}

/// Leaves a page alone that lacks the part.
fn replace(text: &mut String, part: &str, with: &str) {
    let mark = mark(part);
    let Some((before, rest)) = text.split_once(&mark) else { return };
    let Some((_, after)) = rest.split_once("<!-- /measured -->") else { return };
    *text = format!("{before}{mark}{}\n\n<!-- /measured -->{after}", with.trim_end());
}

/// A plot as SVG.
fn draw(plot: &Plot) -> Fallible<String> {
    let mut svg = String::new();
    let points = || plot.curves.iter().flat_map(|(_, points)| points);
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let least = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);
    let (right, top) = (most(&mut points().map(|point| point.0)), most(&mut points().map(|point| point.1)));
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area);
        chart.caption(plot.title, (FONT, 18)).margin(12).x_label_area_size(40).y_label_area_size(70);
        let (across, up) = plot.axes;
        let (left, bottom) =
            (least(&mut points().map(|point| point.0)), least(&mut points().map(|point| point.1)));
        let mut chart =
            chart.build_cartesian_2d((left..right).log_scale(), (bottom * 0.8..top * 1.2).log_scale())?;
        chart.configure_mesh().x_desc(across).y_desc(up).draw()?;
        for (number, (name, points)) in plot.curves.iter().enumerate() {
            let colour = Palette99::pick(number).to_rgba();
            chart
                .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(3))?
                .label(*name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        }
        chart.configure_series_labels().background_style(WHITE.mix(0.8)).border_style(BLACK).draw()?;
        area.present()?;
    }
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{measure::Effort, report::Row};

    #[test]
    fn a_page_keeps_what_people_wrote() {
        let directory = tempfile::tempdir().unwrap();
        let page = directory.path().join("PERFORMANCE.md");
        let written = "# Speed\n\n<!-- measured: table -->\nold\n<!-- /measured -->\n\nBy hand.\n\n<!-- measured: plots -->\n<!-- /measured -->\n";
        fs::write(&page, written).unwrap();
        let mut report = Report::new(Effort::Quick);
        report.row(Row::quantity("memory-idle", (22.2, "MiB"), 25.0, 1.0));
        let curves = vec![("ours", vec![(100.0, 1.0), (1000.0, 9.0)])];
        let axes = ("clients", "ms");
        report.plot(Plot { name: "all", title: "All clients", axes, curves });
        write(&report, &page, "On a day.").unwrap();
        let text = fs::read_to_string(&page).unwrap();
        assert!(text.starts_with("# Speed\n\n<!-- measured: table -->\nOn a day.\n\n| name |"), "{text}");
        assert!(text.contains("| memory-idle | 22.2 MiB |") && !text.contains("old"), "{text}");
        assert!(text.contains("<!-- /measured -->\n\nBy hand.\n\n<!-- measured: plots -->\n![All clients](performance/all.svg)"), "{text}");
        let svg = fs::read_to_string(directory.path().join("performance/all.svg")).unwrap();
        assert!(svg.starts_with("<svg ") && svg.contains("clients") && svg.contains("ours"), "{svg}");
        assert!(write(&report, &page, "On a day.").is_err(), "nothing is new in it");
    }
}
