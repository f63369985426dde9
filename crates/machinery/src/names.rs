//! What names may look like. Each check answers the list of Kubernetes' messages, empty if all is well.

/// What is wrong with a name, in words; empty if nothing.
pub type Findings = Vec<String>;

mod dns;
mod generate;
mod ip;
mod keys;
mod numbers;
#[cfg(test)]
mod tests;

pub use dns::{
    is_dns1035_label, is_dns1123_label, is_dns1123_subdomain, is_dns1123_subdomain_with_underscore,
    is_fully_qualified_domain_name, is_fully_qualified_name, is_wildcard_dns1123_subdomain,
};
pub use generate::generate;
pub use ip::{
    is_valid_cidr, is_valid_cidr_for_legacy_field, is_valid_interface_address, is_valid_ip,
    is_valid_ip_for_legacy_field, masked, parse_cidr_sloppy, parse_ip_sloppy, warnings_for_cidr,
    warnings_for_ip,
};
pub use keys::{
    is_c_identifier, is_config_map_key, is_domain_prefixed_path, is_env_var_name,
    is_http_header_name, is_label_value, is_qualified_name, is_relaxed_env_var_name,
};
pub use numbers::{
    is_in_range, is_port_name, is_port_number, is_valid_group_id, is_valid_percent,
    is_valid_user_id,
};

/// `must be no more than 63 characters`.
pub fn max_len_error(length: usize) -> String {
    format!("must be no more than {length} characters")
}

/// `must be non-empty`.
pub fn empty_error() -> String {
    "must be non-empty".to_owned()
}

/// `must be between 1 and 65535, inclusive`.
pub fn inclusive_range_error(low: i64, high: i64) -> String {
    format!("must be between {low} and {high}, inclusive")
}

/// `MESSAGE (e.g. 'a',  or 'b', regex used for validation is 'REGEX')`.
pub fn regex_error(message: &str, regex: &str, examples: &[&str]) -> String {
    if examples.is_empty() {
        return format!("{message} (regex used for validation is '{regex}')");
    }
    let examples: Vec<String> = examples
        .iter()
        .map(|example| format!("'{example}', "))
        .collect();
    format!(
        "{message} (e.g. {}regex used for validation is '{regex}')",
        examples.join(" or ")
    )
}
