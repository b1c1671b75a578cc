import type { TestProject } from 'vitest/node';
import { installDefinitions } from '../api-server/definitions.ts';
import { openDoor } from '../api-server/door.ts';
import { findEnvtest } from './find.ts';
import { startKubeApiserver } from './kube-apiserver.ts';

/** One real kube-apiserver for the whole run, with both kinds installed. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const programs = await findEnvtest();
  if ('missing' in programs) throw new Error(programs.missing);
  const server = await startKubeApiserver(programs.path);
  {
    await using door = await openDoor({ ...server, headers: { authorization: `Bearer ${server.token}` } });
    await installDefinitions(door.url);
  }
  const { url, ca, token } = server;
  project.provide('kubeApiserver', { url, ca, token });
  return async () => await server[Symbol.asyncDispose]();
}
