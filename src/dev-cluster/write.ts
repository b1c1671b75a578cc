import type { Clock } from '../base/clock.ts';
import { formatTimestamp } from '../base/clock.ts';
import { acceptInput, admit, type FieldValidation } from './admission.ts';
import type { DecodedBody } from './body.ts';
import type { Deletions } from './delete.ts';
import { applyConfiguration, trackUpdate, type Writer } from './managed-fields.ts';
import { type Fields, isFields, type KubeObject, type ObjectMeta, omit, sameValue, textOf } from './object.ts';
import type { Objects } from './objects.ts';
import { apiVersionOf, type ResourceType, type ResourceTypes } from './resource-type.ts';
import {
  alreadyExists,
  badRequest,
  conflict,
  forbidden,
  invalid,
  modifiedMeanwhile,
  notFound,
  StatusError,
} from './status-error.ts';

/** Of those that a real server takes: nothing that spells words. */
const NAME_ALPHABET = 'bcdfghjklmnpqrst';

/** One object's address and how to write to it. */
export interface WriteRequest {
  readonly type: ResourceType;
  readonly namespace: string | undefined;
  readonly subresource: '' | 'status';
  readonly fieldManager: string;
  readonly fieldValidation: FieldValidation;
  readonly dryRun: boolean;
  /** Filled with what the client should know but need not act on. */
  readonly warnings: string[];
}

export interface WriteDependencies {
  readonly objects: Objects;
  readonly types: ResourceTypes;
  readonly deletions: Deletions;
  readonly clock: Clock;
  readonly newUid: () => string;
}

/** Creates and changes objects, by every way the API has; all ways meet in the same admission and bookkeeping. */
export class Writes {
  private readonly to: WriteDependencies;

  constructor(dependencies: WriteDependencies) {
    this.to = dependencies;
  }

  create(request: WriteRequest, body: DecodedBody): KubeObject {
    const input = this.accept(request, body);
    const given = isFields(input.metadata) ? input.metadata : {};
    if (textOf(given, 'resourceVersion') !== '') {
      throw new StatusError(500, 'InternalError', 'resourceVersion should not be set on objects to be created');
    }
    const name = textOf(given, 'name') || this.generatedName(request.type, textOf(given, 'generateName'));
    return this.createNamed(request, input, given, name, (object) =>
      trackUpdate(request.type.schema, undefined, object, this.writer(request)),
    );
  }

  /** PUT: the whole object, or its status alone. */
  update(request: WriteRequest, name: string, body: DecodedBody): KubeObject {
    const previous = this.to.objects.get(request.type, request.namespace, name);
    const input = this.accept(request, body);
    const given = isFields(input.metadata) ? input.metadata : {};
    if (!request.type.allowsUnconditionalUpdate && textOf(given, 'resourceVersion') === '') {
      const message = 'Invalid value: 0x0: must be specified for an update';
      const cause = { reason: 'FieldValueInvalid', field: 'metadata.resourceVersion', message };
      throw invalid(request.type.group, request.type.kind, name, [cause]);
    }
    return this.replace(request, previous, input);
  }

  /** PATCH with a function from the object to its successor. */
  patch(request: WriteRequest, name: string, patched: (object: KubeObject) => DecodedBody): KubeObject {
    const previous = this.to.objects.get(request.type, request.namespace, name);
    return this.replace(request, previous, this.accept(request, patched(previous)));
  }

  /** Server-side apply; creates the object when it is not there. */
  apply(request: WriteRequest, name: string, body: DecodedBody, force: boolean): KubeObject {
    const { type } = request;
    const configuration = this.acceptConfiguration(request, name, body);
    const previous = this.to.objects.find(type, request.namespace, name);
    const writer = this.writer(request);
    const applied = applyConfiguration(type.schema, previous, configuration, writer, force);
    if (previous === undefined) {
      if (request.subresource === 'status') throw notFound(type, name);
      const metadata = isFields(configuration.metadata) ? configuration.metadata : {};
      return this.createNamed(request, applied.object, metadata, name, () => applied.managedFields);
    }
    const next = this.successor(request, previous, applied.object);
    const object = { ...next, metadata: { ...next.metadata, managedFields: applied.managedFields } };
    return this.commit(request, previous, object);
  }

