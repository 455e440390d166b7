//! What pages load: one style sheet, one script, and the agency's logo.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::LazyLock,
};

use bytes::Bytes;

use super::Dashboard;

const STYLE: &str = include_str!("../../assets/dashboard.css");
const SCRIPT: &str = include_str!("../../assets/dashboard.js");
const ICON: &str = include_str!("../../assets/icon.svg");

/// Another one for another style sheet or script.
pub(super) fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let mut hasher = DefaultHasher::new();
        (STYLE, SCRIPT).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    });
    &VERSION
}

/// The asset of a name, with its media type.
pub(crate) fn asset(name: &str, dashboard: &Dashboard) -> Option<(&'static str, Bytes)> {
    match name {
        "dashboard.css" => Some(("text/css; charset=utf-8", Bytes::from_static(STYLE.as_bytes()))),
        "dashboard.js" => Some(("text/javascript; charset=utf-8", Bytes::from_static(SCRIPT.as_bytes()))),
        "icon.svg" => Some(("image/svg+xml", Bytes::from_static(ICON.as_bytes()))),
        "logo" => dashboard.picture().map(|logo| (logo.media_type, logo.bytes.clone())),
        _ => None,
    }
}
