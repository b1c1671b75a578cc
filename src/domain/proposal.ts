import { createHash } from 'node:crypto';
import { highestCommitLsn, type Proposal, type RecoveryIntent } from './recovery-intent.ts';
import type { Replica } from './replica-state.ts';

const ID_HEX_DIGITS = 12;

/** The id changes with donor, recipient, members, generation and replica states, and not with LSNs, which always move. */
export function makeProposal(intent: RecoveryIntent, replicas: readonly Replica[]): Proposal {
  const { recipient, donor, forced, members } = intent;
  const { generation } = members.membership;
  const donorLsn = replicas.find(({ id }) => id === donor)?.status?.flushLsn ?? 0n;
  const missing = highestCommitLsn(replicas) - donorLsn;
  const bound = [
    forced ? 'force' : 'approve',
    `recipient=${recipient}`,
    `donor=${donor}`,
    `generation=${generation}`,
    `members=${members.sets.map((set) => set.join(',')).join('|')}`,
    `replicas=${replicas.map(({ id, state }) => `${id}:${state}`).join(',')}`,
  ].join(' ');
  return {
    id: createHash('sha256').update(bound).digest('hex').slice(0, ID_HEX_DIGITS),
    recipient,
    donor,
    generation,
    members: members.all,
    forced,
    walLostBytes: forced && missing > 0n ? missing : 0n,
  };
}
