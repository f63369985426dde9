//! Tables that are the same for both families of addresses, whose elements and chains of verdicts come and go while their rules stay.
//!
//! How a table is laid out is part of its name. So a program that lays it out otherwise makes its own beside the one that there is, fills
//! it, and only then removes that: there is no moment without any. `nft` may refuse to declare a table that is there, for a moment or
//! because somebody else has made something else of it: then another is made beside it in the same way, and if that is refused too, what
//! there is stays as it is.

use std::collections::{HashMap, HashSet};
use std::io;

use super::Netfilter;
use super::chains;
use super::elements::{self, Element, Transaction};
use super::structure::{self, Structure};
use super::watch::Watch;
use crate::error::RulesError;
use crate::family::Family;
use crate::nft::Nft;

mod changes;
mod layout;
mod names;

use changes::{Changes, Made, by_family, of_family};
pub(crate) use layout::{Layout, Record};

/// Both, in the order in which they are looked at.
pub(crate) const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// The tables, in the network namespace of the thread that made this.
pub(crate) struct Tables<L> {
    layout: L,
    nft: Nft,
    netfilter: Netfilter,
    /// Those that this process has declared.
    known: HashMap<Family, Known>,
}

#[derive(Debug, Clone)]
struct Known {
    table: String,
    /// The chains of verdicts that this process has made.
    chains: HashSet<String>,
    /// What it is made of, where it is known that nobody else has changed that since it was made.
    shape: Option<Shape>,
}

/// How often a table is declared until nobody else changes anything meanwhile.
const LAYINGS: u32 = 3;

/// What a table is made of, and what is in the sets that its declaration fills.
type Shape = (Structure, HashSet<Element>);

impl<L: Layout> Tables<L> {
    /// Changes nothing.
    pub(crate) fn open(layout: L) -> Result<Self, RulesError> {
        Ok(Self {
            layout,
            nft: Nft::find()?,
            netfilter: Netfilter::open()?,
            known: HashMap::new(),
        })
    }

    /// Listens for what others change of them.
    pub(crate) fn watch(&self) -> io::Result<Watch> {
        let name = self.layout.name().to_owned();
        self.netfilter
            .watch(move |table| names::is_of(&name, table))
    }

    /// For tests of what is when `nft` refuses.
    #[cfg(test)]
    pub(crate) fn run_instead_of_nft(&mut self, program: &str) {
        self.nft = Nft::at(program);
    }

    /// By which else netfilter is asked.
    pub(crate) fn netfilter(&mut self) -> &mut Netfilter {
        &mut self.netfilter
    }

    /// Whether there is a table of that family.
    pub(crate) fn has(&self, family: Family) -> bool {
        self.known.contains_key(&family)
    }

    /// Lays the tables out anew where the same layout has something else in it.
    pub(crate) fn declare(&mut self, layout: L) -> Result<(), RulesError> {
        self.layout = layout;
        for family in FAMILIES {
            let Some(known) = self.known.get_mut(&family) else {
                continue;
            };
            known.shape = None;
            let table = known.table.clone();
            let shape = self.lay_out(&table, family)?;
            if let Some(known) = self.known.get_mut(&family) {
                known.shape = shape;
            }
        }
        Ok(())
    }

    /// Has the tables hold exactly this, whatever is in them: what differs is changed in one transaction.
    pub(crate) fn replace(
        &mut self,
        wanted: impl Iterator<Item = L::Record>,
    ) -> Result<(), RulesError> {
        self.known.clear();
        let wanted: Vec<L::Record> = wanted.collect();
        let mut changes = Changes {
            made: self.make(&wanted)?,
            ..Changes::default()
        };
        for family in FAMILIES {
            if self.has(family) {
                self.compare(family, &wanted, &mut changes)?;
            }
        }
        self.commit_and_follow(&changes)?;
        for family in FAMILIES {
            self.remove_others(family)?;
        }
        Ok(())
    }

