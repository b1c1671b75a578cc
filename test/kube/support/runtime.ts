import type { Clock } from '../../../src/base/clock.ts';
import { createLogger } from '../../../src/base/log.ts';
import { fixedAccess } from '../../../src/kube/kube-access.ts';
import { KubeClient } from '../../../src/kube/kube-client.ts';
import type { KubeObject, ResourceType } from '../../../src/kube/object.ts';
import type { Runtime } from '../../../src/kube/runtime.ts';
import { createRegistry, createRuntimeMetrics } from '../../../src/observability/metrics.ts';

/** A runtime whose chance is always the same and that logs nothing. */
export function testRuntime(clock: Clock): Runtime {
  return { clock, random: () => 0.5, log: createLogger('silent'), metrics: createRuntimeMetrics(createRegistry()) };
}

export function testClient(url: string, runtime: Runtime): KubeClient {
  const access = { server: url, headers: {}, tls: { verify: true }, namespace: undefined };
  return new KubeClient(fixedAccess(access), runtime);
}

/** A made-up custom resource. */
export interface Widget extends KubeObject {
  readonly spec?: { readonly color: string };
  readonly status?: { readonly painted?: string; readonly coats?: number };
}

export const WIDGETS: ResourceType<Widget> = {
  group: 'example.dev',
  version: 'v1',
  plural: 'widgets',
  kind: 'Widget',
  namespaced: true,
};

export function widget(name: string, resourceVersion: string, color = 'red'): Widget {
  return {
    apiVersion: 'example.dev/v1',
    kind: 'Widget',
    metadata: { name, namespace: 'ns', uid: `uid-${name}`, resourceVersion, managedFields: [{ manager: 'm' }] },
    spec: { color },
  };
}
