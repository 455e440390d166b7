//! The pages before somebody is signed in: signing in, accepting an invitation, and another password for who forgot theirs.

use askama::Template;

use super::Chrome;

/// Where one signs in.
#[derive(Template)]
#[template(path = "sign-in.html")]
pub(crate) struct SignInPage {
    pub(crate) chrome: Chrome,
    /// What was entered before.
    pub(crate) email: String,
    /// Where to go from there.
    pub(crate) next: String,
}

/// Where an invitation becomes an account.
#[derive(Template)]
#[template(path = "accept-invitation.html")]
pub(crate) struct AcceptPage {
    pub(crate) chrome: Chrome,
    pub(crate) token: String,
    pub(crate) email: String,
    /// What one will see: a client's numbers, or everything.
    pub(crate) sees: String,
}

/// Where one asks for a link to choose another password.
#[derive(Template)]
#[template(path = "forgot-password.html")]
pub(crate) struct ForgotPage {
    pub(crate) chrome: Chrome,
    pub(crate) sent: bool,
}

/// Where another password is chosen.
#[derive(Template)]
#[template(path = "reset-password.html")]
pub(crate) struct ResetPage {
    pub(crate) chrome: Chrome,
    pub(crate) token: String,
    pub(crate) done: bool,
}

/// A page that asks for another one from here, so that a browser that came from elsewhere sends its cookies along.
#[derive(Template)]
#[template(path = "again.html")]
pub(crate) struct AgainPage {
    pub(crate) chrome: Chrome,
    pub(crate) to: String,
}
