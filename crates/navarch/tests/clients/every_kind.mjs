#!/usr/bin/env node
// Uses every built-in kind through the JavaScript client
// (`npm install @kubernetes/client-node`; its version 2 wants node 22.19).
//
//     every_kind.mjs KUBECONFIG [KIND...]
//
// The kinds are those that the client has an API class for and that the server
// lists in discovery; every_kind.yaml holds an object of each. A line a kind is
// printed; the exit status is 1 if anything failed, with the failures listed last.

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import * as k8s from '@kubernetes/client-node';

const SECONDS = 30; // for one request
const WATCH_SECONDS = 60; // for everything that happens to one kind's objects
const OBJECTS = readFileSync(new URL('every_kind.yaml', import.meta.url), 'utf8');
const RUN = randomInt(0x1000, 0x10000).toString(16);
const NAMESPACE = `every-kind-js-${RUN}`;
const LABEL = 'every-kind-js';
const SELECTOR = `${LABEL}=${RUN}`;

// API classes of stable versions that the server may do without.
const OPTIONAL_APIS = ['ApiextensionsV1Api', 'StoragemigrationV1Api'];
// Kinds of served versions that are younger than Kubernetes 1.36.
const OPTIONAL_KINDS = [
  'createClusterTrustBundle', 'createDeviceTaintRule', 'createNamespacedPodCertificateRequest',
];
// Subresources that answer GET with something else than an object.
const STREAMS = ['attach', 'exec', 'log', 'portforward', 'proxy'];

const [kubeconfigPath, ...only] = process.argv.slice(2);
if (!kubeconfigPath) {
  console.error('usage: every_kind.mjs KUBECONFIG [KIND...]');
  process.exit(2);
}
const kubeconfig = new k8s.KubeConfig();
kubeconfig.loadFromFile(kubeconfigPath);
const core = kubeconfig.makeApiClient(k8s.CoreV1Api);
const objects = k8s.KubernetesObjectApi.makeApiClient(kubeconfig);
const failures = [];

