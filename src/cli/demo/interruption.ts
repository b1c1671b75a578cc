import { constants } from 'node:os';

/** Why the demo should end early; `exitCode` is what a shell expects of it. */
export class Interruption extends Error {
  override readonly name = 'Interruption';
  readonly exitCode: number;

  constructor(cause: string, exitCode: number) {
    super(`interrupted by ${cause}`);
    this.exitCode = exitCode;
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Aborted with an Interruption by SIGINT, SIGTERM, SIGHUP or a standard output that nobody reads any more. Until it is
 * disposed further signals are swallowed: the clean-up that the first one started takes a few seconds at most.
 */
export function listenForInterruption(process: NodeJS.Process): { readonly signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const handlers = SIGNALS.map((name) => {
    const onSignal = () => controller.abort(new Interruption(name, 128 + constants.signals[name]));
    process.on(name, onSignal);
    return { name, onSignal };
  });
  const onOutputError = () =>
    controller.abort(new Interruption('the end of its output', 128 + constants.signals.SIGPIPE));
  process.stdout.on('error', onOutputError);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const { name, onSignal } of handlers) process.off(name, onSignal);
    },
  };
}
