//! What tables are made of, as whoever has them says it.

use crate::family::Family;
use crate::netfilter::chains::Rule;
use crate::netfilter::elements::Element;

/// What tables are like.
pub(crate) trait Layout {
    /// What comes and goes.
    type Record: Record;
    /// The sets and maps that hold it.
    const SETS: &'static [&'static str];
    /// Those that the declaration itself fills.
    const FIXED: &'static [&'static str];

    /// What the names of the tables begin with.
    fn name(&self) -> &str;

    /// The transaction that makes a table of this name what it is to be, with what comes and goes left in it.
    fn declaration(&self, table: &str, family: Family) -> String;

    /// By which one layout is told from another.
    fn form(family: Family) -> String;

    /// Whether a chain of this name is one that a verdict led to, and is removed when none does any more.
    fn is_of_verdict(name: &str) -> bool;
}

/// An element, and where its verdict leads.
pub(crate) trait Record {
    fn family(&self) -> Family;

    fn element(&self) -> Element;

    /// The chain that it leads to, with its rules, where it is not one of those that are always there.
    fn chain(&self) -> Option<(String, Vec<Rule>)>;
}
