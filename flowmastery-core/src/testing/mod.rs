//! What tests put in the place of the world, and the contracts that every implementation of a port keeps.

pub mod clock;
pub mod contract;
pub mod entropy;
pub mod mailer;
