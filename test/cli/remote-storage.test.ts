import { Command } from 'commander';
import { expect, test } from 'vitest';
import { agentCommand } from '../../src/cli/agent.ts';
import { remoteStorageOption } from '../../src/cli/remote-storage.ts';

function parse(...args: readonly string[]): unknown {
  const command = new Command().addOption(remoteStorageOption()).exitOverride();
  command.configureOutput({ writeErr: () => undefined });
  return command.parse(args, { from: 'user' }).opts()['remoteStorage'];
}

test('--remote-storage is a URL, and optional', () => {
  expect(parse()).toBeUndefined();
  expect(parse('--remote-storage', 'file:///mnt/remote')).toEqual({ kind: 'Directory', path: '/mnt/remote' });
});

test('anything else is bad usage that names the accepted form', () => {
  const message = /--remote-storage.*must be file:\/\/\/absolute\/path or s3:\/\/bucket\/prefix\?region=.*is not a URL/;
  expect(() => parse('--remote-storage', '/mnt/remote')).toThrow(message);
});

test('the help of agent explains it', () => {
  const help = agentCommand().helpInformation().replaceAll(/\s+/g, ' ');
  for (const form of [
    '--remote-storage <url>',
    'file:///path',
    's3://bucket/prefix',
    'region=',
    'endpoint=',
    'path-style=',
  ])
    expect(help).toContain(form);
});
