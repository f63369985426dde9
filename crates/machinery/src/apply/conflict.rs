//! Fields that somebody else owns.

use std::fmt;

use super::entry::Entry;
use super::set::Set;

/// A field that somebody applies and somebody else owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Who owns it, as messages say it: `"kubectl" with subresource "scale" using apps/v1`.
    pub manager: String,
    /// The field: `.spec.replicas`.
    pub field: String,
}

/// Why an object cannot be applied without force. There is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflicts(pub Vec<Conflict>);

impl std::error::Error for Conflicts {}

/// The conflicts of what is applied with what others own, in the order in which they are told.
pub(super) fn of_managers(owned: &[(&Entry<'_>, Set<'_>)]) -> Conflicts {
    let mut conflicts = Vec::new();
    for (entry, fields) in owned {
        let manager = shown(entry);
        conflicts.extend(fields.paths().into_iter().map(|field| Conflict {
            manager: manager.clone(),
            field,
        }));
    }
    conflicts.sort_by(|a, b| a.manager.cmp(&b.manager));
    Conflicts(conflicts)
}

fn shown(entry: &Entry<'_>) -> String {
    let mut text = format!("{:?}", entry.manager);
    if !entry.subresource.is_empty() {
        text += &format!(" with subresource {:?}", entry.subresource);
    }
    if !entry.applied {
        text += &format!(" using {}", entry.api_version);
    }
    text
}

impl fmt::Display for Conflicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [Conflict { manager, field }] = &*self.0 {
            return write!(
                f,
                "Apply failed with 1 conflict: conflict with {manager}: {field}"
            );
        }
        write!(f, "Apply failed with {} conflicts: ", self.0.len())?;
        let mut last = None;
        for (at, Conflict { manager, field }) in self.0.iter().enumerate() {
            if last != Some(manager) {
                let line = if at == 0 { "" } else { "\n" };
                write!(f, "{line}conflicts with {manager}:")?;
                last = Some(manager);
            }
            write!(f, "\n- {field}")?;
        }
        Ok(())
    }
}
