import { CLUSTER_RESOURCE, TIMELINE_RESOURCE } from '../../api/names.ts';
import type { SafekeeperTimeline } from '../../api/resources.ts';
import { startDeadline } from '../../base/deadline.ts';
import { limits } from '../../base/limits.ts';
import { KubeClient } from '../../kube/kube-client.ts';
import type { ResourceType } from '../../kube/object.ts';
import { accessOf, interactiveRuntime, namespaceOf } from '../kube-options.ts';
import { listObjects } from '../objects.ts';
import type { NameSource } from './candidates.ts';

/** Nobody waits longer for a tab. */
const TIMEOUT_MS = 2_000;

/** Asks the API server that the command line is about, briefly; no names where it does not answer. */
export const objectNames: NameSource = async (completes, current, { kubeconfig, context, namespace }) => {
  const flags = {
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
    ...(namespace === undefined ? {} : { namespace }),
  };
  using deadline = startDeadline(TIMEOUT_MS, 'the list of names', new AbortController().signal);
  const names: string[] = [];
  const prefix = current.includes('/') ? 'skt/' : '';
  try {
    const access = accessOf(flags);
    await using client = new KubeClient(access, interactiveRuntime());
    const selection = { namespace: await namespaceOf(flags, access) };
    const read = async (type: ResourceType, nameOf: (timeline: SafekeeperTimeline) => string | undefined) => {
      for await (const object of listObjects(client, type, selection, deadline.signal, () => undefined)) {
        const name = nameOf(object as SafekeeperTimeline);
        if (name !== undefined) names.push(name);
        if (names.length >= limits.completedNamesMax) return;
      }
    };
    if (completes === 'any') await read(CLUSTER_RESOURCE, ({ metadata }) => `skc/${metadata.name}`);
    await read(TIMELINE_RESOURCE, ({ metadata, status }) => {
      const isWanted = completes === 'any' || status?.proposal?.forced === (completes === 'forced');
      return isWanted ? `${prefix}${metadata.name}` : undefined;
    });
  } catch {
    // What was read until then is better than nothing, and an error has no place on a half-written command line.
  }
  return names;
};
