import { createPrivateKey, X509Certificate } from 'node:crypto';
import { Failure } from '../base/failure.ts';
import { type CredentialSource, openReloaded, type Reloaded } from './reloaded.ts';

/** A certificate, followed by those of intermediate authorities, and its private key; PEM, or paths of PEM files. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** What a server shows, and what it asks its clients for; PEM, or paths of PEM files. */
export interface ServerTls extends KeyPair {
  /** Set: clients must show a certificate that one of these authorities signed. */
  readonly clientCa?: string;
}

/** What a client trusts and shows; PEM, or paths of PEM files. */
export interface ClientTls {
  /** Instead of the authorities that Node trusts by itself. */
  readonly ca?: string;
  readonly clientCertificate?: KeyPair;
}

/** Throws a Failure `CredentialsInvalid` when the files are not what they should be, or do not fit together. */
export function openServerTls(paths: ServerTls, source: CredentialSource): Promise<Reloaded<ServerTls>> {
  const { cert, key, clientCa } = paths;
  const parse = (texts: Readonly<Record<'cert' | 'key' | 'clientCa', readonly string[]>>): ServerTls => ({
    ...parseKeyPair(texts),
    ...(clientCa === undefined ? {} : { clientCa: parseAuthorities(texts.clientCa) }),
  });
  return openReloaded({ paths: { cert, key, clientCa }, parse }, source);
}

/** Throws a Failure `CredentialsInvalid` when the files are not what they should be, or do not fit together. */
export function openClientTls(paths: ClientTls, source: CredentialSource): Promise<Reloaded<ClientTls>> {
  const { ca, clientCertificate } = paths;
  const parse = (texts: Readonly<Record<'ca' | 'cert' | 'key', readonly string[]>>): ClientTls => ({
    ...(ca === undefined ? {} : { ca: parseAuthorities(texts.ca) }),
    ...(clientCertificate === undefined ? {} : { clientCertificate: parseKeyPair(texts) }),
  });
  return openReloaded({ paths: { ca, cert: clientCertificate?.cert, key: clientCertificate?.key }, parse }, source);
}

/** Files are replaced one after another, so for a moment a key may not be that of the certificate. Throws then. */
export function parseKeyPair(texts: Readonly<Record<keyof KeyPair, readonly string[]>>): KeyPair {
  const [cert, key] = [texts.cert.join('\n'), texts.key.join('\n')];
  if (new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) return { cert, key };
  throw invalid('the private key is not that of the certificate');
}

/** Throws when a text is no certificate; an empty list would mean the authorities that Node trusts by itself. */
export function parseAuthorities(texts: readonly string[]): string {
  if (texts.length === 0) throw invalid('there is no certificate');
  for (const text of texts) void new X509Certificate(text);
  return texts.join('\n');
}

function invalid(problem: string): Failure {
  return new Failure('CredentialsInvalid', problem, { retry: 'after-change' });
}
