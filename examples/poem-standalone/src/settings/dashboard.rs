//! Settings of the dashboard: whether it is there, where, and whose.

use std::path::PathBuf;

use flowmastery_tower::{Dashboard, Logo};

use super::{reader::Reader, table::Setting};

const DASHBOARD: Setting = Setting {
    name: "DASHBOARD",
    default: "true",
    accepts: "true or false",
    meaning: "whether there are pages for people beside the API",
    secret: false,
};
const DASHBOARD_PATH: Setting = Setting {
    name: "DASHBOARD_PATH",
    default: "/dashboard",
    accepts: "a path such as /dashboard or /portal, and none of the API's",
    meaning: "where the pages are, below the path of PUBLIC_URL",
    secret: false,
};
const AGENCY_NAME: Setting = Setting {
    name: "AGENCY_NAME",
    default: "FlowMastery",
    accepts: "a text",
    meaning: "the name that pages and their titles show",
    secret: false,
};
const AGENCY_LOGO: Setting = Setting {
    name: "AGENCY_LOGO",
    default: "",
    accepts: "the path of an .svg, .png, .jpg or .webp file of 256 KiB at most",
    meaning: "the picture that pages show in the place of the name",
    secret: false,
};

pub(super) static TABLE: [Setting; 4] = [DASHBOARD, DASHBOARD_PATH, AGENCY_NAME, AGENCY_LOGO];

/// The dashboard; `None` where there is to be none.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Dashboard> {
    let wanted = reader.flag(&DASHBOARD).unwrap_or(true);
    let dashboard = reader.parse(&DASHBOARD_PATH, |path| Dashboard::at(path).ok())?;
    let name = reader.text(&AGENCY_NAME).unwrap_or_default();
    let logo = reader.try_parse(&AGENCY_LOGO, load_logo);
    let dashboard = dashboard.name(name);
    wanted.then(|| logo.into_iter().fold(dashboard, Dashboard::logo))
}

fn load_logo(path: &str) -> Result<Logo, String> {
    let path = PathBuf::from(path);
    let media_type = match path.extension().and_then(|ending| ending.to_str()) {
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("webp") => "image/webp",
        _ => "",
    };
    let bytes =
        std::fs::read(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    Logo::new(media_type, bytes)
        .map_err(|error| error.fields().first().map(|fault| fault.message.clone()).unwrap_or_default())
}
