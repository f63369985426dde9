//! Component statuses: whether the parts of the control plane are well. They are never stored.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ComponentStatus;
use serde_json::Value;

use crate::cell;
use crate::def::Column;
use crate::naming;
use crate::strategy::Hooks;

impl Hooks for ComponentStatus {
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Status",
            "string",
            "",
            0,
            "Status of the component conditions",
        ),
        Column::of(
            "Message",
            "string",
            "",
            0,
            "Message of the component conditions",
        ),
        Column::of(
            "Error",
            "string",
            "",
            0,
            "Error of the component conditions",
        ),
    ];

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn cells(&self, _: Timestamp) -> Vec<Value> {
        let mut conditions = self.conditions.iter().flatten();
        let health = conditions.find(|condition| condition.type_ == "Healthy");
        let status = match health.map(|health| &*health.status) {
            None => "Unknown",
            Some("True") => "Healthy",
            Some(_) => "Unhealthy",
        };
        let text = |text: Option<&String>| Value::from(text.cloned().unwrap_or_default());
        vec![
            cell::name(&self.metadata),
            status.into(),
            text(health.and_then(|health| health.message.as_ref())),
            text(health.and_then(|health| health.error.as_ref())),
        ]
    }
}
