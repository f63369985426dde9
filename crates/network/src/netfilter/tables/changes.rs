//! What is changed of tables in one transaction.

use std::collections::HashSet;

use super::FAMILIES;
use super::layout::Record;
use crate::family::Family;
use crate::netfilter::chains::Rule;
use crate::netfilter::elements::{Element, Transaction};
use crate::netfilter::socket::Message;

/// A chain of verdicts to be made.
pub(super) type Made = (Family, String, Vec<Rule>);

/// In this order: so nothing leads to what is not there.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) made: Vec<Made>,
    pub(super) removed: Vec<(Family, Vec<Element>)>,
    pub(super) added: Vec<(Family, Vec<Element>)>,
    /// Chains that nothing leads to any more.
    pub(super) left: Vec<(Family, String)>,
}

impl Changes {
    /// The chains of a family that come or go.
    pub(super) fn chains(&self, family: Family) -> impl Iterator<Item = &str> {
        let made = self.made.iter().map(|(of, name, _)| (of, name));
        let left = self.left.iter().map(|(of, name)| (of, name));
        let all = made.chain(left).filter(move |(of, _)| **of == family);
        all.map(|(_, name)| name.as_str())
    }

    /// What is asked for, of a family's table.
    pub(super) fn messages(&self, family: Family, table: &str) -> Vec<Message> {
        let mut transaction = Transaction::new(table);
        let number = family.number();
        for (_, name, rules) in self.made.iter().filter(|(of, ..)| *of == family) {
            transaction.chain(number, name, rules);
        }
        for (_, elements) in self.removed.iter().filter(|(of, _)| *of == family) {
            transaction.remove(number, elements);
        }
        for (_, elements) in self.added.iter().filter(|(of, _)| *of == family) {
            transaction.add(number, elements);
        }
        for (_, name) in self.left.iter().filter(|(of, _)| *of == family) {
            transaction.remove_chain(number, name);
        }
        transaction.messages
    }
}

/// Those of a family, as the kernel has them.
pub(super) fn of_family<R: Record>(records: &[R], family: Family) -> HashSet<Element> {
    let of_family = records.iter().filter(|record| record.family() == family);
    of_family.map(Record::element).collect()
}

/// The same of both.
pub(super) fn by_family<R: Record>(records: &[R]) -> Vec<(Family, Vec<Element>)> {
    let of = |family| {
        let of_family = records.iter().filter(|record| record.family() == family);
        (family, of_family.map(Record::element).collect())
    };
    FAMILIES.map(of).into()
}
