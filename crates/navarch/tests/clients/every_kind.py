#!/usr/bin/env python3
"""Uses every built-in kind through the Python client (`pip install kubernetes`).

    every_kind.py KUBECONFIG [KIND...]

The kinds are those that the client has an API class for and that the server
lists in discovery; every_kind.yaml holds an object of each. A line a kind is
printed; the exit status is 1 if anything failed, with the failures listed last.
"""

import json
import pathlib
import random
import re
import sys
import tempfile
import time
import traceback
import typing
from concurrent.futures import ThreadPoolExecutor

import yaml
from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client import ApiException

SECONDS = 30  # for one request
WATCH_SECONDS = 60  # for everything that happens to one kind's objects
OBJECTS = (pathlib.Path(__file__).parent / "every_kind.yaml").read_text()
RUN = f"{random.randrange(0x1000, 0x10000):x}"
NAMESPACE = f"every-kind-py-{RUN}"
LABEL = "every-kind-py"
SELECTOR = f"{LABEL}={RUN}"

# API classes of stable versions that the server may do without.
OPTIONAL_APIS = {"ApiextensionsV1Api", "StoragemigrationV1Api"}
# Kinds of served versions that are younger than Kubernetes 1.36.
OPTIONAL_KINDS = {
    "create_cluster_trust_bundle",
    "create_device_taint_rule",
    "create_namespaced_pod_certificate_request",
}
# Subresources that answer GET with something else than an object.
STREAMS = {"attach", "exec", "log", "portforward", "proxy"}


def snake(camel):
    """CSIDriver -> csi_driver, as the client's generator has it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", camel).lower()


def manifests(index):
    """The objects of every_kind.yaml, by apiVersion and kind."""
    name = f"every-kind-py-{RUN}-{index}"
    words = {"NAMESPACE": NAMESPACE, "NAME": name, "RUN": RUN, "INDEX": str(index)}
    text = re.sub(r"\b(NAMESPACE|NAME|RUN|INDEX)\b", lambda m: words[m[0]], OBJECTS)
    objects = {}
    for manifest in yaml.safe_load_all(text):
        metadata = manifest.setdefault("metadata", {})
        metadata.setdefault("name", name)
        metadata["labels"] = {LABEL: RUN}
        objects[manifest["apiVersion"], manifest["kind"]] = manifest
    return objects


def check(true, *what):
    if not true:
        raise AssertionError(" ".join(map(str, what)))


def check_error(code, reason, method, *arguments, **named):
    """The call fails with this status code, and with a Status that says so."""
    try:
        method(*arguments, **named)
    except ApiException as error:
        check(error.status == code, f"{code} expected, not {error.status}: {error.body}")
        status = json.loads(error.body)
        got = status.get("kind"), status.get("status"), status.get("code"), status.get("reason")
        check(got == ("Status", "Failure", code, reason), f"not a Status {reason}: {status}")
        return status
    raise AssertionError(f"{code} expected, but {method.__name__} succeeded")


class Kind:
    """One kind: the client's methods for it, and what the server says of it."""

    def __init__(self, api, group_version, resource, subresources):
        self.api, self.resource, self.subresources = api, resource, subresources
        self.id = (group_version, resource.kind)
        self.noun = ("namespaced_" if resource.namespaced else "") + snake(resource.kind)

    def method(self, verb, suffix=""):
        return getattr(self.api, f"{verb}_{self.noun}{suffix}")

    def call(self, verb, suffix="", **named):
        if self.resource.namespaced:
            named["namespace"] = NAMESPACE
        return self.method(verb, suffix)(**named, _request_timeout=SECONDS)

    def model(self):
        """The class of the client for the kind."""
        return typing.get_type_hints(self.method("create"))["body"]


def discover(failures):
    """The kinds that both the client and the server know."""
    kinds = []
    for class_name in sorted(name for name in dir(client) if re.search(r"V\d\w*Api$", name)):
        api = getattr(client, class_name)()
        try:
            listed = api.get_api_resources(_request_timeout=SECONDS)
        except ApiException as error:
            optional = class_name in OPTIONAL_APIS or re.search("alpha|beta", class_name)
            print(f"skip  {class_name}: {error.status}")
            if error.status != 404 or not optional:
                failures.append(f"{class_name} is not served: {error.status} {error.body}")
            continue
        subresources = {}
        for resource in listed.resources:
            plural, _, subresource = resource.name.partition("/")
            subresources.setdefault(plural, {})[subresource] = resource
        found = [
            Kind(api, listed.group_version, of.pop(""), of) for of in subresources.values()
        ]
        for kind in found:
            if hasattr(api, f"create_{kind.noun}"):
                kinds.append(kind)
            else:
                print(f"skip  {' '.join(kind.id)}: the client does not know it")
        served = {f"create_{kind.noun}" for kind in found}
        served |= {f"create_{kind.noun}_{snake(sub)}" for kind in found for sub in kind.subresources}
        for method in dir(api):
            if re.fullmatch(r"create_\w+(?<!_with_http_info)(?<!_without_preload_content)", method):
                if method not in served | OPTIONAL_KINDS:
                    failures.append(f"{class_name}.{method}: discovery has no such kind")
    return kinds


