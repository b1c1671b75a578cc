import type { ClusterSpec } from '../../api/cluster-spec.ts';
import { describeError, Failure } from '../../base/failure.ts';
import { parseAuthorities, parseKeyPair, type ClientTls } from '../../http/tls.ts';
import { parseBearerToken } from '../../http/token-file.ts';
import { isApiError } from '../../kube/api-error.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import { CONFIG_MAPS, SECRETS } from './core-objects.ts';

/** All that a cluster's spec says of credentials. */
export type CredentialSettings = Pick<ClusterSpec, 'tokenSecretRef' | 'tls' | 'storageController'>;

/** What is sent and trusted. Holds secrets: never log it, never show it. */
export interface Credentials {
  readonly token: string | undefined;
  readonly storageControllerToken: string | undefined;
  readonly tls: ClientTls;
  /** The objects that this was read from, each in its version. */
  readonly versions: string;
}

/** Something that a person has to mend: `message` is a sentence that names the reference and says what to do. */
export interface CredentialProblem {
  readonly message: string;
}

export type CredentialsRead =
  | { readonly kind: 'Read'; readonly credentials: Credentials }
  | { readonly kind: 'Problem'; readonly problem: CredentialProblem };

type Slot = 'token' | 'storageControllerToken' | 'ca' | 'cert' | 'key';

/** One value that the spec refers to, and where it says so. */
interface Reference {
  readonly path: string;
  readonly kind: 'Secret' | 'ConfigMap';
  readonly name: string;
  readonly key: string;
}

interface ReadObject {
  readonly version: string;
  readonly values: Readonly<Record<string, string>>;
}

/**
 * Reads every Secret and ConfigMap that the settings refer to, each once and nothing else: a certificate and its key
 * come from one version of their Secret. Gives `known` back when all objects are as they were then. Throws when the
 * API server does not answer.
 */
export async function readCredentials(
  client: Pick<KubeClient, 'get'>,
  namespace: string,
  settings: CredentialSettings,
  known: Credentials | undefined,
  signal: AbortSignal,
): Promise<CredentialsRead> {
  const references = referencesOf(settings);
  const objects = new Map<string, ReadObject>();
  try {
    for (const reference of Object.values(references)) {
      const name = objectNameOf(reference);
      if (!objects.has(name)) objects.set(name, await readObject(client, namespace, reference, signal));
    }
    const versions = JSON.stringify([...objects].map(([name, { version }]) => [name, version]));
    if (known?.versions === versions) return { kind: 'Read', credentials: known };
    const text = (slot: Slot) => textOf(references[slot], objects);
    const read = parse(references, text);
    return { kind: 'Read', credentials: { ...read, versions } };
  } catch (error) {
    if (error instanceof CredentialError) return { kind: 'Problem', problem: { message: error.message } };
    throw error;
  }
}

/** Ends the reading with a problem for people. */
class CredentialError extends Failure {
  constructor({ path }: Reference, problem: string) {
    super('CredentialsInvalid', `${path}: ${problem}`, { retry: 'after-change' });
  }
}

function referencesOf({
  tokenSecretRef,
  tls,
  storageController,
}: CredentialSettings): Partial<Record<Slot, Reference>> {
  const certificate = tls?.clientCertSecretRef;
  const certificatePath = 'spec.tls.clientCertSecretRef';
  return {
    ...(tokenSecretRef && { token: { path: 'spec.auth.tokenSecretRef', kind: 'Secret', ...tokenSecretRef } }),
    ...(storageController?.tokenSecretRef && {
      storageControllerToken: {
        path: 'spec.storageController.tokenSecretRef',
        kind: 'Secret',
        ...storageController.tokenSecretRef,
      },
    }),
    ...(tls?.caSecretRef && { ca: { path: 'spec.tls.caSecretRef', kind: 'Secret', ...tls.caSecretRef } }),
    ...(tls?.caConfigMapRef && { ca: { path: 'spec.tls.caConfigMapRef', kind: 'ConfigMap', ...tls.caConfigMapRef } }),
    ...(certificate && {
      cert: { path: certificatePath, kind: 'Secret', name: certificate.name, key: certificate.certKey },
      key: { path: certificatePath, kind: 'Secret', name: certificate.name, key: certificate.key },
    }),
  };
}

