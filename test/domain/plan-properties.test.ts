import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { conditionsOf, eventOf, type Outcome } from '../../src/domain/conditions.ts';
import { compareLogPositions } from '../../src/domain/log-position.ts';
import { witnessBound } from '../../src/domain/membership.ts';
import type { Plan, PlanInput } from '../../src/domain/plan.ts';
import { REASONS } from '../../src/domain/reasons.ts';
import { planRecovery } from '../../src/domain/recovery-plan.ts';
import { NOW_MS, planInputs } from './support.ts';

type Pull = Extract<Plan, { kind: 'Pull' }>;

const RUNS = 700;

/** Checks `property` on every pull; the run fails when next to no input leads to one. */
function everyPull(
  property: (pull: Pull, input: PlanInput) => void,
  change: (input: PlanInput) => PlanInput = (i) => i,
) {
  let pulls = 0;
  fc.assert(
    fc.property(planInputs(), (arbitrary) => {
      const input = change(arbitrary);
      const { plan } = planRecovery(input);
      if (plan.kind !== 'Pull') return;
      pulls++;
      property(plan, input);
    }),
    { numRuns: RUNS },
  );
  // About 70 in all.
  expect(pulls).toBeGreaterThan(20);
}

/** What the tests believe a witness to be, said again in their own words. */
function witnesses({ observation, recorded, evidence }: PlanInput, members: readonly bigint[]) {
  const answered = [...observation.values()].flatMap(({ id, answer }) =>
    answer.kind === 'Status' && members.includes(id) ? [{ id, ...answer.status }] : [],
  );
  return answered.filter((replica) => {
    const peers = answered.filter((peer) => peer.id !== replica.id);
    const before = recorded.get(replica.id);
    const comparable = before !== undefined && before.generation === replica.membership.generation;
    return !(
      peers.some((peer) => peer.peerHorizonLsn > replica.flushLsn) ||
      (replica.flushLsn === 0n && peers.some((peer) => peer.flushLsn > 0n)) ||
      (comparable && replica.term < before.term) ||
      (comparable && replica.lastLogTerm === before.lastLogTerm && replica.flushLsn < before.flushLsn) ||
      evidence.disks.get(replica.id)?.kind === 'Missing'
    );
  });
}