def watched(kind, version):
    """Event types by name, from the version on, until both objects are deleted."""
    events, deleted = {}, 0
    scope = {"namespace": NAMESPACE} if kind.resource.namespaced else {}
    stream = watch.Watch(kind.model()).stream(
        kind.method("list"),
        **scope,
        resource_version=version,
        label_selector=SELECTOR,
        timeout_seconds=WATCH_SECONDS,
        _request_timeout=WATCH_SECONDS + SECONDS,
    )
    for event in stream:
        events.setdefault(event["object"].metadata.name, []).append(event["type"])
        deleted += event["type"] == "DELETED"
        if deleted == 2:
            break
    stream.close()
    return events


def check_written(kind, first, second):
    """Creates the two objects, and writes to the first in every way."""
    name = first["metadata"]["name"]
    typed = kind.model().from_dict(first)
    created = kind.call("create", body=typed)
    check(type(created) is kind.model(), "created a", type(created))
    check(created.metadata.uid and created.metadata.creation_timestamp, "no uid or time")
    status = check_error(409, "AlreadyExists", kind.call, "create", body=typed)
    check(status["details"].get("name") == name, "details of the conflict:", status)
    read = kind.call("read", name=name)
    check(read.metadata.uid == created.metadata.uid, "read another object")

    # An object may be created by applying it, too.
    applied = kind.call(
        "patch",
        name=second["metadata"]["name"],
        body=second,
        field_manager="every-kind",
        _content_type="application/apply-patch+yaml",
    )
    managers = {(m.manager, m.operation) for m in applied.metadata.managed_fields}
    check(("every-kind", "Apply") in managers, "managers of the applied:", managers)

    labels = lambda label: {"metadata": {"labels": {label: "yes"}}}
    apply = {"apiVersion": kind.id[0], "kind": kind.id[1]} | labels("apply")
    for label, content_type, body in (
        ("json", "json-patch+json", [{"op": "add", "path": "/metadata/labels/json", "value": "yes"}]),
        ("merge", "merge-patch+json", labels("merge")),
        ("strategic", "strategic-merge-patch+json", labels("strategic")),
        ("apply", "apply-patch+yaml", apply),
    ):
        patched = kind.call(
            "patch",
            name=name,
            body=body,
            field_manager="every-kind",
            _content_type=f"application/{content_type}",
        )
        check(patched.metadata.labels.get(label) == "yes", content_type, patched.metadata.labels)

    check_error(409, "Conflict", kind.call, "replace", name=name, body=created)
    for attempt in range(10):  # a controller may write in between
        read = kind.call("read", name=name)
        read.metadata.labels["replaced"] = "yes"
        try:
            replaced = kind.call("replace", name=name, body=read)
            break
        except ApiException as error:
            if error.status != 409 or attempt == 9:
                raise
    check({LABEL, "json", "merge", "strategic", "apply", "replaced"} <= set(replaced.metadata.labels), "replaced:", replaced.metadata.labels)


def check_lists(kind, names):
    everywhere = kind.call
    if kind.resource.namespaced:
        method = getattr(kind.api, f"list_{snake(kind.resource.kind)}_for_all_namespaces")
        everywhere = lambda _, **named: method(**named, _request_timeout=SECONDS)
    for call in kind.call, everywhere:
        whole = call("list", label_selector=SELECTOR)
        check({i.metadata.name for i in whole.items} == names, "a list of", len(whole.items))
        page = call("list", label_selector=SELECTOR, limit=1)
        check(len(page.items) == 1 and page.metadata._continue, "not a page:", page.metadata)
        found = {i.metadata.name for i in page.items}
        # A page may be followed by an empty one: nobody looks ahead for what is selected.
        while page.metadata._continue:
            rest = call("list", label_selector=SELECTOR, limit=1, _continue=page.metadata._continue)
            check(page.metadata.resource_version == rest.metadata.resource_version, "two versions")
            found |= {i.metadata.name for i in rest.items}
            page = rest
        check(found == names, "the pages differ")
    name = min(names)
    alone = kind.call("list", field_selector=f"metadata.name={name}")
    check([i.metadata.name for i in alone.items] == [name], "by field:", len(alone.items))