  private accept(request: WriteRequest, body: DecodedBody): Fields {
    return acceptInput(request.type, body.value, body.duplicates, request.fieldValidation, request.warnings);
  }

  private acceptConfiguration(request: WriteRequest, name: string, body: DecodedBody): Fields {
    const { type, subresource } = request;
    if (isFields(body.value) && isFields(body.value.metadata) && body.value.metadata.managedFields !== undefined) {
      throw badRequest('metadata.managedFields must be nil');
    }
    const unknown: string[] = [];
    const input = acceptInput(type, body.value, body.duplicates, 'Warn', unknown);
    if (unknown.length > 0) {
      const address = `${request.namespace === undefined ? '' : `${request.namespace}/`}${name}`;
      const message = `failed to create typed patch object (${address}; ${apiVersionOf(type)}, Kind=${type.kind}): ${unknown.join(', ')}: field not declared in schema`;
      throw new StatusError(500, 'InternalError', message);
    }
    const given = isFields(input.metadata) ? input.metadata : {};
    const named = { ...given, name, ...(request.namespace === undefined ? {} : { namespace: request.namespace }) };
    if (subresource === 'status') return { ...omit(input, ['spec', 'data']), metadata: named };
    return { ...(type.hasStatus ? omit(input, ['status']) : input), metadata: named };
  }

  private createNamed(
    request: WriteRequest,
    input: Fields,
    given: Fields,
    name: string,
    managedFields: (object: KubeObject) => Fields[],
  ): KubeObject {
    const { type, namespace } = request;
    this.requireNamespace(type, namespace, name, given);
    if (this.to.objects.find(type, namespace, name) !== undefined) throw alreadyExists(type, name);
    const metadata: ObjectMeta = {
      ...omit(given, ['managedFields', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'selfLink']),
      name,
      ...(namespace === undefined ? {} : { namespace }),
      uid: this.to.newUid(),
      resourceVersion: '',
      creationTimestamp: this.now(),
      ...(type.countsGenerations ? { generation: 1 } : {}),
    };
    const body = type.hasStatus ? omit(input, ['status']) : input;
    const complete = { ...body, apiVersion: apiVersionOf(type), kind: type.kind, metadata };
    const admitted = admit(type, complete, undefined);
    const object = { ...admitted, metadata: { ...admitted.metadata, managedFields: managedFields(admitted) } };
    return request.dryRun ? object : this.to.objects.put(type, object);
  }

  private replace(request: WriteRequest, previous: KubeObject, input: Fields): KubeObject {
    const { type } = request;
    const next = this.successor(request, previous, input);
    const managedFields = trackUpdate(type.schema, previous, next, this.writer(request));
    return this.commit(request, previous, { ...next, metadata: { ...next.metadata, managedFields } });
  }

