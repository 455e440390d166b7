//! The dashboard's pages: what is on them and how it looks. Which page answers which request stands in the route table.
//!
//! A page is a struct with a template beside it in `templates`; templates escape whatever is put into them. Everything that a browser loads for
//! it comes from here.

pub(crate) mod asked;
mod assets;
pub(crate) mod audit;
mod brand;
pub(crate) mod chart;
pub(crate) mod client;
pub(crate) mod clients;
pub(crate) mod overview;
mod page;
pub(crate) mod people;
pub(crate) mod report;
pub(crate) mod session;
pub(crate) mod sheet;
pub(crate) mod words;

pub use self::brand::{Dashboard, Logo};
pub(crate) use self::{
    assets::asset,
    page::{Chrome, Notice, Section, answer, html_of, problem, rendered},
};

/// Where the pages are unless a host says otherwise. Templates of routes always begin with it; what a host says stands in links and requests.
pub(crate) const PATH: &str = "/dashboard";
