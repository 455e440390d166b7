//! `migrate`: creates, updates, undoes and shows the schema.

use crate::{
    cli::MigrateCommand,
    failure::{Failure, Outcome},
    logs, settings,
    settings::Vars,
    terminal::say,
    wiring,
};

/// Runs the command.
///
/// # Errors
/// When a setting is not valid or the database refuses.
pub(crate) async fn run(vars: &Vars, command: &MigrateCommand) -> Outcome {
    let (database, log_settings) =
        settings::read_for_migration(vars).map_err(|faults| Failure::new(faults.to_string()))?;
    logs::start_command(&log_settings)?;
    let store = wiring::connect(&database, database.owner()).await?;
    let failed = |error| wiring::database_failure(database.owner(), &error);
    match command {
        MigrateCommand::Up => {
            store.migrate_up().await.map_err(failed)?;
            if database.migration.is_some() {
                let application = wiring::connect(&database, &database.database).await?;
                wiring::admit(&database, &store, &application).await?;
                application.close().await;
            }
        }
        MigrateCommand::Down { to } => store.migrate_down(*to).await.map_err(failed)?,
        MigrateCommand::Status => {}
    }
    for migration in store.migration_status().await.map_err(failed)? {
        let state = if migration.applied { "applied" } else { "not applied" };
        let name = if migration.name.is_empty() { "(not known to this version)" } else { &migration.name };
        say(&format!("{:>4}  {state:<11}  {name}", migration.version));
    }
    store.close().await;
    Ok(())
}
