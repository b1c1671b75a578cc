import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';

export interface TokenIssuer {
  /** PEM. */
  readonly publicKey: string;
  readonly privateKey: KeyObject;
  readonly issue: (claims: Readonly<Record<string, unknown>>) => Promise<string>;
}

/** An Ed25519 key pair of its own, and tokens signed with it. */
export function tokenIssuer(): TokenIssuer {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    privateKey,
    issue: (claims) => new SignJWT({ ...claims }).setProtectedHeader({ alg: 'EdDSA' }).sign(privateKey),
  };
}
