import { Failure } from '../base/failure.ts';
import type { TokenSource } from './client.ts';
import { type CredentialSource, openReloaded } from './reloaded.ts';

/** What a bearer token may consist of (RFC 6750): anything else could change the request that carries it. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

/** The bearer token in a file, white space around it ignored. Throws a Failure `CredentialsInvalid`. */
export function openTokenFile(path: string, source: CredentialSource): Promise<TokenSource> {
  return openReloaded({ paths: { token: path }, parse: ({ token }) => parseBearerToken(token.join('')) }, source);
}

/** A token that never changes. Throws a Failure `CredentialsInvalid` when it is not of the form of one. */
export function fixedToken(text: string): TokenSource {
  const token = parseBearerToken(text);
  return { current: () => Promise.resolve(token), refresh: () => Promise.resolve(token) };
}

/** White space around it is ignored. Throws a Failure `CredentialsInvalid` that does not quote the text. */
export function parseBearerToken(text: string): string {
  const token = text.trim();
  if (TOKEN.test(token)) return token;
  const problem = token === '' ? 'it is empty' : 'it has characters that a bearer token cannot have';
  throw new Failure('CredentialsInvalid', `the token cannot be used: ${problem}`, { retry: 'after-change' });
}
