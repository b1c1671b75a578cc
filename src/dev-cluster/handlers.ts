import { type Clock } from '../base/clock.ts';
import { type Answer, renderList, renderObject } from './answer.ts';
import { decodeJson, decodeObjectBody, decodeYaml, mediaTypeOf } from './body.ts';
import type { Deletions } from './delete.ts';
import { applyJsonPatch } from './json-patch.ts';
import { listPage, selectorOf } from './list.ts';
import { applyMergePatch, applyStrategicMergePatch } from './merge-patch.ts';
import { chooseRepresentation } from './negotiation.ts';
import { fieldOf, type Fields, isFields, type KubeObject, textOf } from './object.ts';
import type { Objects } from './objects.ts';
import { type ApiRequest, dryRunOf, fieldManagerOf, fieldValidationOf } from './request.ts';
import type { ResourceType, ResourceTypes } from './resource-type.ts';
import { badRequest, invalidOption, methodNotAllowed, unsupportedMediaType } from './status-error.ts';
import type { Store } from './store.ts';
import { resolveTarget, type Target } from './target.ts';
import type { Watches, WatchSink } from './watch.ts';
import type { WriteRequest, Writes } from './write.ts';

export interface HandlerDependencies {
  readonly store: Store;
  readonly objects: Objects;
  readonly types: ResourceTypes;
  readonly writes: Writes;
  readonly deletions: Deletions;
  readonly watches: Watches;
  readonly clock: Clock;
}

type Patch = (object: KubeObject) => unknown;

const APPLY = 'application/apply-patch+yaml';
const PATCH_MEDIA_TYPES: readonly string[] = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  APPLY,
];

const REQUIRED_FOR_APPLY = 'Required value: is required for apply patch';

/** The verbs of the API on objects: one method and path to one answer. Refusals are thrown StatusErrors. */
export class Handlers {
  private readonly to: HandlerDependencies;

  constructor(dependencies: HandlerDependencies) {
    this.to = dependencies;
  }

  /** Undefined when the answer went to `sink` as a watch, which has then ended. */
  async handle(request: ApiRequest, sink: WatchSink, signal: AbortSignal): Promise<Answer | undefined> {
    const target = resolveTarget(this.to.types, request.path);
    const { name } = target;
    switch (request.method) {
      case 'GET':
        if (name !== undefined) return this.get(request, target, name);
        if (['true', '1'].includes(request.query.get('watch') ?? ''))
          return await this.watch(request, target, sink, signal);
        return this.list(request, target);
      case 'POST':
        if (name !== undefined || (target.type.namespaced && target.namespace === undefined)) throw methodNotAllowed();
        return this.create(request, target);
      case 'PUT':
        if (name === undefined) throw methodNotAllowed();
        return this.update(request, target, name);
      case 'PATCH':
        if (name === undefined) throw methodNotAllowed();
        return this.patch(request, target, name);
      case 'DELETE':
        if (target.subresource !== '') throw methodNotAllowed();
        return name === undefined ? this.deleteCollection(request, target) : this.delete(request, target, name);
      default:
        throw methodNotAllowed();
    }
  }

  private get(request: ApiRequest, target: Target, name: string): Answer {
    return this.one(request, target, 200, this.to.objects.get(target.type, target.namespace, name));
  }

  private list(request: ApiRequest, target: Target): Answer {
    const { store, objects, clock } = this.to;
    const representation = chooseRepresentation(request.accept, request.query.get('includeObject'));
    const page = listPage(store, objects, target.type, target.namespace, request.query);
    const body = renderList(target.type, page.objects, page.metadata, representation, clock.wallTimeMs());
    return { status: 200, body };
  }

  private async watch(request: ApiRequest, target: Target, sink: WatchSink, signal: AbortSignal): Promise<undefined> {
    const { type, namespace } = target;
    const representation = chooseRepresentation(request.accept, request.query.get('includeObject'));
    const render = (object: KubeObject) => renderObject(type, object, representation, this.to.clock.wallTimeMs());
    await this.to.watches.run({ type, namespace, query: request.query, render, sink }, signal);
  }

  private create(request: ApiRequest, target: Target): Answer {
    const body = decodeObjectBody(request.body, request.contentType);
    const stated = textOf(fieldOf(body.value, 'metadata'), 'namespace');
    const namespace = target.type.namespaced ? (target.namespace ?? stated) : undefined;
    if (target.type.namespaced && namespace === '')
      throw badRequest('an empty namespace may not be set during creation');
    const write = this.writeRequest(request, { ...target, namespace });
    return this.one(request, target, 201, this.to.writes.create(write, body), write.warnings);
  }

  private update(request: ApiRequest, target: Target, name: string): Answer {
    const write = this.writeRequest(request, target);
    const body = decodeObjectBody(request.body, request.contentType);
    return this.one(request, target, 200, this.to.writes.update(write, name, body), write.warnings);
  }

