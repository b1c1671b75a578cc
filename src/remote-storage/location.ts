import { Failure } from '../base/failure.ts';

/** A directory on this machine or mounted to it. */
export interface DirectoryLocation {
  readonly kind: 'Directory';
  /** Absolute. */
  readonly path: string;
}

/** A bucket of S3 or of a service that speaks its protocol. */
export interface S3Location {
  readonly kind: 'S3';
  readonly bucket: string;
  /** What comes before every key, without slashes at its ends; empty for none. */
  readonly prefix: string;
  /** Undefined: as configured for the AWS SDK. */
  readonly region: string | undefined;
  /** `http` or `https` URL of the service; undefined for AWS. */
  readonly endpoint: string | undefined;
  /** The bucket in the path instead of in the host name. */
  readonly forcePathStyle: boolean;
}

export type RemoteStorageLocation = DirectoryLocation | S3Location;

export const REMOTE_STORAGE_FORM =
  'file:///absolute/path or s3://bucket/prefix?region=…&endpoint=https://…&path-style=true';
const S3_PARAMETERS: readonly string[] = ['region', 'endpoint', 'path-style'];
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/**
 * Reads `file:///path` or `s3://bucket[/prefix][?region=…&endpoint=…&path-style=true|false]`. The path style is the default
 * as soon as there is an endpoint, because few services other than AWS have a host name for each bucket. Throws a Failure
 * `InvalidRemoteStorage` that names the accepted form.
 */
export function parseRemoteStorageLocation(text: string): RemoteStorageLocation {
  if (!URL.canParse(text)) throw invalid(`${JSON.stringify(text)} is not a URL`);
  const url = new URL(text);
  // Not shown: it could be a secret.
  if (url.username !== '' || url.password !== '')
    throw invalid('credentials do not belong into it; the AWS SDK finds them in the environment or its own files');
  if (url.hash !== '') throw invalid(`it ends in ${url.hash}`);
  if (url.protocol === 'file:') return directory(url);
  if (url.protocol === 's3:') return bucket(url);
  throw invalid(`the scheme ${url.protocol} is not known`);
}

function directory(url: URL): DirectoryLocation {
  if (url.host !== '') throw invalid(`a directory has no host (${url.host}); write three slashes`);
  if (url.search !== '') throw invalid('a directory has no parameters');
  const path = decoded(url);
  if (path === '/') throw invalid('the directory is missing');
  return { kind: 'Directory', path };
}

function bucket(url: URL): S3Location {
  for (const name of url.searchParams.keys()) {
    if (!S3_PARAMETERS.includes(name)) throw invalid(`the parameter ${name} is not known`);
    if (url.searchParams.getAll(name).length > 1) throw invalid(`the parameter ${name} comes twice`);
  }
  if (url.port !== '') throw invalid('a port belongs into the endpoint');
  if (!BUCKET.test(url.hostname)) throw invalid(`${JSON.stringify(url.hostname)} is not a name of a bucket`);
  const endpoint = parameter(url, 'endpoint', /^https?:\/\/[^/?#@]+(\/[^?#@]*)?$/);
  const pathStyle = parameter(url, 'path-style', /^(true|false)$/);
  return {
    kind: 'S3',
    bucket: url.hostname,
    prefix: decoded(url).replaceAll(/^\/+|\/+$/g, ''),
    region: parameter(url, 'region', /^[a-z0-9-]+$/),
    endpoint,
    forcePathStyle: pathStyle === undefined ? endpoint !== undefined : pathStyle === 'true',
  };
}

function decoded(url: URL): string {
  try {
    return decodeURIComponent(url.pathname);
  } catch {
    throw invalid('a % in the path is not followed by two hex digits');
  }
}

function parameter(url: URL, name: string, form: RegExp): string | undefined {
  const value = url.searchParams.get(name);
  if (value === null) return undefined;
  if (!form.test(value)) throw invalid(`the parameter ${name} has an unknown form`);
  return value;
}

function invalid(problem: string): Failure {
  const message = `the remote storage must be ${REMOTE_STORAGE_FORM}: ${problem}`;
  return new Failure('InvalidRemoteStorage', message, { retry: 'never' });
}
