import type { Clock } from '../base/clock.ts';
import { assertNever } from '../base/assert.ts';
import { archiveBehind, refuseArchive } from '../domain/archive-rules.ts';
import type { Fencing } from '../domain/recovery-intent.ts';
import type { ConfirmedRecovery, OwnDecision, OwnRecovery } from '../recovery/own-recovery.ts';
import type { RemoteStorage } from '../remote-storage/remote-storage.ts';
import type { OpenedArchive } from '../transfer/receive.ts';
import { installStaged, type StagedArchive, stageArchive, type StageOptions } from '../transfer/staged-archive.ts';
import type { Timeline } from '../transfer/timeline.ts';
import type { TimelineMap } from '../transfer/timeline-map.ts';

export interface InstallArchiveOptions extends StageOptions {
  /** Of the archive's timeline, for the safekeeper of the data directory. */
  readonly recovery: Pick<OwnRecovery, 'decide' | 'confirm'>;
  /** Called before each round of reads. */
  readonly beforeRound: (signal: AbortSignal) => Promise<void>;
  /** Told what is waited for, and undefined when that is over. */
  readonly onWait: (message: string | undefined) => void;
  readonly remoteStorage: RemoteStorage | undefined;
  readonly clock: Clock;
}

export type InstallOutcome =
  | { readonly kind: 'Installed'; readonly timeline: Timeline; readonly fencing: Fencing }
  /** For safety: what is missing, and what can be done. Nothing was changed in the data directory. */
  | { readonly kind: 'Refused'; readonly message: string };

type Refusal = Extract<InstallOutcome, { kind: 'Refused' }>;
type Act = Extract<OwnDecision, { kind: 'Act' }>;

/** Between two rounds when a plan was discarded, and how often that may happen. */
const DISCARDED_PAUSE_MS = 500;
const DISCARDED_MAX = 20;

/**
 * Installs an archive as the replica of a data directory whose pid lock is held. It is unpacked while the peers are asked
 * for enough witnesses; when they would have a peer's timeline copied here at once (rules R1, R4, R11), and the archive's log
 * ends nowhere before that peer's (rule R2), it takes the copy's place, with the same term floor (rule R3) and configuration
 * (rule R10). Throws what keeps it from being unpacked or installed, or the signal's reason.
 */
export async function installArchive(
  map: TimelineMap,
  opened: OpenedArchive,
  options: InstallArchiveOptions,
  signal: AbortSignal,
): Promise<InstallOutcome> {
  const arrived = await stageWhileAsking(map, opened, options, signal);
  if (arrived.kind === 'Refused') return arrived;
  await using staged = arrived.staged;
  for (let discarded = 0; ; ) {
    const decision = await untilAct(options, signal);
    if (decision.kind !== 'Act') return decision;
    // Before anybody is fenced for nothing.
    const behind = archiveBehind(staged, decision.intent.planned, decision.intent.donor);
    if (behind !== undefined) return refused(behind);
    const confirmed = await options.recovery.confirm(decision.intent, signal);
    if (confirmed.kind === 'Confirmed') return await conclude(map, staged, confirmed, options, signal);
    if (++discarded === DISCARDED_MAX) return refused(`The peers do not come to rest: ${confirmed.message}.`);
    options.onWait(`reading the peers again: ${confirmed.message}`);
    await options.clock.sleep(DISCARDED_PAUSE_MS, signal);
  }
}

/** Both take their time, and either may show that the other is in vain. */
async function stageWhileAsking(
  map: TimelineMap,
  opened: OpenedArchive,
  options: InstallArchiveOptions,
  signal: AbortSignal,
): Promise<{ readonly kind: 'Staged'; readonly staged: StagedArchive } | Refusal> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  // What is still to come may be long, or silent.
  stop.signal.addEventListener('abort', () => opened[Symbol.dispose](), { once: true });
  const stopOnError = (error: unknown): never => {
    stop.abort(error);
    throw error;
  };
  const asking = untilAct(options, both).then((decision) => {
    if (decision.kind === 'Refused') stop.abort(new Error(decision.message));
    return decision;
  }, stopOnError);
  const staging = stageArchive(map, opened, options, both).catch(stopOnError);
  const [asked, staged] = await Promise.allSettled([asking, staging]);
  const isRefused = asked.status === 'fulfilled' && asked.value.kind === 'Refused';
  if (asked.status === 'fulfilled' && staged.status === 'fulfilled' && !isRefused) {
    return { kind: 'Staged', staged: staged.value };
  }
  if (staged.status === 'fulfilled') await staged.value[Symbol.asyncDispose]();
  if (asked.status === 'fulfilled' && asked.value.kind === 'Refused') return asked.value;
  signal.throwIfAborted();
  // Whoever failed first has stopped the other one.
  throw stop.signal.reason;
}

/** Asks until the rules let this safekeeper have its replica back, or do not. */
async function untilAct(
  { recovery, beforeRound, onWait, clock }: InstallArchiveOptions,
  signal: AbortSignal,
): Promise<Act | Refusal> {
  for (;;) {
    await beforeRound(signal);
    const decision = await recovery.decide(signal);
    switch (decision.kind) {
      case 'Act':
        onWait(undefined);
        return decision;
      case 'NotMember':
      case 'Refused':
        return { kind: 'Refused', message: decision.message };
      case 'Wait':
        onWait(decision.message);
        await clock.sleep(Math.max(0, decision.untilMs - clock.monotonicMs()), signal);
        break;
      default:
        assertNever(decision);
    }
  }
}

/** The last look, milliseconds ago, allows it: the archive must be what a copy would have been, or more. */
async function conclude(
  map: TimelineMap,
  staged: StagedArchive,
  confirmed: ConfirmedRecovery,
  { remoteStorage }: InstallArchiveOptions,
  signal: AbortSignal,
): Promise<InstallOutcome> {
  const { donor, donorStatus, expected, floor, membership, fencing } = confirmed;
  const { flushLsn, lastLogTerm, received } = staged;
  const { termHistory } = received.controlFile;
  const { generation } = membership ?? donorStatus.membership;
  const refusal = refuseArchive(
    { flushLsn, lastLogTerm, termHistory, generation: received.controlFile.membership.generation },
    { ...expected, id: donor.id, termHistory: donorStatus.termHistory, generation },
  );
  if (refusal !== undefined) return refused(refusal);
  const promise = {
    id: staged.id,
    donor: `safekeeper ${donor.id}`,
    recipient: map.safekeeperId,
    remoteStorage,
    server: donorStatus.server,
    ...expected,
    termFloor: floor,
    membership,
  };
  return { kind: 'Installed', timeline: await installStaged(map, staged, promise, signal), fencing };
}

function refused(message: string): Refusal {
  return { kind: 'Refused', message };
}
