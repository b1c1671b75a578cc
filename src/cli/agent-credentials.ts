import type { Command } from 'commander';
import type { AgentOptions } from '../agent/agent.ts';
import { systemClock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { Logger } from '../base/log.ts';
import { readTexts } from '../disk/read-texts.ts';
import type { HttpClientOptions, TokenSource } from '../http/client.ts';
import type { CredentialSource } from '../http/reloaded.ts';
import { type KeyPair, openClientTls, openServerTls } from '../http/tls.ts';
import { fixedToken, openTokenFile } from '../http/token-file.ts';
import { openPublicKeys, TokenVerifier } from '../http/token-verifier.ts';
import { badUsage } from './errors.ts';

/** Paths of files, or for `httpAuthPublicKeyPath`, `tlsClientCa` and `sslCaFile` of directories of files. */
export interface CredentialFlags extends OutgoingFlags {
  readonly httpAuthPublicKeyPath?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
}

/** What is shown to other safekeepers. */
export interface OutgoingFlags {
  readonly authTokenPath?: string;
  readonly sslCaFile?: string;
  readonly clientCert?: string;
  readonly clientKey?: string;
}

/** Where safekeepers take their token from when no file is named. */
const TOKEN_VARIABLE = 'SAFEKEEPER_AUTH_TOKEN';

/** The names that safekeepers have are theirs. */
export function addCredentialOptions(command: Command): Command {
  command
    .option(
      '--http-auth-public-key-path <path>',
      'ask clients for tokens: Ed25519 public key (PEM) or directory of them',
    )
    .option('--tls-cert <file>', 'serve HTTPS with this certificate (PEM), followed by intermediate ones')
    .option('--tls-key <file>', 'private key of --tls-cert (PEM)')
    .option('--tls-client-ca <path>', 'ask clients for certificates that one of these authorities (PEM) signed');
  return addOutgoingOptions(command);
}

/** Of every command that asks safekeepers. */
export function addOutgoingOptions(command: Command): Command {
  return command
    .option('--auth-token-path <file>', `own token for other safekeepers; otherwise $${TOKEN_VARIABLE}`)
    .option('--ssl-ca-file <path>', 'authorities (PEM) to trust in other safekeepers, instead of the well-known ones')
    .option('--client-cert <file>', 'own certificate for other safekeepers (PEM)')
    .option('--client-key <file>', 'private key of --client-cert (PEM)');
}

/** What an agent asks its clients for. Throws a Failure `BadUsage` or `CredentialsInvalid`. */
export async function openIncoming(
  flags: CredentialFlags,
  log: Logger,
): Promise<Pick<AgentOptions, 'tokens' | 'server'>> {
  const source = credentialSource(log);
  const { httpAuthPublicKeyPath: keys, tlsClientCa: clientCa } = flags;
  const pair = keyPair('--tls-cert', flags.tlsCert, '--tls-key', flags.tlsKey);
  if (clientCa !== undefined && pair === undefined) throw badUsage('--tls-client-ca needs --tls-cert and --tls-key');
  const openKeys = async (path: string) =>
    new TokenVerifier(
      await naming({ '--http-auth-public-key-path': path }, () => openPublicKeys(path, source)),
      systemClock,
    );
  const openTls = (pair: KeyPair) =>
    naming({ '--tls-cert': pair.cert, '--tls-key': pair.key, '--tls-client-ca': clientCa }, () =>
      openServerTls({ ...pair, ...(clientCa === undefined ? {} : { clientCa }) }, source),
    );
  return {
    ...(keys === undefined ? {} : { tokens: await openKeys(keys) }),
    ...(pair === undefined ? {} : { server: { tls: await openTls(pair) } }),
  };
}

/** What is shown to other safekeepers. Throws a Failure `BadUsage` or `CredentialsInvalid`. */
export async function openOutgoing(
  flags: OutgoingFlags,
  environment: Readonly<Record<string, string | undefined>>,
  log: Logger,
): Promise<HttpClientOptions> {
  const source = credentialSource(log);
  const { sslCaFile: ca } = flags;
  const clientCertificate = keyPair('--client-cert', flags.clientCert, '--client-key', flags.clientKey);
  const token = await openToken(flags.authTokenPath, environment[TOKEN_VARIABLE], source);
  const paths = {
    ...(ca === undefined ? {} : { ca }),
    ...(clientCertificate === undefined ? {} : { clientCertificate }),
  };
  const named = {
    '--ssl-ca-file': ca,
    '--client-cert': clientCertificate?.cert,
    '--client-key': clientCertificate?.key,
  };
  return {
    ...(token === undefined ? {} : { token }),
    ...(Object.keys(paths).length === 0 ? {} : { tls: await naming(named, () => openClientTls(paths, source)) }),
  };
}

/** Failures say which files cannot be used; this says whose they are: those of `options` that were given. */
async function naming<Value>(
  options: Readonly<Record<string, string | undefined>>,
  open: () => Value | Promise<Value>,
): Promise<Value> {
  try {
    return await open();
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause;
    const given = Object.keys(options).filter((name) => options[name] !== undefined);
    throw new Failure(cause.reason, `${given.join(', ')}: ${cause.message}`, {
      retry: cause.retry,
      cause: cause.cause,
    });
  }
}

async function openToken(
  path: string | undefined,
  text: string | undefined,
  source: CredentialSource,
): Promise<TokenSource | undefined> {
  if (path !== undefined) return await naming({ '--auth-token-path': path }, () => openTokenFile(path, source));
  return text === undefined ? undefined : await naming({ [`$${TOKEN_VARIABLE}`]: text }, () => fixedToken(text));
}

function keyPair(
  certFlag: string,
  cert: string | undefined,
  keyFlag: string,
  key: string | undefined,
): KeyPair | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) throw badUsage(`${certFlag} and ${keyFlag} go together`);
  return { cert, key };
}

function credentialSource(log: Logger): CredentialSource {
  return { read: readTexts, clock: systemClock, log };
}
