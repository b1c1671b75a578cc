import type { Clock } from '../base/clock.ts';
import { Semaphore } from '../base/concurrency.ts';
import { describeError, Failure } from '../base/failure.ts';
import { SharedReading } from '../base/shared-reading.ts';
import type { SafekeeperId } from '../domain/ids.ts';
import { hasAnswered, type Observation } from '../domain/observation.ts';
import type { NodeStatus } from '../safekeeper/api.ts';
import type { PeerClient } from '../safekeeper/peer-client.ts';

/** A safekeeper that was given by its address and has told its id. */
export interface Peer {
  readonly id: SafekeeperId;
  /** Without a trailing slash. */
  readonly url: string;
  readonly client: PeerClient;
  /** Who answers there now (rule R14). */
  readonly identity: SharedReading<NodeStatus>;
  /** A debug dump reads whole files: one at a time (rule R13). */
  readonly dumps: Semaphore;
}

/** An address where nobody has told an id yet, and why. */
export interface SilentPeer {
  readonly url: string;
  /** A Failure, `CredentialsInvalid` among others. */
  readonly problem: unknown;
}

export interface PeersOptions {
  /** With scheme, each once. */
  readonly urls: readonly string[];
  readonly ownId: SafekeeperId;
  readonly connect: (url: string) => PeerClient;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

/** The other safekeepers of one whose replicas are restored. Who is who they tell themselves. */
export class Peers {
  private readonly options: PeersOptions;
  private readonly byId = new Map<SafekeeperId, Peer>();
  private readonly unanswered: Map<string, unknown>;
  private asking: Promise<void> | undefined;

  constructor(options: PeersOptions) {
    this.options = options;
    this.unanswered = new Map(
      options.urls.map((url) => [url.replace(/\/+$/, ''), new Failure('Unreachable', 'it has not been asked yet')]),
    );
  }

  /**
   * Asks everybody who has not told an id yet, all at once; whoever does not answer stays silent. Throws the signal's reason,
   * or a Failure `SafekeeperIdConflict` when two addresses have one id or one has our own (rule R14): nothing may be done then.
   */
  async identify(signal: AbortSignal): Promise<void> {
    this.asking ??= Promise.all([...this.unanswered.keys()].map((url) => this.ask(url, signal)))
      .then(() => undefined)
      .finally(() => (this.asking = undefined));
    await this.asking;
    signal.throwIfAborted();
  }

  get(id: SafekeeperId): Peer | undefined {
    return this.byId.get(id);
  }

  /** By id. */
  get known(): readonly Peer[] {
    return [...this.byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  get silent(): readonly SilentPeer[] {
    return [...this.unanswered].map(([url, problem]) => ({ url, problem }));
  }

  /** Everybody's id with our own; undefined while not everybody has told it. */
  get everybody(): readonly SafekeeperId[] | undefined {
    return this.unanswered.size > 0 ? undefined : [this.options.ownId, ...this.byId.keys()];
  }

  private async ask(url: string, signal: AbortSignal): Promise<void> {
    const client = this.options.connect(url);
    let id: SafekeeperId;
    try {
      ({ id } = await client.nodeStatus(signal));
    } catch (problem) {
      this.unanswered.set(url, problem);
      return;
    }
    const other = this.byId.get(id);
    if (id === this.options.ownId || other !== undefined) {
      const whose = other === undefined ? 'the id of this data directory' : `like ${other.url}`;
      throw new Failure(
        'SafekeeperIdConflict',
        `${url} answers with id ${id}, ${whose}: every safekeeper has its own`,
        {
          retry: 'never',
        },
      );
    }
    const identity = new SharedReading((signal) => client.nodeStatus(signal), this.options.clock);
    this.byId.set(id, { id, url, client, identity, dumps: new Semaphore(1) });
    this.unanswered.delete(url);
  }
}

/** Why nobody answers there, for people. */
export function describeSilence({ url, problem }: SilentPeer): string {
  const text = describeError(problem);
  return text.includes(url) ? text : `${url}: ${text}`;
}

/** Who does not say whether it has the timeline that was asked for, and why, for people. */
export function describeUnheard(peers: Peers, observation: Observation): string[] {
  const unread = [...observation.values()].flatMap(({ id, answer }) =>
    peers.get(id) === undefined || hasAnswered(answer) ? [] : [`safekeeper ${id} (${answer.problem})`],
  );
  return [...peers.silent.map(describeSilence), ...unread];
}
