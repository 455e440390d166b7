//! What becomes of what is taken over from a Python FlowMastery.

pub mod source;

use std::{collections::BTreeMap, fmt};

use crate::error::FieldError;

/// What is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ImportKind {
    /// Users.
    User,
    /// Clients.
    Client,
    /// Their n8n: address and key.
    Key,
    /// Their workflows, with the time that these save.
    Workflow,
    /// Pending invitations.
    Invitation,
    /// Executions.
    Execution,
}

impl ImportKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::User, Self::Client, Self::Key, Self::Workflow, Self::Invitation, Self::Execution];

    /// One of the kind.
    pub const fn one(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Client => "client",
            Self::Key => "key of client",
            Self::Workflow => "workflow",
            Self::Invitation => "invitation",
            Self::Execution => "execution",
        }
    }

    /// Several of the kind.
    pub const fn many(self) -> &'static str {
        match self {
            Self::User => "users",
            Self::Client => "clients",
            Self::Key => "n8n keys",
            Self::Workflow => "workflows",
            Self::Invitation => "pending invitations",
            Self::Execution => "executions",
        }
    }
}

/// What became of the records of a kind. Each is in one of the last three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportCount {
    /// How many there are.
    pub found: u64,
    /// How many were taken over now, or would be.
    pub imported: u64,
    /// How many were here already.
    pub present: u64,
    /// How many were left out.
    pub skipped: u64,
}

/// Something that whoever imports should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remark {
    /// Whether something was not taken over as it is there.
    pub is_fault: bool,
    /// What it is about.
    pub kind: ImportKind,
    /// The record's id there.
    pub source_id: String,
    /// A sentence without secrets.
    pub text: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.kind.one(), self.source_id, self.text)
    }
}

/// What an import did, or would do.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ImportReport {
    /// What became of the records of each kind.
    pub counts: BTreeMap<ImportKind, ImportCount>,
    /// In the order in which they came up.
    pub remarks: Vec<Remark>,
}

impl ImportReport {
    /// The counts of a kind, to be changed.
    pub fn count(&mut self, kind: ImportKind) -> &mut ImportCount {
        self.counts.entry(kind).or_default()
    }

    /// Notes what was not taken over as it is there.
    pub fn fault(&mut self, kind: ImportKind, source_id: &str, text: impl Into<String>) {
        self.remark(true, (kind, source_id), text.into());
    }

    /// Notes what is good to know.
    pub fn notice(&mut self, kind: ImportKind, source_id: &str, text: impl Into<String>) {
        self.remark(false, (kind, source_id), text.into());
    }

    fn remark(&mut self, is_fault: bool, (kind, source_id): (ImportKind, &str), text: String) {
        self.remarks.push(Remark { is_fault, kind, source_id: source_id.to_owned(), text });
    }

    /// Whether everything was taken over, or was here already.
    pub fn is_complete(&self) -> bool {
        self.remarks.iter().all(|remark| !remark.is_fault)
    }
}

/// The sentence of a fault that a constructor reports.
pub fn sentence(fault: &FieldError) -> String {
    format!("{}: {}", fault.field, fault.message)
}
