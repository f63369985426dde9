//! What a priority level may be.

use k8s_openapi::api::flowcontrol::v1::{
    ExemptPriorityLevelConfiguration, LimitResponse, LimitedPriorityLevelConfiguration,
    PriorityLevelConfiguration, PriorityLevelConfigurationSpec, QueuingConfiguration,
};
use navarch_machinery::field::{Error, ErrorList, Path};

use crate::flowcontrol::flow_schema::check_condition_types;
use crate::flowcontrol::initial;
use crate::pod::absent::text;
use crate::pod::check::{Json, supported_value};

const EXEMPT: &str = "exempt";
/// How older versions of the API kept that there are no shares.
const KEEPS_ZERO: &str = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares";
/// The most queues.
const MAX_QUEUES: i32 = 10_000_000;
/// The most bits of a hash that may go into dealing queues to a flow.
const MAX_HASH_BITS: i32 = 60;

pub(super) fn level(level: &PriorityLevelConfiguration) -> ErrorList {
    let mut errors = ErrorList::new();
    let annotations = level.metadata.annotations.as_ref();
    if annotations.is_some_and(|all| all.contains_key(KEEPS_ZERO)) {
        let path = Path::new("metadata").child("annotations");
        let detail = format!("annotation '{KEEPS_ZERO}' is forbidden");
        errors.push(Error::forbidden(&path, detail));
    }
    if let Some(it) = &level.spec {
        let name = text(&level.metadata.name);
        spec(&mut errors, it, name);
        errors.extend(fixed(it, name));
    }
    let conditions = level.status.as_ref().map(|status| &status.conditions);
    let types = conditions.into_iter().flatten().flatten();
    let types: Vec<&str> = types.map(|it| text(&it.type_)).collect();
    errors.extend(check_condition_types(&types));
    errors
}

fn spec(errors: &mut ErrorList, spec: &PriorityLevelConfigurationSpec, name: &str) {
    let path = Path::new("spec");
    let kind = spec.type_.as_str();
    if (name == EXEMPT) != (kind == "Exempt") {
        let detail = "must be 'Exempt' if and only if `name` is 'exempt'";
        errors.push(Error::invalid(&path.child("type"), kind, detail));
    }
    let (limited_path, exempt_path) = (path.child("limited"), path.child("exempt"));
    match kind {
        "Exempt" => {
            if spec.limited.is_some() {
                let detail = "must be nil if the type is not Limited";
                errors.push(Error::forbidden(&limited_path, detail));
            }
            if let Some(it) = &spec.exempt {
                exempt(errors, &exempt_path, it);
            }
        }
        "Limited" => {
            if spec.exempt.is_some() {
                let detail = "must be nil if the type is Limited";
                errors.push(Error::forbidden(&exempt_path, detail));
            }
            match &spec.limited {
                None => errors.push(Error::required(
                    &limited_path,
                    "must not be empty when type is Limited",
                )),
                Some(it) => limited(errors, &limited_path, it),
            }
        }
        _ => supported_value(errors, &path.child("type"), kind, &["Exempt", "Limited"]),
    }
}

fn shares(errors: &mut ErrorList, path: &Path, shares: Option<i32>) {
    if let Some(shares) = shares.filter(|shares| *shares < 0) {
        let path = path.child("nominalConcurrencyShares");
        let detail = "must be a non-negative integer";
        errors.push(Error::invalid(&path, shares, detail));
    }
}

fn lendable(errors: &mut ErrorList, path: &Path, percent: Option<i32>) {
    if let Some(percent) = percent.filter(|percent| !(0..=100).contains(percent)) {
        let path = path.child("lendablePercent");
        let detail = "must be between 0 and 100, inclusive";
        errors.push(Error::invalid(&path, percent, detail));
    }
}

fn exempt(errors: &mut ErrorList, path: &Path, exempt: &ExemptPriorityLevelConfiguration) {
    shares(errors, path, exempt.nominal_concurrency_shares);
    lendable(errors, path, exempt.lendable_percent);
}

fn limited(errors: &mut ErrorList, path: &Path, limited: &LimitedPriorityLevelConfiguration) {
    shares(errors, path, limited.nominal_concurrency_shares);
    let none = LimitResponse::default();
    let response_of = limited.limit_response.as_ref().unwrap_or(&none);
    response(errors, &path.child("limitResponse"), response_of);
    lendable(errors, path, limited.lendable_percent);
    if let Some(percent) = limited.borrowing_limit_percent.filter(|it| *it < 0) {
        let path = path.child("borrowingLimitPercent");
        let detail = "if specified, must be a non-negative integer";
        errors.push(Error::invalid(&path, percent, detail));
    }
}

