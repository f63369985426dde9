//! CSI drivers: what Kubernetes must know of a driver of volumes.

mod validate;

use jiff::Timestamp;
use k8s_openapi::api::storage::v1::{CSIDriver, TokenRequest};
use navarch_machinery::field::ErrorList;
use serde_json::Value;

use crate::cell;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::naming;
use crate::pod::absent::items;
use crate::strategy::{Hooks, Part, UpdateRules};

const TOKENS_IN_SECRETS: &str = "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent \
    possible logging of tokens in volume attributes";

impl Hooks for CSIDriver {
    const UPDATE: UpdateRules = UpdateRules {
        create_on_update: false,
        unconditional: false,
    };
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "AttachRequired",
            "boolean",
            "",
            0,
            "attachRequired indicates this CSI volume driver requires an attach operation (because it implements the CSI \
            ControllerPublishVolume() method), and that the Kubernetes attach detach controller should call the attach volume \
            interface which checks the volumeattachment status and waits until the volume is attached before proceeding to \
            mounting. The CSI external-attacher coordinates with CSI volume driver and updates the volumeattachment status when \
            the attach operation is complete. If the value is specified to false, the attach operation will be skipped. \
            Otherwise the attach operation will be called.\n\nThis field is immutable.",
        ),
        Column::of(
            "PodInfoOnMount",
            "boolean",
            "",
            0,
            "podInfoOnMount indicates this CSI volume driver requires additional pod information (like podName, podUID, etc.) \
            during mount operations, if set to true. If set to false, pod information will not be passed on mount. Default is \
            false.\n\nThe CSI driver specifies podInfoOnMount as part of driver deployment. If true, Kubelet will pass pod \
            information as VolumeContext in the CSI NodePublishVolume() calls. The CSI driver is responsible for parsing and \
            validating the information passed in as VolumeContext.\n\nThe following VolumeContext will be passed if \
            podInfoOnMount is set to true. This list might grow, but the prefix will be used. \"csi.storage.k8s.io/pod.name\": \
            pod.Name \"csi.storage.k8s.io/pod.namespace\": pod.Namespace \"csi.storage.k8s.io/pod.uid\": string(pod.UID) \
            \"csi.storage.k8s.io/ephemeral\": \"true\" if the volume is an ephemeral inline volume\n                                \
            defined by a CSIVolumeSource, otherwise \"false\"\n\n\"csi.storage.k8s.io/ephemeral\" is a new feature in \
            Kubernetes 1.16. It is only required for drivers which support both the \"Persistent\" and \"Ephemeral\" \
            VolumeLifecycleMode. Other drivers can leave pod info disabled and/or ignore this field. As Kubernetes 1.15 doesn't \
            support this field, drivers can only support one mode when deployed on such a cluster and the deployment determines \
            which mode that is, for example via a command line parameter of the driver.\n\nThis field was immutable in \
            Kubernetes < 1.29 and now is mutable.",
        ),
        Column::of(
            "StorageCapacity",
            "boolean",
            "",
            0,
            "storageCapacity indicates that the CSI volume driver wants pod scheduling to consider the storage capacity that the \
            driver deployment will report by creating CSIStorageCapacity objects with capacity information, if set to \
            true.\n\nThe check can be enabled immediately when deploying a driver. In that case, provisioning new volumes with \
            late binding will pause until the driver deployment has published some suitable CSIStorageCapacity \
            object.\n\nAlternatively, the driver can be deployed with the field unset or false and it can be flipped later when \
            storage capacity information has been published.\n\nThis field was immutable in Kubernetes <= 1.22 and now is \
            mutable.",
        ),
        Column::of(
            "TokenRequests",
            "string",
            "",
            0,
            "tokenRequests indicates the CSI driver needs pods' service account tokens it is mounting volume for to do necessary \
            authentication. Kubelet will pass the tokens in VolumeContext in the CSI NodePublishVolume calls. The CSI driver \
            should parse and validate the following VolumeContext: \"csi.storage.k8s.io/serviceAccount.tokens\": {\n  \
            \"<audience>\": {\n    \"token\": <token>,\n    \"expirationTimestamp\": <expiration timestamp in RFC3339>,\n  },\n  \
            ...\n}\n\nNote: Audience in each TokenRequest should be different and at most one token is empty string. To receive \
            a new token after expiry, RequiresRepublish can be used to trigger NodePublishVolume periodically.",
        ),
        Column::of(
            "RequiresRepublish",
            "boolean",
            "",
            0,
            "requiresRepublish indicates the CSI driver wants `NodePublishVolume` being periodically called to reflect any \
            possible change in the mounted volume. This field defaults to false.\n\nNote: After a successful initial \
            NodePublishVolume call, subsequent calls to NodePublishVolume should only update the contents of the volume. New \
            mount points will not be seen by a running container.",
        ),
        Column::of(
            "Modes",
            "string",
            "",
            0,
            "volumeLifecycleModes defines what kind of volumes this CSI volume driver supports. The default if the list is empty \
            is \"Persistent\", which is the usage defined by the CSI specification and implemented in Kubernetes via the usual \
            PV/PVC mechanism.\n\nThe other mode is \"Ephemeral\". In this mode, volumes are defined inline inside the pod spec \
            with CSIVolumeSource and their lifecycle is tied to the lifecycle of that pod. A driver has to be aware of this \
            because it is only going to get a NodePublishVolume call for such a volume.\n\nFor more information about \
            implementing this mode, see https://kubernetes-csi.github.io/docs/ephemeral-local-volumes.html A driver can support \
            one or more of these modes and more modes may be added in the future.\n\nThis field is beta. This field is \
            immutable.",
        ),
        cell::AGE,
    ];

    fn apply_defaults(&mut self) {
        let spec = &mut self.spec;
        spec.attach_required.get_or_insert(true);
        spec.pod_info_on_mount.get_or_insert(false);
        spec.storage_capacity.get_or_insert(false);
        spec.fs_group_policy
            .get_or_insert_with(|| "ReadWriteOnceWithFSType".to_owned());
        drop_empty(&mut spec.volume_lifecycle_modes);
        spec.volume_lifecycle_modes
            .get_or_insert_with(|| vec!["Persistent".to_owned()]);
        spec.requires_republish.get_or_insert(false);
        spec.se_linux_mount.get_or_insert(false);
        drop_empty(&mut spec.token_requests);
    }

    fn prepare_for_create(&mut self) {
        self.spec.prevent_pod_scheduling_if_missing = None;
    }

    fn prepare_for_update(&mut self, _part: Part, old: &Self) {
        if old.spec.prevent_pod_scheduling_if_missing.is_none() {
            self.spec.prevent_pod_scheduling_if_missing = None;
        }
        if self.spec != old.spec {
            self.metadata.generation = Some(old.metadata.generation.unwrap_or_default() + 1);
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        validate::spec(&self.spec)
    }

    fn validate_update(&self, _part: Part, old: &Self) -> ErrorList {
        validate::change(&self.spec, &old.spec)
    }

    fn warnings(&self, old: Option<&Self>) -> Vec<String> {
        fn requests(driver: &CSIDriver) -> &[TokenRequest] {
            items(&driver.spec.token_requests)
        }
        let changed = old.is_none_or(|old| requests(old) != requests(self));
        let asked = !requests(self).is_empty();
        let unset = self.spec.service_account_token_in_secrets.is_none();
        let warning = (changed && asked && unset).then(|| TOKENS_IN_SECRETS.to_owned());
        warning.into_iter().collect()
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let spec = &self.spec;
        let audiences = spec.token_requests.as_ref().map(|requests| {
            let audiences: Vec<&str> = requests.iter().map(|it| it.audience.as_str()).collect();
            audiences.join(",")
        });
        let modes = match items(&spec.volume_lifecycle_modes).join(",") {
            none if none.is_empty() => "<none>".to_owned(),
            some => some,
        };
        vec![
            cell::name(&self.metadata),
            spec.attach_required.unwrap_or(true).into(),
            spec.pod_info_on_mount.unwrap_or_default().into(),
            spec.storage_capacity.unwrap_or_default().into(),
            audiences.unwrap_or("<unset>".to_owned()).into(),
            spec.requires_republish.unwrap_or_default().into(),
            modes.into(),
            cell::age(&self.metadata, now),
        ]
    }
}
