//! The admission plugins of Kubernetes 1.36 by name.

use super::AdmissionOptionsError;

/// The name of rules that are on whatever is said: in Kubernetes they are no plugins.
pub(in crate::admission) const ALWAYS: &str = "";

/// What becomes of a plugin here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plugin {
    /// It is there, and on unless it is disabled. Those that have nothing to do here are among these.
    On,
    /// It is there, and off unless it is enabled.
    Off,
    /// It is off, and cannot be enabled.
    Absent,
}

const PLUGINS: &[(&str, Plugin)] = &[
    ("AlwaysAdmit", Plugin::Absent),
    ("NamespaceAutoProvision", Plugin::Absent),
    ("NamespaceLifecycle", Plugin::On),
    ("NamespaceExists", Plugin::Absent),
    ("LimitPodHardAntiAffinityTopology", Plugin::Absent),
    ("LimitRanger", Plugin::On),
    ("ServiceAccount", Plugin::On),
    ("NodeRestriction", Plugin::On),
    ("TaintNodesByCondition", Plugin::On),
    ("AlwaysPullImages", Plugin::Off),
    ("ImagePolicyWebhook", Plugin::Absent),
    ("PodSecurity", Plugin::On),
    ("PodNodeSelector", Plugin::Absent),
    ("Priority", Plugin::On),
    ("DefaultTolerationSeconds", Plugin::On),
    ("PodTolerationRestriction", Plugin::Absent),
    ("EventRateLimit", Plugin::Off),
    ("ExtendedResourceToleration", Plugin::Absent),
    ("DefaultStorageClass", Plugin::On),
    ("StorageObjectInUseProtection", Plugin::On),
    ("PodGroupProtection", Plugin::On),
    ("OwnerReferencesPermissionEnforcement", Plugin::Absent),
    ("PersistentVolumeClaimResize", Plugin::On),
    ("RuntimeClass", Plugin::On),
    ("CertificateApproval", Plugin::On),
    ("CertificateSigning", Plugin::On),
    ("ClusterTrustBundleAttest", Plugin::On),
    ("CertificateSubjectRestriction", Plugin::On),
    ("DefaultIngressClass", Plugin::On),
    ("DenyServiceExternalIPs", Plugin::Off),
    ("PodTopologyLabels", Plugin::On),
    ("PodGroupWorkloadExists", Plugin::On),
    ("NodeDeclaredFeatureValidator", Plugin::On),
    ("JobValidation", Plugin::On),
    ("PodResizeValidator", Plugin::On),
    ("MutatingAdmissionPolicy", Plugin::On),
    ("MutatingAdmissionWebhook", Plugin::On),
    ("ValidatingAdmissionPolicy", Plugin::On),
    ("ValidatingAdmissionWebhook", Plugin::On),
    ("ResourceQuota", Plugin::On),
    ("AlwaysDeny", Plugin::Absent),
];

fn find(name: &str) -> Option<Plugin> {
    let mut all = PLUGINS.iter();
    all.find(|(known, _)| *known == name).map(|(_, it)| *it)
}

/// Whether a plugin is on where nothing is said of it.
pub(super) fn is_on_by_default(name: &str) -> bool {
    find(name) == Some(Plugin::On)
}

/// Refuses names that are none, and those of plugins that would have to be there.
pub(super) fn check(flag: &'static str, names: &[String]) -> Result<(), AdmissionOptionsError> {
    for name in names {
        match find(name) {
            None => {
                let name = name.clone();
                return Err(AdmissionOptionsError::Unknown { flag, name });
            }
            Some(Plugin::Absent) if flag == super::ENABLE => {
                let name = name.clone();
                return Err(AdmissionOptionsError::Unsupported { flag, name });
            }
            Some(_) => {}
        }
    }
    Ok(())
}