/** The promise, but rejected when it takes too long. */
function within(promise, what, seconds = SECONDS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing in ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The objects of every_kind.yaml, typed, by apiVersion and kind. */
function manifests(index) {
  const name = `every-kind-js-${RUN}-${index}`;
  const words = { NAMESPACE, NAME: name, RUN, INDEX: index };
  const text = OBJECTS.replace(/\b(NAMESPACE|NAME|RUN|INDEX)\b/g, (word) => words[word]);
  return new Map(k8s.loadAllYaml(text).map((manifest) => {
    manifest.metadata = { name, ...manifest.metadata, labels: { [LABEL]: RUN } };
    return [`${manifest.apiVersion} ${manifest.kind}`, manifest];
  }));
}

/** The promise is rejected with this status code, and with a Status that says so. */
async function rejected(code, reason, promise) {
  const error = await promise.then(() => assert.fail(`${code} expected, but it succeeded`), (e) => e);
  assert(error instanceof k8s.ApiException, error);
  const body = typeof error.body === 'string' ? JSON.parse(error.body) : error.body;
  const { kind, status } = body;
  assert.deepEqual(
    { http: error.code, kind, status, code: body.code, reason: body.reason },
    { http: code, kind: 'Status', status: 'Failure', code, reason },
    error.message,
  );
  return body;
}

/** One kind: the client's methods for it, and what the server says of it. */
class Kind {
  constructor(api, groupVersion, resource, subresources) {
    Object.assign(this, { api, groupVersion, resource, subresources });
    this.id = `${groupVersion} ${resource.kind}`;
    this.noun = (resource.namespaced ? 'Namespaced' : '') + resource.kind;
    const scope = resource.namespaced ? `/namespaces/${NAMESPACE}` : '';
    const root = groupVersion.includes('/') ? '/apis' : '/api';
    this.path = `${root}/${groupVersion}${scope}/${resource.name}`;
  }

  call(verb, parameters = {}, suffix = '', options = undefined) {
    const method = `${verb}${this.noun}${suffix}`;
    const namespace = this.resource.namespaced ? { namespace: NAMESPACE } : {};
    return within(this.api[method]({ ...namespace, ...parameters }, options), method);
  }

  patch(contentType, name, body) {
    const options = k8s.setHeaderOptions('Content-Type', contentType);
    return this.call('patch', { name, body, fieldManager: 'every-kind' }, '', options);
  }

  listEverywhere(parameters) {
    if (!this.resource.namespaced) return this.call('list', parameters);
    const method = `list${this.resource.kind}ForAllNamespaces`;
    return within(this.api[method](parameters), method);
  }
}

/** The kinds that both the client and the server know. */
async function discover() {
  const kinds = [];
  const classes = Object.keys(k8s).filter((name) => /V\d\w*Api$/.test(name)).sort();
  for (const className of classes) {
    const api = kubeconfig.makeApiClient(k8s[className]);
    let listed;
    try {
      listed = await within(api.getAPIResources(), className);
    } catch (error) {
      console.log(`skip  ${className}: ${error.code}`);
      const optional = OPTIONAL_APIS.includes(className) || /alpha|beta/.test(className);
      if (error.code !== 404 || !optional) failures.push(`${className} is not served: ${error}`);
      continue;
    }
    const byPlural = new Map();
    for (const resource of listed.resources) {
      const [plural, subresource = ''] = resource.name.split('/');
      if (!byPlural.has(plural)) byPlural.set(plural, {});
      byPlural.get(plural)[subresource] = resource;
    }
    const served = new Set(OPTIONAL_KINDS);
    for (const { '': resource, ...subresources } of byPlural.values()) {
      const kind = new Kind(api, listed.groupVersion, resource, subresources);
      if (api[`create${kind.noun}`]) kinds.push(kind);
      else console.log(`skip  ${kind.id}: the client does not know it`);
      served.add(`create${kind.noun}`);
      for (const sub of Object.keys(subresources)) served.add(`create${kind.noun}${capital(sub)}`);
    }
    for (const method of Object.getOwnPropertyNames(k8s[className].prototype)) {
      if (/^create.*(?<!WithHttpInfo)$/.test(method) && !served.has(method)) {
        failures.push(`${className}.${method}: discovery has no such kind`);
      }
    }
  }
  return kinds;
}

/** status -> Status, and ephemeralcontainers as the client's methods have it. */
function capital(subresource) {
  return subresource[0].toUpperCase() + subresource.slice(1);
}

/** Event types by name, from the version on, until `enough` objects are deleted. */
async function watched(path, resourceVersion, enough) {
  const events = {};
  let deleted = 0;
  let request;
  await within(new Promise((resolve, reject) => {
    const parameters = { resourceVersion, labelSelector: SELECTOR, timeoutSeconds: WATCH_SECONDS };
    const event = (type, object) => {
      if (type === 'ERROR') reject(new Error(`the watch of ${path}: ${object.message}`));
      (events[object.metadata.name] ??= []).push(type);
      if (type === 'DELETED' && ++deleted === enough) resolve();
    };
    const done = (error) => reject(error ?? new Error(`the watch of ${path} ended`));
    request = new k8s.Watch(kubeconfig).watch(path, parameters, event, done);
  }), `a watch of ${path}`, WATCH_SECONDS).finally(async () => (await request).abort());
  return events;
}

/** Creates the two objects, and writes to the first in every way. */
async function checkWritten(kind, first, second) {
  const { name } = first.metadata;
  const created = await kind.call('create', { body: first });
  assert(created.metadata.uid && created.metadata.creationTimestamp instanceof Date);
  const conflict = await rejected(409, 'AlreadyExists', kind.call('create', { body: first }));
  assert.equal(conflict.details.name, name);
  const read = await kind.call('read', { name });
  assert.equal(read.metadata.uid, created.metadata.uid);

  // An object may be created by applying it, too.
  const applied = await within(objects.patch(
    second, undefined, undefined, 'every-kind', undefined, k8s.PatchStrategy.ServerSideApply,
  ), 'apply');
  const managers = applied.metadata.managedFields.map((m) => `${m.manager} ${m.operation}`);
  assert(managers.includes('every-kind Apply'), `managers of the applied: ${managers}`);

  const labels = (label) => ({ metadata: { labels: { [label]: 'yes' } } });
  for (const [label, contentType, body] of [
    ['json', k8s.PatchStrategy.JsonPatch, [{ op: 'add', path: '/metadata/labels/json', value: 'yes' }]],
    ['merge', k8s.PatchStrategy.MergePatch, labels('merge')],
    ['strategic', k8s.PatchStrategy.StrategicMergePatch, labels('strategic')],
    ['apply', k8s.PatchStrategy.ServerSideApply,
      { apiVersion: kind.groupVersion, kind: kind.resource.kind, ...labels('apply') }],
  ]) {
    const patched = await kind.patch(contentType, name, body);
    assert.equal(patched.metadata.labels[label], 'yes', contentType);
  }

  await rejected(409, 'Conflict', kind.call('replace', { name, body: created }));
  let replaced;
  for (let attempt = 0; !replaced; attempt++) { // a controller may write in between
    const body = await kind.call('read', { name });
    body.metadata.labels.replaced = 'yes';
    replaced = await kind.call('replace', { name, body }).catch((error) => {
      if (error.code !== 409 || attempt === 9) throw error;
    });
  }
  for (const label of ['json', 'merge', 'strategic', 'apply', 'replaced']) {
    assert.equal(replaced.metadata.labels[label], 'yes', label);
  }
}

async function checkLists(kind, names) {
  const namesOf = (...lists) => lists.flatMap(({ items }) => items.map((i) => i.metadata.name)).sort();
  for (const list of [(p) => kind.call('list', p), (p) => kind.listEverywhere(p)]) {
    assert.deepEqual(namesOf(await list({ labelSelector: SELECTOR })), names);
    const pages = [await list({ labelSelector: SELECTOR, limit: 1 })];
    assert(pages[0].items.length === 1 && pages[0].metadata._continue, 'not a page');
    // A page may be followed by an empty one: nobody looks ahead for what is selected.
    for (let next; (next = pages.at(-1).metadata._continue); ) {
      pages.push(await list({ labelSelector: SELECTOR, limit: 1, _continue: next }));
      assert.equal(pages.at(-1).metadata.resourceVersion, pages[0].metadata.resourceVersion);
    }
    assert.deepEqual(namesOf(...pages), names);
  }
  const alone = await kind.call('list', { fieldSelector: `metadata.name=${names[0]}` });
  assert.deepEqual(namesOf(alone), [names[0]]);

  const { groupVersion, resource } = kind;
  const namespace = resource.namespaced ? NAMESPACE : undefined;
  const listed = await within(objects.list(
    groupVersion, resource.kind, namespace, undefined, undefined, undefined, undefined, SELECTOR,
  ), 'list');
  assert.deepEqual(namesOf(listed), names);
  const header = { apiVersion: groupVersion, kind: resource.kind, metadata: { name: names[0], namespace } };
  const read = await within(objects.read(header), 'read');
  assert.equal(read.metadata.uid, alone.items[0].metadata.uid);
}

async function checkKind(kind, first, second) {
  if (kind.resource.namespaced) second.metadata.namespace = NAMESPACE;
  const { name } = first.metadata;
  const names = [name, second.metadata.name].sort();
  const missing = await rejected(404, 'NotFound', kind.call('read', { name }));
  assert.deepEqual([missing.details.name, missing.details.kind], [name, kind.resource.name]);
  const body = { ...first, metadata: { name: 'not/valid' } };
  const invalid = await rejected(422, 'Invalid', kind.call('create', { body }));
  assert(invalid.details.causes.some(({ field }) => field === 'metadata.name'), invalid.message);

  const { metadata } = await kind.call('list', { labelSelector: SELECTOR });
  const watching = watched(kind.path, metadata.resourceVersion, 2);
  watching.catch(() => {}); // it is awaited below, if nothing fails before
  let events;
  try {
    await checkWritten(kind, first, second);
    await checkLists(kind, names);
    for (const [subresource, { verbs }] of Object.entries(kind.subresources)) {
      if (verbs.includes('get') && !STREAMS.includes(subresource)) {
        const read = await kind.call('read', { name }, capital(subresource));
        assert.equal(read.metadata.name, name, subresource);
      }
    }
    await kind.call('delete', { name });
    if (kind.resource.verbs.includes('deletecollection')) {
      await kind.call('deleteCollection', { labelSelector: SELECTOR });
    } else {
      await kind.call('delete', { name: second.metadata.name });
    }
    events = await watching;
  } finally {
    for (const left of names) { // they are gone, as they should
      await kind.call('delete', { name: left, gracePeriodSeconds: 0 }).catch(() => {});
    }
  }
  assert.deepEqual(Object.keys(events).sort(), names);
  for (const types of Object.values(events)) {
    assert.deepEqual([types[0], types.at(-1)], ['ADDED', 'DELETED']);
  }
  assert.deepEqual(new Set(events[name].slice(1, -1)), new Set(['MODIFIED']));
  await rejected(404, 'NotFound', kind.call('read', { name }));
  await rejected(404, 'NotFound', kind.call('delete', { name }));
}

async function checkReview(kind, manifest) {
  const { namespace } = manifest.metadata;
  const body = Object.assign(manifest, { metadata: namespace && { namespace } });
  const { status } = await kind.call('create', { body });
  assert(status, 'no status');
}

/** Bindings have no objects of their own: they give pods their nodes. */
async function checkBinding(kind, pod) {
  const { name } = pod.metadata;
  const where = { name, namespace: NAMESPACE };
  await within(core.createNamespacedPod({ namespace: NAMESPACE, body: pod }), 'pod');
  try {
    const target = { apiVersion: 'v1', kind: 'Node', name: 'none' };
    await kind.call('create', { body: { metadata: { name }, target } });
    const bound = await within(core.readNamespacedPod(where), 'pod');
    assert.equal(bound.spec.nodeName, 'none');
  } finally {
    await within(core.deleteNamespacedPod({ ...where, gracePeriodSeconds: 0 }), 'pod');
  }
}

async function checkVersion() {
  const { major, minor } = await within(kubeconfig.makeApiClient(k8s.VersionApi).getCode(), 'version');
  assert(major === '1' && Number(minor) >= 36, `${major}.${minor}`);
}

/** /api and /apis name the groups and versions of every kind. */
async function checkGroups(kinds) {
  const { versions } = await within(kubeconfig.makeApiClient(k8s.CoreApi).getAPIVersions(), 'api');
  const { groups } = await within(kubeconfig.makeApiClient(k8s.ApisApi).getAPIVersions(), 'apis');
  for (const group of groups) {
    const own = group.versions.map(({ groupVersion }) => groupVersion);
    assert(own.includes(group.preferredVersion.groupVersion), group.name);
    versions.push(...own);
  }
  for (const { groupVersion } of kinds) assert(versions.includes(groupVersion), groupVersion);
}

/** /openapi/v2 has the paths and definitions of every kind. */
async function checkOpenapi(kinds) {
  const options = { headers: { accept: 'application/json' }, timeout: SECONDS * 1000 };
  await kubeconfig.applyToHTTPSOptions(options);
  const text = await within(new Promise((resolve, reject) => {
    https.get(`${kubeconfig.getCurrentCluster().server}/openapi/v2`, options, async (response) => {
      resolve(Buffer.concat(await response.toArray()).toString());
    }).on('error', reject);
  }), 'openapi');
  const { paths, definitions } = JSON.parse(text);
  const defined = new Set(Object.values(definitions).flatMap((definition) =>
    (definition['x-kubernetes-group-version-kind'] ?? []).map(({ group, version, kind }) =>
      `${group ? `${group}/` : ''}${version} ${kind}`)));
  for (const kind of kinds) {
    assert(defined.has(kind.id), `${kind.id} is not defined`);
    assert(kind.path.replace(NAMESPACE, '{namespace}') in paths, `no path ${kind.path}`);
  }
}

/** An informer lists what is there, and then tells of what happens. */
async function checkInformer() {
  const namespace = NAMESPACE;
  const configMap = (name) => ({ metadata: { name, labels: { [LABEL]: RUN } } });
  await within(core.createNamespacedConfigMap({ namespace, body: configMap('early') }), 'create');
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const list = () => core.listNamespacedConfigMap({ namespace, labelSelector: SELECTOR });
  const informer = k8s.makeInformer(kubeconfig, path, list, SELECTOR);
  const seen = [];
  const end = new Promise((resolve, reject) => {
    for (const verb of ['add', 'update', 'delete']) {
      informer.on(verb, ({ metadata: { name } }) => {
        seen.push(`${verb} ${name}`);
        if (verb === 'delete' && name === 'late') resolve();
      });
    }
    informer.on('error', reject);
  });
  await within(informer.start(), 'informer');
  try {
    assert.ok(informer.get('early', namespace));
    await within(core.createNamespacedConfigMap({ namespace, body: configMap('late') }), 'create');
    const body = { ...configMap('late'), data: { key: 'value' } };
    await within(core.replaceNamespacedConfigMap({ namespace, name: 'late', body }), 'replace');
    await within(core.deleteNamespacedConfigMap({ namespace, name: 'late' }), 'delete');
    await within(end, 'informer');
    assert.deepEqual(seen, ['add early', 'add late', 'update late', 'delete late']);
    assert.deepEqual(informer.list().map(({ metadata }) => metadata.name), ['early']);
  } finally {
    await informer.stop();
    await within(core.deleteNamespacedConfigMap({ namespace, name: 'early' }), 'delete');
  }
}

/** KubernetesObjectApi does everything to an object of which it is told the kind. */
async function checkObjectApi() {
  const metadata = { name: 'object', namespace: NAMESPACE };
  const spec = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { a: '1' } };
  assert.deepEqual((await within(objects.create(spec), 'create')).data, { a: '1' });
  await rejected(409, 'AlreadyExists', within(objects.create(spec), 'create'));
  const patched = await within(objects.patch({ ...spec, data: { b: '2' } }), 'patch');
  assert.deepEqual(patched.data, { a: '1', b: '2' });
  const replaced = await within(objects.replace({ ...patched, data: { c: '3' } }), 'replace');
  assert.deepEqual(replaced.data, { c: '3' });
  assert.deepEqual((await within(objects.read(spec), 'read')).data, { c: '3' });
  await within(objects.delete(spec), 'delete');
  await rejected(404, 'NotFound', within(objects.read(spec), 'read'));
}

