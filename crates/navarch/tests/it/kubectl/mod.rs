//! kubectl against real containers: each command as a person types it, and what it prints.

mod objects;
mod rollouts;
mod streams;