describe('whatever was observed, a pull implies', () => {
  test('R1, R8, R13: enough witnesses with their own history in every set, and all of the intent are such', () => {
    everyPull(({ intent }, input) => {
      const known = new Set(witnesses(input, intent.members.all).map(({ id }) => id));
      expect(intent.witnesses.every((id) => known.has(id))).toBe(true);
      for (const set of intent.members.sets) {
        expect(set.filter((id) => known.has(id)).length).toBeGreaterThanOrEqual(witnessBound(set.length));
      }
    });
  });

  test('R1: with `witnesses: All` nobody is silent who was not silent for the whole timeout', () => {
    everyPull(({ intent }, input) => {
      for (const id of intent.members.all) {
        const kind = input.observation.get(id)?.answer.kind;
        if (input.policy.witnesses !== 'All' || (kind !== 'Unreachable' && kind !== 'Unknown')) continue;
        const since = input.memory.since.get(id)?.sinceMs ?? NOW_MS;
        expect(NOW_MS - since).toBeGreaterThanOrEqual(input.policy.unknownTimeoutMs);
      }
    });
  });

  test('R2: the donor is the most advanced witness; of equals the lowest id', () => {
    everyPull(({ intent }, input) => {
      const all = witnesses(input, intent.members.all);
      const donor = all.find(({ id }) => id === intent.donor);
      for (const other of all) {
        const order = donor === undefined ? -1 : compareLogPositions(donor, other);
        expect(order > 0 || (order === 0 && intent.donor <= other.id)).toBe(true);
      }
      expect(intent.planned).toEqual({ lastLogTerm: donor?.lastLogTerm, flushLsn: donor?.flushLsn });
    });
  });

  test('R3, R4: the floor reaches every reported term, by terms 1024 above the highest and every earlier fence', () => {
    everyPull(({ intent }, { observation, policy, fencedTerm }) => {
      const answered = [...observation.values()].flatMap(({ answer }) =>
        answer.kind === 'Status' ? [answer.status] : [],
      );
      const highest = answered.reduce((max, status) => (status.term > max ? status.term : max), 0n);
      const max = 2n ** 64n - 1n;
      const known = highest > fencedTerm ? highest : fencedTerm;
      const raised = known + 1024n > max ? max : known + 1024n;
      expect(intent.floor).toBe(intent.fencing === 'ByTerms' ? raised : highest);
      if (policy.fencing !== 'WhenIdle')
        expect(intent.fencing).toBe(policy.fencing === 'Always' ? 'ByTerms' : 'ByGrace');
    });
  });

  test('R4: by grace every witness stood no higher in a round of 5 s ago or more', () => {
    everyPull(({ intent }, { observation, memory }) => {
      if (intent.fencing !== 'ByGrace') return;
      const earlier = memory.rounds.filter(({ atMs }) => NOW_MS - atMs >= 5_000).at(-1);
      for (const id of intent.witnesses) {
        const before = earlier?.positions.get(id);
        const now = observation.get(id)?.answer;
        expect(before).toBeDefined();
        if (before === undefined || now?.kind !== 'Status') throw new Error('a witness has a status');
        expect(now.status.term).toBeGreaterThanOrEqual(before.term);
        expect(now.status.lastLogTerm).toBeGreaterThanOrEqual(before.lastLogTerm);
        if (now.status.lastLogTerm === before.lastLogTerm) {
          expect(now.status.flushLsn).toBeGreaterThanOrEqual(before.flushLsn);
        }
      }
    });
  });

  test('R4: by grace the donor has the compute streaming, when it streams to any witness', () => {
    everyPull(({ intent }, { observation }) => {
      const compute = (id: (typeof intent.witnesses)[number]) => {
        const answer = observation.get(id)?.answer;
        return answer?.kind === 'Status' ? answer.status.compute : 'None';
      };
      if (intent.fencing !== 'ByGrace' || !intent.witnesses.some((id) => compute(id) === 'Streaming')) return;
      expect(compute(intent.donor)).toBe('Streaming');
    });
  });

  test('R6: no member is deleted', () => {
    everyPull(({ intent }, { observation }) => {
      expect(intent.members.all.some((id) => observation.get(id)?.answer.kind === 'Deleted')).toBe(false);
    });
  });

  test('R10: the members of the highest generation, all witnesses of it, and the recipient among them', () => {
    everyPull(({ intent }, { observation, sources }) => {
      const generations = intent.witnesses.map((id) => {
        const answer = observation.get(id)?.answer;
        return answer?.kind === 'Status' ? answer.status.membership.generation : undefined;
      });
      expect(new Set(generations)).toEqual(new Set([intent.members.membership.generation]));
      expect(intent.members.all).toContain(intent.recipient);
      if (intent.members.membership.generation === 0) expect(intent.members.all).toEqual(sources.declared);
    });
  });

  test('R14: the recipient is not the donor', () => {
    everyPull(({ intent }) => expect(intent.recipient).not.toBe(intent.donor));
  });

  test('R13, R16: the disks that matter and the room were looked at, and the room suffices', () => {
    everyPull(({ intent }, input) => {
      const suspects = witnesses(input, intent.members.all).filter(
        (w) => w.id === intent.donor || w.flushLsn === w.commitLsn,
      );
      expect(suspects.every(({ id }) => input.evidence.disks.has(id))).toBe(true);
      const donor = witnesses(input, intent.members.all).find((w) => w.id === intent.donor);
      if (donor?.horizonLsn === 0n) expect(donor.flushLsn).toBeLessThanOrEqual(donor.timelineStartLsn);
      const room = input.evidence.rooms.get(intent.recipient);
      expect(room).toBeDefined();
      if (room?.kind !== 'Measured') return;
      expect(room.capacityBytes - room.usedBytes).toBeGreaterThanOrEqual(
        intent.snapshotSizeBytes + room.capacityBytes / 10,
      );
    });
  });

  test('R17: the storage controller, where there is one, names the timeline', () => {
    everyPull(({ intent }, { evidence: { ownership } }) => {
      if (ownership !== 'NotConfigured') expect(ownership.get(intent.recipient)).toBe('Named');
    });
  });

  test('R19: the recipient has answered "not found" for the whole grace period, 15 s at least', () => {
    everyPull(({ intent }, { observation, memory, policy, ownRecipient }) => {
      expect(observation.get(intent.recipient)?.answer.kind).toBe('NotFound');
      if (ownRecipient !== undefined) expect(intent.recipient).toBe(ownRecipient);
      // Who locked its own directory cannot return; only a fence by grace takes its time then.
      if (ownRecipient !== undefined && intent.fencing === 'ByTerms') return;
      const since = memory.since.get(intent.recipient);
      expect(since?.key).toBe('NotFound');
      expect(NOW_MS - (since?.sinceMs ?? NOW_MS)).toBeGreaterThanOrEqual(Math.max(policy.gracePeriodMs, 15_000));
    });
  });

  test('R20: no brake, nobody who disabled it, no backoff under way', () => {
    everyPull((_, { brake, policy, failed }) => {
      expect(brake).toBeUndefined();
      expect(policy.mode).not.toBe('Disabled');
      expect(failed?.nextAttemptAtMs ?? 0).toBeLessThanOrEqual(NOW_MS);
    });
  });

  test('a person approved it, unless recovery is automatic', () => {
    everyPull(
      ({ approvedBy }, { policy, decisions }) => {
        if (policy.mode === 'Propose') expect(approvedBy).toBe(decisions.approved);
        else expect(approvedBy).toBeUndefined();
      },
      (input) => {
        const { plan } = planRecovery(input);
        return plan.kind === 'Propose'
          ? { ...input, decisions: { approved: plan.proposal.id, forced: undefined } }
          : input;
      },
    );
  });
});

