//! Files of one volume that are in each other's way.

use k8s_openapi::api::core::v1::{DownwardAPIVolumeFile, KeyToPath, Volume, VolumeProjection};

use super::super::absent::{items, text};

/// A file, and what puts it there; that is empty where the volume has one source only.
#[derive(Clone)]
struct File {
    path: String,
    source: String,
}

impl File {
    fn shown(&self) -> String {
        match self.source.as_str() {
            "" => format!("{:?}", self.path),
            source => format!("{:?} ({source})", self.path),
        }
    }

    /// The same file, or one where the other needs a directory.
    fn is_in_the_way_of(&self, other: &File) -> bool {
        let (one, other) = (format!("{}/", self.path), format!("{}/", other.path));
        one.len() > 1 && other.len() > 1 && (one.starts_with(&other) || other.starts_with(&one))
    }
}

/// Files that hide each other, and projected sources that give none.
pub(super) fn overlaps(warnings: &mut Vec<String>, volumes: &[Volume]) {
    for volume in volumes {
        if let Some(config_map) = &volume.config_map {
            let of = format!("ConfigMap {:?}", config_map.name);
            check(
                warnings,
                &volume.name,
                &of,
                keys(items(&config_map.items), ""),
            );
        }
        if let Some(secret) = &volume.secret {
            let of = format!("Secret {:?}", text(&secret.secret_name));
            check(warnings, &volume.name, &of, keys(items(&secret.items), ""));
        }
        if let Some(downward) = &volume.downward_api {
            check(
                warnings,
                &volume.name,
                "DownwardAPI",
                fields(items(&downward.items), ""),
            );
        }
        if let Some(projected) = &volume.projected {
            let mut files = Vec::new();
            for source in items(&projected.sources) {
                if *source == VolumeProjection::default() {
                    warnings.push(format!(
                        "volume {:?} (Projected) has no sources provided",
                        volume.name
                    ));
                }
                files.extend(projection(source));
            }
            check(warnings, &volume.name, "Projected", files);
        }
    }
}

fn keys(items: &[KeyToPath], source: &str) -> Vec<File> {
    items
        .iter()
        .map(|item| File {
            path: item.path.clone(),
            source: source.to_owned(),
        })
        .collect()
}

fn fields(items: &[DownwardAPIVolumeFile], source: &str) -> Vec<File> {
    items
        .iter()
        .map(|item| File {
            path: item.path.clone(),
            source: source.to_owned(),
        })
        .collect()
}

fn projection(source: &VolumeProjection) -> Vec<File> {
    if let Some(config_map) = source.config_map.as_ref().filter(|it| it.items.is_some()) {
        keys(
            items(&config_map.items),
            &format!("ConfigMap {:?}", config_map.name),
        )
    } else if let Some(secret) = source.secret.as_ref().filter(|it| it.items.is_some()) {
        keys(items(&secret.items), &format!("Secret {:?}", secret.name))
    } else if let Some(downward) = source.downward_api.as_ref().filter(|it| it.items.is_some()) {
        fields(items(&downward.items), "DownwardAPI")
    } else if let Some(token) = &source.service_account_token {
        vec![File {
            path: token.path.clone(),
            source: "ServiceAccountToken".into(),
        }]
    } else {
        Vec::new()
    }
}

fn check(warnings: &mut Vec<String>, volume: &str, of: &str, files: Vec<File>) {
    let mut before: Vec<File> = Vec::new();
    for mut file in files {
        file.path.truncate(file.path.trim_end_matches('/').len());
        for other in before.iter().filter(|other| file.is_in_the_way_of(other)) {
            let (file, other) = (file.shown(), other.shown());
            warnings.push(format!(
                "volume {volume:?} ({of}): overlapping paths: {file} with {other}"
            ));
        }
        before.push(file);
    }
}
