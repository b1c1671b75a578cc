import { InvalidArgumentError } from 'commander';

/** Where a server listens; port 0 lets the system pick. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Parses `host:port` of a command line; IPv6 hosts in brackets. */
export function parseListenAddress(text: string): ListenAddress {
  const [, host, digits] = /^(.+):([0-9]{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (host === undefined || port > 65_535) {
    throw new InvalidArgumentError('It must be host:port, for example 127.0.0.1:7676.');
  }
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port };
}
