import { API_VERSION } from '../../src/api/names.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../src/api/resources.ts';
import type { ReplicaEntry, SafekeeperTimelineStatus } from '../../src/api/timeline-status.ts';
import type { ViewContext } from '../../src/cli/status/view-context.ts';
import { UNICODE_GLYPHS } from '../../src/cli/terminal/glyphs.ts';
import { averageRate } from '../../src/cli/status/rates.ts';

/** When everything here is looked at. */
export const NOW_MS = Date.parse('2026-01-01T12:00:00Z');
export const TENANT = '7c1f0e8ab3d94f6a91e2d05c6b74a8f3';

export type Claims = Readonly<Record<string, readonly [status: 'True' | 'False' | 'Unknown', reason: string]>>;

export const REDUNDANT: Claims = {
  Ready: ['True', 'AllReplicasPresent'],
  Reconciling: ['False', 'Idle'],
  Stalled: ['False', 'Progressing'],
  Paused: ['False', 'NotPaused'],
  QuorumIntact: ['True', 'QuorumPresent'],
};
export const PULLING: Claims = { ...REDUNDANT, Ready: ['False', 'ReplicaLost'], Reconciling: ['True', 'Pulling'] };
export const PROPOSED: Claims = { ...REDUNDANT, Ready: ['False', 'ReplicaLost'], Stalled: ['True', 'ApprovalNeeded'] };
export const QUORUM_LOST: Claims = {
  ...REDUNDANT,
  Ready: ['False', 'QuorumLost'],
  Stalled: ['True', 'QuorumLost'],
  QuorumIntact: ['False', 'QuorumLost'],
};

export function conditions(claims: Claims, messages: Readonly<Record<string, string>> = {}) {
  return Object.entries(claims).map(([type, [status, reason]]) => ({
    type,
    status,
    reason,
    message: messages[type] ?? '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  }));
}

/** A timeline without a status, unless one is given. */
export function timelineObject(
  name: string,
  status?: SafekeeperTimelineStatus,
  { namespace = 'neon', cluster = 'main', paused }: { namespace?: string; cluster?: string; paused?: boolean } = {},
): SafekeeperTimeline {
  return {
    apiVersion: API_VERSION,
    kind: 'SafekeeperTimeline',
    metadata: { name, namespace, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: {
      clusterRef: { name: cluster },
      tenantId: TENANT,
      timelineId: timelineIdOf(name),
      ...(paused === undefined ? {} : { paused }),
    },
    ...(status === undefined ? {} : { status }),
  };
}

/** 32 hex digits that stand for the name. */
export function timelineIdOf(name: string): string {
  return Buffer.from(name).toString('hex').slice(0, 32).padEnd(32, '0');
}

export function present(safekeeperId: number, flushLsn = '0/4F00028'): ReplicaEntry {
  return {
    safekeeperId,
    state: 'Present',
    term: '7',
    lastLogTerm: '7',
    flushLsn,
    commitLsn: flushLsn,
    observedAt: '2026-01-01T11:59:00Z',
  };
}

export function lost(safekeeperId: number): ReplicaEntry {
  return {
    safekeeperId,
    state: 'Lost',
    lostSince: '2026-01-01T11:48:00Z',
    message: 'it answers that it does not have the timeline',
  };
}

export function redundantStatus(): SafekeeperTimelineStatus {
  return {
    redundancy: '3/3',
    message: 'Safe: every member has its replica.',
    members: [1, 2, 3],
    replicas: [present(1), present(2), present(3)],
    conditions: conditions(REDUNDANT),
  };
}

export function pullingStatus(): SafekeeperTimelineStatus {
  return {
    redundancy: '2/3',
    message: 'At risk: Restoring safekeeper 2 from safekeeper 1.',
    members: [1, 2, 3],
    replicas: [present(1), lost(2), present(3, '0/3F00028')],
    donor: 1,
    recovery: {
      recipient: 2,
      donor: 1,
      fencing: 'ByTerms',
      forced: false,
      startedAt: '2026-01-01T11:59:50Z',
      bytesExpected: 200 * 1024 * 1024,
      bytesDone: 50 * 1024 * 1024,
      attempt: 1,
    },
    conditions: conditions(PULLING),
  };
}

export function proposedStatus(id = 'abcdef012345'): SafekeeperTimelineStatus {
  return {
    redundancy: '2/3',
    message: `Needs you: Restore safekeeper 2 from safekeeper 1? Approve with the annotation safekeeper.dev/approve: "${id}".`,
    members: [1, 2, 3],
    replicas: [present(1), lost(2), present(3)],
    proposal: { id, forced: false, donor: 1, recipient: 2, members: [1, 2, 3], generation: '4' },
    conditions: conditions(PROPOSED),
  };
}

export function quorumLostStatus(id = 'fedcba543210', walLostBytes = 16_777_216): SafekeeperTimelineStatus {
  return {
    redundancy: '1/3',
    message: `Needs you: Too few members have their own history (1 Present, 2 Lost, 3 Lost), so acknowledged commits may be missing from all of them: bring a lost disk back; or accept the loss of at least ${walLostBytes} bytes of WAL with the annotation safekeeper.dev/force-donor: "${id}".`,
    members: [1, 2, 3],
    replicas: [present(1), lost(2), lost(3)],
    proposal: { id, forced: true, donor: 1, recipient: 2, members: [1, 2, 3], generation: '4', walLostBytes },
    conditions: conditions(QUORUM_LOST),
  };
}

export function clusterObject(name: string, claims: Claims, { namespace = 'neon' } = {}): SafekeeperCluster {
  return {
    apiVersion: API_VERSION,
    kind: 'SafekeeperCluster',
    metadata: { name, namespace, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: {
      safekeepers: [1, 2, 3].map((id) => ({ id, url: `http://safekeeper-${id}.safekeepers.${namespace}.svc:7676` })),
    },
    status: {
      message:
        claims === REDUNDANT ? 'Safe: all timelines are redundant.' : 'At risk: 2 of 4 timelines lack a replica.',
      safekeepers: [
        {
          id: 1,
          url: `http://safekeeper-1.safekeepers.${namespace}.svc:7676`,
          reachable: true,
          timelines: 14_000,
          lost: 0,
        },
        {
          id: 2,
          url: `http://safekeeper-2.safekeepers.${namespace}.svc:7676`,
          reachable: true,
          timelines: 13_998,
          lost: 2,
        },
        {
          id: 3,
          url: `http://safekeeper-3.safekeepers.${namespace}.svc:7676`,
          reachable: false,
          lost: 0,
          lastSeen: '2026-01-01T11:57:00Z',
        },
      ],
      timelines: { total: 14_000, redundant: 13_998, degraded: 2, recovering: 1, blocked: 1 },
      conditions: conditions(claims),
    },
  };
}

export function viewContext(change: Partial<ViewContext> = {}): ViewContext {
  return {
    width: 79,
    glyphs: UNICODE_GLYPHS,
    nowMs: NOW_MS,
    isWide: false,
    showNamespace: false,
    isContextNamespace: false,
    program: 'kubectl safekeepers',
    connectionArguments: '',
    rateOf: (_key, recovery) => averageRate(recovery, NOW_MS),
    ...change,
  };
}