  private patch(request: ApiRequest, target: Target, name: string): Answer {
    const mediaType = mediaTypeOf(request.contentType);
    const write = this.writeRequest(request, target);
    const { query } = request;
    if (mediaType === APPLY) {
      if (!query.get('fieldManager')) throw invalidOption('PatchOptions', 'fieldManager', REQUIRED_FOR_APPLY);
      const existed = this.to.objects.find(target.type, target.namespace, name) !== undefined;
      const force = query.get('force') === 'true' || query.get('force') === '1';
      const object = this.to.writes.apply(write, name, decodeYaml(request.body), force);
      return this.one(request, target, existed ? 200 : 201, object, write.warnings);
    }
    const { value, duplicates } = decodeJson(request.body);
    const patch = patchFunction(target.type, mediaType, value);
    const object = this.to.writes.patch(write, name, (current) => ({ value: patch(current), duplicates }));
    return this.one(request, target, 200, object, write.warnings);
  }

  private delete(request: ApiRequest, target: Target, name: string): Answer {
    const { type, namespace } = target;
    const options = deleteOptionsOf(request);
    const deletion = this.to.deletions.delete(type, this.to.objects.get(type, namespace, name), options);
    if (deletion.kind === 'terminating') return this.one(request, target, 200, deletion.object);
    const details = { name, group: type.group, kind: type.plural, uid: deletion.object.metadata.uid };
    return { status: 200, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details } };
  }

  private deleteCollection(request: ApiRequest, target: Target): Answer {
    const { type, namespace } = target;
    const selects = selectorOf(type, request.query);
    const options = { ...deleteOptionsOf(request), uid: '', resourceVersion: '' };
    const chosen = this.to.objects.list(type, namespace).filter(selects);
    // Removing one object may take others with it.
    const items = chosen.flatMap(({ metadata }) => {
      const found = this.to.objects.find(type, metadata.namespace, metadata.name);
      return found === undefined ? [] : [this.to.deletions.delete(type, found, options).object];
    });
    const metadata = { resourceVersion: String(this.to.store.revision) };
    const representation = chooseRepresentation(request.accept, null);
    return { status: 200, body: renderList(type, items, metadata, representation, this.to.clock.wallTimeMs()) };
  }

  private one(
    request: ApiRequest,
    target: Target,
    status: number,
    object: KubeObject,
    warnings: readonly string[] = [],
  ): Answer {
    const representation = chooseRepresentation(request.accept, request.query.get('includeObject'));
    return { status, body: renderObject(target.type, object, representation, this.to.clock.wallTimeMs()), warnings };
  }

  private writeRequest(request: ApiRequest, target: Target): WriteRequest {
    // An answer that cannot be given must be refused before anything is written.
    chooseRepresentation(request.accept, null);
    const { type, namespace, subresource } = target;
    return {
      type,
      namespace,
      subresource,
      fieldManager: fieldManagerOf(request),
      fieldValidation: fieldValidationOf(request.query),
      dryRun: dryRunOf(request.query.getAll('dryRun')),
      warnings: [],
    };
  }
}

function patchFunction(type: ResourceType, mediaType: string, patch: unknown): Patch {
  switch (mediaType) {
    case 'application/json-patch+json':
      return (object) => applyJsonPatch(object, patch);
    case 'application/merge-patch+json':
      return (object) => applyMergePatch(object, patch);
    case 'application/strategic-merge-patch+json':
      // As a real server: custom resources have no strategic merge.
      if (type.rules !== undefined) throw unsupportedMediaType(PATCH_MEDIA_TYPES.toSpliced(2, 1));
      return (object) => applyStrategicMergePatch(type.schema, object, patch);
    default:
      throw unsupportedMediaType(PATCH_MEDIA_TYPES);
  }
}

/** DeleteOptions come in the body, and some of them also in the query. */
function deleteOptionsOf(request: ApiRequest): Parameters<Deletions['delete']>[2] {
  const decoded = request.body.length === 0 ? {} : decodeObjectBody(request.body, request.contentType).value;
  const body: Fields = isFields(decoded) ? decoded : {};
  const propagation = request.query.get('propagationPolicy') ?? textOf(body, 'propagationPolicy');
  if (!['', 'Orphan', 'Background', 'Foreground'].includes(propagation)) {
    throw badRequest(
      `propagationPolicy: Unsupported value: "${propagation}": supported values: "Foreground", "Background", "Orphan"`,
    );
  }
  const orphans = propagation === 'Orphan' || body.orphanDependents === true;
  const inBody = Array.isArray(body.dryRun) ? (body.dryRun as unknown[]) : [];
  return {
    uid: textOf(body.preconditions, 'uid'),
    resourceVersion: textOf(body.preconditions, 'resourceVersion'),
    propagation: orphans ? 'Orphan' : 'Background',
    dryRun: dryRunOf([...request.query.getAll('dryRun'), ...inBody]),
  };
}