def check_kind(kind, first, second, pool):
    names = {first["metadata"]["name"], second["metadata"]["name"]}
    name = first["metadata"]["name"]
    status = check_error(404, "NotFound", kind.call, "read", name=name)
    details = {"name": name, "kind": kind.resource.name}
    check(details.items() <= status["details"].items(), "details of the missing:", status)
    invalid = kind.model().from_dict(first | {"metadata": {"name": "not/valid"}})
    status = check_error(422, "Invalid", kind.call, "create", body=invalid)
    causes = {cause["field"] for cause in status["details"]["causes"]}
    check("metadata.name" in causes, "causes of the invalid:", causes)

    listed = kind.call("list", label_selector=SELECTOR)
    events = pool.submit(watched, kind, listed.metadata.resource_version)
    try:
        check_written(kind, first, second)
        check_lists(kind, names)
        for subresource, of in kind.subresources.items():
            if "get" in of.verbs and subresource not in STREAMS:
                read = kind.call("read", f"_{snake(subresource)}", name=name)
                check(read.metadata.name == name, f"/{subresource} of", read.metadata.name)
        deleted = kind.call("delete", name=name, _preload_content=False)
        answer = json.loads(deleted.data)
        returned = typing.get_type_hints(kind.method("delete"))["return"]
        # Without finalizers, the answer is of the type that OpenAPI has for it.
        kind_of_answer = "Status" if returned is object else kind.id[1]
        waits = "deletionTimestamp" in answer["metadata"]
        check(answer["kind"] == kind_of_answer or waits, "deleting gave", answer)
        if "deletecollection" in kind.resource.verbs:
            kind.call("delete_collection", label_selector=SELECTOR)
        else:
            kind.call("delete", name=max(names))
        events = events.result(WATCH_SECONDS + SECONDS)
    finally:
        for left in names:
            try:
                kind.call("delete", name=left, grace_period_seconds=0)
            except ApiException:
                pass  # it is gone, as it should
    check(set(events) == names, "watched", events)
    for types in events.values():
        check(types[0] == "ADDED" and types[-1] == "DELETED", "watched", events)
    check(set(events[name][1:-1]) == {"MODIFIED"}, "watched", events)
    check_error(404, "NotFound", kind.call, "read", name=name)
    check_error(404, "NotFound", kind.call, "delete", name=name)


def check_review(kind, manifest):
    manifest["metadata"] = {k: v for k, v in manifest["metadata"].items() if k == "namespace"}
    answer = kind.call("create", body=kind.model().from_dict(manifest))
    check(answer.status is not None, "no status")


def check_binding(kind, pod):
    """Bindings have no objects of their own: they give pods their nodes."""
    core, name = kind.api, pod["metadata"]["name"]
    core.create_namespaced_pod(NAMESPACE, client.V1Pod.from_dict(pod), _request_timeout=SECONDS)
    body = kind.model().from_dict(
        {"metadata": {"name": name}, "target": {"apiVersion": "v1", "kind": "Node", "name": "none"}}
    )
    try:
        # The answer is a Status, which is not what the client's method says.
        raw = kind.call("create", body=body, _preload_content=False)
        check(json.loads(raw.data)["status"] == "Success", raw.data)
        read = core.read_namespaced_pod(name, NAMESPACE, _request_timeout=SECONDS)
        check(read.spec.node_name == "none", "bound to", read.spec.node_name)
    finally:
        core.delete_namespaced_pod(
            name, NAMESPACE, grace_period_seconds=0, _request_timeout=SECONDS
        )


def check_version():
    version = client.VersionApi().get_code(_request_timeout=SECONDS)
    check((version.major, version.minor) >= ("1", "36"), version)


def check_groups(kinds):
    """/api and /apis name the groups and versions of every kind."""
    versions = client.CoreApi().get_api_versions(_request_timeout=SECONDS).versions
    for group in client.ApisApi().get_api_versions(_request_timeout=SECONDS).groups:
        versions += [version.group_version for version in group.versions]
        check(group.preferred_version.group_version in versions, group)
    missing = {kind.id[0] for kind in kinds} - set(versions)
    check(not missing, "groups not listed:", missing)


def check_openapi(kinds):
    """/openapi/v2 defines every kind and has its paths; /openapi/v3 has every version."""

    def get(path):
        request = api.param_serialize("GET", path, header_params={"Accept": "application/json"})
        response = api.call_api(*request, _request_timeout=SECONDS)
        check(response.status == 200, path, response.status)
        return json.loads(response.read())

    api = client.ApiClient()
    document = get("/openapi/v2")
    check(document["swagger"] == "2.0", document["swagger"])
    defined = {
        (f"{gvk['group']}/{gvk['version']}".removeprefix("/"), gvk["kind"])
        for definition in document["definitions"].values()
        for gvk in definition.get("x-kubernetes-group-version-kind", [])
    }
    versions = get("/openapi/v3")["paths"]
    for kind in kinds:
        check(kind.id in defined, kind.id, "is not defined in /openapi/v2")
        root = ("apis/" if "/" in kind.id[0] else "api/") + kind.id[0]
        scope = "namespaces/{namespace}/" if kind.resource.namespaced else ""
        path = f"/{root}/{scope}{kind.resource.name}"
        check(path in document["paths"], path, "is not in /openapi/v2")
        check(root in versions, root, "is not in /openapi/v3")


