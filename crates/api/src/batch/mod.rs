//! The group `batch`.

mod cron_job;
mod job;
pub mod schedule;
mod time_zone;
