import { pino } from 'pino';
import { TIMELINE_RESOURCE } from '../../src/api/names.ts';
import type { SafekeeperTimeline } from '../../src/api/resources.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { KubeClient } from '../../src/kube/kube-client.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { createRegistry, createRuntimeMetrics } from '../../src/observability/metrics.ts';

/** Every version of every timeline object, in order: a test also sees what lasted for a moment. */
export class TimelineHistory {
  private versions: SafekeeperTimeline[] = [];

  /** Watches until the signal is aborted. */
  constructor(client: KubeClient, namespace: string, signal: AbortSignal) {
    const runtime = {
      clock: systemClock,
      random: Math.random,
      log: pino({ level: 'silent' }),
      metrics: createRuntimeMetrics(createRegistry()),
    };
    const reflector = new Reflector<SafekeeperTimeline>({
      client,
      runtime,
      type: TIMELINE_RESOURCE,
      selection: { namespace },
    });
    reflector.store.subscribe(({ object }) => this.versions.push(object));
    void reflector.run(signal);
  }

  /** The first version that fits and that no test has waited for yet. */
  find(fits: (timeline: SafekeeperTimeline) => boolean): SafekeeperTimeline | undefined {
    return this.versions.find(fits);
  }

  /** What is no newer than this was seen by the test. */
  forgetUntil({ metadata }: SafekeeperTimeline): void {
    const until = Number(metadata.resourceVersion);
    this.versions = this.versions.filter(
      (version) => version.metadata.uid !== metadata.uid || Number(version.metadata.resourceVersion) > until,
    );
  }
}
