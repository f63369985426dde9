//! Label and field selectors. What a label selector is written as must be read as the same again.
#![no_main]

use std::borrow::Cow;
use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use navarch_machinery::fields;
use navarch_machinery::labels::Selector;

fuzz_target!(|text: &str| {
    if let Ok(selector) = Selector::parse(text) {
        let written = selector.to_string();
        let again = Selector::parse(&written).unwrap();
        assert_eq!(again.to_string(), written);
        for labels in [BTreeMap::new(), BTreeMap::from([("a".to_owned(), "1".to_owned())])] {
            assert_eq!(selector.matches(&labels), again.matches(&labels));
        }
    }
    if let Ok(selector) = fields::Selector::parse(text) {
        selector.matches(|field| Some(Cow::Owned(field.to_owned())));
        selector.terms();
    }
});
