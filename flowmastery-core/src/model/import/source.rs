//! The records of a Python FlowMastery as they stand there, and which of them can be taken over.

use secrecy::{ExposeSecret, SecretString};

use crate::{
    clock::Timestamp,
    id::{ClientId, ExecutionId, UserId},
    model::{
        email::Email,
        execution::{Class, Execution, Status},
        user::Role,
        workflow::{TimeSaved, Workflow, WorkflowId},
    },
};

/// A user there.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "postgres", derive(sqlx::FromRow))]
pub struct SourceUser {
    /// Its id there.
    pub id: String,
    /// As typed there.
    pub email: String,
    /// bcrypt, if it is one.
    #[cfg_attr(feature = "postgres", sqlx(try_from = "String"))]
    pub hashed_password: SecretString,
    /// In lower case.
    pub role: String,
    /// Whether the user may sign in.
    pub is_active: bool,
    /// The id of the user's client there.
    pub client_id: Option<String>,
    /// The id of the admin who made it.
    pub created_by: Option<String>,
    /// When the user last signed in.
    pub last_login: Option<Timestamp>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
}

/// A client there.
#[derive(Clone, Debug)]
pub struct SourceClient {
    /// Its id there.
    pub id: String,
    /// Any text.
    pub name: String,
    /// As typed there.
    pub n8n_api_url: Option<String>,
    /// See [`crate::secret::python`].
    pub n8n_api_key: Option<SecretString>,
    /// The id of the admin who made it.
    pub created_by: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
}

/// A pending invitation there.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "postgres", derive(sqlx::FromRow))]
pub struct SourceInvitation {
    /// Its id there.
    pub id: String,
    /// As typed there.
    pub email: String,
    /// In lower case.
    pub role: String,
    /// The id of the client there.
    pub client_id: Option<String>,
    /// The id of the admin who invited.
    pub invited_by: Option<String>,
    /// When it stops being acceptable.
    pub expiry_date: Option<Timestamp>,
}

/// A workflow there.
#[derive(Clone, Debug)]
pub struct SourceWorkflow {
    /// Its id there.
    pub id: String,
    /// As n8n lists it.
    pub workflow: Workflow,
    /// Minutes of manual work that a successful execution saves.
    pub time_saved: i64,
}

/// An execution there.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "postgres", derive(sqlx::FromRow))]
pub struct SourceExecution {
    /// Its id there.
    pub id: String,
    /// n8n's number of it.
    pub number: String,
    /// n8n's id of its workflow; `None` when the workflow is not there.
    pub workflow: Option<String>,
    /// Whether its workflow is another client's.
    pub is_foreign: bool,
    /// n8n's word, in lower case.
    pub status: String,
    /// n8n's word, in lower case.
    pub mode: Option<String>,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub stopped_at: Option<Timestamp>,
    /// Whether it counts as production there.
    pub is_production: Option<bool>,
    /// n8n's number of the execution that it retries.
    pub retry_of: Option<String>,
}

/// How many executions of a client are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceHistory {
    /// All of them.
    pub rows: i64,
    /// How many numbers between the client's lowest and highest belong to other clients. n8n's numbers were kept once for all clients there,
    /// so executions of this client with these numbers are lost or overwritten.
    pub shared: i64,
}

/// A user to be stored.
#[derive(Clone, Debug)]
pub struct ImportedUser {
    /// Unique over all users.
    pub email: Email,
    /// bcrypt.
    pub hashed_password: SecretString,
    /// The role, and for client users the client.
    pub role: Role,
    /// The client of a client user.
    pub client_id: Option<ClientId>,
    /// Whether the user may sign in.
    pub is_active: bool,
    /// The admin who made it.
    pub created_by_admin_id: Option<UserId>,
    /// When the user last signed in.
    pub last_login: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A workflow to be stored.
#[derive(Clone, Debug)]
pub struct ImportedWorkflow {
    /// As n8n lists it.
    pub workflow: Workflow,
    /// Minutes of manual work that a successful execution saves.
    pub time_saved: TimeSaved,
}

/// An execution that can be taken over, and what is odd about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedExecution {
    /// The execution.
    pub execution: Execution,
    /// What is lost of it.
    pub oddity: Option<&'static str>,
    /// Whether it counts in other numbers than there.
    pub is_reclassified: bool,
}

impl SourceUser {
    /// Whether what is stored of the password can be verified.
    pub fn has_bcrypt(&self) -> bool {
        let hash = self.hashed_password.expose_secret();
        hash.len() == 60 && ["$2a$", "$2b$", "$2y$"].iter().any(|form| hash.starts_with(form))
    }
}