  /** The next state, admitted: what the client may not decide is taken from the previous one. */
  private successor(request: WriteRequest, previous: KubeObject, input: Fields): KubeObject {
    const { type, subresource } = request;
    const given = isFields(input.metadata) ? input.metadata : {};
    requireSameObject(type, previous, given);
    const kept = previous.metadata;
    const metadata: ObjectMeta = {
      ...omit(given, ['deletionTimestamp', 'deletionGracePeriodSeconds', 'generation', 'selfLink']),
      name: kept.name,
      ...(kept.namespace === undefined ? {} : { namespace: kept.namespace }),
      uid: kept.uid,
      resourceVersion: kept.resourceVersion,
      creationTimestamp: kept.creationTimestamp,
      ...pick(kept, ['deletionTimestamp', 'deletionGracePeriodSeconds', 'generation', 'managedFields']),
      ...pick(given, ['managedFields']),
    };
    const complete: KubeObject =
      subresource === 'status'
        ? { ...previous, ...pick(input, ['status']), metadata: { ...kept, ...pick(metadata, ['managedFields']) } }
        : {
            ...(type.hasStatus ? { ...omit(input, ['status']), ...pick(previous, ['status']) } : input),
            apiVersion: previous.apiVersion,
            kind: previous.kind,
            metadata,
          };
    if (subresource === 'status' && input.status === undefined) delete complete.status;
    const admitted = admit(type, complete, previous);
    if (!type.countsGenerations) return admitted;
    const counted = (object: KubeObject) => omit(object, type.hasStatus ? ['metadata', 'status'] : ['metadata']);
    const generation = (kept.generation ?? 1) + (sameValue(counted(admitted), counted(previous)) ? 0 : 1);
    return { ...admitted, metadata: { ...admitted.metadata, generation } };
  }

  private commit(request: WriteRequest, previous: KubeObject, object: KubeObject): KubeObject {
    if (request.dryRun || sameValue(object, previous)) return object;
    return this.to.deletions.resume(request.type, this.to.objects.put(request.type, object));
  }

  private requireNamespace(type: ResourceType, namespace: string | undefined, name: string, given: Fields): void {
    const stated = textOf(given, 'namespace');
    if (stated !== '' && stated !== (namespace ?? '')) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    }
    if (namespace === undefined) return;
    const namespaces = this.to.types.find('', 'v1', 'namespaces');
    const found = namespaces === undefined ? undefined : this.to.objects.find(namespaces, undefined, namespace);
    if (found === undefined) throw notFound({ group: '', plural: 'namespaces' }, namespace);
    if (found.metadata.deletionTimestamp !== undefined) {
      const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
      throw forbidden(type, name, why);
    }
  }

  private generatedName(type: ResourceType, prefix: string): string {
    if (prefix !== '') {
      const digits = this.to.newUid().replaceAll('-', '').slice(0, 5);
      return prefix + digits.replaceAll(/./g, (digit) => NAME_ALPHABET[Number.parseInt(digit, 16)] ?? 'x');
    }
    const message = 'Required value: name or generateName is required';
    throw invalid(type.group, type.kind, '', [{ reason: 'FieldValueRequired', field: 'metadata.name', message }]);
  }

  private writer(request: WriteRequest): Writer {
    const { fieldManager: manager, subresource } = request;
    return { manager, subresource, apiVersion: apiVersionOf(request.type), now: this.now() };
  }

  private now(): string {
    return formatTimestamp(this.to.clock.wallTimeMs());
  }
}

/** An update that names another uid or an old resourceVersion was made from something else than what is stored. */
function requireSameObject(type: ResourceType, previous: KubeObject, given: Fields): void {
  const { name, namespace, uid, resourceVersion } = previous.metadata;
  for (const [field, expected] of [['name', name] as const, ['namespace', namespace ?? ''] as const]) {
    const stated = textOf(given, field);
    if (stated === expected || (field === 'namespace' && stated === '')) continue;
    throw badRequest(`the ${field} of the object (${stated}) does not match the ${field} on the URL (${expected})`);
  }
  const givenUid = textOf(given, 'uid');
  if (givenUid !== '' && givenUid !== uid) {
    const why = `Precondition failed: UID in precondition: ${givenUid}, UID in object meta: ${uid}`;
    throw conflict(type, name, why);
  }
  const givenVersion = textOf(given, 'resourceVersion');
  if (givenVersion !== '' && givenVersion !== resourceVersion) throw modifiedMeanwhile(type, name);
}

function pick(value: Fields, fields: readonly string[]): Fields {
  return Object.fromEntries(
    fields.filter((field) => Object.hasOwn(value, field)).map((field) => [field, value[field]]),
  );
}