    /// Whether they are known to be as they were made, and to hold exactly this. Changes nothing.
    pub(crate) fn is_intact(
        &mut self,
        wanted: impl Iterator<Item = L::Record>,
    ) -> Result<bool, RulesError> {
        let wanted: Vec<L::Record> = wanted.collect();
        for family in FAMILIES {
            let of_family = of_family(&wanted, family);
            let Some(known) = self.known.get(&family).cloned() else {
                match of_family.is_empty() {
                    true => continue,
                    false => return Ok(false),
                }
            };
            if known.shape.is_none() || self.shape(family)? != known.shape {
                return Ok(false);
            }
            let there: HashSet<Element> = self.list(family, L::SETS)?.into_iter().collect();
            if there != of_family {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Changes what is there: all of it or nothing. Chains that nothing leads to any more stay until the next [`Tables::replace`].
    pub(crate) fn change(
        &mut self,
        removed: &[L::Record],
        added: &[L::Record],
    ) -> Result<(), RulesError> {
        for record in added {
            // Of a family that had none, others have made what there is of our name.
            if !self.has(record.family()) {
                self.remove_others(record.family())?;
            }
        }
        let changes = Changes {
            made: self.make(added)?,
            removed: by_family(removed),
            added: by_family(added),
            left: Vec::new(),
        };
        self.commit_and_follow(&changes)
    }

    fn commit_and_follow(&mut self, changes: &Changes) -> Result<(), RulesError> {
        let before = self.known.iter().map(|(of, it)| (*of, it.shape.clone()));
        let before: Vec<_> = before.collect();
        self.commit(changes)?;
        for (family, before) in before {
            self.follow(family, before, changes);
        }
        Ok(())
    }

    /// What a table is made of has changed by these chains, if somebody else has not changed it as well.
    fn follow(&mut self, family: Family, before: Option<Shape>, changes: &Changes) {
        let chains: Vec<&str> = changes.chains(family).collect();
        let Some((structure, fixed)) = before.filter(|_| !chains.is_empty()) else {
            return;
        };
        // What is not known is made anew at the next comparison.
        let after = self.shape(family).ok().flatten();
        let after = after.filter(|(now, fixed_now)| {
            now.differs_by_chains(&structure, &chains) && *fixed_now == fixed
        });
        if let Some(known) = self.known.get_mut(&family) {
            known.shape = after;
        }
    }

    /// Removes elements that are none of the records.
    pub(crate) fn remove(&mut self, family: Family, elements: Vec<Element>) -> io::Result<()> {
        let changes = Changes {
            removed: vec![(family, elements)],
            ..Changes::default()
        };
        self.transaction(&changes)
    }

    /// What sets hold.
    pub(crate) fn list(
        &mut self,
        family: Family,
        sets: &[&'static str],
    ) -> io::Result<Vec<Element>> {
        let Some(known) = self.known.get(&family) else {
            return Ok(Vec::new());
        };
        let mut all = Vec::new();
        for set in sets {
            let netfilter = &mut self.netfilter;
            all.extend(elements::list(
                netfilter,
                family.number(),
                &known.table,
                set,
            )?);
        }
        Ok(all)
    }

    /// What is to be changed of a family.
    fn compare(
        &mut self,
        family: Family,
        wanted: &[L::Record],
        changes: &mut Changes,
    ) -> Result<(), RulesError> {
        let Some(known) = self.known.get(&family).cloned() else {
            return Ok(());
        };
        let mut left = chains::list(&mut self.netfilter, family.number(), &known.table)?;
        let made = changes.made.iter().filter(|(of, ..)| *of == family);
        let made: HashSet<&str> = made.map(|(_, name, _)| name.as_str()).collect();
        left.retain(|name| L::is_of_verdict(name) && !made.contains(name.as_str()));
        let left = left.into_iter().map(|name| (family, name));
        changes.left.extend(left);
        let wanted = of_family(wanted, family);
        // The kernel may list an element twice when others change meanwhile.
        let there: HashSet<Element> = self.list(family, L::SETS)?.into_iter().collect();
        let extra = there.difference(&wanted).cloned().collect();
        changes.removed.push((family, extra));
        let mut missing: Vec<Element> = wanted.difference(&there).cloned().collect();
        missing.sort_by_key(|element| element.set);
        changes.added.push((family, missing));
        Ok(())
    }

    /// Declares the tables that records need; returns the chains that they need. What is known to be there is left.
    fn make(&mut self, records: &[L::Record]) -> Result<Vec<Made>, RulesError> {
        for family in FAMILIES {
            let is_needed = records.iter().any(|record| record.family() == family);
            if is_needed && !self.has(family) {
                let (table, shape) = self.declare_any(family)?;
                let known = Known {
                    table,
                    chains: HashSet::new(),
                    shape,
                };
                self.known.insert(family, known);
            }
        }
        let (mut made, mut names) = (Vec::new(), HashSet::new());
        for record in records {
            let family = record.family();
            let Some(known) = self.known.get(&family) else {
                continue;
            };
            if let Some((name, rules)) = record.chain()
                && !known.chains.contains(&name)
                && names.insert((family, name.clone()))
            {
                made.push((family, name, rules));
            }
        }
        Ok(made)
    }

    /// In the first place where it is not refused. Returns its name, and what it is made of.
    fn declare_any(&mut self, family: Family) -> Result<(String, Option<Shape>), RulesError> {
        let mut refused = None;
        for table in names::of(self.layout.name(), &L::form(family)) {
            match self.lay_out(&table, family) {
                Ok(shape) => return Ok((table, shape)),
                Err(error) => {
                    tracing::warn!(%error, table, "a table could not be declared");
                    refused.get_or_insert(error);
                }
            }
        }
        Err(refused.unwrap_or(RulesError::NftMissing))
    }

    /// Declares a table, and looks at what it is made of then: again, where others have changed anything before that was seen, for it may be of
    /// this table. Not known in the end, it is as if others had changed it, and is laid out anew at the next comparison.
    fn lay_out(&mut self, table: &str, family: Family) -> Result<Option<Shape>, RulesError> {
        let declaration = self.layout.declaration(table, family);
        for turn in 0..LAYINGS {
            let before = self.netfilter.generation().ok();
            match self.nft.apply(&declaration) {
                // It is there by an earlier turn.
                Err(_) if turn > 0 => return Ok(None),
                done => done?,
            }
            let shape = self.shape_of(table, family).ok().flatten();
            let ours = before.map(|before| before.wrapping_add(1));
            if ours.is_some() && ours == self.netfilter.generation().ok() {
                return Ok(shape);
            }
        }
        Ok(None)
    }

    fn commit(&mut self, changes: &Changes) -> Result<(), RulesError> {
        self.transaction(changes)?;
        let made = changes.made.iter().map(|(family, name, _)| (family, name));
        let left = changes.left.iter().map(|(family, name)| (family, name));
        for (family, name) in made.clone().chain(left) {
            if let Some(known) = self.known.get_mut(family) {
                known.chains.remove(name);
                known.shape = None;
            }
        }
        for (family, name) in made {
            if let Some(known) = self.known.get_mut(family) {
                known.chains.insert(name.clone());
            }
        }
        Ok(())
    }

    fn transaction(&mut self, changes: &Changes) -> io::Result<()> {
        let known = self.known.iter();
        let messages = known.flat_map(|(family, known)| changes.messages(*family, &known.table));
        self.netfilter.transaction(&messages.collect::<Vec<_>>())
    }

    /// Removes the tables of other layouts, and of the programs that had no layout in their names.
    fn remove_others(&mut self, family: Family) -> io::Result<()> {
        let own = self.known.get(&family).map(|known| known.table.as_str());
        let netfilter = &mut self.netfilter;
        let mut others = structure::tables(netfilter, family.number())?;
        others
            .retain(|table| names::is_of(self.layout.name(), table) && Some(table.as_str()) != own);
        for table in others {
            tracing::info!(table, %family, "a table of another layout goes");
            let mut transaction = Transaction::new(&table);
            transaction.remove_table(family.number());
            transaction.commit(netfilter)?;
        }
        Ok(())
    }

    fn shape(&mut self, family: Family) -> io::Result<Option<Shape>> {
        let Some(known) = self.known.get(&family) else {
            return Ok(None);
        };
        let table = known.table.clone();
        self.shape_of(&table, family)
    }

    fn shape_of(&mut self, table: &str, family: Family) -> io::Result<Option<Shape>> {
        let netfilter = &mut self.netfilter;
        let structure = Structure::of(netfilter, family.number(), table)?;
        let mut fixed = HashSet::new();
        for set in L::FIXED {
            fixed.extend(elements::list(netfilter, family.number(), table, set)?);
        }
        Ok(structure.map(|structure| (structure, fixed)))
    }
}

/// Removes all tables of that name and any layout, in the network namespace of the calling thread.
pub(crate) fn remove_all(name: &str) -> Result<(), RulesError> {
    // No table was made without it.
    if matches!(Nft::find(), Err(RulesError::NftMissing)) {
        return Ok(());
    }
    let mut netfilter = Netfilter::open()?;
    for family in FAMILIES {
        for table in structure::tables(&mut netfilter, family.number())? {
            if names::is_of(name, &table) {
                let mut transaction = Transaction::new(&table);
                transaction.remove_table(family.number());
                transaction.commit(&mut netfilter)?;
            }
        }
    }
    Ok(())
}