impl SourceExecution {
    /// Reads an execution.
    ///
    /// # Errors
    /// Why it cannot be taken over.
    pub fn judge(&self) -> Result<JudgedExecution, &'static str> {
        let id = parse_number(&self.number).ok_or("its n8n_execution_id is no whole number")?;
        if self.is_foreign {
            return Err("its workflow is another client's, so it was overwritten there");
        }
        let workflow = self.workflow.as_deref().filter(|workflow| !workflow.is_empty());
        let workflow = workflow.ok_or("its workflow is not there")?;
        let status = Status::from_n8n(&self.status);
        if self.started_at.or(self.stopped_at).is_none()
            && (status.is_terminal() || status == Status::Unknown)
        {
            return Err("it has ended, and neither its start nor its end is there");
        }
        let mode = match (self.mode.as_deref(), self.is_production) {
            (Some(mode), _) if !mode.is_empty() => mode,
            (_, Some(false)) => "manual",
            _ => "unknown",
        };
        let ends_early = self.started_at.zip(self.stopped_at).is_some_and(|(start, stop)| stop < start);
        let oddity = match status {
            Status::Unknown => Some("its status is none of n8n's; it counts as unknown"),
            _ if ends_early => Some("it ends before it starts; it has no duration"),
            _ => None,
        };
        let execution = Execution {
            id,
            workflow_id: WorkflowId::from(workflow),
            status,
            mode: mode.into(),
            started_at: self.started_at,
            stopped_at: self.stopped_at,
            retry_of: self.retry_of.as_deref().and_then(parse_number),
            retry_success_id: None,
        };
        let counted = execution.class() == Class::Production;
        let is_reclassified = self.is_production.is_some_and(|there| there != counted);
        Ok(JudgedExecution { execution, oddity, is_reclassified })
    }
}

/// A number of n8n: up to 18 digits, so that it fits.
fn parse_number(text: &str) -> Option<ExecutionId> {
    let is_number = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn execution() -> SourceExecution {
        SourceExecution {
            id: "uuid".to_owned(),
            number: "7".to_owned(),
            workflow: Some("w".to_owned()),
            is_foreign: false,
            status: "success".to_owned(),
            mode: Some("webhook".to_owned()),
            started_at: Some(Timestamp::from_millis(1000)),
            stopped_at: Some(Timestamp::from_millis(3000)),
            is_production: Some(true),
            retry_of: Some("5".to_owned()),
        }
    }

    #[test]
    fn a_good_execution_is_taken_over_as_it_is() {
        let judged = execution().judge().unwrap();
        assert_eq!((judged.oddity, judged.is_reclassified), (None, false));
        assert_eq!((judged.execution.id, judged.execution.retry_of), (ExecutionId(7), Some(ExecutionId(5))));
        assert_eq!(judged.execution.duration_millis(), Some(2000));
    }

    #[test]
    fn what_cannot_be_counted_is_refused_with_its_reason() {
        let refused = |execution: SourceExecution| execution.judge().unwrap_err();
        for number in ["", "x", "-7", "+7", "7.0", " 7", "1234567890123456789"] {
            let number = number.to_owned();
            assert!(refused(SourceExecution { number, ..execution() }).contains("whole number"));
        }
        assert!(refused(SourceExecution { workflow: None, ..execution() }).contains("workflow is not there"));
        assert!(refused(SourceExecution { is_foreign: true, ..execution() }).contains("overwritten"));
        let timeless = SourceExecution { started_at: None, stopped_at: None, ..execution() };
        assert!(refused(timeless.clone()).contains("neither its start nor its end"));
        assert!(SourceExecution { status: "new".to_owned(), ..timeless }.judge().is_ok());
    }

    #[test]
    fn what_is_odd_is_taken_over_and_said() {
        let odd = |execution: SourceExecution| {
            let judged = execution.judge().unwrap();
            (judged.oddity.unwrap_or_default(), judged)
        };
        let (text, judged) = odd(SourceExecution { status: "exploded".to_owned(), ..execution() });
        assert!(text.contains("none of n8n's") && judged.execution.status == Status::Unknown);
        let (text, judged) =
            odd(SourceExecution { stopped_at: Some(Timestamp::from_millis(0)), ..execution() });
        assert!(text.contains("before it starts") && judged.execution.duration_millis().is_none());
    }

    #[test]
    fn classes_follow_the_mode_and_a_missing_mode_the_flag() {
        let of = |mode: Option<&str>, is_production| {
            let mode = mode.map(str::to_owned);
            let judged = SourceExecution { mode, is_production, ..execution() }.judge().unwrap();
            (judged.execution.class(), judged.is_reclassified)
        };
        assert_eq!(of(Some("manual"), Some(true)), (Class::Manual, true));
        assert_eq!(of(Some("cli"), Some(false)), (Class::Other, false));
        assert_eq!(of(None, Some(false)), (Class::Manual, false));
        assert_eq!(of(None, None), (Class::Production, false));
    }

    #[test]
    fn only_bcrypt_can_be_verified() {
        let user = |hash: &str| SourceUser {
            id: String::new(),
            email: String::new(),
            hashed_password: hash.into(),
            role: String::new(),
            is_active: true,
            client_id: None,
            created_by: None,
            last_login: None,
            created_at: None,
        };
        assert!(user(&format!("$2b$12${}", "a".repeat(53))).has_bcrypt());
        assert!(!user("").has_bcrypt() && !user("$2b$12$short").has_bcrypt());
    }
}
