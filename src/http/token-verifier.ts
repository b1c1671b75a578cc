import { type CryptoKey, importSPKI, jwtVerify } from 'jose';
import type { Clock } from '../base/clock.ts';
import { describeError, Failure } from '../base/failure.ts';
import { type CredentialSource, openReloaded, type Reloaded } from './reloaded.ts';

/** The one algorithm that safekeepers accept: EdDSA, here always with Ed25519. */
const ALGORITHM = 'EdDSA';
/** How far the clocks of issuer and verifier may differ; safekeepers allow as much. */
const CLOCK_TOLERANCE_S = 60;
/** RFC 6750; safekeepers insist on the capital letter. */
const PREFIX = 'Bearer ';

/** What an `Authorization` header says. */
export type TokenVerdict =
  | { readonly kind: 'Valid'; readonly claims: Readonly<Record<string, unknown>> }
  | { readonly kind: 'Missing' }
  /** Something else than `Bearer <token>`. */
  | { readonly kind: 'Malformed' }
  /** Not signed by any of the keys, expired, or not a JWT. `problem` is for the log: it never quotes the token. */
  | { readonly kind: 'Refused'; readonly problem: string };

export type PublicKeys = readonly CryptoKey[];

/**
 * Ed25519 public keys in PEM (`BEGIN PUBLIC KEY`), one a file, from a file or from all files of a directory. Throws a
 * Failure `CredentialsInvalid` when one of them is something else, or when there is none.
 */
export function openPublicKeys(path: string, source: CredentialSource): Promise<Reloaded<PublicKeys>> {
  return openReloaded({ paths: { keys: path }, parse: ({ keys }) => parsePublicKeys(keys) }, source);
}

async function parsePublicKeys(texts: readonly string[]): Promise<PublicKeys> {
  if (texts.length === 0) throw new Failure('CredentialsInvalid', 'there is no key', { retry: 'after-change' });
  return await Promise.all(
    texts.map(async (text) => {
      try {
        return await importSPKI(text.trim(), ALGORITHM);
      } catch (cause) {
        const message = 'a key is not an Ed25519 public key in PEM (-----BEGIN PUBLIC KEY-----)';
        throw new Failure('CredentialsInvalid', message, { retry: 'after-change', cause });
      }
    }),
  );
}

/** Verifies JSON Web Tokens. What their claims allow is the caller's question. */
export class TokenVerifier {
  private readonly keys: Reloaded<PublicKeys>;
  private readonly clock: Clock;

  constructor(keys: Reloaded<PublicKeys>, clock: Clock) {
    this.keys = keys;
    this.clock = clock;
  }

  /** Never throws. `exp` and `nbf` are honoured but not required. */
  async verify(authorization: string | undefined): Promise<TokenVerdict> {
    if (authorization === undefined) return { kind: 'Missing' };
    if (!authorization.startsWith(PREFIX)) return { kind: 'Malformed' };
    const token = authorization.slice(PREFIX.length);
    let problem = '';
    for (const key of await this.keys.current()) {
      try {
        return { kind: 'Valid', claims: await this.verifyWith(key, token) };
      } catch (error) {
        problem = describeError(error);
      }
    }
    return { kind: 'Refused', problem };
  }

  private async verifyWith(key: CryptoKey, token: string): Promise<Readonly<Record<string, unknown>>> {
    const { payload } = await jwtVerify(token, key, {
      algorithms: [ALGORITHM],
      clockTolerance: CLOCK_TOLERANCE_S,
      currentDate: new Date(this.clock.wallTimeMs()),
    });
    // RFC 7519, 4.1.3: a token for somebody by name is not for one who has no name.
    if (payload.aud !== undefined) {
      throw new Failure('TokenRefused', 'the token is meant for a named audience', { retry: 'never' });
    }
    return payload;
  }
}
