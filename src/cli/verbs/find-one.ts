import type { SafekeeperTimeline } from '../../api/resources.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import { findObjects, type FoundObject, notFound } from '../objects.ts';
import { parseTarget } from '../targets.ts';
import { badUsage } from '../errors.ts';

/** The one object that `NAME` or `TYPE/NAME` stands for. Throws a Failure `NotFound` or `BadUsage`. */
export async function findOne(
  client: KubeClient,
  namespace: string,
  text: string,
  signal: AbortSignal,
): Promise<FoundObject> {
  const target = parseTarget(text);
  const [found, another] = await findObjects(client, namespace, target, signal);
  if (found === undefined) throw await notFound(client, namespace, target, [], signal);
  if (another !== undefined) {
    throw badUsage(`there is a cluster and a timeline "${text}": write skc/${text} or skt/${text}`);
  }
  return found;
}

/** The timeline that `NAME` or `skt/NAME` stands for. Throws a Failure `NotFound` or `BadUsage`. */
export async function findTimeline(
  client: KubeClient,
  namespace: string,
  text: string,
  signal: AbortSignal,
): Promise<SafekeeperTimeline> {
  const target = parseTarget(text);
  const found = target.kind === 'cluster' ? [] : await findObjects(client, namespace, target, signal);
  for (const each of found) if (each.kind === 'timeline') return each.object;
  if (target.kind === 'cluster' || found.length > 0) {
    throw badUsage(`proposals are made for timelines, and "${text}" is a cluster`);
  }
  throw await notFound(client, namespace, { ...target, kind: 'timeline' }, [], signal);
}