function objectNameOf({ kind, name }: Reference): string {
  return `${kind} ${name}`;
}

async function readObject(
  client: Pick<KubeClient, 'get'>,
  namespace: string,
  reference: Reference,
  signal: AbortSignal,
): Promise<ReadObject> {
  const at = { namespace, name: reference.name };
  const what = `${objectNameOf(reference)} in namespace ${namespace}`;
  try {
    if (reference.kind === 'ConfigMap') {
      const { metadata, data = {} } = await client.get(CONFIG_MAPS, at, signal);
      return { version: `${metadata.uid}/${metadata.resourceVersion}`, values: data };
    }
    const { metadata, data = {} } = await client.get(SECRETS, at, signal);
    const decoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]);
    return { version: `${metadata.uid}/${metadata.resourceVersion}`, values: Object.fromEntries(decoded) };
  } catch (error) {
    if (isApiError(error, 'NotFound')) {
      throw new CredentialError(reference, `${what} does not exist: create it or correct the reference`);
    }
    if (isApiError(error, 'Forbidden')) {
      const resource = reference.kind === 'ConfigMap' ? 'configmaps' : 'secrets';
      throw new CredentialError(reference, `the operator may not read ${what}: allow it to get ${resource} there`);
    }
    // The rest of an answer that could not be read may be a part of the secret.
    const detail = error instanceof Failure ? error.message : describeError(error);
    throw new Failure('CredentialsUnread', `${reference.path}: ${what} cannot be read now: ${detail}`);
  }
}

function textOf(reference: Reference | undefined, objects: ReadonlyMap<string, ReadObject>): string | undefined {
  if (reference === undefined) return undefined;
  const values = objects.get(objectNameOf(reference))?.values ?? {};
  const text = Object.hasOwn(values, reference.key) ? values[reference.key] : undefined;
  if (text !== undefined) return text;
  throw new CredentialError(
    reference,
    `${objectNameOf(reference)} has no key ${reference.key}: add it or correct the reference`,
  );
}

/** Errors of parsers are not passed on: nobody promises that they do not quote what they were given. */
function parse(
  references: Partial<Record<Slot, Reference>>,
  text: (slot: Slot) => string | undefined,
): Omit<Credentials, 'versions'> {
  const attempt = <Value>(slot: Slot, what: string, make: () => Value): Value => {
    try {
      return make();
    } catch {
      const reference = references[slot];
      if (reference === undefined) throw new Failure('CredentialsInvalid', `the ${slot} cannot be used`);
      throw new CredentialError(
        reference,
        `key ${reference.key} of ${objectNameOf(reference)} holds ${what}: replace it`,
      );
    }
  };
  const token = (slot: 'token' | 'storageControllerToken') => {
    const given = text(slot);
    if (given === undefined) return undefined;
    return attempt(slot, 'nothing that could be a bearer token', () => parseBearerToken(given));
  };
  const [ca, cert, key] = [text('ca'), text('cert'), text('key')];
  return {
    token: token('token'),
    storageControllerToken: token('storageControllerToken'),
    tls: {
      ...(ca === undefined
        ? {}
        : { ca: attempt('ca', 'no certificate authorities in PEM', () => parseAuthorities([ca])) }),
      ...(cert === undefined || key === undefined
        ? {}
        : {
            clientCertificate: attempt('key', 'no private key in PEM that fits the certificate beside it', () =>
              parseKeyPair({ cert: [cert], key: [key] }),
            ),
          }),
    },
  };
}
