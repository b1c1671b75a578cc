import type { Clock } from '../base/clock.ts';
import { describeError } from '../base/failure.ts';
import type { SafekeeperId } from '../domain/ids.ts';
import type { Answer, Observation, Reading } from '../domain/observation.ts';
import { readTooEarly } from '../domain/replica-state.ts';

/** Who answers where a safekeeper should be. */
export interface Identified {
  readonly id: SafekeeperId;
  readonly url: string;
}

/** Whom the replicas of one timeline are read from. */
export interface ReplicaSource {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** What the safekeeper says of its replica. Throws nothing but the signal's reason. */
  ask(id: SafekeeperId, signal: AbortSignal): Promise<Answer>;
  /** Undefined when there is nobody to ask: then `ask` tells. Throws when there is no answer. */
  identify(id: SafekeeperId, signal: AbortSignal): Promise<Identified | undefined>;
}

/** One round of reads, all at once. */
export async function readReplicas(
  source: ReplicaSource,
  ids: readonly SafekeeperId[],
  signal: AbortSignal,
): Promise<Observation> {
  const readings = await Promise.all(ids.map((id) => readReplica(source, id, signal)));
  return await readAgain(toObservation(readings), (id) => readReplica(source, id, signal));
}

/**
 * The reads of rule R11: the recipient first, then everybody else, and each one's own id with it (rule R14), since an
 * address may have changed hands. An id that two addresses answer with says nothing at either.
 */
export async function readInOrder(
  source: ReplicaSource,
  recipient: SafekeeperId,
  others: readonly SafekeeperId[],
  signal: AbortSignal,
): Promise<Observation> {
  const strays = new Map<SafekeeperId, string>();
  const read = (id: SafekeeperId) => readIdentified(source, id, strays, signal);
  const target = await read(recipient);
  const rest = await Promise.all(others.map(read));
  const reads = await readAgain(toObservation([target, ...rest]), read);
  return toObservation(
    [...reads.values()].map((reading) => {
      const problem = strays.get(reading.id);
      return problem === undefined ? reading : { ...reading, answer: { kind: 'Unknown', problem } };
    }),
  );
}

/** Who was only read too early to know as much as its peers gets one more chance before it is judged. */
async function readAgain(observation: Observation, read: (id: SafekeeperId) => Promise<Reading>): Promise<Observation> {
  const early = readTooEarly(observation);
  if (early.length === 0) return observation;
  return toObservation([...observation.values(), ...(await Promise.all(early.map(read)))]);
}

/** `strays` collects ids that answered at an address which is not theirs. */
async function readIdentified(
  source: ReplicaSource,
  id: SafekeeperId,
  strays: Map<SafekeeperId, string>,
  signal: AbortSignal,
): Promise<Reading> {
  const startedMs = source.clock.monotonicMs();
  const unread = (answer: Answer): Reading => ({ id, startedMs, finishedMs: source.clock.monotonicMs(), answer });
  try {
    const node = await source.identify(id, signal);
    if (node === undefined || node.id === id) return await readReplica(source, id, signal);
    const problem = `${node.url} answers with id ${node.id}`;
    strays.set(node.id, problem);
    return unread({ kind: 'Unknown', problem });
  } catch (error) {
    signal.throwIfAborted();
    return unread({ kind: 'Unreachable', problem: describeError(error) });
  }
}

/** Reads one replica. Never throws but for the signal: whatever goes wrong is an answer that says nothing. */
async function readReplica(source: ReplicaSource, id: SafekeeperId, signal: AbortSignal): Promise<Reading> {
  const startedMs = source.clock.monotonicMs();
  const answer = await source.ask(id, signal);
  return { id, startedMs, finishedMs: source.clock.monotonicMs(), answer };
}

function toObservation(readings: readonly Reading[]): Observation {
  return new Map(readings.map((reading) => [reading.id, reading]));
}