test('a memory that has not seen the present answers never leads to a pull (R19)', () => {
  fc.assert(
    fc.property(planInputs(), planInputs(), (input, other) => {
      const { plan } = planRecovery({ ...input, memory: other.memory, ownRecipient: undefined });
      if (plan.kind === 'Pull') expect(other.memory.since.get(plan.intent.recipient)?.key).toBe('NotFound');
    }),
    { numRuns: RUNS },
  );
});

test('R5: a lost quorum is never restored without the exact id of the forced proposal', () => {
  let forced = 0;
  fc.assert(
    fc.property(planInputs(), fc.stringMatching(/^[0-9a-f]{12}$/), (input, guess) => {
      const { plan } = planRecovery(input);
      if (plan.kind !== 'Blocked' || plan.reason !== 'QuorumLost' || plan.proposal === undefined) return;
      const { proposal } = plan;
      const decide = (decisions: PlanInput['decisions']) => planRecovery({ ...input, decisions }).plan;
      expect(decide({ approved: proposal.id, forced: undefined })).toEqual(plan);
      expect(decide({ approved: proposal.id, forced: guess })).toEqual(plan);
      const decided = decide({ approved: undefined, forced: proposal.id });
      if (decided.kind !== 'Pull') return;
      forced++;
      expect(decided).toMatchObject({ approvedBy: proposal.id, intent: { forced: true, donor: proposal.donor } });
    }),
    { numRuns: RUNS },
  );
  expect(forced).toBeGreaterThan(10);
});

test('planning is deterministic and does not depend on the order of any map', () => {
  const reversed = <Key, Value>(map: ReadonlyMap<Key, Value>) => new Map([...map].toReversed());
  fc.assert(
    fc.property(planInputs(), (input) => {
      const other: PlanInput = {
        ...input,
        observation: reversed(input.observation),
        recorded: reversed(input.recorded),
        evidence: { ...input.evidence, disks: reversed(input.evidence.disks), rooms: reversed(input.evidence.rooms) },
        memory: { ...input.memory, since: reversed(input.memory.since) },
        sources: { declared: input.sources.declared?.toReversed(), cluster: input.sources.cluster?.toReversed() },
      };
      expect(planRecovery(input)).toEqual(planRecovery(input));
      expect(planRecovery(other)).toEqual(planRecovery(input));
    }),
    { numRuns: 500 },
  );
});

test('inspecting what is asked for leads on: it is never asked for again', () => {
  fc.assert(
    fc.property(planInputs(), (input) => {
      const { plan } = planRecovery(input);
      if (plan.kind !== 'Inspect') return;
      const disks = new Map(input.evidence.disks);
      for (const id of plan.disks) disks.set(id, { kind: 'Complete' });
      const rooms = new Map(input.evidence.rooms).set(plan.room, { kind: 'NotOffered' });
      const next = planRecovery({ ...input, evidence: { ...input.evidence, disks, rooms } }).plan;
      if (next.kind === 'Inspect') expect(next.room).not.toBe(plan.room);
    }),
    { numRuns: RUNS },
  );
});

test('every outcome of a plan has five conditions with listed reasons, never both Reconciling and Stalled', () => {
  fc.assert(
    fc.property(planInputs(), fc.option(fc.constant('paused by spec'), { nil: undefined }), (input, paused) => {
      const { plan, members, replicas } = planRecovery(input);
      const outcome: Outcome =
        plan.kind === 'Pull' || plan.kind === 'Inspect' ? { kind: 'Queued', message: 'Waiting for a slot.' } : plan;
      const conditions = conditionsOf(outcome, { members, replicas, paused });
      expect(conditions.map(({ type }) => type)).toEqual(['Ready', 'Reconciling', 'Stalled', 'Paused', 'QuorumIntact']);
      for (const { reason } of conditions) expect(Object.keys(REASONS)).toContain(reason);
      const abnormal = conditions.filter(
        ({ type, status }) => (type === 'Reconciling' || type === 'Stalled') && status === 'True',
      );
      expect(abnormal.length).toBe(paused !== undefined || plan.kind === 'Settled' ? 0 : 1);
      const event = eventOf(outcome, 'False');
      if (event !== undefined) expect(Object.keys(REASONS)).toContain(event.reason);
    }),
    { numRuns: 700 },
  );
});
