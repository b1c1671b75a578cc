import type { SafekeeperId } from '../../domain/ids.ts';
import type { ObjectKey } from '../../kube/object.ts';

/** How many recoveries may run at once. */
export interface AdmissionLimits {
  readonly maxConcurrent: number;
  readonly maxPerRecipient: number;
  readonly maxPerDonor: number;
}

/** Who goes first: the smaller in `presentReplicas`, then those with a compute, then first come, first served. */
export interface Exposure {
  readonly presentReplicas: number;
  readonly computeConnected: boolean;
}

/** A permit for one recovery between these two; disposing it lets others in. */
export interface Slot extends Disposable {
  readonly recipient: SafekeeperId;
  readonly donor: SafekeeperId;
}

interface Ticket extends Exposure {
  readonly key: ObjectKey;
  readonly recipient: SafekeeperId;
  readonly donor: SafekeeperId;
  readonly arrival: number;
}

/**
 * Bounded slots for recoveries (rule R12), most exposed timelines first. It never waits: who gets no slot is told
 * through `onFree` when it is worth asking again.
 */
export class Admission {
  private limits: AdmissionLimits;
  private readonly onFree: (key: ObjectKey) => void;
  private readonly running = new Map<ObjectKey, Ticket>();
  private readonly waiting = new Map<ObjectKey, Ticket>();
  private arrivals = 0;

  constructor(limits: AdmissionLimits, onFree: (key: ObjectKey) => void) {
    this.limits = limits;
    this.onFree = onFree;
  }

  setLimits(limits: AdmissionLimits): void {
    this.limits = limits;
    this.announce();
  }

  /** A slot, or nothing while the limits or somebody more exposed are in the way; then `key` waits in line. */
  tryEnter(key: ObjectKey, recipient: SafekeeperId, donor: SafekeeperId, exposure: Exposure): Slot | undefined {
    const arrival = this.waiting.get(key)?.arrival ?? this.arrivals++;
    const ticket: Ticket = { ...exposure, key, recipient, donor, arrival };
    this.waiting.set(key, ticket);
    // Most who ask find it full: they must not cost a sort of the whole line each.
    if (!new Room(this.limits, this.running.values()).has(ticket) || !this.next().includes(ticket)) return undefined;
    this.waiting.delete(key);
    this.running.set(key, ticket);
    return { recipient, donor, [Symbol.dispose]: () => this.leave(ticket) };
  }

  /** Leaves the line: the timeline no longer needs a recovery. */
  withdraw(key: ObjectKey): void {
    if (this.waiting.delete(key)) this.announce();
  }

  private leave(ticket: Ticket): void {
    if (this.running.get(ticket.key) !== ticket) return;
    this.running.delete(ticket.key);
    this.announce();
  }

  /** Those in line who may enter now, most exposed first: whoever finds no room lets the others pass. */
  private next(): Ticket[] {
    const room = new Room(this.limits, this.running.values());
    const line = [...this.waiting.values()].filter(({ key }) => !this.running.has(key)).sort(byExposure);
    return line.filter((ticket) => {
      const enters = room.has(ticket);
      if (enters) room.take(ticket);
      return enters;
    });
  }

  private announce(): void {
    for (const { key } of this.next()) this.onFree(key);
  }
}

/** How much of the limits is left. */
class Room {
  private readonly limits: AdmissionLimits;
  private readonly recipients = new Map<SafekeeperId, number>();
  private readonly donors = new Map<SafekeeperId, number>();
  private total = 0;

  constructor(limits: AdmissionLimits, taken: Iterable<Ticket>) {
    this.limits = limits;
    for (const ticket of taken) this.take(ticket);
  }

  has({ recipient, donor }: Ticket): boolean {
    const { maxConcurrent, maxPerRecipient, maxPerDonor } = this.limits;
    return (
      this.total < maxConcurrent &&
      (this.recipients.get(recipient) ?? 0) < maxPerRecipient &&
      (this.donors.get(donor) ?? 0) < maxPerDonor
    );
  }

  take({ recipient, donor }: Ticket): void {
    this.total++;
    this.recipients.set(recipient, (this.recipients.get(recipient) ?? 0) + 1);
    this.donors.set(donor, (this.donors.get(donor) ?? 0) + 1);
  }
}

function byExposure(a: Ticket, b: Ticket): number {
  return (
    a.presentReplicas - b.presentReplicas ||
    Number(b.computeConnected) - Number(a.computeConnected) ||
    a.arrival - b.arrival
  );
}