async function run(name, test) {
  const start = performance.now();
  try {
    await test();
    console.log(`ok    ${name} (${((performance.now() - start) / 1000).toFixed(2)} s)`);
    return 1;
  } catch (error) {
    console.log(`FAIL  ${name}`);
    const [, line] = /every_kind\.mjs:(\d+)/.exec(error.stack) ?? [];
    failures.push(`${name}: ${line ? `line ${line}: ` : ''}${error.message}`);
    return 0;
  }
}

const [firsts, seconds] = [manifests(1), manifests(2)];
const kinds = await discover();
let done = 0;
await within(core.createNamespace({ body: { metadata: { name: NAMESPACE } } }), 'namespace');
try {
  for (const kind of kinds) {
    if (only.length && !only.includes(kind.resource.kind)) continue;
    const [first, second] = [firsts.get(kind.id), seconds.get(kind.id)];
    if (kind.id === 'v1 Binding') {
      done += await run(kind.id, () => checkBinding(kind, firsts.get('v1 Pod')));
    } else if (!first) {
      failures.push(`${kind.id}: every_kind.yaml has no object of this kind`);
    } else if (kind.resource.verbs.includes('list')) {
      done += await run(kind.id, () => checkKind(kind, first, second));
    } else {
      done += await run(kind.id, () => checkReview(kind, first));
    }
  }
  await run('version', checkVersion);
  await run('groups', () => checkGroups(kinds));
  await run('openapi', () => checkOpenapi(kinds));
  await run('informer', checkInformer);
  await run('KubernetesObjectApi', checkObjectApi);
} finally {
  await within(core.deleteNamespace({ name: NAMESPACE }), 'namespace');
}
console.log(`${done} of ${kinds.length} kinds, ${failures.length} failures`);
for (const failure of failures) console.log(failure);
process.exit(failures.length ? 1 : 0);