def check_dynamic(kinds):
    """The dynamic client finds and lists every kind, and does all to one."""
    resources = dynamic.DynamicClient(client.ApiClient()).resources
    for group_version, name in (kind.id for kind in kinds):
        found = resources.get(api_version=group_version, kind=name)
        if "list" in found.verbs:
            check(found.get(limit=1).kind == f"{name}List", name)
    maps = resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dynamic"}}
    where = {"name": "dynamic", "namespace": NAMESPACE}
    version = maps.get(namespace=NAMESPACE).metadata.resourceVersion
    created = maps.create(body=body | {"data": {"a": "1"}}, namespace=NAMESPACE)
    check(created.data.a == "1", created)
    maps.patch(body={"data": {"b": "2"}}, **where)
    maps.server_side_apply(body=body | {"data": {"c": "3"}}, field_manager="dynamic", **where)
    read = maps.get(**where)
    check(read.data.to_dict() == {"a": "1", "b": "2", "c": "3"}, read.data)
    read.data.d = "4"
    check(maps.replace(body=read, namespace=NAMESPACE).data.d == "4", "not replaced")
    maps.delete(**where)
    try:
        maps.get(**where)
        raise AssertionError("read after its deletion")
    except dynamic.exceptions.NotFoundError as error:
        check(error.status == 404, error)
    types = []
    for event in maps.watch(resource_version=version, timeout=WATCH_SECONDS, **where):
        types.append(event["type"])
        if types[-1] == "DELETED":
            break
    check(types == ["ADDED", "MODIFIED", "MODIFIED", "MODIFIED", "DELETED"], types)


def check_from_yaml():
    """`utils.create_from_yaml` creates, and says what it could not create."""
    api = client.ApiClient()
    core = client.CoreV1Api()
    one = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "yaml-1"}}
    two = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "yaml-2"}}
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump_all([one, {"apiVersion": "v1", "kind": "List", "items": [two]}], file)
        file.flush()
        created = utils.create_from_yaml(api, file.name, namespace=NAMESPACE)
        check([o.metadata.name for [o] in created] == ["yaml-1", "yaml-2"], created)
        try:
            utils.create_from_yaml(api, file.name, namespace=NAMESPACE)
            raise AssertionError("created twice")
        except utils.FailToCreateError as error:
            check([e.status for e in error.api_exceptions] == [409, 409], error)
        utils.create_from_yaml(api, file.name, namespace=NAMESPACE, apply=True)
    core.delete_namespaced_config_map("yaml-1", NAMESPACE, _request_timeout=SECONDS)
    core.delete_namespaced_secret("yaml-2", NAMESPACE, _request_timeout=SECONDS)


def main(kubeconfig, *only):
    config.load_kube_config(kubeconfig)
    core, failures, done = client.CoreV1Api(), [], 0
    firsts, seconds = manifests(1), manifests(2)

    def run(name, test, *arguments):
        start = time.monotonic()
        try:
            test(*arguments)
            print(f"ok    {name} ({time.monotonic() - start:.2f} s)", flush=True)
            return 1
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)
            mine = [f.lineno for f in where if f.filename == __file__][-1]
            failures.append(f"{name}: line {mine}: {type(error).__name__}: {error}")
            print(f"FAIL  {name}", flush=True)
            return 0

    kinds = discover(failures)
    core.create_namespace(
        client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE)), _request_timeout=SECONDS
    )
    try:
        with ThreadPoolExecutor(len(kinds)) as pool:
            for kind in kinds:
                if only and kind.id[1] not in only:
                    continue
                first, second = firsts.get(kind.id), seconds.get(kind.id)
                name = " ".join(kind.id)
                if kind.id == ("v1", "Binding"):
                    done += run(name, check_binding, kind, firsts["v1", "Pod"])
                elif first is None:
                    failures.append(f"{name}: every_kind.yaml has no object of this kind")
                elif "list" in kind.resource.verbs:
                    done += run(name, check_kind, kind, first, second, pool)
                else:
                    done += run(name, check_review, kind, first)
        run("version", check_version)
        run("groups", check_groups, kinds)
        run("openapi", check_openapi, kinds)
        run("dynamic client", check_dynamic, kinds)
        run("create_from_yaml", check_from_yaml)
    finally:
        core.delete_namespace(NAMESPACE, _request_timeout=SECONDS)
    print(f"{done} of {len(kinds)} kinds, {len(failures)} failures")
    print(*failures, sep="\n")
    return bool(failures)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
