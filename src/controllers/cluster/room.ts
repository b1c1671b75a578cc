import type { SafekeeperId } from '../../domain/ids.ts';

/** How many recoveries, or pulls, may run at once. */
export interface AdmissionLimits {
  readonly maxConcurrent: number;
  readonly maxPerRecipient: number;
  readonly maxPerDonor: number;
}

/** The same, some times as many. */
export function multiply(
  { maxConcurrent, maxPerRecipient, maxPerDonor }: AdmissionLimits,
  factor: number,
): AdmissionLimits {
  return {
    maxConcurrent: maxConcurrent * factor,
    maxPerRecipient: maxPerRecipient * factor,
    maxPerDonor: maxPerDonor * factor,
  };
}

/** Between whom one runs. */
export interface Pair {
  readonly recipient: SafekeeperId;
  readonly donor: SafekeeperId;
}

/** How much of the limits is left. */
export class Room {
  private readonly limits: AdmissionLimits;
  private readonly recipients = new Map<SafekeeperId, number>();
  private readonly donors = new Map<SafekeeperId, number>();
  private total = 0;

  constructor(limits: AdmissionLimits, taken: Iterable<Pair>) {
    this.limits = limits;
    for (const pair of taken) this.take(pair);
  }

  has({ recipient, donor }: Pair): boolean {
    const { maxConcurrent, maxPerRecipient, maxPerDonor } = this.limits;
    return (
      this.total < maxConcurrent &&
      (this.recipients.get(recipient) ?? 0) < maxPerRecipient &&
      (this.donors.get(donor) ?? 0) < maxPerDonor
    );
  }

  take({ recipient, donor }: Pair): void {
    this.total++;
    this.recipients.set(recipient, (this.recipients.get(recipient) ?? 0) + 1);
    this.donors.set(donor, (this.donors.get(donor) ?? 0) + 1);
  }
}
