//! The contracts of the ports that have no tests of their own here, and that every suite catches implementations that break it.

mod cache;
mod mailer;
mod n8n_api;
mod small;
mod store;

/// Whether a case fails.
async fn fails(case: impl Future<Output = ()> + Send + 'static) -> bool {
    tokio::spawn(case).await.is_err_and(|ended| ended.is_panic())
}