fn response(errors: &mut ErrorList, path: &Path, response: &LimitResponse) {
    let queuing_path = path.child("queuing");
    match (response.type_.as_str(), &response.queuing) {
        ("Reject", Some(_)) => errors.push(Error::forbidden(
            &queuing_path,
            "must be nil if limited.limitResponse.type is not Limited",
        )),
        ("Reject", None) => {}
        ("Queue", None) => errors.push(Error::required(
            &queuing_path,
            "must not be empty if limited.limitResponse.type is Limited",
        )),
        ("Queue", Some(it)) => queuing(errors, &queuing_path, it),
        (other, _) => supported_value(errors, &path.child("type"), other, &["Queue", "Reject"]),
    }
}

fn queuing(errors: &mut ErrorList, path: &Path, queuing: &QueuingConfiguration) {
    let length = queuing.queue_length_limit.unwrap_or_default();
    if length <= 0 {
        let path = path.child("queueLengthLimit");
        errors.push(Error::invalid(&path, length, "must be positive"));
    }
    let queues = queuing.queues.unwrap_or_default();
    let queues_path = path.child("queues");
    if queues <= 0 {
        errors.push(Error::invalid(&queues_path, queues, "must be positive"));
    } else if queues > MAX_QUEUES {
        let detail = format!("must not be greater than {MAX_QUEUES}");
        errors.push(Error::invalid(&queues_path, queues, detail));
    }
    let hand = queuing.hand_size.unwrap_or_default();
    let detail = if hand <= 0 {
        "must be positive".to_owned()
    } else if hand > queues {
        format!("should not be greater than queues ({queues})")
    } else if (f64::from(queues).log2() * f64::from(hand)).ceil() > f64::from(MAX_HASH_BITS) {
        format!(
            "required entropy bits of deckSize {queues} and handSize {hand} should not be greater than {MAX_HASH_BITS}"
        )
    } else {
        return;
    };
    errors.push(Error::invalid(&path.child("handSize"), hand, detail));
}

/// Without some levels a server does not work: they are what they are, but for the shares of the exempt one.
fn fixed(spec: &PriorityLevelConfigurationSpec, name: &str) -> Option<Error> {
    let fixed = initial::mandatory_priority_level(name)?.spec?;
    let (mut is, mut except) = (spec.clone(), "");
    if name == EXEMPT {
        is.exempt.clone_from(&fixed.exempt);
        except = " except the 'spec.exempt' field";
    }
    (is != fixed).then(|| {
        let detail = format!("spec of '{name}'{except} must equal the fixed value");
        Error::invalid(&Path::new("spec"), shown(spec), detail)
    })
}

/// The spec of a level as errors show it.
fn shown(spec: &PriorityLevelConfigurationSpec) -> Json {
    let queuing = |it: &QueuingConfiguration| {
        Json::object(&[
            ("Queues", Json::of(&it.queues.unwrap_or_default())),
            ("HandSize", Json::of(&it.hand_size.unwrap_or_default())),
            (
                "QueueLengthLimit",
                Json::of(&it.queue_length_limit.unwrap_or_default()),
            ),
        ])
    };
    let limited = |it: &LimitedPriorityLevelConfiguration| {
        let response = it.limit_response.clone().unwrap_or_default();
        let response = Json::object(&[
            ("Type", Json::of(&response.type_)),
            ("Queuing", Json::object_or_null(&response.queuing, queuing)),
        ]);
        Json::object(&[
            (
                "NominalConcurrencyShares",
                Json::of(&it.nominal_concurrency_shares.unwrap_or_default()),
            ),
            ("LimitResponse", response),
            ("LendablePercent", Json::of(&it.lendable_percent)),
            (
                "BorrowingLimitPercent",
                Json::of(&it.borrowing_limit_percent),
            ),
        ])
    };
    let exempt = |it: &ExemptPriorityLevelConfiguration| {
        Json::object(&[
            (
                "NominalConcurrencyShares",
                Json::of(&it.nominal_concurrency_shares),
            ),
            ("LendablePercent", Json::of(&it.lendable_percent)),
        ])
    };
    Json::object(&[
        ("Type", Json::of(&spec.type_)),
        ("Limited", Json::object_or_null(&spec.limited, limited)),
        ("Exempt", Json::object_or_null(&spec.exempt, exempt)),
    ])
}
