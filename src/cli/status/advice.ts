import type { SafekeeperTimeline } from '../../api/resources.ts';
import { formatBytes } from '../terminal/quantities.ts';
import type { ViewContext } from './view-context.ts';

export interface Advice {
  /** Ready to be copied. */
  readonly command: string;
  /** What it costs, if anything. */
  readonly loss: string | undefined;
}

/** The commands that bring a timeline further. What else there is to do stands in its message. */
export function advice({ metadata, spec, status }: SafekeeperTimeline, context: ViewContext): Advice[] {
  const command = (verb: string, name: string) =>
    `${context.program} ${verb} ${name}${context.isContextNamespace ? '' : ` -n ${metadata.namespace}`}${context.connectionArguments}`;
  const advices: Advice[] = [];
  const { proposal } = status ?? {};
  if (proposal !== undefined) {
    const verb = proposal.forced ? 'force-donor' : 'approve';
    const loss = proposal.forced ? `This gives up ${describeLoss(proposal.walLostBytes)}:` : undefined;
    advices.push({ command: command(verb, metadata.name), loss });
  }
  if (spec.paused === true) advices.push({ command: command('resume', `skt/${metadata.name}`), loss: undefined });
  return advices;
}

/** What a forced donor is known to lack. */
export function describeLoss(walLostBytes = 0): string {
  if (walLostBytes === 0) return 'a part of the WAL that nobody can measure';
  return `at least ${walLostBytes} bytes of WAL${walLostBytes < 1_000 ? '' : ` (${formatBytes(walLostBytes)})`}`;
}
