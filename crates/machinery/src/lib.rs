//! Objects, selectors, quantities, field errors, patches and codecs; names no resource.
